"""Rules for modules that read sequences: recurrent ones and attention."""

from __future__ import annotations

from torchdoctor.facts import sizes as s
from torchdoctor.facts.axes import Shape, in_order
from torchdoctor.facts.tensor import placed, refine_rank
from torchdoctor.facts.torch_api.arguments import Use
from torchdoctor.facts.torch_api.gradients import parametric
from torchdoctor.facts.torch_api.memory import fresh, unordered
from torchdoctor.facts.torch_api.rows import computed
from torchdoctor.facts.torch_api.rules import ending, ending_of, same, shape_of
from torchdoctor.facts.values import Dim, Sequence, Tensor, Value, const


def _widths(use: Use) -> tuple[Dim, Dim]:
    """How many directions, and how wide the output of each is."""
    projected = use.size("proj_size", 0)
    return (2 if use.flag("bidirectional") else 1), use.size("hidden_size") if projected == 0 else projected


def _read(use: Use) -> Shape | None:
    """The shape of the sequence: whoever sets ``batch_first`` gives batches."""
    tensor = use.tensor()
    if tensor.shape is None and use.flag("batch_first") and len(ending_of(tensor) or ()) <= 3:
        return shape_of(refine_rank(tensor, 3))
    return shape_of(tensor)


@ending(lambda use: (None, s.product(_widths(use))))
def _recurrent_output(use: Use) -> Shape | None:
    shape = _read(use)
    return (*shape[:-1], s.product(_widths(use))) if shape else None


def _recurrent_memory(use: Use, shape: Shape | None) -> Tensor:
    """With ``batch_first`` the output is computed with the batch second and transposed."""
    if shape is None:
        return unordered(use, shape)
    if len(shape) != 3 or not use.flag("batch_first"):
        return fresh(use, shape)
    turned = in_order((shape[1], shape[0], shape[2]))
    return placed(Tensor(use.node), shape, (turned[1], turned[0], turned[2]), use.node)


@ending(lambda use: (None, _widths(use)[1]))
def _hidden(use: Use) -> Shape | None:
    shape = _read(use)
    if shape is None:
        return None
    directions, width = _widths(use)
    layers = s.product((directions, use.size("num_layers", 1)))
    batch = (shape[0 if use.flag("batch_first") else 1],) if len(shape) == 3 else ()
    return (layers, *batch, width)


def recurrent(use: Use) -> Value:
    """The outputs and the last hidden state."""
    return Sequence((_outputs(use), computed(use, shape=_hidden, memory=fresh, grad=parametric, dtype=None, place=1)))


def _outputs(use: Use) -> Tensor:
    return computed(use, shape=_recurrent_output, memory=_recurrent_memory, grad=parametric, dtype=None, place=0)


def lstm(use: Use) -> Value:
    """The outputs, and the last hidden and cell state (as wide as hidden_size, whatever the projection)."""
    state = computed(use, shape=_hidden, memory=fresh, grad=parametric, dtype=None, place=1)
    shape = _cell if use.has("proj_size") else _hidden
    cell = computed(use, shape=shape, memory=fresh, grad=parametric, dtype=None, place=2)
    return Sequence((_outputs(use), Sequence((state, cell))))


@ending(lambda use: (None, use.size("hidden_size")))
def _cell(use: Use) -> Shape | None:
    shape = _hidden(use)
    return (*shape[:-1], use.size("hidden_size")) if shape else None


@ending(lambda use: (use.size("hidden_size"),))
def of_cell(use: Use) -> Shape | None:
    shape = shape_of(use.tensor())
    return (*shape[:-1], use.size("hidden_size")) if shape else None


def lstm_cell(use: Use) -> Value:
    return Sequence(
        tuple(computed(use, shape=of_cell, memory=fresh, grad=parametric, dtype=None, place=at) for at in (0, 1))
    )


def attended(use: Use) -> Value:
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


def unpadded(use: Use) -> Shape | None:
    """In evaluation padding may be cut off."""
    return None if use.has("src_key_padding_mask") or use.has("tgt_key_padding_mask") else same(use)
