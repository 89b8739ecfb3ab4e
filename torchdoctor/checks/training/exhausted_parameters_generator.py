"""A generator of parameters that is read to its end, and then read again: the second reader gets nothing."""

from __future__ import annotations

from collections.abc import Iterator

import libcst as cst

from torchdoctor.check import Found, Swap, on_flow
from torchdoctor.facts.events import Event
from torchdoctor.facts.file import File
from torchdoctor.facts.flow import Flow
from torchdoctor.facts.generators import reread
from torchdoctor.facts.training import blamed
from torchdoctor.facts.values import Made, Result, Value


@on_flow(words=["parameters", "named_parameters"])
def check(file: File, flow: Flow) -> Iterator[Found]:
    for generator, reading, first in reread(flow):
        if file in (reading.file, first.file if first is not None else None):
            yield _found(file, flow, generator, reading, first)


def _found(file: File, flow: Flow, generator: Value, reading: Event, first: Event | None) -> Found:
    place = blamed(flow, reading, first)
    node = generator.call if isinstance(generator, (Made, Result)) else None
    source = next((f for f in (file, reading.file) if node in f.tree.order), None)
    what = f"`{' '.join(source.code(node).split())}`" if source is not None and node is not None else "the generator"
    if len(what) > 60:
        what = "the generator of parameters"
    marks: list[tuple[cst.CSTNode, str]] = []
    if source is file and node is not None and node is not place:
        marks.append((node, "the generator is made here, once"))
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
        swaps=_listed(file, node),
    )


def _listed(file: File, node: cst.CSTNode | None) -> tuple[Swap, ...]:
    if node is None or node not in file.tree.order or not isinstance(file.parent(node), cst.Assign):
        return ()
    code = file.code(node)
    return (Swap(node, f"list{code}" if isinstance(node, cst.GeneratorExp) else f"list({code})"),)
