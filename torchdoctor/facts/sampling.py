"""The samplers that decide which items a loader reads, and in which order."""

from __future__ import annotations

from typing import TYPE_CHECKING

from torchdoctor.facts.values import Attr, Const, Made, Value, const, options

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
