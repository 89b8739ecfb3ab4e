"""`x.shape(0)` and `x.size[0]`: the one is a tuple, the other a method."""

from __future__ import annotations

from collections.abc import Iterator

from torchdoctor.record import Failure
from torchdoctor.sign import Diagnosis, Said, on_failure


@on_failure(
    "'torch.Size' object is not callable",
    "^'builtin_function_or_method' object is not subscriptable",
    raises="TypeError",
)
def sign(failure: Failure, said: Said) -> Iterator[Diagnosis]:
    """Of the second text, which is Python's own, only where it was `size` that was subscripted."""
    asked = failure.asked
    code = asked.code if asked is not None else ""
    if "torch.Size" in said.text:
        inner = code.rpartition("(")[2].rstrip(")") if code.endswith(")") else ""
        owner = code.partition(".shape")[0] if ".shape(" in code else "x"
        yield Diagnosis(
            f"`{owner}.shape` is a tuple of sizes, and was called"
            if ".shape(" in code
            else "a tuple of sizes was called",
            (f"`{owner}.shape[{inner}]`" if inner else f"`{owner}.shape`", f"`{owner}.size({inner})`"),
        )
    elif ".size[" in code:
        owner, _, rest = code.partition(".size[")
        index = rest.rstrip("]")
        yield Diagnosis(
            f"`{owner}.size` is a method, and was subscripted",
            (
                f"`{owner}.size({index})`" if ":" not in index else f"`{owner}.size()[{index}]`",
                f"`{owner}.shape[{index}]`",
            ),
        )
