"""Parameters that an optimizer moved between a forward and its backward."""

from __future__ import annotations

from collections.abc import Iterator

from torchdoctor.record import Failure, GraphRecord, shape_text
from torchdoctor.sign import Diagnosis, Root, Said, on_failure


@on_failure(
    "modified by an inplace operation: [{type:w} [{sizes:s}]], which is output 0 of {node:w}, is at version",
    "modified by an inplace operation: [{type:w} [{sizes:s}]] is at version",
    raises="RuntimeError",
)
def sign(failure: Failure, said: Said) -> Iterator[Diagnosis]:
    """Where the spoilt tensor is a parameter in reach; of a text alone, where it is a view that a Linear makes."""
    graph = next((one for one in failure.graph if one.kind == "changed"), None)
    if graph is None and str(said["node"]).partition("Backward")[0] in ("T", "AsStrided"):
        yield Diagnosis(
            f"a weight of shape {shape_text(said['sizes'])} changed between the forward of this loss and its backward"
        )
    if graph is None or not graph.parameter:
        return
    optimizers = [one for one in failure.objects if one.kind == "optimizer"]
    moved = [one for one in optimizers if one.name in graph.optimizers] or optimizers
    step = f"`{moved[0].name}.step()`" if len(moved) == 1 else "`step()`"
    loss = failure.asked.operand("self") if failure.asked is not None else None
    again = f"of {failure.name_of(loss, 'this loss')}"
    yield Diagnosis(
        f"{_named(graph)} changed {_times(graph)} between the forward of this loss and its backward",
        cures=(
            f"run every `backward()` that goes through these weights first, and {step} after the last of them",
            f"run the forward {again} again, model and all, after {step}",
        ),
        roots=(Root(graph, f"{step} changes it here"),) if graph.optimizers else (),
        evidence=tuple(f"`{one.name}` is {one.type} over {one.facts.get('parameters')} parameters" for one in moved),
    )


def _named(graph: GraphRecord) -> str:
    first = f"the weight `{graph.names[0]}`"
    return first if len(graph.names) == 1 else f"{first} (or another of its size and version)"


def _times(graph: GraphRecord) -> str:
    times = (graph.found or 0) - (graph.expected or 0)
    return "once" if times == 1 else f"{times} times"
