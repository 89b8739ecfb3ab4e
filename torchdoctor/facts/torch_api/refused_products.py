"""Products and joins of tensors whose sizes do not go together."""

from __future__ import annotations

from collections.abc import Sequence

from torchdoctor.facts.axes import Shape, dim_of
from torchdoctor.facts.refusal import Refusal, count, shape_text, size_text
from torchdoctor.facts.torch_api.arguments import Use
from torchdoctor.facts.torch_api.refusals import Rule
from torchdoctor.facts.torch_api.refused_layers import causes, known
from torchdoctor.facts.torch_api.rules import ending_of, shape_of
from torchdoctor.facts.unequal import never_equal
from torchdoctor.facts.values import Dim, Tensor

_RULE = "matmul-size-mismatch"


def _mismatch(rule: str, says: str, *tensors: Tensor) -> Refusal:
    return Refusal(rule, says, tuple(dict.fromkeys(cause for tensor in tensors for cause in causes(tensor))))


def _inner(left: Shape, right: Shape, use: Use, names: tuple[str, str]) -> Refusal | None:
    """The last dimension of the left has to be the last but one of the right."""
    inner = right[-2] if len(right) > 1 else right[-1]
    if not never_equal(left[-1], inner):
        return None
    says = f"multiplies {shape_text(left)} by {shape_text(right)}: {size_text(left[-1])} is not {size_text(inner)}"
    return _mismatch(_RULE, says, use.tensor(names[0]), use.tensor(names[1]))


def unbroadcastable(left: Shape, right: Shape) -> tuple[int, int] | None:
    """Two sizes that are not the same and not 1, in one place counted from the end."""
    for a, b in zip(reversed(left), reversed(right), strict=False):
        if isinstance(a, int) and isinstance(b, int) and a != b and 1 not in (a, b):
            return a, b
    return None


def _matmul(use: Use) -> Refusal | None:
    left, right = known(use), known(use, "other")
    for name, shape in (("input", left), ("other", right)):
        if not shape:
            return _mismatch("wrong-rank-input", "multiplies a tensor of no dims", use.tensor(name))
    found = _inner(left, right, use, ("input", "other"))
    if found is None and (pair := unbroadcastable(left[:-2], right[:-2])) is not None:
        says = f"multiplies batches of {pair[0]} and {pair[1]}: {shape_text(left)} by {shape_text(right)}"
        found = _mismatch(_RULE, says, use.tensor(), use.tensor("other"))
    return found


def _matmul_of_ends(use: Use) -> Refusal | None:
    """The same where the left is a layer's output of unknown rank."""
    left, right = use.tensor(), known(use, "other")
    ends = ending_of(left)
    if left.shape is not None or not ends or 0 in ends or len(right) < 2 or not never_equal(ends[-1], right[-2]):
        return None
    says = f"multiplies {size_text(ends[-1])} features by {shape_text(right)}"
    return _mismatch(_RULE, says, left, use.tensor("other"))


def _either(*rules: Rule) -> Rule:
    from torchdoctor.facts.torch_api.refused_layers import first

    return first(*rules)


def _of_rank(rank: int, first: str, second: str) -> Rule:
    """`mm`, `bmm` and their like take tensors of one rank, and broadcast nothing."""

    def refused(use: Use) -> Refusal | None:
        for name in (first, second):
            tensor = use.tensor(name)
            shape = shape_of(tensor)
            if shape is not None and len(shape) != rank:
                says = f"multiplies tensors of {rank} dims and gets one of {len(shape)}, {shape_text(shape)}"
                return _mismatch("wrong-rank-input", says, tensor)
        left, right = known(use, first), known(use, second)
        if rank == 3 and never_equal(left[0], right[0]):
            says = f"multiplies batches of {size_text(left[0])} and {size_text(right[0])}"
            says += f": {shape_text(left)} by {shape_text(right)}"
            return _mismatch(_RULE, says, use.tensor(first), use.tensor(second))
        return _inner(left, right, use, (first, second))

    return refused


def _vectors(use: Use) -> Refusal | None:
    left, right = known(use), known(use, "other")
    for name, shape in (("input", left), ("other", right)):
        if len(shape) != 1:
            says = f"multiplies tensors of 1 dim and gets one of {len(shape)}, {shape_text(shape)}"
            return _mismatch("wrong-rank-input", says, use.tensor(name))
    return _inner(left, right, use, ("input", "other"))


def _matrix_vector(use: Use) -> Refusal | None:
    left, right = known(use), known(use, "vec")
    return _inner(left, right, use, ("input", "vec")) if len(left) == 2 and len(right) == 1 else None


def _linear(use: Use) -> Refusal | None:
    weight = known(use, "weight")
    ends = ending_of(use.tensor())
    if not ends or 0 in ends or len(weight) not in (1, 2) or not never_equal(ends[-1], weight[-1]):
        return None
    says = f"takes {size_text(weight[-1])} features, by the weight {shape_text(weight)}, and gets {size_text(ends[-1])}"
    return _mismatch("linear-size-mismatch", says, use.tensor(), use.tensor("weight"))


def _einsum(use: Use) -> Refusal | None:
    equation, tensors = use.constant("equation"), use.operands()
    if not isinstance(equation, str) or "." in equation or len(use.rest) != len(tensors):
        return None
    terms = equation.replace(" ", "").partition("->")[0].split(",")
    if len(terms) != len(tensors):
        return None
    sizes: dict[str, tuple[Dim, Tensor]] = {}
    for term, tensor in zip(terms, tensors, strict=True):
        shape = shape_of(tensor)
        if shape is None:
            continue
        if len(shape) != len(term):
            says = f"names {count(len(term), 'dim')} as `{term}`, of a tensor of {len(shape)}, {shape_text(shape)}"
            return _mismatch(_RULE, says, tensor)
        for letter, size in zip(term, shape, strict=True):
            was, other = sizes.setdefault(letter, (size, tensor))
            if (
                isinstance(was, int)
                and isinstance(size, int)
                and was != size
                and 1 not in (was, size)
                and 0 not in (was, size)
            ):
                return _mismatch(_RULE, f"has `{letter}` of size {was} and of size {size}", other, tensor)
    return None


# -- joins ------------------------------------------------------------------------------------------------------------


def _all_but(shapes: Sequence[Shape], tensors: Sequence[Tensor], dim: int | None, deed: str) -> Refusal | None:
    """All sizes have to be the same, but for one dimension."""
    first = shapes[0]
    for shape, tensor in zip(shapes[1:], tensors[1:], strict=True):
        if len(shape) != len(first):
            ranks = f"{len(first)} and {count(len(shape), 'dim')}"
            says = f"{deed} tensors of {ranks}: {shape_text(first)} and {shape_text(shape)}"
            return _mismatch("cat-size-mismatch", says, tensors[0], tensor)
        for place, (a, b) in enumerate(zip(first, shape, strict=True)):
            if place != dim and never_equal(a, b):
                along = f" along dim {dim}" if dim is not None else ""
                says = f"{deed}{along} tensors that differ in dim {place}: {shape_text(first)} and {shape_text(shape)}"
                return _mismatch("cat-size-mismatch", says, tensors[0], tensor)
    return None


def _joined(use: Use) -> tuple[list[Shape], list[Tensor]] | None:
    """The tensors of known shape; an empty vector is let through among others."""
    tensors = [tensor for tensor in use.tensors("tensors") if tensor.shape is not None]
    shapes = [tensor.shape.value for tensor in tensors if tensor.shape is not None]
    return None if len(shapes) < 2 or any(0 in shape for shape in shapes) else (shapes, tensors)


def _catted(use: Use) -> Refusal | None:
    if (joined := _joined(use)) is None:
        return _range(use, 0)
    shapes, tensors = joined
    asked = use.number("dim", 0)
    if len(set(map(len, shapes))) > 1:
        return _all_but(shapes, tensors, None, "joins")
    found = _range(use, 0)
    return found if found is not None else _all_but(shapes, tensors, dim_of(asked, len(shapes[0])), "joins")


def _range(use: Use, more: int) -> Refusal | None:
    asked = use.number("dim", 0)
    for tensor in use.tensors("tensors"):
        shape = shape_of(tensor)
        if shape is not None and (shape or more) and dim_of(asked, len(shape) + more) is None:
            says = f"joins along dim {asked} tensors of {count(len(shape), 'dim')}, {shape_text(shape)}"
            return _mismatch("dim-out-of-range", says, tensor)
    return None


def _stacked(use: Use) -> Refusal | None:
    if (found := _range(use, 1)) is not None or (joined := _joined(use)) is None:
        return found
    return _all_but(*joined, None, "stacks")


def _along(place: int) -> Rule:
    """`vstack` and `hstack`: vectors are rows of one matrix for the former, joined end to end by the latter."""

    def refused(use: Use) -> Refusal | None:
        if (joined := _joined(use)) is None:
            return None
        shapes, tensors = joined
        if not all(shapes):
            return None
        if place == 0:
            shapes = [(1, *shape) if len(shape) == 1 else shape for shape in shapes]
        return _all_but(shapes, tensors, place if len(shapes[0]) > 1 else 0, "joins")

    return refused


FUNCTIONS: dict[str, Rule] = {
    **dict.fromkeys(("torch.matmul", ".matmul", "torch.linalg.matmul"), _either(_matmul, _matmul_of_ends)),
    **dict.fromkeys(("torch.mm", ".mm"), _of_rank(2, "input", "mat2")),
    **dict.fromkeys(("torch.bmm", ".bmm"), _of_rank(3, "input", "mat2")),
    **dict.fromkeys(("torch.addmm", ".addmm"), _of_rank(2, "mat1", "mat2")),
    **dict.fromkeys(("torch.baddbmm", ".baddbmm"), _of_rank(3, "batch1", "batch2")),
    **dict.fromkeys(("torch.mv", ".mv"), _matrix_vector),
    **dict.fromkeys(("torch.dot", ".dot", "torch.vdot", ".vdot"), _vectors),
    "torch.nn.functional.linear": _linear,
    "torch.einsum": _einsum,
    **dict.fromkeys(("torch.cat", "torch.concat", "torch.concatenate"), _catted),
    "torch.stack": _stacked,
    **dict.fromkeys(("torch.vstack", "torch.row_stack"), _along(0)),
    "torch.hstack": _along(1),
}
