"""A None where a tensor belongs: which function gave it, and what to write there."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from torchdoctor.record import FunctionRecord, ValueRecord
from torchdoctor.sign import Diagnosis, Root
from torchdoctor.signs._words import made

_KEPT = re.compile(r"(\w+) = ")


def unreturned(name: str, value: ValueRecord, giver: FunctionRecord, wants: str) -> Diagnosis:
    """What was called gave None: its body ends without a return, or it changes its argument and gives nothing."""

    def by_source(codes: Sequence[str]) -> Iterator[str]:
        if (kept := _KEPT.match(codes[0])) is not None:
            yield f"`return {kept[1]}` at the end of `{giver.name}`"

    return Diagnosis(
        f"{name} is None: `{giver.name}` returned nothing, {wants}",
        cures=(
            f"a `return` on every way through `{giver.name}`: without one a call gives None",
            *((f"no assignment, where `{giver.name}` changes its argument in place",) if giver.module is None else ()),
        ),
        roots=(
            Root(giver, f"`{giver.name}` gives nothing back"),
            *made(value, f"{name} becomes None here", "value"),
        ),
        by_source=by_source,
    )


def cures_of(value: ValueRecord | None) -> Iterator[str]:
    code = value.code if value is not None else ""
    if code.endswith(".grad"):
        yield "`if p.grad is not None:` around it: a parameter that no loss has reached has no gradient"
        yield "`loss.backward()` before it, and no `zero_grad()` in between"
    elif code.endswith(")") and "(" in code:
        callee = code.partition("(")[0]
        yield f"a `return` at the end of `{callee}`: without one it gives None"
        yield f"no assignment, where `{callee}` changes its argument in place and returns nothing"
    elif code.startswith("self.") and "." not in code[5:]:
        yield f"a tensor for `{code}` before its first use, or a test for None"
    else:
        yield "a `return` at the end of the function or `forward` that gives it: without one a call gives None"
