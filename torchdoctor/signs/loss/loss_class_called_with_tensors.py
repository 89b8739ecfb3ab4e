"""`nn.MSELoss(prediction, target)`: the tensors went to the constructor, which asks whether its settings are true."""

from __future__ import annotations

from collections.abc import Iterator

from torchdoctor.record import Failure
from torchdoctor.sign import Diagnosis, Said, on_failure


@on_failure(
    "Boolean value of Tensor with more than one value is ambiguous",
    "bool value of Tensor with more than one value is ambiguous",
    "'{loss:w}' object has no attribute 'backward'",
    "'{loss:w}' object has no attribute 'item'",
    raises=("RuntimeError", "AttributeError"),
)
def sign(failure: Failure, said: Said) -> Iterator[Diagnosis]:
    """The user's expression is the constructor of a loss; or its object was asked for `backward`."""
    asked = failure.asked
    if said["loss"] is not None:
        kind = said["loss"].rpartition(".")[2]
        if not kind.endswith("Loss"):
            return
        value = failure.operand("self")
        name = f"`{value.code}`" if value is not None and value.code else "what was made"
        yield Diagnosis(
            f"{name} is a {kind}, not its value: the loss was constructed and never called",
            (f"`criterion = nn.{kind}()` once, and `loss = criterion(prediction, target)`",),
        )
        return
    if asked is None or not asked.name.endswith("Loss"):
        return
    tensors = [value for value in asked.operands if value.tensor is not None]
    if not tensors:
        return
    name = asked.name.rpartition(".")[2]
    given = ", ".join(value.code for value in tensors)
    short = given if len(given) < 60 else "prediction, target"
    yield Diagnosis(
        f"the constructor of `{name}` got {len(tensors)} tensors: it takes settings alone, and its object the tensors",
        (f"`nn.{name}()({short})`", f"`criterion = nn.{name}()` before the loop, and `criterion({short})` in it"),
    )
