"""Two operands of which only one is known."""

from __future__ import annotations

from torchdoctor.record import Failure
from torchdoctor.sign import Diagnosis
from torchdoctor.signs._words import cast, operand


def half_known(failure: Failure, one: str, other: str) -> Diagnosis:
    """Where only one operand's value is at hand, the other one has the other dtype."""
    operands = [v for v in (failure.asked.operands if failure.asked is not None else ()) if v.tensor or not v.known]
    known = [v for v in operands if v.tensor is not None]
    rest = [v for v in operands if v.tensor is None and v.code]
    message = f"one operand is {one} and another {other}"
    if len(known) == 1 and len(rest) == 1 and known[0].tensor is not None and known[0].tensor.dtype in (one, other):
        mine = known[0].tensor.dtype
        code, own = operand(rest[0].code), failure.name_of(known[0], "one operand")
        if len(code) < 60:
            cures = (f"`{cast(code, mine)}`",)
            return Diagnosis(f"{own} is {mine}, and `{code}` is {other if mine == one else one}", cures)
    return Diagnosis(message)
