"""torch's own warning that a loss broadcasts, where warnings are errors or a log of them is pasted."""

from __future__ import annotations

from collections.abc import Iterator

from torchdoctor.record import Failure, shape_text
from torchdoctor.sign import Diagnosis, Said, on_failure
from torchdoctor.signs._words import code_of, made


@on_failure(
    "Using a target size ({target:s}) that is different to the input size ({input:s}). This will likely lead to",
)
def sign(failure: Failure, said: Said) -> Iterator[Diagnosis]:
    """The text holds both shapes; a live run gives them their names."""
    first, second = failure.operand("input", 0), failure.operand("target", 1)
    shape, labels = said["input"], said["target"]
    s, t = code_of(failure, first, "pred"), code_of(failure, second, "target")
    one, other = failure.name_of(first, "the prediction"), failure.name_of(second, "the target")
    yield Diagnosis(
        f"{one} is {shape_text(shape)} and {other} is {shape_text(labels)}: every prediction meets every target",
        cures=tuple(_cures(shape, labels, s, t)),
        roots=(
            *made(first, f"{shape_text(shape)} is made here", "shape"),
            *made(second, f"{shape_text(labels)} is made here", "shape"),
        ),
    )


def _cures(shape: tuple[int, ...], labels: tuple[int, ...], s: str, t: str) -> Iterator[str]:
    for long, short, first, second in ((shape, labels, s, t), (labels, shape, t, s)):
        for axis, size in enumerate(long):
            if size == 1 and long[:axis] + long[axis + 1 :] == short:
                yield f"`{first}.squeeze({axis})`"
                yield f"`{second}.unsqueeze({axis})`"
                return
