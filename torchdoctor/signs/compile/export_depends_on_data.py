"""`torch.export` of code that branches on values, or is fixed to one size where the size was to be free."""

from __future__ import annotations

import re
from collections.abc import Iterator

from torchdoctor.record import Failure
from torchdoctor.sign import Diagnosis, Said, on_failure

_FIXES = re.compile(r"Suggested fixes:\n((?:  \S[^\n]*\n?)+)")
_CONSTANT = re.compile(r"You marked (\w+) as dynamic but your code specialized it to be a constant \((\d+)\)")
_EQUAL = re.compile(r"The values of (\w+) = [^\n]*? and (\w+) = [^\n]*? must always be equal")
_GUARD = re.compile(r"Not all values of (\w+) = [^\n]*? satisfy the generated guard ([^\n]+)")
_CODE = re.compile(r"The following call raised this error:\s*\n\s*File [^\n]+\n\s+([^\n]+)")
_USER_CODE = re.compile(r"from user code:(?:\s*\n\s*File [^\n]+\n\s+([^\n]+))+")


@on_failure(
    "Could not guard on data-dependent expression {expression} (",
    "Dynamic control flow is not supported at the moment",  # until torch 2.6, of export and of compile
)
def data(failure: Failure, said: Said) -> Iterator[Diagnosis]:
    """u0 is a number that is known only when the program runs: an `.item()`, the length of a `nonzero`."""
    if "expression" not in said and all(frame.function != "export" for frame in failure.frames):
        return
    found = _CODE.search(failure.message) or _USER_CODE.search(failure.message)
    code = found[1].strip() if found is not None else ""
    if not code and failure.user is not None and failure.user.module is not None:
        code = failure.user.text.strip()
    at = f"`{code}`" if code and "`" not in code and len(code) < 90 else "a line"
    yield Diagnosis(
        f"{at} decides by a value that is known only at run time"
        + (f": `{said['expression']}`" if "expression" in said else ""),
        cures=(
            "`torch.cond(condition, if_true, if_false, (x,))`, or `torch.where`, in place of the branch",
            "where one side always holds: `torch._check(n > 0)` before it, with `n = x.item()`",
            "take the decision out of the exported model"
            if any("export" in frame.function for frame in failure.frames) or not failure.frames
            else "leave `fullgraph=True` out: the graph is broken there, and all else is compiled",
        ),
    )


@on_failure("Constraints violated ({dims})!")
def constraints(failure: Failure, said: Said) -> Iterator[Diagnosis]:
    """The text says which size was fixed, or which two must be equal, and proposes a fix."""
    constant, equal = _CONSTANT.search(failure.message), _EQUAL.search(failure.message)
    fixes = _FIXES.search(failure.message)
    written = [line.strip() for line in fixes[1].splitlines()] if fixes is not None else []
    if constant is not None:
        message = f"the size `{constant[1]}` is to be free, and the code holds only for {constant[2]}"
        first = (
            f"a size written out ({constant[2]}) in a `view`, a `reshape` or a loop: take it from the tensor, "
            "`x.shape[0]` or -1"
        )
    elif equal is not None:
        message = (
            f"the sizes `{equal[1]}` and `{equal[2]}` are to be free of each other, and the code holds only "
            "where they agree"
        )
        first = "one `Dim` for both, as the text proposes"
    elif (guard := _GUARD.search(failure.message)) is not None and "`" not in guard[2]:
        message = f"not every size `{guard[1]}` will do: the code asks for `{guard[2].strip().rstrip('.')}`"
        first = (
            f"declare what it asks for: `2 * Dim('{guard[1]}')` for even sizes, `Dim('{guard[1]}', min=4)` "
            "for a least one"
        )
    else:
        message, first = f"the code does not hold for every value of `{said['dims']}`", "the fix that the text proposes"
    shown = [f"or, as torch proposes: `{one}`" for one in written[:1] if "`" not in one and "oo)" not in one]
    yield Diagnosis(message, cures=(first, *shown, "`Dim.AUTO` for sizes of which nothing is known"))
