"""``torchdoctor.watch(...)``: memory and time of a run, from step to step, and what is wrong with them."""

from __future__ import annotations

import atexit
import functools
import os
import sys
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, TypeVar, cast

from torchdoctor.errors import FAULTS_ARE_RAISED

if TYPE_CHECKING:
    from torchdoctor.finding import Finding
    from torchdoctor.step_record import StepRecord, WatchRecord

_F = TypeVar("_F", bound=Callable[..., Any])


class watch:
    """Watch the training in this block, without a change to it, and tell at its end what is wrong::

        with torchdoctor.watch("runs/first") as run:
            train()
        run.findings, run.record

    ``folder`` is where the record goes: one file a rank, of JSON lines, safe against ``kill -9`` and bounded;
    ``torchdoctor watch FOLDER`` shows it, then or while it runs. Without a folder it is kept in memory. What ends a
    step is the optimizer's step; where you know better, call ``run.step()`` after each, with the loss as a number if
    you like. ``writer`` is a SummaryWriter of TensorBoard, which is given the scalars too. ``quiet`` tells nothing at
    the end. As a decorator it watches each call; ``start()`` and ``stop()`` serve where there is no block.
    """

    def __init__(
        self, folder: str | os.PathLike[str] | None = None, *, writer: Any = None, quiet: bool = False
    ) -> None:
        from torchdoctor.probes.watch import Watch

        self.folder = Path(folder).absolute() if folder is not None else None
        self.quiet = quiet
        self.findings: list[Finding] = []
        self._writer = writer
        self._watch = Watch(self.folder, _told, self._scalars if writer is not None else None)

    # -- from here to there -------------------------------------------------------------------------------------------

    def start(self) -> watch:
        """Begin. Watches may lie in each other: each makes its own record."""
        if self._watch.running:
            raise RuntimeError("this watch runs already: for another one call torchdoctor.watch() again")
        self._watch.start()
        return self

    def step(self, loss: float | None = None) -> None:
        """Say that a step has ended; from then on steps are what you say."""
        self._watch.step(loss)

    def stop(self, ended: str = "finished") -> list[Finding]:
        """End it, tell on standard error what is wrong, and return it."""
        if not self._watch.running or os.getpid() != self._watch.process:
            return self.findings
        record = self._watch.stop(ended)
        try:
            from torchdoctor.faces.watched import judged, verdict
            from torchdoctor.faces.watched_files import others

            ranks = others(self.folder, record)
            self.findings = judged(ranks or [record])
            if not self.quiet and (record.rank == 0 or record.world == 1):
                _say(verdict(ranks or [record], self.findings, _paint(), self.folder))
        except Exception as fault:
            if FAULTS_ARE_RAISED in os.environ:
                raise
            _told(f"could not judge the watched run ({type(fault).__name__}: {fault})")
        return self.findings

    def discard(self) -> None:
        """End it, tell nothing, and leave no record behind."""
        if self._watch.running and os.getpid() == self._watch.process:
            self._watch.stop()
            if self._watch.journal.path is not None:
                with suppress(OSError):  # the folder may hold more than this
                    path = self._watch.journal.path
                    path.unlink()
                    path.parent.rmdir()
                    if path.parent.parent.name == "runs":
                        path.parent.parent.rmdir()

    @property
    def record(self) -> WatchRecord:
        """What is recorded by now: a ``torchdoctor.step_record.WatchRecord``."""
        return self._watch.record

    def __enter__(self) -> watch:
        return self.start()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.stop(ending(kind))

    def __call__(self, function: _F) -> _F:
        @functools.wraps(function)
        def watched(*arguments: Any, **options: Any) -> Any:
            with watch(self.folder, writer=self._writer, quiet=self.quiet):
                return function(*arguments, **options)

        return cast(_F, watched)

    def _scalars(self, steps: Sequence[StepRecord]) -> None:
        from torchdoctor.faces.tensorboard import write

        write(self._writer, steps, self._watch.journal.record.started)


def ending(kind: type[BaseException] | None) -> str:
    """How a program ended, by the class of the exception that ended it; None is well."""
    if kind is None or (issubclass(kind, SystemExit)):
        return "finished"
    return "interrupted" if issubclass(kind, KeyboardInterrupt) else f"raised {kind.__name__}"


def watch_program(folder: Path) -> None:
    """``torchdoctor run --watch``: from now to the end of the program."""
    run = watch(folder).start()

    name = (sys.argv or [""])[0]
    there = name in ("", "-", "-c", "-m") or os.path.exists(name)

    def ended() -> None:
        # Of a program that is not there Python has said so, and there is nothing to add.
        if not there or (name == "-m" and sys.argv[:1] == ["-m"]):
            run.discard()
        run.stop(ending(getattr(sys, "last_type", None)))

    atexit.register(ended)


def default_folder(program: str, now: float) -> Path:
    """Where the record of a program goes that is told no folder: "runs/train-20260131-094500".

    The ranks of one torchrun must agree on it, and begin at different times: their parent is the same.
    """
    name = Path(program).stem or "program"
    if os.environ.get("RANK", "").isdigit():
        return Path("runs") / f"{name}-job{os.getppid()}"
    return Path("runs") / f"{name}-{time.strftime('%Y%m%d-%H%M%S', time.localtime(now))}"


# -- telling -----------------------------------------------------------------------------------------------------------


def _told(text: str) -> None:
    from torchdoctor.faces.telling import told

    told(text)


def _paint() -> Any:
    from torchdoctor.faces.paint import Paint, wants_color, width_of

    return Paint(wants_color("auto", sys.stderr), width_of(sys.stderr))


def _say(text: str) -> None:
    stream = sys.stderr
    if stream is None:
        return
    encoding = getattr(stream, "encoding", None) or "utf-8"
    stream.write("\n" + text.encode(encoding, "backslashreplace").decode(encoding))
    stream.flush()


class WatchingCallback:
    """What the callbacks of training frameworks share: where the record goes, and what was found."""

    def __init__(self, folder: str | os.PathLike[str] | None = None, *, quiet: bool = False) -> None:
        self.folder, self.quiet = folder, quiet
        self.run: watch | None = None

    @property
    def findings(self) -> list[Finding]:
        return self.run.findings if self.run is not None else []
