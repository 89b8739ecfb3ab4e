"""From a trace's file to its record, in two passes: what the file holds is put in order, then summed up.

Memory does not grow with the file: it holds one piece of text, one part of the rows, and sums by name.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

from torchdoctor.errors import TorchdoctorError
from torchdoctor.trace_record import Place, TraceRecord
from torchdoctor.traces import summary
from torchdoctor.traces.device import Device
from torchdoctor.traces.events import Event, Events, NoTrace
from torchdoctor.traces.host import Host, Sample
from torchdoctor.traces.names import GPU, STEP, Kind, Name, kind_of, name_of
from torchdoctor.traces.opening import Source
from torchdoctor.traces.ordering import Ordered
from torchdoctor.traces.signatures import signature
from torchdoctor.traces.window import Window

Progress = Callable[[int, int], None]
_SIGNATURES = 200_000  # so many sizes are told apart in one trace


def read(path: str | Path, progress: Progress | None = None) -> TraceRecord:
    """The record of a trace: a file of torch.profiler, plain or gzip, or a folder that holds one.

    ``progress`` is called with the bytes read and their whole number. Raises TorchdoctorError where the file cannot be
    read or is no trace; of a trace that breaks off, what there is is read, and ``lost`` says so.
    """
    source = Source(Path(path))
    reading = Reading()
    try:
        events = Events(source.pieces())
        for count, event in enumerate(events):
            reading.take(event)
            if progress is not None and not count & 0x3FFF:
                progress(source.read, source.size)
        if not reading.events:
            raise NoTrace("none of its events is of torch.profiler" if reading.seen else "it holds no events")
        lost = _lost(events.lost, events.cut or source.cut)
        return reading.record(str(source.path), events.metadata, lost)
    except NoTrace as error:
        why = f"{error}; its end is missing, too" if source.cut else f"{error}"
        raise TorchdoctorError(f"{source.path} is no trace of torch.profiler: {why}") from None
    finally:
        reading.rows.close()


def _lost(events: int, cut: bool) -> tuple[str, ...]:
    told = []
    if cut:
        told.append("the file breaks off: what comes after was never written, or was not copied")
    if events:
        told.append(f"{events} {'event is' if events == 1 else 'events are'} no valid JSON")
    return tuple(told)


class Reading:
    """Takes events as they come, then sums them up."""

    def __init__(self) -> None:
        self.rows = Ordered()
        self.seen = self.events = 0
        self.names: list[Name] = []
        self.steps: list[tuple[str, float, float]] = []
        self.peaks: Counter[str] = Counter()
        self._by_text: dict[tuple[str, str], int] = {}
        self._tracks: dict[tuple[Any, Any], int] = {}
        self._weights: Counter[int] = Counter()
        self._signatures: dict[tuple[str, str], int] = {("", ""): 0}
        self._first, self._last = float("inf"), float("-inf")

    def take(self, event: Event) -> None:
        self.seen += 1
        if event.get("ph") != "X":
            return
        category, text = event.get("cat"), event.get("name")
        if not isinstance(text, str) or not isinstance(category, str):
            return
        index = self._by_text.get((category, text))
        if index is None:
            index = self._by_text[category, text] = self._named(kind_of(category, text), text)
        name = self.names[index]
        if name.kind is Kind.OTHER:
            return
        try:
            start, length = float(event["ts"]), float(event.get("dur", 0.0))
        except (KeyError, TypeError, ValueError):
            return
        self.events += 1
        arguments = event.get("args")
        self._row(index, name, start, max(length, 0.0), event, arguments if isinstance(arguments, dict) else {})

    def _named(self, kind: Kind, text: str) -> int:
        self.names.append(name_of(kind, text))
        return len(self.names) - 1

    def _row(self, index: int, name: Name, start: float, length: float, event: Event, arguments: Event) -> None:
        kind = name.kind
        gpu = kind in GPU
        key = ("gpu", arguments.get("device", event.get("pid"))) if gpu else (event.get("pid"), event.get("tid"))
        track = self._tracks.setdefault(key, len(self._tracks))
        if not gpu:
            self._weights[track] += self._weight(kind, name)
        if kind is Kind.STEP:
            self.steps.append((name.text, start, start + length))
            return
        self._first, self._last = min(self._first, start), max(self._last, start + length)
        sign = size = link = 0
        if kind is Kind.OPERATOR:
            sign = self._signed(signature(name.text, arguments))
            link = int("Sequence number" in arguments)  # of autograd's graph
        elif kind not in (Kind.PYTHON, Kind.ANNOTATION):
            link = _number(arguments.get("correlation", arguments.get("External id")))  # ROCm knows the second alone
            size = _number(arguments.get("bytes", arguments.get("Bytes")))
        self.rows.add((start, -length, index, track, link, sign, size))

    @staticmethod
    def _weight(kind: Kind, name: Name) -> int:
        """How much an event speaks for its thread being the one that trains."""
        if kind is Kind.STEP:
            return 1 << 40
        if name.phase in ("optimizer", "input"):
            return 1 << 20
        return int(kind is Kind.OPERATOR and name.phase not in ("backward", "communication"))

    def _signed(self, told: tuple[str, str]) -> int:
        known = self._signatures.get(told)
        if known is None:
            if len(self._signatures) >= _SIGNATURES:
                return self._signatures.setdefault((told[0], ""), len(self._signatures))
            known = self._signatures[told] = len(self._signatures)
        return known

    def record(self, source: str, metadata: dict[str, Any], lost: tuple[str, ...]) -> TraceRecord:
        """The sums. The steps are those that ``torch.profiler`` marks, else all is one."""
        whole = not self.steps
        window = Window(self.steps or [("", self._first, self._last)])
        main = max(self._weights, key=lambda track: self._weights[track], default=0)
        ours = metadata.get("torchdoctor")
        base = _number(metadata.get("baseTimeNanoseconds")) / 1000
        host = Host(window, main, _samples(ours, base))
        device = Device(window, host)
        signatures = list(self._signatures)
        gpus = {track: number for (where, number), track in self._tracks.items() if where == "gpu"}
        for start, negative, index, track, link, sign, size in self.rows:
            name = self.names[index]
            if name.kind in GPU:
                device.ran(_number(gpus.get(track)), name, start, start - negative, link, size)
            else:
                host.begin(track, name, start, start - negative, link, *signatures[sign])
        host.finish()
        return summary.record(source, window, whole, host, device, metadata, self.events, lost)


def _samples(ours: Any, base: float) -> list[Sample]:
    """The lines of the user's that our own recording has seen, with the time of each in the trace's own terms."""
    if not isinstance(ours, dict):
        return []
    try:
        places = [Place(str(path), int(line), str(function), True) for path, line, function in ours["places"]]
        stacks = [tuple(places[index] for index in stack) for stack in ours.get("stacks", ())]
        stacks = stacks or [(place,) for place in places]  # recorded by an early version
        return sorted(((float(time) - base, stacks[index]) for time, index in ours["samples"]), key=lambda one: one[0])
    except (KeyError, TypeError, ValueError, IndexError):
        return []


def _number(value: Any) -> int:
    try:
        return int(value)
    except (TypeError, ValueError):
        return 0


__all__ = ["STEP", "read"]
