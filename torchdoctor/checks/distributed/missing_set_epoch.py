"""A shuffling DistributedSampler, read anew in each epoch of a training, that is never told the epoch."""

from __future__ import annotations

from collections.abc import Iterator

import libcst as cst

from torchdoctor.check import Found, Swap, on_file
from torchdoctor.facts.file import File
from torchdoctor.facts.flow import Flow
from torchdoctor.facts.loading import Reading, handed_out, training_reads
from torchdoctor.facts.sampling import (
    is_made_anew,
    is_told_the_epoch,
    read_sampler,
    samplers,
    shuffles_by_epoch,
    variable_of,
)
from torchdoctor.facts.training import blamed
from torchdoctor.facts.values import Made


@on_file(words=["DistributedSampler"])
def check(file: File, _: File) -> Iterator[Found]:
    # The class may have another name here; what it is used with has not.
    for flow in file.flows.touching(frozenset(("DistributedSampler", "DataLoader", "backward"))):
        yield from _in_flow(file, flow)


def _in_flow(file: File, flow: Flow) -> Iterator[Found]:
    told: set[cst.CSTNode] = set()
    for reading in training_reads(flow):
        loader, found = reading.loader, samplers(reading.loader)
        if not reading.begins.loops or _belongs_to_another(file, flow, reading):
            continue
        for sampler in found:
            if not isinstance(sampler, Made) or not shuffles_by_epoch(flow, sampler) or loader.call in told:
                continue
            if is_made_anew(file, reading, sampler) or is_told_the_epoch(flow, loader, sampler):
                continue
            if handed_out(flow, (loader, sampler)):
                continue
            told.add(loader.call)
            node = blamed(flow, reading.begins)
            yield Found(
                node,
                f"`{_text(file, node)}` comes in the same order every epoch: no `set_epoch` on its DistributedSampler",
                marks=((sampler.call, "shuffles by its seed and epoch"),) if sampler.call in file.tree.parents else (),
                swaps=_telling(file, flow, reading, sampler) if len(found) == 1 else (),
            )


def _belongs_to_another(file: File, flow: Flow, reading: Reading) -> bool:
    """Whether the loop of epochs is in another function of the file, whose own flows tell it."""
    return any(loop in file.tree.parents and file.function(loop) is not flow.function for loop in reading.begins.loops)


def _text(file: File, node: cst.CSTNode) -> str:
    return " ".join(file.code(node).split())


def _telling(file: File, flow: Flow, reading: Reading, sampler: Made) -> tuple[Swap, ...]:
    """`sampler.set_epoch(epoch)` as the first line of the epoch loop, where both have names there."""
    loop = next((loop for loop in reading.begins.loops if loop in file.tree.parents), None)
    if not isinstance(loop, cst.For) or not isinstance(loop.target, cst.Name):
        return ()
    if file.function(loop) is not flow.function or not isinstance(loop.body, cst.IndentedBlock):
        return ()
    name = variable_of(flow, loop, sampler) or read_sampler(flow, reading)
    return (Swap(loop.body.body[0], f"{name}.set_epoch({loop.target.value})", "before"),) if name else ()
