"""``with torchdoctor.guard(max_memory="2 GiB", no_nan=True):`` holds a block to limits; pytest's marker holds tests."""

from __future__ import annotations

import difflib
import re
import sys
from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import dataclass, fields, replace
from types import FrameType, TracebackType
from typing import Any

from torchdoctor.errors import TorchdoctorError
from torchdoctor.faces.verdict import Violated
from torchdoctor.finding import Finding, Span

_UNITS = {
    "": 1, "b": 1, "kb": 10**3, "mb": 10**6, "gb": 10**9, "tb": 10**12,
    "kib": 2**10, "mib": 2**20, "gib": 2**30, "tib": 2**40,
}  # fmt: skip
_SIZE = re.compile(r"\s*(\d+(?:\.\d+)?)\s*([a-z]*)\s*", re.IGNORECASE)


class GuardViolated(Violated):
    """A guarded test or block went beyond its limits: ``findings`` say where."""


class LimitsError(TorchdoctorError, ValueError):
    """A limit that is not known, or that has no such value."""


@dataclass(frozen=True)
class Limits:
    """What a test or block is held to.

    ``max_memory`` is in bytes. ``no_leaks`` looks at what is left at the end, ``no_growth`` at what a second run
    leaves, when caches are full. ``deterministic`` and ``no_growth`` run a test twice.
    """

    max_memory: int | None = None
    no_leaks: bool = False
    no_growth: bool = False
    no_nan: bool = False
    no_sync: bool = False
    no_graph_break: bool = False
    no_recompile: bool = False
    deterministic: bool = False

    @property
    def twice(self) -> bool:
        return self.deterministic or self.no_growth

    @property
    def any(self) -> bool:
        return any(getattr(self, one.name) not in (None, False) for one in fields(self))


_EAGER = ("max_memory", "no_nan", "deterministic")  # they look at every operation, for which torch.compile steps aside
_COMPILED = ("no_graph_break", "no_recompile")


def limits(given: Mapping[str, Any], defaults: Limits | None = None) -> Limits:
    """The limits of keywords; what they do not say is as in ``defaults``. Raises LimitsError."""
    known = {one.name for one in fields(Limits)}
    for name, value in given.items():
        if name not in known:
            near = difflib.get_close_matches(name, known, n=1)
            hint = f"did you mean {near[0]!r}? " if near else ""
            raise LimitsError(f"there is no limit {name!r}: {hint}The limits are {', '.join(sorted(known))}")
        if name != "max_memory" and type(value) is not bool:
            raise LimitsError(f"{name} is True or False, not {value!r}")
    said = {**given, **({"max_memory": size(given["max_memory"])} if given.get("max_memory") is not None else {})}
    found = replace(defaults or Limits(), **said)
    compiled = [name for name in _COMPILED if getattr(found, name)]
    eager = [name for name in _EAGER if getattr(found, name) not in (None, False)]
    if compiled and eager:
        if all(name in given for name in (compiled[0], eager[0])):
            raise LimitsError(
                f"{compiled[0]} and {eager[0]} do not go together: {eager[0]} looks at every operation, and "
                "torch.compile compiles nothing then; give each a test of its own"
            )
        # The nearer word counts, that of the test before that of the ini file.
        dropped = eager if compiled[0] in given else compiled
        off: dict[str, Any] = {name: None if name == "max_memory" else False for name in dropped}
        found = replace(found, **off)
    return found


def size(value: Any) -> int:
    """Bytes of "2 GiB", "500MB" or a number. Raises LimitsError."""
    if type(value) in (int, float) and value >= 0:
        return int(value)
    found = _SIZE.fullmatch(value) if isinstance(value, str) else None
    if found is None or found[2].lower() not in _UNITS:
        raise LimitsError(f"max_memory is a number of bytes, or a text like '2 GiB' or '500 MB', not {value!r}")
    return int(float(found[1]) * _UNITS[found[2].lower()])


class Guards:
    """The probes of some limits, to be entered around what is guarded; ``findings`` tells what they have seen."""

    def __init__(self, wanted: Limits, *, test: str = "", caller: Span | None = None, leaving: Any = None) -> None:
        from torchdoctor.probes.guards.compiling import NoGraphBreak, NoRecompile
        from torchdoctor.probes.guards.finite import NoNan
        from torchdoctor.probes.guards.memory import PeakMemory
        from torchdoctor.probes.guards.syncs import NoSync

        self._test, self._caller = test, caller
        made = {
            "no_graph_break": NoGraphBreak if wanted.no_graph_break else None,
            "no_recompile": NoRecompile if wanted.no_recompile else None,
            "no_sync": NoSync if wanted.no_sync else None,
            "no_nan": NoNan if wanted.no_nan else None,
        }
        self.probes: list[Any] = [kind() for kind in made.values() if kind is not None]
        if wanted.max_memory is not None:
            self.probes.append(PeakMemory(wanted.max_memory))
        if leaving is not None:
            self.probes.insert(0, leaving)  # around the others: what they set is not the block's doing
        self.around: Any = None  # a probe whose record is asked for later
        self._stack = ExitStack()

    def __enter__(self) -> Guards:
        for probe in (*([self.around] if self.around is not None else []), *self.probes):
            self._stack.enter_context(probe)
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    def findings(self) -> list[Finding]:
        return [one for probe in self.probes for one in self.examined(probe.record())]

    def examined(self, record: Any) -> list[Finding]:
        """What the signs find in a record; where there is no other place, at the test's line."""
        from torchdoctor.diagnose import examine

        found = examine(replace(record, test=self._test, caller=self._caller), on_error=_passed_over)
        return [one if one.at is not None else replace(one, at=self._caller) for one in found]


def _passed_over(rule: str, error: Exception) -> None:
    print(f"torchdoctor: {rule} could not look at this ({type(error).__name__}: {error})", file=sys.stderr)


class guard:
    """Hold a block to limits::

        with torchdoctor.guard(max_memory="2 GiB", no_nan=True, no_sync=True):
            step(model, batch)

    ``max_memory``: bytes, or a text; what the block adds. ``no_nan``: no operation gives NaN. ``no_sync``: nothing
    waits for the GPU (without one: nothing would). ``no_leaks``: no tensor with a graph is left that is no variable of
    the function. ``no_graph_break``, ``no_recompile``: of torch.compile. Raises GuardViolated (an AssertionError) when
    the block has ended; an exception of the block passes, and is never hidden. Raises LimitsError for unknown limits.
    """

    def __init__(self, **given: Any) -> None:
        self._limits = limits(given)
        twice = [name for name in ("deterministic", "no_growth") if getattr(self._limits, name)]
        if twice:
            raise LimitsError(
                f"{twice[0]} runs a whole test twice, which a block cannot: @pytest.mark.torchdoctor({twice[0]}=True)"
            )
        if not self._limits.any:
            raise LimitsError("guard takes at least one limit, as max_memory='2 GiB' or no_nan=True")

    def __enter__(self) -> guard:
        from torchdoctor.probes.guards.leaving import Leaving
        from torchdoctor.probes.places import span

        if "torch" not in sys.modules:
            import importlib

            importlib.import_module("torch")
        frame: FrameType = sys._getframe(1)
        leaving = Leaving(only_graphs=True, frame=frame) if self._limits.no_leaks else None
        caller = span((frame.f_code.co_filename, frame.f_lineno))
        self._guards = Guards(self._limits, caller=caller, leaving=leaving)
        self._guards.__enter__()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        __tracebackhide__ = True
        self._guards.__exit__()
        findings = self._guards.findings() if error is None else []
        del self._guards
        if findings:
            raise GuardViolated(title("the block", findings), findings)


def title(what: str, findings: list[Finding]) -> str:
    return f"{what} goes beyond its limits: {', '.join(dict.fromkeys(one.rule for one in findings))}"
