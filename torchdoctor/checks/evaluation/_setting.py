"""Puts a model into eval mode where it is evaluated."""

from __future__ import annotations

from collections.abc import Iterator

import libcst as cst

from torchdoctor.check import Swap
from torchdoctor.facts.file import File
from torchdoctor.facts.names import dotted


def eval_before(file: File, call: cst.Call) -> Iterator[Swap]:
    """`model.eval()` above the outermost loop or context around the call in which nothing is learnt."""
    if dotted(call.func) is None:
        return
    flows = file.flows.of(file.function(call) or file.module)
    backwards = [event for flow in flows for event in flow.of("backward") if event.node in file.tree.order]
    learning = {above for event in backwards for above in file.ancestors(event.node)}
    place: cst.CSTNode | None = None
    for above in file.ancestors(call):
        if isinstance(above, cst.FunctionDef) or above in learning:
            break
        place = above if isinstance(above, (cst.With, cst.For, cst.SimpleStatementLine)) else place
    if place is not None:
        yield Swap(place, f"{file.code(call.func)}.eval()", "before")
