"""The samplers that decide which items a loader reads, and in which order."""

from __future__ import annotations

from typing import TYPE_CHECKING

import libcst as cst

from torchdoctor.facts.collectives import anchor
from torchdoctor.facts.joins import options
from torchdoctor.facts.tree import within
from torchdoctor.facts.values import Attr, Const, Made, Value, const

if TYPE_CHECKING:
    from torchdoctor.facts.file import File
    from torchdoctor.facts.flow import Flow
    from torchdoctor.facts.loading import Reading

DISTRIBUTED = "torch.utils.data.DistributedSampler"


def samplers(loader: Made) -> list[Value]:
    """What may decide the order of a loader: its sampler, or that of its batch sampler."""
    found = [*options(loader.argument(3, "sampler") or const(None))]
    for value in options(loader.argument(4, "batch_sampler") or const(None)):
        inner = value.argument(0, "sampler") if isinstance(value, Made) else None
        found.extend(options(inner) if inner is not None else [value])
    return [value for value in found if value != const(None)]


def shuffles_by_epoch(flow: Flow, sampler: Made) -> bool:
    """Whether it is torch's DistributedSampler, and shuffles: its order depends on its seed and epoch alone."""
    shuffle = sampler.argument(3, "shuffle")
    return sampler.name == DISTRIBUTED and (shuffle is None or (isinstance(shuffle, Const) and bool(shuffle.value)))


def is_made_anew(file: File, reading: Reading, sampler: Made) -> bool:
    """Whether the loader or its sampler is made within the loop of epochs."""
    around = {above for made in (sampler, reading.loader) for above in file.ancestors(made.call)}
    return any(loop in around for loop in reading.begins.loops)


def is_told_the_epoch(flow: Flow, loader: Made, sampler: Made) -> bool:
    """Whether set_epoch is called on this sampler, or on something that may be it."""
    for event in flow.of("call"):
        if isinstance(event.on, Attr) and event.on.name == "set_epoch":
            of = event.on.of
            if isinstance(of, Attr) and of.name == "sampler" and isinstance(of.of, Made):
                of = sampler if of.of == loader else of.of
            if of == sampler or not isinstance(of, Made):
                return True
    return False


def variable_of(flow: Flow, loop: cst.For, sampler: Value) -> str | None:
    """A variable of the flow that holds the sampler before the loop begins."""
    order = flow.file.tree.order
    for assign in flow.file.nodes(cst.Assign):
        target = assign.targets[0].target
        if isinstance(target, cst.Name) and flow.file.function(assign) is flow.function:
            if flow.value(assign.value) == sampler and order[assign] < order[loop]:
                return target.value
    return None


def read_sampler(flow: Flow, reading: Reading) -> str | None:
    """The source of the sampler through the loader's name, where that is read or handed to what reads it."""
    for node in within(anchor(reading.begins)):
        if isinstance(node, (cst.Name, cst.Attribute)) and flow.value(node) == reading.loader:
            plain = reading.loader.argument(3, "sampler") is not None
            return f"{flow.file.code(node)}.{'sampler' if plain else 'batch_sampler.sampler'}"
    return None
