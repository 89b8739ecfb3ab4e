"""Products of matrices: which two tensors, and what makes their sizes meet."""

from __future__ import annotations

import re
from collections.abc import Iterator

from torchdoctor.record import Failure, ValueRecord, shape_text
from torchdoctor.sign import Root
from torchdoctor.signs._words import built
from torchdoctor.signs.shape._sizes import spelled, transposed

_WRITTEN = re.compile(r" @ |\b(?:matmul|mm|addmm)\(")
PRODUCTS = ("@", "@=", "matmul", "mm", "bmm", "mv", "dot", "addmm", "baddbmm", "inner", "vdot", "multi_dot")


def is_product(failure: Failure) -> bool:
    """Whether what failed is a product, and not a linear layer's."""
    name = next((one.name for one in failure.expressions if one.name), "")
    return name in PRODUCTS or name.rpartition(".")[2] in PRODUCTS


def is_written(failure: Failure) -> bool:
    """Whether a traceback that was pasted ends in a line of the user's with a product: a layer has frames below."""
    inner = failure.inner
    return not failure.expressions and inner is not None and inner.user and _WRITTEN.search(inner.text) is not None


def cures_of_sizes(a: int, b: int, c: int, d: int) -> Iterator[str]:
    """What makes two matrices meet, by their sizes alone."""
    if b == d:
        yield f"`.T` on the right side: ({a}, {b}) by ({d}, {c})"
    if a == c:
        yield f"`.T` on the left side: ({b}, {a}) by ({c}, {d})"
    if a == d and b != d:
        yield f"the other order: ({c}, {d}) by ({a}, {b})"


def pair_of(failure: Failure) -> tuple[ValueRecord, ValueRecord] | None:
    """The last two tensors of the product: before them `addmm` has one that is added."""
    for expression in failure.expressions:
        found = [value for value in expression.operands if value.tensor is not None]
        if len(found) >= 2:
            return found[-2], found[-1]
    return None


def cures(
    failure: Failure, pair: tuple[ValueRecord, ValueRecord], left: tuple[int, ...], right: tuple[int, ...]
) -> Iterator[str]:
    """What makes the sizes meet: a transpose of either, the other order."""
    a, b = spelled(failure, pair[0], "a"), spelled(failure, pair[1], "b")
    if failure.calls("dot"):
        if left == right:
            yield f"`({a} * {b}).sum()` for one number, or `({a} * {b}).sum(-1)` for one of each row"
        return
    if len(left) > 1 and len(right) > 1 and _meet(left[:-2], right[:-2]):
        if right[-1] == left[-1] and left[-1] != right[-2]:
            yield f"`{a} @ {transposed(failure, pair[1], 'b')}`: ({left[-2]}, {left[-1]}) by ({right[-1]}, {right[-2]})"
        if left[-2] == right[-2] and left[-1] != right[-2]:
            yield f"`{transposed(failure, pair[0], 'a')} @ {b}`: ({left[-1]}, {left[-2]}) by ({right[-2]}, {right[-1]})"
        if right[-1] == left[-2] and left[-1] != right[-2]:
            yield f"`{b} @ {a}`: ({right[-2]}, {right[-1]}) by ({left[-2]}, {left[-1]})"
    elif len(left) > 1 and len(right) == 1 and left[-2] == right[0]:
        yield f"`{transposed(failure, pair[0], 'a')} @ {b}`: ({left[-1]}, {left[-2]}) by ({right[0]},)"
    elif len(right) > 1 and len(left) == 1 and right[-1] == left[0]:
        yield f"`{b} @ {a}`: ({right[-2]}, {right[-1]}) by ({left[0]},)"
    if len(left) == len(right) > 2 and not _meet(left[:-2], right[:-2]):
        yield (
            f"one batch on both sides, {shape_text(left[:-2])} or "
            f"{shape_text(right[:-2])}: what split or folded one folds the other too"
        )


def of_parameter(pair: tuple[ValueRecord, ValueRecord], left: tuple[int, ...], right: tuple[int, ...]) -> Iterator[str]:
    """A weight of the user's own is built in another size than what it meets."""
    inner = right[-2] if len(right) > 1 else right[0]
    if left[-1] == inner or pair[0].type == pair[1].type:
        return
    if pair[1].type == "Parameter" and len(right) == 2:
        sizes = shape_text((left[-1], right[-1]))
        yield f"`{pair[1].code}` of {sizes}: what it is multiplied with has {left[-1]} features"
    elif pair[0].type == "Parameter" and len(left) == 2:
        yield f"`{pair[0].code}` of {shape_text((left[0], inner))}: what it is multiplied with has {inner}"


def why(failure: Failure, left: tuple[int, ...], right: tuple[int, ...]) -> str:
    if failure.calls("dot") and max(len(left), len(right)) > 1:
        return "`dot` takes two vectors"
    inner = right[-2] if len(right) > 1 else right[0]
    if left[-1] != inner:
        return f"the last size of the left, {left[-1]}, meets {inner} on the right"
    return f"the batches, {shape_text(left[:-2])} and {shape_text(right[:-2])}, do not go together"


def built_with(failure: Failure, pair: tuple[ValueRecord, ValueRecord]) -> tuple[Root, ...]:
    """Where the module is built whose own weight it is."""
    module = failure.user.module if failure.user is not None else None
    own = any(one.type == "Parameter" and one.code.startswith("self.") for one in pair)
    return built(module, f"this {module.type} is built here") if module is not None and own else ()


def _meet(left: tuple[int, ...], right: tuple[int, ...]) -> bool:
    """Whether these sizes broadcast."""
    return all(a == b or 1 in (a, b) for a, b in zip(left[::-1], right[::-1], strict=False))


def in_optimizer(failure: Failure) -> bool:
    """Whether a step of an optimizer failed, in torch's own code."""
    inner = failure.inner
    return inner is not None and inner.package == "torch" and "/optim/" in inner.path.replace("\\", "/")
