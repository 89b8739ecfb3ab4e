"""A loader with several workers over an IterableDataset whose `__iter__` does not divide the work among them.

Silent where anything in the class is about workers, ranks or shards, where the items are drawn at random, where what it
reads may divide itself, and where the loader has a `worker_init_fn`.
"""

from __future__ import annotations

from collections.abc import Iterator

import libcst as cst

from torchdoctor.check import Found, on_flow
from torchdoctor.facts.file import File
from torchdoctor.facts.flow import Flow
from torchdoctor.facts.joins import options
from torchdoctor.facts.loading import LOADER
from torchdoctor.facts.options import default_number
from torchdoctor.facts.origins import origins
from torchdoctor.facts.passing import is_starred
from torchdoctor.facts.streams import Stream
from torchdoctor.facts.training import blamed
from torchdoctor.facts.values import Made, Value, const


@on_flow(words=["DataLoader"])
def check(file: File, flow: Flow) -> Iterator[Found]:
    told: set[cst.CSTNode] = set()
    for event in flow.of("make"):
        loader = event.value
        if not isinstance(loader, Made) or loader.name != LOADER or loader.call in told or is_starred(loader):
            continue
        workers = default_number(event.file, loader.argument(5, "num_workers") or const(0))
        if workers is None or workers < 2 or loader.argument(10, "worker_init_fn") not in (None, const(None)):
            continue
        for dataset in _datasets(event.file, loader):
            stream = _stream(event.file, dataset)
            if stream is None or not stream.repeats():
                continue
            told.add(loader.call)
            name = stream.facts.node.name.value
            yield Found(
                blamed(flow, event),
                f"each item of `{name}` comes {workers} times: every worker runs its `__iter__` from end to end",
                marks=((stream.begin.name, "nothing here asks which worker it runs in", stream.home.file),),
            )


def _datasets(file: File, loader: Made) -> Iterator[Value]:
    """What the loader may read: as the run knows it, or else as other methods made the attribute that it reads."""
    known = options(loader.argument(0, "dataset") or const(None))
    yield from known
    given = file.argument(loader.call, 0, "dataset") if isinstance(loader.call, cst.Call) else None
    if given is None or loader.call not in file.tree.parents or any(isinstance(value, Made) for value in known):
        return
    for origin in origins(file, given):
        flows = origin.file.flows
        home = origin.file.function(origin.node)
        for flow in flows.of(home) if home is not None else [flows.module]:
            yield flow.value(origin.node)
            break


def _stream(file: File, dataset: Value) -> Stream | None:
    """What a dataset of the project yields; None for others, and where a base is not in sight."""
    facts = file.classes.named(dataset.name) if isinstance(dataset, Made) else None
    begin = facts.method("__iter__") if facts is not None else None
    if facts is None or begin is None or not isinstance(dataset, Made) or "iterable_dataset" not in facts.kinds:
        return None
    return Stream(facts, dataset, begin) if facts.complete else None
