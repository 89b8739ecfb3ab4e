"""A model that is trained in several processes, each of which reads all of the data.

Silent where anything may divide the data: a sampler that is given, if only on some ways, data made by rank or
shard, loaders that a framework makes ready. Loaders that are only evaluated on do not count.
"""

from __future__ import annotations

from collections.abc import Iterator

import libcst as cst

from torchdoctor.check import Found, on_file
from torchdoctor.facts.division import may_be_divided
from torchdoctor.facts.file import File
from torchdoctor.facts.flow import Flow
from torchdoctor.facts.joins import options
from torchdoctor.facts.loading import Reading, handed_out, is_map_style, training_reads
from torchdoctor.facts.passing import is_starred
from torchdoctor.facts.sampling import samplers
from torchdoctor.facts.training import blamed
from torchdoctor.facts.values import Made, const

_PARALLEL = frozenset({
    "torch.nn.parallel.DistributedDataParallel", "torch.distributed.fsdp.FullyShardedDataParallel",
})  # fmt: skip


@on_file(words=["DistributedDataParallel", "FullyShardedDataParallel"])
def check(file: File, _: File) -> Iterator[Found]:
    for flow in file.flows.touching(frozenset(("DataLoader", "backward"))):
        yield from _in_flow(file, flow)


def _in_flow(file: File, flow: Flow) -> Iterator[Found]:
    told: set[cst.CSTNode] = set()
    for reading in training_reads(flow):
        loader = reading.loader
        wrapper = _wrapper(reading, flow)
        if wrapper is None or loader.call in told or samplers(loader) or is_starred(loader):
            continue
        made = next((event for event in flow.of("make") if event.value == loader), None)
        home = made.file if made is not None else file
        place = blamed(flow, made) if made is not None else loader.call
        if place not in file.tree.parents or not _is_undivided(home, flow, loader) or handed_out(flow, (loader,)):
            continue
        told.add(loader.call)
        kind = wrapper.name.rpartition(".")[2]
        yield Found(
            place,
            f"each process reads the whole dataset: this loader feeds a {kind} model and has no DistributedSampler",
            marks=((wrapper.call, "one of several processes"),) if wrapper.call in file.tree.parents else (),
        )


def _wrapper(reading: Reading, flow: Flow) -> Made | None:
    """The wrapper of a model that is called in the loop in which backward runs."""
    loop = reading.begins.file.parent(reading.begins.node)
    for event in flow.of("forward"):
        if loop in event.loops and event.grad.enabled is not False:
            for value in (*options(event.by or const(None)), *options(event.on)):
                if isinstance(value, Made) and value.name in _PARALLEL:
                    return value
    return None


def _is_undivided(file: File, flow: Flow, loader: Made) -> bool:
    """Whether the loader draws from a map-style dataset, and nothing that makes that is about ranks."""
    dataset = loader.argument(0, "dataset")
    given = file.argument(loader.call, 0, "dataset") if isinstance(loader.call, cst.Call) else None
    if dataset is None or given is None or loader.call not in file.tree.parents:
        return False
    map_style = is_map_style(flow, dataset) or loader.argument(2, "shuffle") == const(True)
    return map_style and not may_be_divided(file, given)
