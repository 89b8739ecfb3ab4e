"""A generator of parameters that is read to its end, and then read again: the second reader gets nothing."""

from __future__ import annotations

from collections.abc import Iterator

import libcst as cst

from torchdoctor.check import Found, Swap, on_method
from torchdoctor.facts.events import Event
from torchdoctor.facts.file import File
from torchdoctor.facts.flow import Flow
from torchdoctor.facts.generators import kept, readers, reread
from torchdoctor.facts.training import blamed
from torchdoctor.facts.values import Made, Result


@on_method("parameters", "named_parameters")
def check(file: File, call: cst.Call) -> Iterator[Found]:
    node = kept(file, call)
    if node is not None:
        for flow in readers(file, node):
            for generator, reading, first in reread(flow):
                if isinstance(generator, (Made, Result)) and generator.call is node:
                    yield _found(file, flow, generator, reading, first)


def _found(file: File, flow: Flow, generator: Made | Result, reading: Event, first: Event | None) -> Found:
    place = blamed(flow, reading, first)
    what = f"`{' '.join(file.code(generator.call).split())}`"
    if len(what) > 60:
        what = "the generator of parameters"
    marks: list[tuple[cst.CSTNode, str]] = [(generator.call, "the generator is made here, once")]
    if first is None:
        told = "the constructor has read it to the end"
    elif first is reading:
        told = "the first pass of the loop reads it to the end"
    else:
        told = "it has been read to the end"
        marks.append((blamed(flow, first, reading), "read to the end here"))
    return Found(
        place,
        f"{what} gives no parameters here: {told}",
        marks=tuple(mark for mark in marks if mark[0] is not place),
        swaps=_listed(file, generator),
    )


def _listed(file: File, generator: Made | Result) -> tuple[Swap, ...]:
    code = file.code(generator.call)
    return (Swap(generator.call, f"list{code}" if isinstance(generator, Made) else f"list({code})"),)
