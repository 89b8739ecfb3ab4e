"""Which line of the user's the main thread is at, looked at many times a second from a thread of our own.

The profiler's own stacks know functions, not lines. A look costs some microseconds and runs no code of the user's.
"""

from __future__ import annotations

import sys
import threading
import time
from types import FrameType

from torchdoctor.probes.packages import package_of

EVERY = 0.005
_MOST = 100_000


class Lines:
    """Looks from ``start`` to ``stop``. ``samples`` are Unix times in microseconds, with the number of the place."""

    def __init__(self) -> None:
        self.samples: list[tuple[float, int]] = []
        self.places: list[tuple[str, int, str]] = []
        self._numbers: dict[tuple[str, int, str], int] = {}
        self._of = threading.get_ident()
        self._stop = threading.Event()
        self._thread: threading.Thread | None = None

    def start(self) -> None:
        self._thread = threading.Thread(target=self._look, name="torchdoctor lines", daemon=True)
        self._thread.start()

    @property
    def running(self) -> bool:
        return self._thread is not None and not self._stop.is_set()

    def stop(self) -> None:
        self._stop.set()
        if self._thread is not None and self._thread is not threading.current_thread():
            self._thread.join(1.0)

    def _look(self) -> None:
        while not self._stop.wait(EVERY) and len(self.samples) < _MOST:
            frame = sys._current_frames().get(self._of)
            now = time.time_ns() / 1000
            if (place := _innermost(frame)) is not None:
                number = self._numbers.setdefault(place, len(self._numbers))
                if number == len(self.places):
                    self.places.append(place)
                self.samples.append((now, number))
            del frame


def _innermost(frame: FrameType | None) -> tuple[str, int, str] | None:
    """The innermost frame of the user's own code in a file: unlike ``places.asking``, no generated code."""
    while frame is not None:
        code = frame.f_code
        package = package_of(code.co_filename)
        if (not package and not code.co_filename.startswith("<")) or code.co_filename.startswith("<ipython"):
            return code.co_filename, frame.f_lineno, code.co_name
        frame = frame.f_back
    return None
