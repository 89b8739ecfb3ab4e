"""Products of matrices and vectors, and linear algebra."""

from __future__ import annotations

from torchdoctor.facts import sizes as s
from torchdoctor.facts.axes import Shape
from torchdoctor.facts.torch_api.arguments import Use
from torchdoctor.facts.torch_api.gradients import through
from torchdoctor.facts.torch_api.memory import MemoryRule, fresh, unordered
from torchdoctor.facts.torch_api.rows import Row, computed, effect, row
from torchdoctor.facts.torch_api.rules import (
    NameRule,
    ShapeRule,
    as_float,
    broadcast,
    broadcast_shapes,
    ending,
    promoted,
    reduced_shape,
    shape_of,
    unknown_sizes,
)
from torchdoctor.facts.values import Dim, Fields, Known, Value


def product_dtype(use: Use) -> Known[str] | None:
    """Some float of floats (autocast may choose which); an integer dtype stays."""
    dtype = use.tensor().dtype
    return as_float(dtype) if dtype is not None and dtype.value.startswith(("float", "bfloat")) else dtype


def product(
    names: str,
    parameters: str,
    shape: ShapeRule,
    *,
    memory: MemoryRule = fresh,
    dtype: NameRule | None = product_dtype,
) -> Row:
    """A product of tensors, newly laid out."""
    return row(names, parameters, shape=shape, memory=memory, dtype=dtype)


def _columns(use: Use) -> Shape | None:
    right = shape_of(use.tensor("other"))
    return right[-1:] if right is not None and len(right) > 1 else None


@ending(_columns)
def _matmul(use: Use) -> Shape | None:
    return matmul_shape(shape_of(use.tensor()), shape_of(use.tensor("other")))


def matmul_shape(left: Shape | None, right: Shape | None) -> Shape | None:
    """The shape of `left @ right`; None where torch refuses."""
    if left is None or right is None or not left or not right:
        return None
    inner = right[-2] if len(right) > 1 else right[0]
    if s.same(left[-1], inner) is False:
        return None
    batch = broadcast_shapes((left[:-2], right[:-2]))
    if batch is None:
        return None
    rows: Shape = left[-2:-1] if len(left) > 1 else ()
    columns: Shape = right[-1:] if len(right) > 1 else ()
    return (*batch, *rows, *columns)


def _dot(use: Use) -> Shape | None:
    """No dimensions, for vectors. Arrays and sparse matrices of other libraries have a `dot` for more of them."""
    shapes = (shape_of(use.tensor()), shape_of(use.tensor("other")))
    return () if any(shape is not None and len(shape) == 1 for shape in shapes) else None


def _mm(use: Use) -> Shape | None:
    left, right = shape_of(use.tensor()), shape_of(use.tensor("mat2"))
    return left[:-1] + right[-1:] if left is not None and right is not None else None


def _mv(use: Use) -> Shape | None:
    left = shape_of(use.tensor())
    return left[:-1] if left is not None else (None,)


def _bmm(use: Use) -> Shape:
    left, right = shape_of(use.tensor()), shape_of(use.tensor("mat2"))
    batch: Dim = left[0] if left is not None else right[0] if right is not None else None
    return batch, left[1] if left is not None else None, right[2] if right is not None else None


def _added(first: str, second: str) -> ShapeRule:
    """`addmm`: the product's own shape; what is added is broadcast to it."""

    def rule(use: Use) -> Shape | None:
        left, right = shape_of(use.tensor(first)), shape_of(use.tensor(second))
        return (*left[:-1], right[-1]) if left and right else None

    return rule


def _outer(use: Use) -> Shape:
    left, right = shape_of(use.tensor()), shape_of(use.tensor("vec2"))
    return left[0] if left else None, right[0] if right else None


def _rows_of_weight(use: Use) -> Shape | None:
    weight = shape_of(use.tensor("weight"))
    return weight[:1] if weight is not None and len(weight) == 2 else None


@ending(_rows_of_weight)
def _linear(use: Use) -> Shape | None:
    shape, weight = shape_of(use.tensor()), shape_of(use.tensor("weight"))
    if shape is None or (weight is not None and len(weight) == 1):
        return None
    return (*shape[:-1], weight[0] if weight is not None else None) if shape else None


def _einsum(use: Use) -> Shape | None:
    """The letters after the arrow, each the size that its letter has in an operand."""
    equation = use.constant("equation")
    tensors = tuple(use.operands())
    if not isinstance(equation, str) or "->" not in equation:
        return None
    inputs, _, output = equation.replace(" ", "").partition("->")
    terms = inputs.split(",")
    if "." in output:
        return None
    sizes: dict[str, Dim] = {}
    for term, tensor in zip(terms, tensors, strict=False):
        shape = shape_of(tensor)
        if shape is not None and len(shape) == len(term):
            for letter, dim in zip(term, shape, strict=True):
                if letter not in sizes or not isinstance(sizes[letter], int) or sizes[letter] == 1:
                    sizes[letter] = dim
    return tuple(sizes.get(letter) for letter in output)


def _summed_grad(use: Use) -> Known[str] | None:
    """Of one operand `einsum` may be a view."""
    off = use.arguments.grad is not None and not use.arguments.grad.value
    return None if off and len(list(use.operands())) == 1 else through(use)


def _pairwise(use: Use) -> Shape | None:
    """`cdist`: a distance for each pair of rows."""
    left, right = shape_of(use.tensor()), shape_of(use.tensor("other"))
    if not left or not right or len(left) != len(right):
        return None
    batch = broadcast_shapes((left[:-2], right[:-2]))
    return (*batch, left[-2], right[-2]) if batch is not None else None


def _attention(use: Use) -> Shape | None:
    """`scaled_dot_product_attention`: a row of values' width for each query."""
    query, values = shape_of(use.tensor("query")), shape_of(use.tensor("value"))
    if query is None:
        return None
    batch = query[:-2]
    return (*batch, query[-2], values[-1] if values else None)


def _similar(use: Use) -> Shape | None:
    """`cosine_similarity`: the broadcast shape without ``dim``, which is 1 by default."""
    shape = broadcast(use)
    return reduced_shape(shape, (use.number("dim", 1),), False) if shape is not None else None


def _distant(use: Use) -> Shape | None:
    """`pairwise_distance`: the broadcast shape without its last dimension."""
    shape = broadcast(use)
    return reduced_shape(shape, (-1,), use.flag("keepdim")) if shape else None


def _turned(use: Use) -> Shape | None:
    shape = shape_of(use.tensor())
    return (*shape[:-2], shape[-1], shape[-2]) if shape is not None and len(shape) > 1 else None


def _batch(use: Use) -> Shape | None:
    shape = shape_of(use.tensor())
    return shape[:-2] if shape is not None and len(shape) > 1 else None


def _decomposed(names: str, fields: tuple[str, ...]) -> Row:
    """Several tensors that are the parts of one."""

    def parts(use: Use) -> Value:
        def part(place: int) -> Value:
            return computed(use, shape=lambda use: None, memory=unordered, dtype=None, place=place)

        return Fields(tuple(map(part, range(len(fields)))), fields)

    return effect(names, "input", parts)


ROWS: tuple[Row, ...] = (
    product("matmul torch.linalg.matmul", "input other", _matmul),
    product("mm", "input mat2", _mm),
    product("mv", "input vec", _mv),
    product("bmm", "input mat2", _bmm),
    product("dot vdot", "input other", _dot),
    product("inner kron", "input other", lambda use: None, memory=unordered),
    product("outer ger", "input vec2", _outer),
    product("addmm", "input mat1 mat2", _added("mat1", "mat2")),
    product("baddbmm", "input batch1 batch2", _added("batch1", "batch2")),
    product("addmv", "input mat vec", unknown_sizes(1)),
    product("addr", "input vec1 vec2", unknown_sizes(2), memory=unordered),
    product("F.linear", "input weight bias", _linear),
    row("torch.einsum", "equation *operands", shape=_einsum, memory=unordered, grad=_summed_grad, dtype=None),
    product("torch.tensordot", "input other dims", lambda use: None, memory=unordered),
    product("torch.chain_matmul torch.linalg.multi_dot", "*matrices", lambda use: None, memory=unordered, dtype=None),
    product("torch.cdist", "input other p", _pairwise),
    product("F.bilinear", "input input2 weight bias", lambda use: None, dtype=None),
    row("F.scaled_dot_product_attention", "query key value", shape=_attention, memory=unordered, dtype=None),
    row("F.cosine_similarity torch.cosine_similarity", "input other dim eps", shape=_similar, memory=fresh, dtype=None),
    row("F.pairwise_distance torch.pairwise_distance", "input other p eps keepdim", shape=_distant, memory=fresh),
    row("cross torch.linalg.cross", "input other dim", shape=broadcast, memory=unordered, dtype=promoted),
    row("inverse torch.linalg.inv cholesky torch.linalg.cholesky matrix_exp torch.linalg.matrix_exp", memory=unordered),
    row("matrix_power torch.linalg.matrix_power", "input n", memory=unordered),
    row("pinverse torch.linalg.pinv", shape=_turned, memory=unordered),
    row("det logdet torch.linalg.det", shape=_batch, memory=unordered),
    row("torch.linalg.solve", "input other", shape=lambda use: None, memory=unordered),
    row("torch.linalg.eigvalsh torch.linalg.svdvals", shape=lambda use: None, memory=unordered, dtype=None),
    _decomposed("svd", ("U", "S", "V")),
    _decomposed("torch.linalg.svd", ("U", "S", "Vh")),
    _decomposed("qr torch.linalg.qr", ("Q", "R")),
    _decomposed("torch.linalg.eigh", ("eigenvalues", "eigenvectors")),
)
