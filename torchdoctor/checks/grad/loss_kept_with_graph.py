"""Finds losses that a loop adds to a total, or keeps in a list, together with their graphs.

The loss is one that backward runs on in the same loop (or that a Lightning `training_step` returns), so its graph has
done its work. Silent where the total itself reaches a backward, where it begins anew within the loop, for numbers and
detached values, under `no_grad`, and where nothing is known of the value.
"""

from __future__ import annotations

from collections.abc import Iterator

import libcst as cst

from torchdoctor.check import Found, Swap, on_file
from torchdoctor.facts.accumulation import accumulations
from torchdoctor.facts.file import File
from torchdoctor.facts.graph import carriers, spent_losses
from torchdoctor.facts.losses import quoted


@on_file(words=("backward", "training_step"))
def check(file: File, _: File) -> Iterator[Found]:
    told: set[cst.CSTNode] = set()
    steps = [facts.methods["training_step"] for facts in file.classes.modules if "training_step" in facts.methods]
    backward = frozenset(("backward",)).intersection(file.calls_by_method)
    flows = file.flows.touching(backward) if backward else []
    flows += [flow for step in steps for flow in file.flows.of(step)]
    for flow in flows:
        if isinstance(flow.node, cst.Lambda):
            continue
        for kept in accumulations(file, flow.node):
            spent = spent_losses(flow, kept)
            carrying = carriers(flow, kept.added, spent) if spent and kept.node not in told else []
            if not carrying:
                continue
            told.add(kept.node)
            what = " and ".join(quoted(file, node) for node in carrying[:2])
            yield Found(
                kept.node,
                f"{quoted(file, kept.target)} keeps the graph of every pass: {what} is not detached when it is added",
                marks=tuple((event.node, "backward runs on it here", event.file) for event in spent[:1]),
                swaps=tuple(Swap(node, _detached(file, node)) for node in carrying),
            )


def _detached(file: File, node: cst.BaseExpression) -> str:
    code = file.code(node)
    plain = isinstance(node, (cst.Name, cst.Attribute, cst.Call, cst.Subscript))
    return f"{code}.detach()" if plain else f"({code}).detach()"
