"""A write in place that reads from the memory it writes to, one element further."""

from __future__ import annotations

from collections.abc import Iterator

from torchdoctor.record import Failure
from torchdoctor.sign import Diagnosis, Said, on_failure
from torchdoctor.signs._words import code_of


@on_failure(
    "some elements of the input tensor and the written-to tensor refer to a single memory location",
    raises="RuntimeError",
)
def sign(failure: Failure, said: Said) -> Iterator[Diagnosis]:
    """Which of the two is which stands in the user's own expression."""
    asked, user = failure.asked, failure.user
    parts = [value for value in (asked.operands if asked is not None else ()) if value.tensor is not None]
    whole = "what is read and what is written lie in the same memory, and not at the same place"
    if asked is None or user is None or not parts:
        yield Diagnosis(whole, ("`.clone()` of what is read, before the write",))
        return
    source = parts[-1]
    if asked.kind == "subscript" or len(parts) == 1:
        right = user.text.partition("=")[2].strip() if "=" in user.text else ""
        code = right if right and len(right) < 60 and "(" not in right else code_of(failure, source, "the source")
    else:
        code = code_of(failure, source, "the source")
    yield Diagnosis(
        f"`{_line(user.text)}` reads from the memory that it writes to, shifted: the result hangs on the order",
        (f"`{code}.clone()` in the place of `{code}`",),
    )


def _line(text: str) -> str:
    flat = " ".join(text.partition("#")[0].split()).replace("`", "'")
    return flat if len(flat) <= 90 else f"{flat[:87]}..."
