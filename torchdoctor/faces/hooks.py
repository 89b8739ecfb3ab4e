"""``torchdoctor.install()``: explain what ends a program, a thread or a notebook's cell, after its own traceback.

Loads nothing heavy and no torch; until something fails there is nothing on the program's way. Whatever hooks stand
there are kept and called first, and hooks that are set later and call those before them (torch sets one in
``init_process_group``, to name the rank on each line) call ours with them.
"""

from __future__ import annotations

import sys
import threading

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from types import TracebackType
    from typing import Any

_inside = threading.local()  # set while a hook of ours runs: one that lies deeper in the chain then says nothing
_hooks: list[_Hook] = []
_TRACEBACK = BaseException.__dict__["__traceback__"]  # read so, an exception's own code is not run


class _Hook:
    """Calls the hook that stood there before, then tells what is known. Passes on only, once ``active`` is False."""

    def __init__(self, before: Callable[..., Any]) -> None:
        self.before = before
        self.active = True

    def __call__(self, *arguments: Any, **options: Any) -> Any:
        if not self.active or getattr(_inside, "busy", False):
            return self.before(*arguments, **options)
        _inside.busy = True
        try:
            result = self.before(*arguments, **options)
            self._say(arguments)
            return result
        finally:
            _inside.busy = False

    def _say(self, arguments: tuple[Any, ...]) -> None:
        """Tell what is known. A fault of ours, at a time when Python is half gone perhaps, is one line at most."""
        try:
            error = self._error(arguments)
            if error is not None:
                _tell(error)
        except KeyboardInterrupt:  # the user has seen enough
            return
        except BaseException as fault:
            if sys is not None and sys.stderr is not None:
                sys.stderr.write(f"torchdoctor: could not explain this failure ({type(fault).__name__})\n")

    def _error(self, arguments: tuple[Any, ...]) -> BaseException | None:
        raise NotImplementedError


class _Program(_Hook):
    def _error(self, arguments: tuple[Any, ...]) -> BaseException | None:
        _, error, traceback = arguments
        return _with(error, traceback)


class _Thread(_Hook):
    def _error(self, arguments: tuple[Any, ...]) -> BaseException | None:
        return _with(arguments[0].exc_value, arguments[0].exc_traceback)


class _Cell(_Hook):
    """Of IPython: it shows what a cell raised itself, and never calls sys.excepthook."""

    def _error(self, arguments: tuple[Any, ...]) -> BaseException | None:
        given = arguments[0] if arguments and isinstance(arguments[0], tuple) else sys.exc_info()
        return _with(given[1], given[2])


def _with(error: BaseException | None, traceback: TracebackType | None) -> BaseException | None:
    """The exception with the traceback that was shown, where it carries none itself."""
    if error is not None and _TRACEBACK.__get__(error) is None and traceback is not None:
        _TRACEBACK.__set__(error, traceback)
    return error


def _tell(error: BaseException) -> None:
    """What is no error, or has nothing to do with torch, costs nothing here."""
    if isinstance(error, Exception) and "torch" in sys.modules:
        if (reserve := sys.modules.get("torchdoctor.probes.reserve")) is not None:
            reserve.give_up()
        from torchdoctor.faces.telling import tell

        tell(error)


def install() -> None:
    """Explain from now on what nobody catches: in the program, in its threads, in IPython and Jupyter, after the
    traceback, on standard error.

    The exception, its traceback and the exit code stay as they are. Of ``KeyboardInterrupt``, ``SystemExit`` and errors
    that are not torch's nothing is said. What DataLoader workers raise comes with notes on the sample, and a crash in
    C++ leaves a file that ``torchdoctor explain`` reads. To call it again does no harm.
    """
    if not _stands(sys.excepthook):
        sys.excepthook = _kept(_Program(sys.excepthook))
    if not _stands(threading.excepthook):
        threading.excepthook = _kept(_Thread(threading.excepthook))
    shell = _shell()
    if shell is not None and not _stands(shell.showtraceback):
        shell.showtraceback = _kept(_Cell(shell.showtraceback))
    from torchdoctor.faces import crashes
    from torchdoctor.probes import loading, reserve, spawned

    reserve.set_aside()
    loading.watch_loaders()
    spawned.watch_spawned()
    crashes.watch()


def uninstall() -> None:
    """Take back what ``install`` has done. A hook that others have built upon stays with them and only passes on."""
    for hook in _hooks:
        hook.active = False
    if isinstance(sys.excepthook, _Hook):
        sys.excepthook = sys.excepthook.before
    if isinstance(threading.excepthook, _Hook):
        threading.excepthook = threading.excepthook.before
    shell = _shell()
    if shell is not None and isinstance(shell.__dict__.get("showtraceback"), _Hook):
        del shell.showtraceback
    _hooks.clear()
    from torchdoctor.faces import crashes
    from torchdoctor.probes import loading, reserve, spawned

    reserve.give_up()
    loading.leave_loaders()
    spawned.leave_spawned()
    crashes.leave()


def _stands(hook: object) -> bool:
    return isinstance(hook, _Hook) and hook.active


def _kept(hook: _Hook) -> _Hook:
    _hooks.append(hook)
    return hook


def _shell() -> Any:
    """The IPython shell that we run in, where there is one."""
    ipython = sys.modules.get("IPython")
    return ipython.get_ipython() if ipython is not None and hasattr(ipython, "get_ipython") else None
