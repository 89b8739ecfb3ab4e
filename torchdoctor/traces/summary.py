"""The sums of a trace as its record: the costliest of each kind, in order."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from torchdoctor.trace_record import Copies, Kernel, Operator, Sync, Timed, TraceRecord, TraceStep
from torchdoctor.traces import kernels
from torchdoctor.traces.device import Device
from torchdoctor.traces.host import Host
from torchdoctor.traces.names import STEP
from torchdoctor.traces.tallies import Tally
from torchdoctor.traces.window import Window

_MOST = 200  # of a kind are kept


def record(
    source: str,
    window: Window,
    whole: bool,
    host: Host,
    device: Device,
    metadata: Mapping[str, Any],
    events: int,
    lost: tuple[str, ...],
) -> TraceRecord:
    spread = metadata.get("distributedInfo")
    spread = spread if isinstance(spread, dict) else {}
    ours = metadata.get("torchdoctor")
    setup = ours.get("setup") if isinstance(ours, dict) else None
    return TraceRecord(
        source=source,
        steps=_steps(window, host, device),
        whole=whole,
        operators=tuple(map(_operator, _costliest(host.operators.values(), lambda one: one.own + one.kernels))),
        kernels=tuple(_kernel(one, device) for one in _costliest(device.kernels.values())),
        modules=tuple(map(_timed, _costliest(host.modules.values()))),
        functions=_functions(host),
        acts=tuple(map(_timed, (*_costliest(host.acts.values()), *_costliest(host.allocations.values())))),
        lines=_lines(host, window),
        syncs=tuple(map(_sync, _costliest(host.syncs.values()))),
        copies=tuple(map(_copies, _costliest(device.copies.values()))),
        devices=_devices(metadata),
        capability=_capability(metadata),
        launches=host.launches,
        operations=host.operations,
        durations=tuple(device.durations) if device.gpus else (),
        rank=_whole(spread.get("rank")),
        world=_whole(spread.get("world_size")),
        stacks=bool(host.functions or host.modules),
        setup=setup if isinstance(setup, dict) else {},
        events=events,
        lost=lost,
    )  # fmt: skip


def _costliest(tallies: Iterable[Tally], cost: Any = lambda one: one.total) -> list[Tally]:
    seen = [one for one in tallies if one.calls or one.own or one.total or one.kernels]
    return sorted(seen, key=cost, reverse=True)[:_MOST]


def _steps(window: Window, host: Host, device: Device) -> tuple[TraceStep, ...]:
    gpu = device.busiest
    found = []
    for index, name in enumerate(window.names):
        phases = {phase: time for phase, time in host.phases[index].items() if time > 0}
        times: dict[str, Any] = {}
        if gpu is not None:
            times = {
                "collectives": gpu.collectives[index],
                "busy": gpu.busy.steps[index],
                "computing": gpu.computing.steps[index],
                "communicating": gpu.communicating.steps[index],
                "copying": gpu.copying.steps[index],
                "exposed": max(gpu.busy.steps[index] - gpu.covered.steps[index], 0.0),
            }
        if not times.get("communicating"):
            on_host = host.collectives
            running, exposed = on_host.running.steps[index], on_host.exposed[index]
            times |= {"communicating": running, "exposed": exposed, "collectives": on_host.calls[index]}
        wall = window.ends[index] - window.starts[index]
        found.append(TraceStep(name.removeprefix(STEP), wall, phases, **times))
    return tuple(found)


def _operator(one: Tally) -> Operator:
    shapes = max(one.shapes, key=lambda shape: one.shapes[shape], default="")
    return Operator(
        one.name,
        one.calls,
        one.own,
        one.total,
        one.kernels,
        dict(one.phases),
        dict(one.dtypes),
        shapes,
        one.place,
        one.host,
    )


def _kernel(one: Tally, device: Device) -> Kernel:
    family = device.families.get(one.name, "") or "fill"
    products = family in ("matmul", "convolution", "attention")
    cores = kernels.tensor_cores(one.name) if products else None
    operator = max(one.operators, key=lambda name: one.operators[name], default="")
    return Kernel(one.name, one.calls, one.total, family, cores, kernels.dtype(one.name), operator, one.place)


def _timed(one: Tally) -> Timed:
    callee = max(one.operators, key=lambda name: one.operators[name], default="")
    taken = round(one.operators[callee], 3) if callee else 0.0
    return Timed(one.name, one.calls, one.total, one.own, one.place, one.phase, callee, taken)


def _functions(host: Host) -> tuple[Timed, ...]:
    """The user's functions by Python's own time in them."""
    return tuple(map(_timed, _costliest(host.functions.values(), lambda one: one.own)))


def _lines(host: Host, window: Window) -> tuple[Timed, ...]:
    """The lines that were seen, with their part of the steps' time."""
    seen = sum(host.lines.values())
    wall = sum(end - start for start, end in zip(window.starts, window.ends, strict=True))
    return tuple(
        Timed(str(place), count, round(wall * count / seen, 1), place=place, phase=phase)
        for (place, phase), count in host.lines.most_common(_MOST)
    )


def _sync(one: Tally) -> Sync:
    call, operator, _ = one.name.split("\0")
    return Sync(call, operator, one.calls, one.total, one.own, one.place)


def _copies(one: Tally) -> Copies:
    return Copies(one.name, one.calls, one.total, one.size, one.place)


def _described(metadata: Mapping[str, Any]) -> list[dict[str, Any]]:
    """What is told of each device; torch before 1.9 called it otherwise."""
    devices = metadata.get("deviceProperties", metadata.get("computeProperties"))
    return [one for one in devices if isinstance(one, dict)] if isinstance(devices, list) else []


def _devices(metadata: Mapping[str, Any]) -> tuple[str, ...]:
    return tuple(name for one in _described(metadata) if isinstance(name := one.get("name"), str))


def _capability(metadata: Mapping[str, Any]) -> float:
    first = next(iter(_described(metadata)), {})
    major = first.get("computeMajor", first.get("major"))
    minor = first.get("computeMinor", first.get("minor"))
    return major + minor / 10 if isinstance(major, int) and isinstance(minor, int) else 0.0


def _whole(value: Any) -> int | None:
    return value if isinstance(value, int) and not isinstance(value, bool) else None
