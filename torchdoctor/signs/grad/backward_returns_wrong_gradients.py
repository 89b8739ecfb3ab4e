"""A custom `autograd.Function` whose `backward` gives the wrong number of gradients, or one of a wrong shape."""

from __future__ import annotations

from collections.abc import Iterator

from torchdoctor.record import Failure, FunctionRecord, shape_text
from torchdoctor.sign import Diagnosis, Root, Said, on_failure

_COUNT = "unction {node:w} returned an incorrect number of gradients (expected {wanted:d}, got {given:d})"
_SHAPE = (
    "unction {node:w} returned an invalid gradient at index {k:d} - got {got:s} but expected shape "
    "compatible with {size:s}"
)


@on_failure(_COUNT, _SHAPE, raises="RuntimeError")
def sign(failure: Failure, said: Said) -> Iterator[Diagnosis]:
    """Both numbers, or both shapes, stand in the text."""
    name = said["node"].removesuffix("Backward")
    if "wanted" in said:
        wanted, given = said["wanted"], said["given"]
        yield Diagnosis(
            f"`{name}.backward` returns {_several(given)}, and `{name}.forward` takes {wanted} inputs besides `ctx`",
            cures=(
                f"return {_several(wanted)}, one for each input of `forward` in their order; "
                "None for what needs none (numbers, flags, masks)"
                if given < wanted
                else f"return {_several(wanted)}: none for `ctx`, and none for what `forward` gives",
            ),
            roots=_returned(name, f"{_several(given)} returned here"),
        )
        return
    got, size = said["got"], said["size"]
    smaller = len(size) <= len(got) and all(
        a in (1, b) for a, b in zip(reversed(size), reversed(got[len(got) - len(size) :]), strict=True)
    )
    yield Diagnosis(
        f"`{name}.backward` returns a gradient {_shape(got)} for the input at index {said['k']}, which is "
        f"{_shape(size)}",
        cures=(
            f"sum over what `forward` broadcast: `grad.sum_to_size({', '.join(map(str, size))})`"
            if smaller
            else f"transpose it: `.transpose(-2, -1)` makes {_shape(size)} of {_shape(got)}"
            if len(got) > 1 and size == (*got[:-2], got[-1], got[-2])
            else f"bring the gradient to {_shape(size)}: undo in `backward` what `forward` does to the shape",
        ),
        roots=_returned(name, f"the gradient at index {said['k']} is returned here"),
    )


def _returned(name: str, text: str) -> tuple[Root, ...]:
    return (Root(FunctionRecord(f"{name}.backward", "", 0), text, "return"),)


def _several(number: int) -> str:
    return f"{number} gradient{'s' * (number != 1)}"


def _shape(sizes: tuple[int, ...]) -> str:
    return shape_text(sizes) if sizes else "()"
