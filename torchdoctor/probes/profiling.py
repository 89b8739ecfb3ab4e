"""A window of torch.profiler over some steps: when it opens and closes, what it records, and the file that it leaves.

The profiler is only on inside the window; before it steps are timed by the clock, so that what the profiler itself
adds is known. Whatever goes wrong in here is told in one line and takes the window away, never the program.
"""

from __future__ import annotations

import ctypes
import json
import os
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from importlib import import_module
from pathlib import Path
from statistics import median
from typing import Any

from torchdoctor.errors import FAULTS_ARE_RAISED
from torchdoctor.probes.lines import Lines
from torchdoctor.probes.schedule import Schedule
from torchdoctor.probes.setup import setup
from torchdoctor.probes.steps import RANKS, Steps
from torchdoctor.probes.trace_file import packed, trace_name

Say = Callable[[str], None]


class Window:
    """Opens and closes by the steps that it is told of. ``traces`` are the files written so far."""

    def __init__(self, folder: Path, schedule: Schedule, say: Say, *, detail: bool = True) -> None:
        self.folder, self.schedule, self.say, self.detail = folder, schedule, say, detail
        self.traces: list[Path] = []
        self.plain: list[float] = []  # seconds of steps without the profiler
        self.failed = ""
        self._steps = Steps(self._seen)
        self._by = ""
        self._count = 0
        self._cycles = 0
        self._last = 0.0
        self._profiler: Any = None
        self._whole = False
        self._left = 0  # steps of the window to come
        self._lines: Lines | None = None
        self._setup: dict[str, Any] = {}
        self._given_way: list[tuple[Any, str, Any]] = []
        self._thread = threading.get_ident()
        self._timer: threading.Timer | None = None
        self._ended = False
        self._acting = False  # what is called now is called by us

    # -- from outside ---------------------------------------------------------------------------------------------

    def open(self) -> None:
        """Begin: the whole run is the window, until a step is seen."""
        self._guarded(self._open)

    def _open(self) -> None:
        self._steps.watch()
        if self._running():
            self.failed = "a profiler of torch runs already, and there is room for one"
            self.say(f"{self.failed}: its own trace can be read with `torchdoctor profile --from FILE`")
            self._steps.leave()
            self._ended = True
            return
        self._begin(whole=True)
        self._timer = threading.Timer(self.schedule.seconds, self._long)
        self._timer.daemon = True
        self._timer.start()

    def step(self) -> None:
        """A step of the user's own telling has ended."""
        self._seen("user")

    def close(self) -> None:
        """The run is over: what is there is written."""
        if self._ended:
            return
        self._ended = True
        self._guarded(self._close)

    def _close(self) -> None:
        self._no_timer()
        self._steps.leave()
        if self._profiler is not None:
            self._finish()

    # -- steps ----------------------------------------------------------------------------------------------------

    def _seen(self, by: str) -> None:
        if self._ended or threading.get_ident() != self._thread:
            return
        if not self._by or RANKS.index(by) > RANKS.index(self._by):
            self._guarded(lambda: self._restart(by))
        elif by == self._by:
            self._guarded(self._tick)

    def _restart(self, by: str) -> None:
        """Steps are seen for the first time, or by a surer sign: what was recorded before is of no use."""
        if by == "loader" and not self._by and self._count == 0:
            self._count = 1  # one batch alone is no loop
            return
        self._by, self._count, self._last = by, 0, time.perf_counter()
        self.plain.clear()
        self._no_timer()
        dropped = self._profiler is not None
        if dropped:
            self._drop()
        for trace in self.traces:
            trace.unlink(missing_ok=True)
        self.traces.clear()
        self._cycles = 0
        if not dropped:
            self._after()

    def _tick(self) -> None:
        now = time.perf_counter()
        if self._profiler is None:
            self.plain.append(now - self._last)
        self._count += 1
        if self._profiler is None:
            self._after()
        else:
            self._left -= 1
            if self._left == 0:
                self._finish()
            else:
                self._profiler.step()
        self._last = time.perf_counter()

    def _after(self) -> None:
        """Open the window where its time has come, never in the step in which another was closed.

        We are inside of an annotation (``Optimizer.step``): its end would be written into what was freed with the
        profiler that was on at its begin, if another one were on by then.
        """
        if self._profiler is None and self._count >= self.schedule.wait and self._cycles < self.schedule.repeat:
            self._begin(whole=False)

    # -- the profiler ---------------------------------------------------------------------------------------------

    @staticmethod
    def _running() -> bool:
        asked = getattr(import_module("torch.autograd"), "_profiler_enabled", None)
        return bool(asked is not None and asked())

    def _begin(self, *, whole: bool) -> None:
        module = import_module("torch.profiler")
        if self._running():
            return
        self._whole, plan = whole, self.schedule
        options: dict[str, Any] = {}
        if not whole:
            options = {"record_shapes": True, "with_stack": self.detail, "profile_memory": self.detail}
            options["schedule"] = plan.of_torch(module)
            options["on_trace_ready"] = self._write
        self._left = plan.warmup + plan.active
        self._setup = setup()
        self._make_way()
        self._lines = Lines()
        self._profiler = module.profile(**options)
        self._profiler.start()
        self._lines.start()

    def _finish(self) -> None:
        """Close the window; torch hands out the trace at the end of its last step, or when it is stopped before."""
        profiler, self._profiler = self._profiler, None
        self._cycles += 1
        try:
            if not self._whole and self._left <= 0:
                profiler.step()
            profiler.stop()
            if self._whole:
                self._write(profiler)
        finally:
            self._done()

    def _drop(self) -> None:
        profiler, self._profiler = self._profiler, None
        profiler.on_trace_ready = None
        try:
            profiler.stop()
        finally:
            self._done()

    def _done(self) -> None:
        if self._lines is not None:
            self._lines.stop()
            self._lines = None
        for module, name, own in self._given_way:
            setattr(module, name, own)
        self._given_way.clear()

    def _described(self) -> str:
        """What the profiler does not know, as JSON: the user's lines, and how the run is set up."""
        lines = self._lines
        if lines is not None:
            lines.stop()
        told = dict(self._setup)
        if times := self.plain[1:]:  # the first may have set things up
            told["plain"] = round(median(times) * 1e6, 1)
        seen = {"places": lines.places, "stacks": lines.stacks, "samples": lines.samples} if lines is not None else {}
        return json.dumps({"setup": told, **seen}, allow_nan=False)

    def _write(self, profiler: Any) -> None:
        path = self.folder / trace_name()
        plain = path.with_suffix(".part")
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            profiler.export_chrome_trace(str(plain))
            packed(plain, path, self._described())
            self.traces.append(path)
        except Exception as error:  # a disk that is full: the program goes on
            with suppress(OSError):
                path.unlink(missing_ok=True)
            self.failed = f"{path} could not be written: {getattr(error, 'strerror', None) or error}"
            self.say(self.failed)
        finally:
            with suppress(OSError):
                plain.unlink(missing_ok=True)

    # -- others ---------------------------------------------------------------------------------------------------

    def _make_way(self) -> None:
        """There is room for one profiler: where the user's own starts inside our window, ours ends before it."""
        module = import_module("torch.autograd.profiler")
        for name in ("_prepare_profiler", "_enable_profiler"):
            own = getattr(module, name, None)
            if own is not None:
                setattr(module, name, self._yielding(own))
                self._given_way.append((module, name, own))

    def _yielding(self, own: Callable[..., Any]) -> Callable[..., Any]:
        def start(*arguments: Any, **options: Any) -> Any:
            if self._profiler is not None and not self._acting:
                self._guarded(self._give_way)
            return own(*arguments, **options)

        return start

    def _give_way(self) -> None:
        self.say("the program starts a profiler of its own: ours ends here, for there is room for one")
        self._ended = True
        self._close()

    def _no_timer(self) -> None:
        """Its thread has to be gone: torch crashes where a thread ends while stacks are recorded."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer.join(1.0)
            self._timer = None

    def _long(self) -> None:
        """No step was seen for long: the main thread closes the window before it eats the memory."""
        if self._whole and self._profiler is not None and not self._ended:
            self._call = _CALL(self._end_whole)
            ctypes.pythonapi.Py_AddPendingCall(self._call, None)

    def _end_whole(self, _: object) -> int:
        if self._whole and self._profiler is not None:
            self._guarded(self._finish)
        return 0

    def _guarded(self, act: Callable[[], None]) -> None:
        acting, self._acting = self._acting, True
        try:
            act()
        except Exception as error:
            if FAULTS_ARE_RAISED in os.environ:
                raise
            self._ended, self._profiler = True, None
            self._steps.leave()
            self._done()
            self.failed = f"the profiler failed ({type(error).__name__}: {error})"
            self.say(self.failed)
        finally:
            self._acting = acting


_CALL = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.c_void_p)
