"""Finds backwards of values that were cut from the graph of their model: by detach, item, argmax, no_grad ...

Only a value whose every term is cut (or is data) counts: targets, weights and logs may be cut, and where any term may
still be in a graph, nothing is said. A loss that is made a leaf afterwards, and a list of
losses made into a tensor, are other rules'.
"""

from __future__ import annotations

from collections.abc import Iterator

import libcst as cst

from torchdoctor.check import Found, on_file
from torchdoctor.facts.copied import copies_graph_items
from torchdoctor.facts.cuts import cut_before
from torchdoctor.facts.expected import may_fail
from torchdoctor.facts.file import File
from torchdoctor.facts.leaves import leaves_run_backward
from torchdoctor.facts.losses import quoted


@on_file(words=("backward",))
def check(file: File, _: File) -> Iterator[Found]:
    if "backward" not in file.calls_by_method:
        return
    told: set[cst.CSTNode] = set()
    for flow in file.flows.touching(frozenset(("backward",))):
        leaves = {event.node for _, event in leaves_run_backward(file, flow)}
        for event in flow.of("backward"):
            cut = cut_before(flow, event) if event.node not in leaves else None
            if cut is None or may_fail(event.file, event.node) or copies_graph_items(flow, cut):
                continue
            here = cut if cut in file.tree.order else event.node
            if here in told or here not in file.tree.order:
                continue
            told.add(here)
            owner = next((e.file for e in flow.events if cut in e.file.tree.order), None)
            what = quoted(owner, cut) if owner is not None else "what came before"
            marks = [(event.node, "backward runs here", event.file)]
            if here is not cut and owner is not None:
                marks.append((cut, "the graph ends here", owner))
            yield Found(
                here,
                f"{what} ends the graph, so {quoted(event.file, event.node)} reaches no parameter behind it",
                marks=tuple(mark for mark in marks if mark[0] is not here),
            )
