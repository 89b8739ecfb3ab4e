"""What the processes of ``torch.multiprocessing.spawn`` raise: it reaches the program as text only, without operands.

A process of that kind writes the text of its traceback to a file, pickled, and ``join`` raises it again. In place of
torch's ``_wrap``, which each process runs, stands our ``wrap``: behind the text it writes the record of the failure,
looked at while its frames are still there. torch reads the first of the two and its text stays what it is; as long as
nothing fails nothing of ours runs.
"""

from __future__ import annotations

import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from types import ModuleType
    from typing import IO, Any


_SPAWN = "torch.multiprocessing.spawn"
_WRAP = "_wrap"


def watch_spawned() -> None:
    """Have processes that are started from now on send the record of their failure. Does not load torch."""
    from torchdoctor.probes.loading import when_loaded

    when_loaded(_SPAWN, _put_in)


def leave_spawned() -> None:
    """Take that back, for processes that are started from now on."""
    from torchdoctor.probes.loading import wait_no_longer

    wait_no_longer(_put_in)
    module = sys.modules.get(_SPAWN)
    if module is not None and getattr(module, _WRAP, None) is wrap:
        setattr(module, _WRAP, module._torchdoctor_wrap)


def _put_in(module: ModuleType) -> None:
    own = getattr(module, _WRAP, None)
    if own is not None and own is not wrap and hasattr(module, "pickle"):
        module._torchdoctor_wrap = own  # type: ignore[attr-defined]
        setattr(module, _WRAP, wrap)


def wrap(*arguments: Any) -> Any:
    """torch's own, in the process that was started; what it writes gets the record behind it."""
    from importlib import import_module

    module = import_module(_SPAWN)
    module.pickle = _Pickle(module.pickle)  # type: ignore[attr-defined]
    own = getattr(module, "_torchdoctor_wrap", None) or getattr(module, _WRAP)
    return own(*arguments)


class _Pickle:
    """The module of that name, which writes the exception that is handled behind the text of it."""

    def __init__(self, module: Any) -> None:
        self._module = module

    def __getattr__(self, name: str) -> Any:
        return getattr(self._module, name)

    def dump(self, text: object, file: IO[bytes]) -> None:
        self._module.dump(text, file)
        try:
            from torchdoctor.probes.failure import failure_of

            error = sys.exc_info()[1]
            if isinstance(error, Exception):
                file.write(self._module.dumps(failure_of(error)))
        except Exception:  # then the text has to do
            return
