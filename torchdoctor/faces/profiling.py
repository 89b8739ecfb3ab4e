"""``torchdoctor.profile``: a window of the profiler over some steps, and the doctor's verdict on it."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, TypeVar

from torchdoctor.errors import FAULTS_ARE_RAISED
from torchdoctor.faces.telling import told
from torchdoctor.project.shown import shown

if TYPE_CHECKING:
    from torchdoctor.finding import Finding
    from torchdoctor.trace_record import TraceRecord

_T = TypeVar("_T")
FOLDER = "torchdoctor-profile"


class profile:
    """Profiles some steps of a training loop, and says on standard error what they spend their time on::

        with torchdoctor.profile():
            for images, labels in loader:
                ...
                optimizer.step()        # the steps are found by it; or call `prof.step()` yourself

        for images, labels in torchdoctor.profile.steps(loader):  # each turn is a step
            ...

    ``wait`` steps pass at full speed, ``warmup`` steps run under the profiler and are thrown away, ``active`` steps
    are recorded, ``repeat`` times over; after that the loop runs on as before. Where no step is seen, the first minute
    is the window. The traces go to ``out``, a run folder that TensorBoard opens (with torch-tb-profiler); each process
    of several writes its own, and rank 0 tells. ``stacks=False`` leaves out Python's stacks and the memory: it slows
    the steps less, and tells no lines.

    After the block, ``prof.traces`` are the files, ``prof.record`` sums up the last of them (None where there is none)
    and ``prof.findings`` are what is wrong in it, the costliest first. An exception leaves the block as it came.
    """

    def __init__(
        self,
        out: str | os.PathLike[str] = FOLDER,
        *,
        wait: int = 3,
        warmup: int = 1,
        active: int = 5,
        repeat: int = 1,
        stacks: bool = True,
        quiet: bool = False,
    ) -> None:
        if min(wait, warmup) < 0 or min(active, repeat) < 1:
            raise ValueError("wait and warmup are 0 or more steps, active and repeat 1 or more")
        from torchdoctor.probes.profiling import Window
        from torchdoctor.probes.schedule import Schedule

        self.folder = Path(out).absolute()
        self.record: TraceRecord | None = None
        self.findings: list[Finding] = []
        self._quiet, self._format, self._color = quiet, "text", "auto"
        self._window = Window(self.folder, Schedule(wait, warmup, active, repeat), told, detail=stacks)

    @property
    def traces(self) -> list[Path]:
        return list(self._window.traces)

    def step(self) -> None:
        """A step ends here. From the first call on, only these calls count."""
        self._window.step()

    def start(self) -> profile:
        self._window.open()
        return self

    def stop(self) -> None:
        """Close the window where it is still open, read its trace, and tell the verdict."""
        self._window.close()
        try:
            self._judge()
        except Exception as fault:
            if FAULTS_ARE_RAISED in os.environ:
                raise
            told(f"could not read the trace ({type(fault).__name__}: {fault})")

    __enter__ = start

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.stop()

    @classmethod
    def steps(cls, batches: Iterable[_T], out: str | os.PathLike[str] = FOLDER, **options: Any) -> Iterator[_T]:
        """The batches, profiled: each turn of the loop is a step, the time to get the batch included."""
        with cls(out, **options) as prof:
            for index, batch in enumerate(batches):
                if index:
                    prof.step()
                yield batch

    def _judge(self) -> None:
        if not self._window.traces:
            if not self._window.failed and not self._quiet:
                told(self._nothing())
            return
        from torchdoctor.faces.trace_text import judged, render
        from torchdoctor.traces.reading import read

        self.record = read(self._window.traces[-1])
        self.findings = judged(self.record)
        if self._quiet or os.environ.get("RANK", "0") not in ("", "0"):
            return
        if self._format == "json":
            from torchdoctor.faces.trace_json import report

            self._say(report(self.record, self.findings, [str(trace) for trace in self.traces]))
        elif sys.stderr is not None:
            from torchdoctor.faces.paint import Paint, wants_color, width_of

            paint = Paint(wants_color(self._color, sys.stderr), width_of(sys.stderr))
            self._say("\n" + render(self.record, self.findings, paint, self._window.traces) + self._compared())

    def _compared(self) -> str:
        """Of several processes: how to see them side by side."""
        several = self.record is not None and (self.record.world or 0) > 1
        return f"ranks compared: torchdoctor profile --from {shown(str(self.folder))}\n" if several else ""

    @staticmethod
    def _say(text: str) -> None:
        if sys.stderr is not None:
            encoding = getattr(sys.stderr, "encoding", None) or "utf-8"
            sys.stderr.write(text.encode(encoding, "backslashreplace").decode(encoding))
            sys.stderr.flush()

    def _nothing(self) -> str:
        seen = len(self._window.plain)
        return (
            f"nothing was profiled: the run ended after {seen} {'step' if seen == 1 else 'steps'}, before its window "
            "began; a smaller `wait` begins it earlier"
        )


def profile_program(options: str) -> None:
    """Profile the program that this process is to run: from when it loads torch, until it ends."""
    import atexit

    from torchdoctor.probes.loading import when_loaded

    wanted = json.loads(options)
    os.environ.setdefault("KINETO_LOG_LEVEL", "99")  # its notes on itself are of no use to anybody here
    prof = profile(wanted["out"], wait=wanted["wait"], active=wanted["active"], stacks=wanted["stacks"])
    prof._format, prof._color = wanted["format"], wanted["color"]
    process = os.getpid()

    def ended() -> None:
        if os.getpid() == process:
            prof.stop()

    def begun(_: object) -> None:
        atexit.register(ended)
        prof.start()

    when_loaded("torch", begun)
