"""Memory that grows from step to step in a watched run: on the GPU, of the process, and the graphs of losses."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise

from torchdoctor.finding import Span
from torchdoctor.quantity_text import size_text
from torchdoctor.sign import Diagnosis, Root
from torchdoctor.signs._steps import alike, growth, settled
from torchdoctor.step_record import HolderRecord, StepRecord, WatchRecord

_GRAPHS = 8  # alive at once, of the losses of former steps
_DEVICE, _HOST = 16 << 20, 64 << 20  # bytes of growth in all that count
_HOST_SHARE = 0.05


def grown(watch: WatchRecord) -> Iterator[Diagnosis]:
    """One diagnosis for each name that was seen to hold more and more; without a name, one of the sizes alone."""
    steps = settled(watch)
    graphs = _graphs(steps)
    device = _growth(alike(steps), "allocated", _DEVICE, 0.0)
    host = _growth(steps, "rss", _HOST, _HOST_SHARE)
    pace = device or host
    if not graphs and not pace and not _lasting(watch):
        return
    evidence = tuple(_evidence(watch, steps, graphs, device, host))
    named = _named(watch, graphs=bool(graphs), pace=pace)
    for one in named[:2]:
        yield Diagnosis(
            _message(one, steps, graphs),
            cures=_cures(one),
            at=Span(one.path, one.line, 1, one.line, 2) if one.line else None,
            roots=tuple(
                Root(Span(other.path, other.line, 1, other.line, 2), f"`{other.name}` grows too")
                for other in named[2:4]
                if other.line
            ),
            evidence=evidence,
            weight=1.0,  # it ends the run
        )
    if not named:
        yield Diagnosis(
            _unnamed(graphs, device, host, steps), evidence=evidence, sure=bool(graphs or device), weight=1.0
        )


def _graphs(steps: list[StepRecord]) -> int:
    """How many graphs were alive at the end, where they grow with the steps; else 0."""
    points = [(one.number, float(one.graphs)) for one in steps if one.graphs is not None]
    last = int(points[-1][1]) if points else 0
    if last < _GRAPHS:
        return 0
    return last if growth(points) > 0 else 0


def _growth(steps: list[StepRecord], name: str, least: int, part: float) -> float:
    """Bytes a step, where the growth is plain."""
    points = [(one.number, float(value)) for one in steps if (value := getattr(one, name)) is not None]
    pace = growth(points)
    total = pace * (points[-1][0] - points[0][0]) if pace else 0.0
    return pace if total >= max(least, part * points[0][1] if points else 0) else 0.0


def _named(watch: WatchRecord, *, graphs: bool, pace: float) -> list[HolderRecord]:
    """The holders that explain it, each name as it was seen last: of graphs, or of a good part of the bytes."""
    latest = {(one.path, one.name): one for one in watch.holders}.values()
    found = [one for one in latest if ((graphs or pace) and one.graph) or (pace and _pace(one) >= pace / 5)]
    found += [one for one in _lasting(watch) if one not in found]
    return sorted(found, key=lambda one: (one.graph, _pace(one), one.last_nodes), reverse=True)


def _lasting(watch: WatchRecord) -> list[HolderRecord]:
    """Those that held more graphs in each of two windows or more, and did not begin anew in between."""
    seen: dict[tuple[str, str], list[HolderRecord]] = {}
    for one in watch.holders:
        if one.graph:
            seen.setdefault((one.path, one.name), []).append(one)
    return [
        held[-1]
        for held in seen.values()
        if len(held) > 1
        and all(a.last < b.first or (b.kind == "Tensor" and a.last_nodes < b.first_nodes) for a, b in pairwise(held))
    ]


def _pace(one: HolderRecord) -> float:
    return (one.last_bytes - one.first_bytes) / max(one.steps, 1)


def _message(one: HolderRecord, steps: list[StepRecord], graphs: int) -> str:
    last = steps[-1].number
    if one.graph and one.kind == "Tensor":
        return f"the graph behind `{one.name}` grows with each step: {one.first_nodes} nodes became {one.last_nodes}"
    if one.graph and one.last - one.first < one.steps / 2:
        more = f"{one.first} became {one.last} in {one.steps} steps"
        return f"`{one.name}` keeps more and more tensors with their graphs: {more}"
    if one.graph:
        kept = f": {graphs} are alive after step {last}" if graphs else f": {one.last} after step {one.number}"
        return f"`{one.name}` keeps a tensor with its graph at each step{kept}"
    each = size_text(_pace(one))
    if one.kind == "Tensor":
        return f"`{one.name}` grows by {each} at each step"
    return f"`{one.name}` takes in {'tensors' if one.tensors else 'objects'} at each step: {each} each time"


def _cures(one: HolderRecord) -> tuple[str, ...]:
    where = f" at line {one.line}" if one.line else ""
    if one.graph and one.kind == "Tensor":
        return (
            f"`.item()` or `.detach()` on what goes into `{one.name}`{where}: it then keeps a value without its graph",
            f"`{one.name} = {one.name}.detach()` between two steps, where it is a state that goes on",
        )
    if one.graph:
        number = one.last_bytes <= 8 * max(one.last, 1)
        return (
            f"{'`.item()`' if number else '`.detach()`'} on what goes into `{one.name}`{where}: "
            f"it keeps its value then, without the graph behind it",
            f"empty `{one.name}` once it is done with",
        )
    if one.tensors:
        return (
            f"keep the number that is wanted of what goes into `{one.name}`{where}, or add it up as you go",
            f"give `{one.name}` a bound: `collections.deque(maxlen=...)`, or empty it after each epoch",
        )
    return (f"give `{one.name}` a bound{where}, or write to a file what is to be kept",)


def _unnamed(graphs: int, device: float, host: float, steps: list[StepRecord]) -> str:
    if graphs:
        return f"the graphs of {graphs} losses are alive after step {steps[-1].number}: something keeps those losses"
    if device:
        return f"{size_text(device)} more are allocated on the GPU after each step"
    return f"the process grows by {size_text(host)} a step, {size_text(host * 1000)} in a thousand"


def _evidence(watch: WatchRecord, steps: list[StepRecord], graphs: int, device: float, host: float) -> Iterator[str]:
    for name, what, pace in (("allocated", "allocated on the GPU", device), ("rss", "held by the process", host)):
        points = [(one.number, value) for one in steps if (value := getattr(one, name)) is not None]
        if pace and points:
            (first, before), (last, after) = points[0], points[-1]
            yield f"{what}: {size_text(before)} after step {first}, {size_text(after)} after step {last}"
    if device and watch.total and steps[-1].peak is not None:
        left = (watch.total - steps[-1].peak) / device
        yield f"at this pace its {size_text(watch.total)} are full after {max(left, 0):,.0f} more steps"
    if graphs and (device or host):
        yield f"the graphs of {graphs} losses are alive"
