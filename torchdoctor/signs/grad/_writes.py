"""A write in place as it stands in the source, and the same without it."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from torchdoctor.signs._words import operand

_AUGMENTED = re.compile(r"(?P<to>[\w.]+(?:\[.*?\])?) (?P<sign>[-+*/%]|\*\*|//)= (?P<what>.+)")
_ASSIGNED = re.compile(r"(?P<to>[\w.]+\[.*?\]) = (?P<what>.+)")
_METHOD = re.compile(r"(?P<to>[\w.]+)\.(?P<name>[a-z]\w*)_\((?P<given>.*)\)")
_LONGEST = 60


def out_of_place(codes: Sequence[str]) -> Iterator[str]:
    """Of each write the operation that makes a new tensor, or the copy that may be written to."""
    for code in codes:
        if (found := _AUGMENTED.fullmatch(code)) is not None and "[" not in found["to"]:
            to, sign, what = found["to"], found["sign"], found["what"]
            yield f"`{to} = {to} {sign} {operand(what)}` in the place of `{code}`"
            yield f"`{to} = {to}.clone()` before it is written to"
        elif (found := _METHOD.fullmatch(code)) is not None and found["to"].isidentifier():
            to = found["to"]
            yield f"`{to} = {to}.{found['name']}({found['given']})` in the place of `{code}`"
            yield f"`{to} = {to}.clone()` before it is written to"
        elif code.endswith("inplace=True)") and len(code) <= _LONGEST:
            yield f"no `inplace=True` in `{code}`"
        elif (found := _AUGMENTED.fullmatch(code) or _ASSIGNED.fullmatch(code)) is not None:
            to = found["to"].partition("[")[0]
            yield f"`{to} = {to}.clone()` before `{code if len(code) <= _LONGEST else to + '[...] = ...'}`"
