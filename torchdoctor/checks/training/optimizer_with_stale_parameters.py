"""A layer, a parameter or a whole model that is replaced after an optimizer took the old one's parameters."""

from __future__ import annotations

from collections.abc import Iterator

from torchdoctor.check import Found, on_flow
from torchdoctor.facts.events import Event
from torchdoctor.facts.file import File
from torchdoctor.facts.flow import Flow
from torchdoctor.facts.replacing import Replacement, goes_on, replacements
from torchdoctor.facts.training import blamed

_OPTIMIZERS = (
    "optim", "Adadelta", "Adafactor", "Adagrad", "Adam", "AdamW", "Adamax", "ASGD", "LBFGS", "Muon", "NAdam", "RAdam",
    "RMSprop", "Rprop", "SGD", "SparseAdam",
)  # fmt: skip


@on_flow(words=_OPTIMIZERS)
def check(file: File, flow: Flow) -> Iterator[Found]:
    facts = flow.training
    for made in flow.of("make"):
        if flow.kind(made.value) != "optimizer" or made.value not in facts.optimizers:
            continue
        told = set()  # one call that replaces several parts is told of once
        for replacement in replacements(flow, facts.parameters(made.value), made):
            if file in (made.file, replacement.event.file) and goes_on(flow, facts, made.value, replacement):
                found = _found(file, flow, made, replacement)
                if found.node not in told:
                    told.add(found.node)
                    yield found


def _found(file: File, flow: Flow, made: Event, replacement: Replacement) -> Found:
    place, before = blamed(flow, replacement.event, made), blamed(flow, made, replacement.event)
    return Found(
        place,
        f"{replacement.what} is replaced after the optimizer took its parameters: the new ones are never stepped",
        marks=((before, "the optimizer takes the old parameters here"),) if before is not place else (),
    )
