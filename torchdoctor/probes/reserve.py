"""Addresses that are set aside where a process may have only so many (``ulimit -v``, some job schedulers).

Else there would be no room left to explain that there was none. Pages that nobody touches take no memory.
"""

from __future__ import annotations

import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    import mmap

_SIZE, _SHARE = 128 << 20, 16
_aside: list[mmap.mmap] = []


def set_aside() -> None:
    """Set some aside, a sixteenth of them at most; nothing where there is no limit."""
    if _aside or sys.platform == "win32":
        return
    try:
        import resource

        limit = resource.getrlimit(resource.RLIMIT_AS)[0]
        if limit != resource.RLIM_INFINITY:
            import mmap

            _aside.append(mmap.mmap(-1, min(_SIZE, limit // _SHARE)))
    except (ImportError, OSError, ValueError):
        return


def give_up() -> None:
    """Something has failed: now there is room for what explains it."""
    while _aside:
        _aside.pop().close()
