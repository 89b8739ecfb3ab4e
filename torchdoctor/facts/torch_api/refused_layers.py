"""What torch's layers refuse: an input of another rank, or with other features, channels or sizes than they are for."""

from __future__ import annotations

import libcst as cst

from torchdoctor.facts import sizes as s
from torchdoctor.facts.axes import Shape
from torchdoctor.facts.refusal import Refusal, count, shape_text, size_text
from torchdoctor.facts.torch_api.arguments import NotKnown, Use
from torchdoctor.facts.torch_api.refusals import Rule
from torchdoctor.facts.torch_api.rules import ending_of, shape_of
from torchdoctor.facts.torch_api.windows import each
from torchdoctor.facts.unequal import never_equal
from torchdoctor.facts.values import Dim, Tensor

SPACE = {1: "length", 2: "height, width", 3: "depth, height, width"}


def known(use: Use, name: str = "input") -> Shape:
    """The shape of an argument. Raises NotKnown, for a tensor without elements too: torch lets many through."""
    shape = shape_of(use.tensor(name))
    if shape is None or 0 in shape:
        raise NotKnown(name)
    return shape


def causes(tensor: Tensor) -> tuple[tuple[cst.CSTNode, str], ...]:
    """Where the tensor has its sizes from."""
    ending = tensor.ending
    if ending is None:
        return ()
    text = (
        shape_text(ending.value)
        if tensor.shape is not None
        else f"(..., {shape_text(ending.value)[1:].replace(',)', ')')}"
    )
    return ((ending.because, f"the shape {text} comes from here"),)


def wrong_rank(tensor: Tensor, shape: Shape, wanted: str) -> Refusal:
    says = f"takes {wanted} and gets a tensor of {count(len(shape), 'dim')}, {shape_text(shape)}"
    return Refusal("wrong-rank-input", says, causes(tensor))


def last_dim(rule: str, argument: str, noun: str, tensor_name: str = "input") -> Rule:
    """The last dimension has to be what ``argument`` of the constructor says."""

    def refused(use: Use) -> Refusal | None:
        tensor, wanted = use.tensor(tensor_name), use.size(argument)
        ends = ending_of(tensor)
        if not ends or 0 in ends or not never_equal(ends[-1], wanted):
            return None
        return Refusal(rule, f"takes {size_text(wanted)} {noun} and gets {size_text(ends[-1])}", causes(tensor))

    return refused


def first(*rules: Rule) -> Rule:
    """The first of these that refuses."""

    def refused(use: Use) -> Refusal | None:
        for rule in rules:
            try:
                found = rule(use)
            except NotKnown:
                continue
            if found is not None:
                return found
        return None

    return refused


# -- windows over images and signals ----------------------------------------------------------------------------------


def spatial_dims(rank: int) -> str:
    """The dimensions that layers of images and signals take, in words."""
    return f"{rank + 2} dims (batch, channels, {SPACE[rank]}), or {rank + 1} without the batch"


def spatial_rank(rank: int) -> Rule:
    """Batch, channels and ``rank`` dimensions of space; the batch may be left out."""

    def refused(use: Use) -> Refusal | None:
        shape = known(use)
        return None if len(shape) in (rank + 1, rank + 2) else wrong_rank(use.tensor(), shape, spatial_dims(rank))

    return refused


def channels_of(use: Use, rank: int) -> Dim:
    """The channels, before ``rank`` dimensions of space; of an input of unknown rank too. Raises NotKnown."""
    ends = ending_of(use.tensor()) or ()
    if len(ends) <= rank or 0 in ends:
        raise NotKnown("input")
    return ends[-rank - 1]


def in_shape(tensor: Tensor) -> str:
    """What goes after a size, to tell the whole shape; nothing where it is not known."""
    return f", in {shape_text(tensor.shape.value)}" if tensor.shape is not None else ""


def _channels(rank: int) -> Rule:
    def refused(use: Use) -> Refusal | None:
        shape, wanted = shape_of(use.tensor()), use.size("in_channels")
        if shape is not None and 0 not in shape and len(shape) not in (rank + 1, rank + 2):
            return wrong_rank(use.tensor(), shape, spatial_dims(rank))
        given = channels_of(use, rank)
        if not never_equal(given, wanted):
            return None
        says = f"takes {size_text(wanted)} channels and gets {size_text(given)}{in_shape(use.tensor())}"
        return Refusal("conv-channels-mismatch", says, causes(use.tensor()))

    return refused


def _room(rank: int, *, pools: bool) -> Rule:
    """The window has to fit into the padded input at least once."""

    def refused(use: Use) -> Refusal | None:
        shape = known(use)
        if len(shape) not in (rank + 1, rank + 2) or use.constant("padding", 0) == "same":
            return None
        kernel = each(use, "kernel_size", None, rank)
        padding = (0,) * rank if use.constant("padding", 0) == "valid" else each(use, "padding", 0, rank)
        dilation = each(use, "dilation", 1, rank)
        if pools and use.flag("ceil_mode"):
            return None
        for size, window, edge, spread in zip(shape[-rank:], kernel, padding, dilation, strict=True):
            numbers = [one for one in (size, window, edge, spread) if isinstance(one, int)]
            if len(numbers) == 4 and numbers[0] + 2 * numbers[2] < numbers[3] * (numbers[1] - 1) + 1:
                says = f"slides a window of {window} over {count(numbers[0], 'entry')}"
                says += f" padded by {edge}" if edge else ""
                return Refusal("window-larger-than-input", f"{says}, in {shape_text(shape)}", causes(use.tensor()))
        return None

    return refused


def _grouped(use: Use) -> Refusal | None:
    groups = use.size("groups", 1)
    for name in ("in_channels", "out_channels"):
        channels = use.size(name)
        if isinstance(channels, int) and isinstance(groups, int) and groups > 0 and channels % groups:
            return Refusal(
                "conv-channels-mismatch", f"splits {channels} {name.partition('_')[0]} channels into {groups} groups"
            )
    return None


# -- sequences --------------------------------------------------------------------------------------------------------


def _sequence_rank(batch_first: str) -> Rule:
    """Recurrent layers and attention take (length, batch, features), or one without the batch."""

    def refused(use: Use) -> Refusal | None:
        shape = known(use)
        if len(shape) in (2, 3):
            return None
        order = "batch, length" if use.flag(batch_first) else "length, batch"
        return wrong_rank(use.tensor(), shape, f"3 dims ({order}, features), or 2 without the batch")

    return refused


def _cell_rank(use: Use) -> Refusal | None:
    shape = known(use)
    return None if len(shape) in (1, 2) else wrong_rank(use.tensor(), shape, "2 dims (batch, features), or 1")


def _hidden_width(use: Use) -> Refusal | None:
    """The hidden state is (layers times directions, batch, hidden_size)."""
    shape, width = known(use, "hx"), use.size("hidden_size")
    layers = s.product((use.size("num_layers", 1), 2 if use.flag("bidirectional") else 1))
    if use.has("proj_size") or len(shape) not in (2, 3):
        return None
    if never_equal(shape[-1], width):
        says = f"has a hidden size of {size_text(width)} and gets a state of {size_text(shape[-1])}"
    elif never_equal(shape[0], layers):
        says = f"has {size_text(layers)} layers, directions counted, and gets a state of {size_text(shape[0])}"
    else:
        return None
    return Refusal("recurrent-size-mismatch", f"{says}, in {shape_text(shape)}", causes(use.tensor("hx")))


def _width_of(argument: str, default: str = "embed_dim") -> Rule:
    """Query, key and value each have a width of their own."""

    def refused(use: Use) -> Refusal | None:
        name = {"embed_dim": "input", "kdim": "key", "vdim": "value"}[argument]
        wanted = use.size(argument) if use.has(argument) else use.size(default)
        ends, tensor = ending_of(use.tensor(name)), use.tensor(name)
        if not ends or not never_equal(ends[-1], wanted):
            return None
        noun = {"input": "query", "key": "key", "value": "value"}[name]
        says = f"takes a {noun} of {size_text(wanted)} features and gets {size_text(ends[-1])}"
        return Refusal("attention-size-mismatch", says, causes(tensor))

    return refused


def _heads(width: str, heads: str) -> Rule:
    def refused(use: Use) -> Refusal | None:
        features, parts = use.size(width), use.size(heads)
        if isinstance(features, int) and isinstance(parts, int) and parts > 0 and features % parts:
            return Refusal("attention-size-mismatch", f"splits {features} features among {parts} heads")
        return None

    return refused


def named(names: str, rule: Rule) -> dict[str, Rule]:
    """One rule for several classes of torch.nn."""
    return {f"torch.nn.{name}": rule for name in names.split()}


MODULES: dict[str, Rule] = {
    **named("Linear", last_dim("linear-size-mismatch", "in_features", "features")),
    **named(
        "Bilinear",
        first(
            last_dim("linear-size-mismatch", "in1_features", "features"),
            last_dim("linear-size-mismatch", "in2_features", "features of the second input", "other"),
        ),
    ),
    **{f"torch.nn.Conv{n}d": first(_channels(n), _room(n, pools=False)) for n in SPACE},
    **{f"torch.nn.ConvTranspose{n}d": _channels(n) for n in SPACE},
    **{
        f"torch.nn.{kind}Pool{n}d": first(spatial_rank(n), _room(n, pools=True))
        for kind in ("Max", "Avg")
        for n in SPACE
    },
    **{f"torch.nn.Adaptive{kind}Pool{n}d": spatial_rank(n) for kind in ("Max", "Avg") for n in SPACE},
    **named(
        "RNN LSTM GRU",
        first(
            _sequence_rank("batch_first"),
            last_dim("recurrent-size-mismatch", "input_size", "features"),
        ),
    ),
    **named(
        "RNNCell LSTMCell GRUCell", first(_cell_rank, last_dim("recurrent-size-mismatch", "input_size", "features"))
    ),
    **named(
        "MultiheadAttention",
        first(_sequence_rank("batch_first"), _width_of("embed_dim"), _width_of("kdim"), _width_of("vdim")),
    ),
    **named("TransformerEncoderLayer", last_dim("attention-size-mismatch", "d_model", "features")),
}
# The hidden state of a GRU and an RNN is one tensor.
for _name in ("RNN", "GRU"):
    MODULES[f"torch.nn.{_name}"] = first(MODULES[f"torch.nn.{_name}"], _hidden_width)

CONSTRUCTORS: dict[str, Rule] = {
    **{f"torch.nn.{kind}{n}d": _grouped for kind in ("Conv", "ConvTranspose") for n in SPACE},
    **named("MultiheadAttention", _heads("embed_dim", "num_heads")),
    **named("TransformerEncoderLayer TransformerDecoderLayer", _heads("d_model", "nhead")),
}
