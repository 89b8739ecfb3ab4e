"""What torch.compile does in a block: where it breaks the graph, and what it compiles again.

Nothing compiled is left from before, so that what a test sees does not hang on the tests before it.
"""

from __future__ import annotations

import logging
import re
from importlib import import_module
from typing import Any

from torchdoctor.guard_record import BreakRecord, RecompileRecord
from torchdoctor.probes.places import span
from torchdoctor.probes.plain import loaded

_LOGGER = "torch._dynamo.guards.__recompiles"
_HEAD = re.compile(r"Recompiling function (\S+) in (.+):(\d+)")
_GUARD = re.compile(r"^\s*- (?:\d+/\d+: )?(.+?)(?:\s+# .*)?$", re.MULTILINE)
_LONGEST = 110


class NoGraphBreak:
    def __init__(self) -> None:
        self._found: list[tuple[Any, str]] = []
        self._from = 0

    def __enter__(self) -> NoGraphBreak:
        self._reasons: list[Any] = import_module("torch._dynamo.utils").graph_break_reasons
        loaded("torch").compiler.reset()
        self._from = len(self._reasons)
        return self

    def __exit__(self, *_: object) -> None:
        for one in self._reasons[self._from :]:
            frame = one.user_stack[-1] if one.user_stack else None
            place = span((frame.filename, frame.lineno)) if frame is not None and frame.lineno else None
            self._found.append((place, _words(one.reason)))

    def record(self) -> BreakRecord:
        return BreakRecord(tuple(dict.fromkeys(self._found)))


class NoRecompile:
    def __init__(self) -> None:
        self._found: list[tuple[str, Any, str]] = []

    def __enter__(self) -> NoRecompile:
        self._state = import_module("torch._logging._internal").log_state
        import_module("torch._dynamo")
        loaded("torch").compiler.reset()
        self._logger = logging.getLogger(_LOGGER)
        self._before = self._logger.level, self._logger.propagate, self._state.is_artifact_enabled("recompiles")
        self._handler = _Collecting(self._found)
        self._logger.addHandler(self._handler)
        self._logger.setLevel(logging.DEBUG)
        if not self._before[2]:
            self._logger.propagate = False  # the user has not asked to see them
            self._state.enable_artifact("recompiles")
        return self

    def __exit__(self, *_: object) -> None:
        level, propagate, enabled = self._before
        self._logger.removeHandler(self._handler)
        self._logger.setLevel(level)
        self._logger.propagate = propagate
        if not enabled:
            self._state.artifact_names.discard("recompiles")

    def record(self) -> RecompileRecord:
        return RecompileRecord(tuple(dict.fromkeys(self._found)))


class _Collecting(logging.Handler):
    def __init__(self, found: list[tuple[str, Any, str]]) -> None:
        super().__init__(logging.DEBUG)
        self.found = found

    def emit(self, record: logging.LogRecord) -> None:
        text = record.getMessage()
        if head := _HEAD.search(text):
            guard = _GUARD.search(text)
            place = span((head[2], int(head[3])))
            self.found.append((_function(head[1]), place, _words(guard[1]) if guard is not None else ""))


def _function(name: str) -> str:
    """The user's function that a resumed part is of."""
    return re.sub(r"^torch_dynamo_resume_in_(.+)_at_\d+$", r"\1", name)


def _words(text: str) -> str:
    first = next((row.strip() for row in text.splitlines() if row.strip()), "").replace("`", "'")
    if len(first) > _LONGEST:
        first = first[:_LONGEST].rpartition(" ")[0] + " (and more)"
    return first.rstrip(".!: ")
