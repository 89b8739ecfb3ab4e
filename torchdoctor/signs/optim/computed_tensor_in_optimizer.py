"""A tensor that was computed, given to an optimizer: no gradient would ever arrive in it."""

from __future__ import annotations

from collections.abc import Iterator

from torchdoctor.record import Failure, ValueRecord
from torchdoctor.sign import Diagnosis, Root, Said, on_failure


@on_failure("can't optimize a non-leaf Tensor", raises="ValueError")
def sign(failure: Failure, said: Said) -> Iterator[Diagnosis]:
    """The list of parameters holds it; how it was computed tells a moved parameter from a result."""
    asked = failure.asked
    given = asked.operand("params", 0) if asked is not None else None
    value = next(_computed(given), None) if given is not None else None
    if value is None or value.tensor is None:
        yield Diagnosis(
            "the optimizer was given a tensor that was computed, and is no leaf of the graph",
            cures=("make a leaf of it: `nn.Parameter(t.detach())`",),
        )
        return
    name = failure.name_of(value, "one of the tensors")
    made = value.tensor.grad_fn or ""
    how = "a parameter or tensor that was moved or cast" if made.startswith("ToCopy") else f"a result of `{made}`"
    own = value.code if value.code.replace(".", "").isidentifier() else "t"
    yield Diagnosis(
        f"{name} {value.tensor.size_text} is {how}, and no leaf of the graph: no gradient arrives in it",
        cures=(
            f"`{own} = nn.Parameter({own}.detach())` before the optimizer is made",
            "move and scale the numbers first, and call `requires_grad_()` last",
        ),
        roots=(Root(value, f"{name} is computed here", "value"),),
    )


def _computed(value: ValueRecord) -> Iterator[ValueRecord]:
    if value.tensor is not None and not value.tensor.leaf:
        yield value
    for item in value.items:
        yield from _computed(item)
