"""The tensor that there was no room for: its sizes from the operands' sizes, where its bytes are those refused."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from torchdoctor.memory_record import MemoryRecord, in_segments
from torchdoctor.quantity_text import size_text
from torchdoctor.record import ExpressionRecord, Failure, TensorRecord, shape_text, short

Shape = tuple[int, ...]
_BYTES = {
    "float64": 8, "complex64": 8, "complex128": 16, "int64": 8, "float32": 4, "int32": 4, "float16": 2, "bfloat16": 2,
    "int16": 2, "uint8": 1, "int8": 1, "bool": 1, "complex32": 4,
}  # fmt: skip
_SAME = frozenset({
    "softmax", "log_softmax", "relu", "gelu", "silu", "mish", "elu", "leaky_relu", "tanh", "sigmoid", "exp", "log",
    "sqrt", "square", "pow", "abs", "neg", "dropout", "layer_norm", "batch_norm", "group_norm", "rms_norm", "clone",
    "contiguous", "to", "cuda", "cpu", "float", "half", "bfloat16", "double", "long", "masked_fill", "cumsum", "sort",
    "zeros_like", "ones_like", "empty_like", "rand_like", "randn_like", "full_like", "normalize", "clamp", "roll",
    "flip", "ReLU", "GELU", "SiLU", "Tanh", "Sigmoid", "Softmax", "Dropout", "LayerNorm", "BatchNorm2d", "BatchNorm1d",
    "GroupNorm", "RMSNorm", "LogSoftmax", "hardtanh", "deepcopy", "nan_to_num", "sin", "cos", "logsigmoid", "tril",
    "cross_entropy", "CrossEntropyLoss", "triu", "-unary",
})  # fmt: skip
_PRODUCTS = frozenset({"@", "matmul", "bmm", "mm", "__matmul__", "__rmatmul__"})
_ALIGNED = frozenset({
    "+", "-", "*", "/", "//", "%", "**", "<", "<=", ">", ">=", "==", "!=", "&", "|", "^", "add", "sub", "mul", "div",
    "where", "maximum", "minimum", "mse_loss", "l1_loss", "smooth_l1_loss", "MSELoss", "L1Loss", "eq", "ne", "lt",
    "gt", "le", "ge",
    "binary_cross_entropy_with_logits", "pow",
})  # fmt: skip
_FILLED = frozenset({"zeros", "ones", "empty", "full", "rand", "randn", "randint"})
_DTYPES = {"float": "float32", "half": "float16", "bfloat16": "bfloat16", "double": "float64", "long": "int64"}


@dataclass(frozen=True, slots=True)
class Made:
    """What the failing expression makes: its sizes and dtype, the code, and what makes it so large ("" where nothing
    stands out). ``batched`` tells whether its first size is that of the batch."""

    shape: Shape
    dtype: str
    code: str
    factor: str = ""
    scores: bool = False

    @property
    def bytes(self) -> int:
        return math.prod(self.shape) * _BYTES.get(self.dtype, 4)

    @property
    def words(self) -> str:
        """ "(8, 32, 4096, 4096) bfloat16 = 8 GiB"."""
        return f"{shape_text(self.shape)} {self.dtype} = {size_text(self.bytes)}"


def made(failure: Failure, memory: MemoryRecord) -> Made | None:
    """The tensor whose bytes are those that were refused; None where nothing of that size is made there."""
    asked = memory.requested
    if asked is None:
        return None
    for expression in failure.expressions:
        for shape, dtype in _results(expression):
            found = Made(shape, dtype, short(expression.code))
            if _fits(found.bytes, asked, exact=memory.device == "cpu"):
                return _explained(found, expression)
    return None


def _fits(size: int, asked: int, *, exact: bool) -> bool:
    """Whether a request of that many bytes is told as ``asked``: rounded to segments, and to two digits in a text."""
    near = abs(size - asked) <= asked * 0.006
    return size > 0 and (near if exact else near or abs(in_segments(size) - asked) <= asked * 0.006)


def _results(expression: ExpressionRecord) -> Iterator[tuple[Shape, str]]:
    """What the expression may make, the likeliest first; each again in float32, which some steps are done in."""
    tensors = [one.tensor for one in expression.operands if one.tensor is not None]
    name = expression.name.rpartition(".")[2] or expression.name
    if expression.result is not None and expression.result.shape is not None:
        for one in dict.fromkeys((expression.result.dtype, "float32")):
            yield expression.result.shape, one
    items = [item.tensor for one in expression.operands for item in one.items if item.tensor is not None]
    for shape in _shapes(name, expression, tensors, items):
        first = next(iter([*tensors, *items]), None)
        dtype = _DTYPES.get(name) or (first.dtype if first is not None else "float32")
        for one in dict.fromkeys((dtype, "float32")):
            yield shape, one


def _shapes(
    name: str, expression: ExpressionRecord, tensors: Sequence[TensorRecord], items: Sequence[TensorRecord]
) -> Iterator[Shape]:
    known = [one.shape for one in tensors if one.shape is not None]
    if name in _FILLED:
        yield from _written(expression)
    if not known:
        if items and name in ("cat", "stack", "concat", "hstack", "vstack"):
            yield from _joined(name, [one.shape for one in items if one.shape is not None])
        return
    rules: tuple[tuple[frozenset[str], Callable[[], Shape | None]], ...] = (
        (_PRODUCTS, lambda: _product(known)),
        (frozenset({"linear", "Linear"}), lambda: _linear(expression, known)),
        (_ALIGNED, lambda: _aligned(known)),
        (frozenset({"cdist"}), lambda: (*known[0][:-1], known[1][-2]) if len(known) > 1 else None),
        (frozenset({"embedding", "Embedding"}), lambda: _embedded(expression, known)),
        (frozenset({"scaled_dot_product_attention"}), lambda: _scores(known)),
    )
    for names, rule in rules:
        if name in names and (shape := rule()) is not None:
            yield shape
    if name in _SAME or name in _ALIGNED:
        yield from known


def _product(known: Sequence[Shape]) -> Shape | None:
    if len(known) < 2 or min(len(known[0]), len(known[1])) < 2:
        return None
    a, b = known[0], known[1]
    batch = _aligned([a[:-2], b[:-2]])
    return None if batch is None else (*batch, a[-2], b[-1])


def _linear(expression: ExpressionRecord, known: Sequence[Shape]) -> Shape | None:
    callee = expression.callee
    out = callee.module.facts.get("out_features") if callee is not None and callee.module is not None else None
    if isinstance(out, int):
        return (*known[0][:-1], out)
    return (*known[0][:-1], known[1][0]) if len(known) > 1 and len(known[1]) == 2 else None


def _embedded(expression: ExpressionRecord, known: Sequence[Shape]) -> Shape | None:
    callee = expression.callee
    width = callee.module.facts.get("embedding_dim") if callee is not None and callee.module is not None else None
    if isinstance(width, int):
        return (*known[0], width)
    return (*known[0], known[1][-1]) if len(known) > 1 and len(known[1]) == 2 else None


def _scores(known: Sequence[Shape]) -> Shape | None:
    return (*known[0][:-1], known[1][-2]) if len(known) > 1 and min(map(len, known[:2])) > 2 else None


def _aligned(known: Sequence[Shape]) -> Shape | None:
    """The sizes that these broadcast to; None where they do not."""
    rank = max(map(len, known), default=0)
    sizes: list[int] = []
    for place in range(rank):
        here = {shape[place - rank] for shape in known if len(shape) >= rank - place} - {1}
        if len(here) > 1:
            return None
        sizes.append(here.pop() if here else 1)
    return tuple(sizes)


def _joined(name: str, known: Sequence[Shape]) -> Iterator[Shape]:
    if name == "stack" and known:
        yield (len(known), *known[0])
    elif known:
        for dim in range(len(known[0])):
            same = {(*shape[:dim], *shape[dim + 1 :]) for shape in known if len(shape) == len(known[0])}
            if len(same) == 1:
                yield (*known[0][:dim], sum(shape[dim] for shape in known), *known[0][dim + 1 :])


def _written(expression: ExpressionRecord) -> Iterator[Shape]:
    values = [one.literal for one in expression.operands if one.role not in ("dtype", "device", "fill_value")]
    sizes = [one for one in values if type(one) is int]
    nested = [one for one in values if isinstance(one, (tuple, list)) and all(type(size) is int for size in one)]
    if sizes or nested:
        yield tuple(nested[0]) if nested else tuple(sizes)


def _explained(found: Made, expression: ExpressionRecord) -> Made:
    """What makes it large: all pairs of positions, or operands that are spread over one another."""
    name = expression.name.rpartition(".")[2] or expression.name
    known = [one.tensor.shape for one in expression.operands if one.tensor is not None and one.tensor.shape]
    shape = found.shape
    pairs = len(shape) >= 3 and shape[-1] == shape[-2] and shape[-1] >= 64
    factor, scores = "", False
    if pairs and (name in _PRODUCTS or "softmax" in name.lower() or name in ("masked_fill", "dropout", "Dropout", "/")):
        factor, scores = f"{shape[-2]} x {shape[-1]} pairs of positions: it grows with the square of the length", True
    elif name == "scaled_dot_product_attention":
        factor, scores = "the scores of all pairs, which only the math kernel writes out", True
    elif name in _ALIGNED and len(known) > 1 and math.prod(shape) > 4 * max(map(math.prod, known)):
        spread = " and ".join(shape_text(one) for one in known[:2])
        factor = f"{spread} are spread over one another"
    elif name == "cdist":
        factor = f"{shape[-2]} x {shape[-1]} pairs of rows"
    return Made(found.shape, found.dtype, found.code, factor, scores)
