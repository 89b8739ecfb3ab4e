"""torch.nn's modules: what calling one gives, from the constructor's arguments and forward's.

Both calls' arguments are bound to the names that the functions of the table use, so that a module and its function
share their rules. Modules that hold parameters give a result that is in the graph whatever their input.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import libcst as cst

from torchdoctor.facts import sizes as s
from torchdoctor.facts.tensor import Shape, in_order, placed
from torchdoctor.facts.torch_api import windows
from torchdoctor.facts.torch_api.arguments import Arguments, Use
from torchdoctor.facts.torch_api.losses import OLD
from torchdoctor.facts.torch_api.neural import AVERAGE, padded_shape, slides, with_indices
from torchdoctor.facts.torch_api.rows import Effect, Row, attempt, computed, row, view
from torchdoctor.facts.torch_api.rules import (
    GradRule,
    MemoryRule,
    NameRule,
    ShapeRule,
    fixed,
    floating,
    fresh,
    fresh_if_input_contiguous,
    parametric,
    same,
    scaled,
    shape_of,
    through,
    unordered,
)
from torchdoctor.facts.torch_api.views import flatten
from torchdoctor.facts.values import UNKNOWN, Dim, Made, Result, Sequence, Tensor, Value, const
from torchdoctor.facts.viewing import unflattened


@dataclass(frozen=True, slots=True)
class ModuleRow:
    """``names`` are full names of classes; ``made_with`` and ``called_with`` are the parameters of the two calls.

    ``defaults`` are the constructor's where the function of the same effect has others.
    """

    names: tuple[str, ...]
    made_with: tuple[str, ...]
    called_with: tuple[str, ...]
    effect: Effect
    defaults: tuple[tuple[str, Any], ...] = ()

    def use(self, made: Made, arguments: Arguments) -> Use:
        """Both calls' arguments by name."""
        written = made.call.args if isinstance(made.call, cst.Call) else ()
        starred = arguments.starred or any(arg.star for arg in written)
        nodes = tuple(arg.value for arg in written)
        use = Use(
            Arguments(arguments.node, arguments.values, arguments.keywords, starred, arguments.grad, nodes),
            self.called_with,
            made,
        )
        use.bind(self.made_with, made.args, dict(made.keywords))
        if not starred:
            use.bind((), (), {name: const(value) for name, value in self.defaults})
        return use


def module(names: str, made_with: str, effect: Effect | Row, called_with: str = "input", **defaults: Any) -> ModuleRow:
    """A row; the names stand for classes of torch.nn."""
    return ModuleRow(
        tuple(f"torch.nn.{name}" for name in names.split()),
        tuple(made_with.split()),
        tuple(called_with.split()),
        effect.effect if isinstance(effect, Row) else effect,
        tuple(defaults.items()),
    )


def layer(
    names: str,
    made_with: str,
    *,
    shape: ShapeRule = same,
    memory: MemoryRule = fresh_if_input_contiguous,
    grad: GradRule = parametric,
    dtype: NameRule | None = floating,
    scale: NameRule | None = None,
    called_with: str = "input",
) -> ModuleRow:
    """A module with parameters of its own."""
    plain = row("", shape=shape, memory=memory, grad=grad, dtype=dtype, scale=scale)
    return module(names, made_with, plain, called_with)


def _parametric_if(name: str, default: bool) -> GradRule:
    """A normalisation has parameters where ``name`` says so."""
    return lambda use: (parametric if use.flag(name, default) else through)(use)


# -- linear and convolutions ------------------------------------------------------------------------------------------


def _linear(use: Use) -> Shape | None:
    shape = shape_of(use.tensor())
    return (*shape[:-1], use.size("out_features")) if shape else None


def _convolution(rank: int) -> ShapeRule:
    def shape(use: Use) -> Shape | None:
        kernel = windows.each(use, "kernel_size", None, rank)
        return windows.convolved(use, shape_of(use.tensor()), use.size("out_channels"), kernel, rank)

    return shape


def _transposed(rank: int) -> ShapeRule:
    def shape(use: Use) -> Shape | None:
        kernel = windows.each(use, "kernel_size", None, rank)
        return windows.transposed(use, shape_of(use.tensor()), use.size("out_channels"), kernel, rank)

    return shape


def _padding(rank: int) -> ShapeRule:
    """`ZeroPad2d(padding)`: a number for all sides, or one for each."""
    return lambda use: padded_shape(shape_of(use.tensor()), windows.each(use, "padding", None, 2 * rank))


# -- sequences --------------------------------------------------------------------------------------------------------


def _embedded(use: Use) -> Shape | None:
    shape = shape_of(use.tensor())
    return None if shape is None else (*shape, use.size("embedding_dim"))


def _bagged(use: Use) -> Shape | None:
    return None, use.size("embedding_dim")


def _widths(use: Use) -> tuple[Dim, Dim]:
    """How many directions, and how wide the output of each is."""
    projected = use.size("proj_size", 0)
    return (2 if use.flag("bidirectional") else 1), use.size("hidden_size") if projected == 0 else projected


def _recurrent_output(use: Use) -> Shape | None:
    shape = shape_of(use.tensor())
    return (*shape[:-1], s.product(_widths(use))) if shape else None


def _recurrent_memory(use: Use, shape: Shape | None) -> Tensor:
    """With ``batch_first`` the output is computed with the batch second and transposed."""
    if shape is None:
        return unordered(use, shape)
    if len(shape) != 3 or not use.flag("batch_first"):
        return fresh(use, shape)
    turned = in_order((shape[1], shape[0], shape[2]))
    return placed(Tensor(use.node), shape, (turned[1], turned[0], turned[2]), use.node)


def _hidden(use: Use) -> Shape | None:
    shape = shape_of(use.tensor())
    if shape is None:
        return None
    directions, width = _widths(use)
    layers = s.product((directions, use.size("num_layers", 1)))
    batch = (shape[0 if use.flag("batch_first") else 1],) if len(shape) == 3 else ()
    return (layers, *batch, width)


def _recurrent(use: Use) -> Value:
    """The outputs and the last hidden state."""
    return Sequence((_outputs(use), computed(use, shape=_hidden, memory=fresh, grad=parametric, dtype=None, place=1)))


def _outputs(use: Use) -> Tensor:
    return computed(use, shape=_recurrent_output, memory=_recurrent_memory, grad=parametric, dtype=None, place=0)


def _lstm(use: Use) -> Value:
    """The outputs, and the last hidden and cell state (as wide as hidden_size, whatever the projection)."""
    state = computed(use, shape=_hidden, memory=fresh, grad=parametric, dtype=None, place=1)
    shape = _cell if use.has("proj_size") else _hidden
    cell = computed(use, shape=shape, memory=fresh, grad=parametric, dtype=None, place=2)
    return Sequence((_outputs(use), Sequence((state, cell))))


def _cell(use: Use) -> Shape | None:
    shape = _hidden(use)
    return (*shape[:-1], use.size("hidden_size")) if shape else None


def _of_cell(use: Use) -> Shape | None:
    shape = shape_of(use.tensor())
    return (*shape[:-1], use.size("hidden_size")) if shape else None


def _lstm_cell(use: Use) -> Value:
    return Sequence(
        tuple(computed(use, shape=_of_cell, memory=fresh, grad=parametric, dtype=None, place=at) for at in (0, 1))
    )


def _attended(use: Use) -> Value:
    """The output as large as the query, and the weights unless they are not needed."""
    output = computed(use, memory=unordered, grad=parametric, dtype=None, place=0)
    weights: Value = const(None)
    if use.flag("need_weights", True):
        weights = computed(use, shape=_weights, memory=unordered, grad=parametric, dtype=None, place=1)
    return Sequence((output, weights))


def _weights(use: Use) -> Shape | None:
    """A weight for each query and key, averaged over heads or for each head."""
    query, key = shape_of(use.tensor()), shape_of(use.tensor("key"))
    if query is None or key is None or len(query) != len(key):
        return None
    first, batch = (1, 0) if use.flag("batch_first") else (0, 1)
    heads = () if use.flag("average_attn_weights", True) else (use.size("num_heads"),)
    if len(query) == 2:
        return (*heads, query[0], key[0])
    return (query[batch], *heads, query[first], key[first])


def _unpadded(use: Use) -> Shape | None:
    """In evaluation padding may be cut off."""
    return None if use.has("src_key_padding_mask") or use.has("tgt_key_padding_mask") else same(use)


# -- the rest ---------------------------------------------------------------------------------------------------------


def _itself(use: Use) -> Value | None:
    """`Identity` gives what it is given."""
    return use.value("input")


def _unflattened(use: Use) -> Tensor | None:
    return unflattened(use.tensor(), use.number("dim"), use.sizes("unflattened_size"), use.node)


def _sequential(use: Use) -> Value | None:
    """Each module in turn; what is not known stays unknown until a module says otherwise."""
    assert use.made is not None
    modules = use.made.args
    if use.arguments.starred or not modules or not all(isinstance(one, Made) for one in modules):
        return None
    value = use.value("input") or UNKNOWN
    for place, one in enumerate(modules):
        assert isinstance(one, Made)
        of = Result(use.node, one, place) if place < len(modules) - 1 else None
        arguments = Arguments(use.node, (value,), {}, grad=use.arguments.grad)
        value = called(one.name, one, arguments, of) or Result(use.node, one, place)
    return value if isinstance(value, Tensor) else None


def called(name: str, made: Made, arguments: Arguments, of: Value | None = None) -> Value | None:
    """The result of calling an instance of a torch class; ``of`` tells it from others of the same node."""
    from torchdoctor.facts.torch_api.table import table

    row = table().modules.get(name)
    if row is None:
        return None
    use = row.use(made, arguments)
    use.of = of
    return attempt(row.effect, use)


_NORM = "num_features eps momentum affine track_running_stats"
_RNN = "input_size hidden_size num_layers nonlinearity bias batch_first dropout bidirectional"
_GATED = "input_size hidden_size num_layers bias batch_first dropout bidirectional proj_size"
_CONV = "in_channels out_channels kernel_size stride padding dilation groups bias padding_mode"
_CONV_TRANSPOSED = (
    "in_channels out_channels kernel_size stride padding output_padding groups bias dilation padding_mode"
)
_OVER = (1, 2, 3)


def _function(name: str) -> Effect:
    """The effect of a function of the table."""

    def effect(use: Use) -> Value | None:
        from torchdoctor.facts.torch_api.table import table

        return table().functions[f"torch.nn.functional.{name}"].effect(use)

    return effect


def _loss(names: str, made_with: str, function: str, called_with: str = "input target") -> ModuleRow:
    return module(names, made_with, _function(function), called_with)


ROWS: tuple[ModuleRow, ...] = (
    module("Identity", "", _itself),
    module("Sequential", "", _sequential),
    layer("Linear", "in_features out_features bias", shape=_linear, memory=fresh, scale=scaled("logits")),
    layer("LazyLinear", "out_features bias", shape=_linear, memory=fresh, scale=scaled("logits")),
    layer("Bilinear", "in1_features in2_features out_features", shape=_linear, memory=fresh, called_with="input other"),
    *(layer(f"Conv{n}d", _CONV, shape=_convolution(n), scale=scaled("logits")) for n in _OVER),
    *(layer(f"LazyConv{n}d", _CONV.partition(" ")[2], shape=_convolution(n), scale=scaled("logits")) for n in _OVER),
    *(layer(f"ConvTranspose{n}d", _CONV_TRANSPOSED, shape=_transposed(n), scale=scaled("logits")) for n in _OVER),
    # normalisation
    layer("BatchNorm1d BatchNorm2d BatchNorm3d SyncBatchNorm", _NORM, grad=_parametric_if("affine", True)),
    layer(
        "LazyBatchNorm1d LazyBatchNorm2d LazyBatchNorm3d", _NORM.partition(" ")[2], grad=_parametric_if("affine", True)
    ),
    layer("InstanceNorm1d InstanceNorm2d InstanceNorm3d", _NORM, grad=_parametric_if("affine", False)),
    layer(
        "LayerNorm",
        "normalized_shape eps elementwise_affine bias",
        memory=fresh,
        grad=_parametric_if("elementwise_affine", True),
    ),
    layer("RMSNorm", "normalized_shape eps elementwise_affine", grad=_parametric_if("elementwise_affine", True)),
    layer("GroupNorm", "num_groups num_channels eps affine", grad=_parametric_if("affine", True)),
    layer("LocalResponseNorm", "size alpha beta k", grad=through),
    # activations
    *(module(name, "inplace", _function(name.lower())) for name in ("ReLU", "ReLU6", "SELU", "SiLU", "Mish")),
    *(module(name, "inplace", _function(name.lower())) for name in ("Hardswish", "Hardsigmoid")),
    *(module(name, "alpha inplace", _function(name.lower())) for name in ("ELU", "CELU")),
    module("LeakyReLU", "negative_slope inplace", _function("leaky_relu")),
    module("Hardtanh", "min_val max_val inplace", _function("hardtanh")),
    module("Threshold", "threshold value inplace", _function("threshold")),
    module("GELU", "approximate", _function("gelu")),
    module("Sigmoid", "", _function("sigmoid")),
    module("Tanh", "", _function("tanh")),
    module("Softplus", "beta threshold", _function("softplus")),
    module("Softsign", "", _function("softsign")),
    module("Tanhshrink", "", _function("tanhshrink")),
    module("Softshrink", "lambd", _function("softshrink")),
    module("Hardshrink", "lambd", _function("hardshrink")),
    module("LogSigmoid", "", _function("logsigmoid")),
    module("RReLU", "lower upper inplace", _function("rrelu")),
    module("GLU", "dim", _function("glu")),
    layer("PReLU", "num_parameters init"),
    module("Softmax Softmin", "dim", _function("softmax")),
    module("LogSoftmax", "dim", _function("log_softmax")),
    module("Softmax2d", "", _function("softmax")),
    module("Dropout Dropout1d Dropout2d Dropout3d AlphaDropout FeatureAlphaDropout", "p inplace", _function("dropout")),
    # pooling and other sizes
    *(
        module(
            f"MaxPool{n}d",
            "kernel_size stride padding dilation return_indices ceil_mode",
            with_indices(slides(windows.pooled, n)),
        )
        for n in _OVER
    ),
    *(module(f"AvgPool{n}d", AVERAGE, _function(f"avg_pool{n}d")) for n in _OVER),
    *(module(f"AdaptiveAvgPool{n}d", "output_size", _function(f"adaptive_avg_pool{n}d")) for n in _OVER),
    *(module(f"AdaptiveMaxPool{n}d", "output_size return_indices", _function(f"adaptive_max_pool{n}d")) for n in _OVER),
    *(module(f"LPPool{n}d", "norm_type kernel_size stride ceil_mode", _function(f"lp_pool{n}d")) for n in (1, 2)),
    module("Flatten", "start_dim end_dim", flatten, start_dim=1),
    module("Unflatten", "dim unflattened_size", view("", "", _unflattened)),
    module("Upsample", "size scale_factor mode align_corners", _function("interpolate")),
    module("UpsamplingNearest2d UpsamplingBilinear2d", "size scale_factor", _function("interpolate")),
    module("PixelShuffle", "upscale_factor", _function("pixel_shuffle")),
    module("PixelUnshuffle", "downscale_factor", _function("pixel_unshuffle")),
    module("ChannelShuffle", "groups", _function("channel_shuffle")),
    module("Unfold", "kernel_size dilation padding stride", _function("unfold")),
    module("Fold", "output_size kernel_size dilation padding stride", _function("fold")),
    *(
        layer(f"{kind}Pad{n}d", "padding value", shape=_padding(n), grad=through)
        for kind in ("Zero", "Constant", "Reflection", "Replication", "Circular")
        for n in _OVER
    ),
    # sequences
    layer("Embedding", "num_embeddings embedding_dim padding_idx", shape=_embedded, memory=fresh, dtype=fixed("float")),
    layer("EmbeddingBag", "num_embeddings embedding_dim", shape=_bagged, memory=fresh, dtype=fixed("float")),
    module("RNN", _RNN, _recurrent, "input hx"),
    module("GRU", _GATED, _recurrent, "input hx"),
    module("LSTM", _GATED, _lstm, "input hx"),
    layer("RNNCell GRUCell", "input_size hidden_size", shape=_of_cell, memory=fresh, called_with="input hx"),
    module("LSTMCell", "input_size hidden_size", _lstm_cell, "input hx"),
    module(
        "MultiheadAttention",
        "embed_dim num_heads dropout bias add_bias_kv add_zero_attn kdim vdim batch_first",
        _attended,
        "input key value key_padding_mask need_weights attn_mask average_attn_weights is_causal",
    ),
    layer(
        "TransformerEncoderLayer TransformerEncoder",
        "",
        shape=_unpadded,
        memory=unordered,
        called_with="input mask src_key_padding_mask is_causal",
    ),
    layer(
        "TransformerDecoderLayer TransformerDecoder",
        "",
        memory=unordered,
        called_with="input memory tgt_mask memory_mask tgt_key_padding_mask",
    ),
    # distances and losses
    module("CosineSimilarity", "dim eps", _function("cosine_similarity"), "input other"),
    module("PairwiseDistance", "p eps keepdim", _function("pairwise_distance"), "input other"),
    _loss("CrossEntropyLoss", "weight size_average ignore_index reduce reduction label_smoothing", "cross_entropy"),
    _loss("NLLLoss NLLLoss2d", "weight size_average ignore_index reduce reduction", "nll_loss"),
    _loss("MSELoss", OLD, "mse_loss"),
    _loss("L1Loss", OLD, "l1_loss"),
    _loss("SmoothL1Loss", f"{OLD} beta", "smooth_l1_loss"),
    _loss("HuberLoss", "reduction delta", "huber_loss"),
    _loss("BCELoss", f"weight {OLD}", "binary_cross_entropy"),
    _loss("BCEWithLogitsLoss", f"weight {OLD} pos_weight", "binary_cross_entropy_with_logits"),
    _loss("KLDivLoss", f"{OLD} log_target", "kl_div"),
    _loss("PoissonNLLLoss", "log_input full size_average eps reduce reduction", "poisson_nll_loss"),
    _loss("GaussianNLLLoss", "full eps reduction", "gaussian_nll_loss", "input target var"),
    _loss("HingeEmbeddingLoss", f"margin {OLD}", "hinge_embedding_loss"),
    _loss("SoftMarginLoss", OLD, "soft_margin_loss"),
    _loss("MultiMarginLoss", f"p margin weight {OLD}", "multi_margin_loss"),
    _loss("MultiLabelMarginLoss", OLD, "multilabel_margin_loss"),
    _loss("MultiLabelSoftMarginLoss", f"weight {OLD}", "multilabel_soft_margin_loss"),
    _loss("MarginRankingLoss", f"margin {OLD}", "margin_ranking_loss", "input input2 target"),
    _loss("CosineEmbeddingLoss", f"margin {OLD}", "cosine_embedding_loss", "input input2 target"),
    _loss("TripletMarginLoss", f"margin p eps swap {OLD}", "triplet_margin_loss", "input positive negative"),
    _loss("CTCLoss", "blank reduction zero_infinity", "ctc_loss", "input targets input_lengths target_lengths"),
)
