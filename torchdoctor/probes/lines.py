"""Which line of the user's the main thread is at, looked at many times a second from a thread of our own.

The profiler's own stacks know functions, not lines. A look costs some microseconds and runs no code of the user's.
"""

from __future__ import annotations

import sys
import threading
import time
from types import FrameType

from torchdoctor.probes.packages import package_of

EVERY, _RARELY = 0.001, 5  # often in a window of some short steps, and then less and less often
_SWITCH = 0.0003  # seconds after which the main thread lets us look
_MOST, _DEEPEST = 100_000, 12
_PARTS = ("<listcomp>", "<genexpr>", "<dictcomp>", "<setcomp>", "<lambda>")  # of the function around them

Line = tuple[str, int, str]  # path, line, function


class Lines:
    """Looks from ``start`` to ``stop``. ``samples`` are Unix times in microseconds, with the number of the stack: the
    numbers of the places in it, innermost first.

    Meanwhile threads take turns faster than Python's 5 ms: with those the look falls where the main thread lets go of
    its own accord, in operators and files, and a loop of pure Python is hardly ever seen.
    """

    def __init__(self) -> None:
        self.samples: list[tuple[float, int]] = []
        self.stacks: list[list[int]] = []
        self.places: list[Line] = []
        self._numbers: dict[Line, int] = {}
        self._known: dict[tuple[Line, ...], int] = {}
        self._of = threading.get_ident()
        self._stop = threading.Event()
        self._thread: threading.Thread | None = None
        self._switch: float | None = None  # the program's own

    def start(self) -> None:
        if (own := sys.getswitchinterval()) > _SWITCH:
            self._switch = own
            sys.setswitchinterval(_SWITCH)
        self._thread = threading.Thread(target=self._look, name="torchdoctor lines", daemon=True)
        self._thread.start()

    @property
    def running(self) -> bool:
        return self._thread is not None and not self._stop.is_set()

    def stop(self) -> None:
        self._stop.set()
        if self._switch is not None and abs(sys.getswitchinterval() - _SWITCH) < 1e-6:  # the program has set no other
            sys.setswitchinterval(self._switch)
        self._switch = None
        if self._thread is not None and self._thread is not threading.current_thread():
            self._thread.join(1.0)

    def _look(self) -> None:
        while not self._stop.wait(self._pause()) and len(self.samples) < _MOST:
            frame = sys._current_frames().get(self._of)
            now = time.time_ns() / 1000
            if stack := _stack(frame):
                self.samples.append((now, self._number(stack)))
            del frame

    def _pause(self) -> float:
        return EVERY * min(1 + len(self.samples) // 200, _RARELY)

    def _number(self, stack: tuple[Line, ...]) -> int:
        if stack not in self._known:
            for line in stack:
                if line not in self._numbers:
                    self._numbers[line] = len(self.places)
                    self.places.append(line)
            self._known[stack] = len(self.stacks)
            self.stacks.append([self._numbers[line] for line in stack])
        return self._known[stack]


def _stack(frame: FrameType | None) -> tuple[Line, ...]:
    """The lines of the user's own code in files, innermost first: unlike ``places.asking``, no generated code.

    A comprehension or a lambda is told as a part of the function that it stands in.
    """
    found: list[Line] = []
    part: Line | None = None
    while frame is not None and len(found) < _DEEPEST:
        code = frame.f_code
        if _users(code.co_filename):
            here = (code.co_filename, frame.f_lineno, code.co_name)
            if part is not None and part[0] == here[0]:
                here = (part[0], part[1], code.co_name)
            if code.co_name in _PARTS:
                part = here
            else:
                found.append(here)
                part = None
        frame = frame.f_back
    return (*found, part) if part is not None else tuple(found)


def _users(path: str) -> bool:
    return path.startswith("<ipython") or (not path.startswith("<") and not package_of(path))
