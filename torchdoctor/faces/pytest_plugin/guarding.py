"""``@pytest.mark.torchdoctor(max_memory="2 GiB", no_nan=True)``: holds a test to limits; ``torchdoctor_guards`` in the
ini file, every test.

A test that fails by itself keeps its own failure. What runs a test twice does so before the run that counts, with
fixtures of its own, and its outcome is nobody's. Hooks around a test stand in the frames of its failure, which
``--tb=native`` shows: so they are registered for the tests that have limits, and for no others.
"""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Generator
from typing import TYPE_CHECKING, Any

import pytest

from torchdoctor.faces.pytest_plugin.told import keep

if TYPE_CHECKING:
    from torchdoctor.faces.guards import Guards, Limits
    from torchdoctor.finding import Finding

MARK = "torchdoctor"
INI = "torchdoctor_guards"


class _State:
    """What is known of a test while it runs: its limits, the rehearsal's operations, what watches for leaks."""

    def __init__(self, limits: Limits) -> None:
        self.limits = limits
        self.rehearsing = False
        self.rehearsal: Any = None  # the operations of the first run
        self.guards: Guards | None = None
        self.leaving: Any = None
        self.passed = False
        self.told: str = ""


_STATE: pytest.StashKey[_State] = pytest.StashKey()
_REFUSED: pytest.StashKey[str] = pytest.StashKey()


def plugin(config: pytest.Config) -> Guarding:
    return Guarding(config)


class Guarding:
    def __init__(self, config: pytest.Config) -> None:
        from torchdoctor.faces.guards import LimitsError, limits

        self.config, self._around = config, _Around()
        words = [word for line in config.getini(INI) for word in [line.strip()] if word]
        try:
            self.defaults = limits(dict(_word(word) for word in words))
        except LimitsError as error:
            raise pytest.UsageError(f"{INI}: {error}") from None

    def pytest_collection_modifyitems(self, items: list[pytest.Item]) -> None:
        """Take the limits of each test from its marks, the nearest last. Raises pytest.UsageError."""
        from torchdoctor.faces.guards import LimitsError, limits

        for item in items:
            found = self.defaults if hasattr(item, "runtest") and isinstance(item, pytest.Function) else None
            for mark in reversed(list(item.iter_markers(MARK))):
                try:
                    if mark.args:
                        raise LimitsError(f"limits are keywords, as max_memory='2 GiB': {mark.args[0]!r} is none")
                    found = limits(mark.kwargs, found)
                except LimitsError as error:
                    self._refuse(item, f"@pytest.mark.torchdoctor: {error}")
            if found is not None and found.any:
                item.stash[_STATE] = _State(found)

    def _refuse(self, item: pytest.Item, fault: str) -> None:
        """A mark that says nothing known ends the run; in a worker process of pytest-xdist, its test."""
        if not hasattr(self.config, "workerinput"):
            raise pytest.UsageError(f"{item.nodeid}: {fault}")
        item.stash[_REFUSED] = fault

    @pytest.hookimpl(hookwrapper=True)
    def pytest_runtest_protocol(self, item: pytest.Item) -> Generator[None, Any, None]:
        """Have guards around a test that has limits; rehearse what has to run twice, from the same random numbers."""
        state = item.stash.get(_STATE, None)
        self._register(guarded=state is not None or _REFUSED in item.stash)
        if state is not None and state.limits.twice and _torch(item):
            from torchdoctor.probes.guards.repeating import Seeds

            seeds = Seeds()
            _rehearse(item, state)
            seeds.restore()
        yield

    def _register(self, *, guarded: bool) -> None:
        manager = self.config.pluginmanager
        if guarded and not manager.is_registered(self._around):
            manager.register(self._around, "torchdoctor-guards")
        elif not guarded and manager.is_registered(self._around):
            manager.unregister(self._around)

    @pytest.hookimpl(hookwrapper=True)
    def pytest_runtest_makereport(self, item: pytest.Item, call: pytest.CallInfo[Any]) -> Generator[None, Any, None]:
        """What a guard or `check_model` has raised is in the report as findings; a mark's is shown without frames."""
        outcome = yield
        verdict = sys.modules.get("torchdoctor.faces.verdict")
        error = call.excinfo.value if call.excinfo is not None else None
        if verdict is None or not isinstance(error, verdict.Violated) or outcome.excinfo is not None:
            return
        report = outcome.get_result()
        keep(report, error.findings)
        state = item.stash.get(_STATE, None)
        if state is not None and state.told == str(error) and report.failed:
            report.longrepr = str(error)


class _Around:
    """The hooks around a test that has limits."""

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtest_setup(self, item: pytest.Item) -> None:
        if _REFUSED in item.stash:
            pytest.fail(item.stash[_REFUSED], pytrace=False)

    @pytest.hookimpl(hookwrapper=True, trylast=True)
    def pytest_runtest_call(self, item: pytest.Item) -> Generator[None, Any, None]:
        """Innermost, so that the guards see the test's body and nothing else of pytest's."""
        state = item.stash.get(_STATE, None)
        if state is None or not _torch(item):
            yield
            return
        try:
            recording, guards = _entered(item, state)
        except Exception as fault:  # ours: the test runs unguarded
            _told(item, fault)
            yield
            return
        outcome = yield
        for one in (guards, recording):
            if one is not None:
                one.__exit__()
        # unittest keeps what its tests raise to itself.
        state.passed = outcome.excinfo is None and not getattr(item, "_excinfo", None)
        if state.rehearsing:
            state.rehearsal = recording if state.passed else None
            return
        if state.passed and guards is not None:
            try:
                findings = _findings(guards, state, recording)
            except Exception as fault:
                _told(item, fault)
                return
            if findings:
                state.passed = False
                _raise(outcome, item, findings)

    @pytest.hookimpl(hookwrapper=True, tryfirst=True)
    def pytest_runtest_teardown(self, item: pytest.Item) -> Generator[None, Any, None]:
        """Outermost, when the fixtures are gone: what is left now is left behind."""
        outcome = yield
        state = item.stash.get(_STATE, None)
        if state is None or state.leaving is None or state.guards is None or state.rehearsing:
            return
        leaving, state.leaving = state.leaving, None
        if state.passed and outcome.excinfo is None:
            _let_go(item)
            try:
                findings = state.guards.examined(leaving.record())
            except Exception as fault:
                _told(item, fault)
                return
            if findings:
                _raise(outcome, item, findings)


def _word(word: str) -> tuple[str, Any]:
    """ "no_nan", "max_memory = 2 GiB", "no_leaks = false"."""
    name, equals, value = (part.strip() for part in word.partition("="))
    if not equals:
        return name, True
    return name, {"true": True, "false": False}.get(value.lower(), value)


def _torch(item: pytest.Item) -> bool:
    """Whether torch is there; a test that is marked loads it."""
    if "torch" not in sys.modules and item.get_closest_marker(MARK) is not None:
        import importlib.util

        if importlib.util.find_spec("torch") is not None:
            importlib.import_module("torch")
    return "torch" in sys.modules


def _entered(item: pytest.Item, state: _State) -> tuple[Any, Guards | None]:
    """The guards of this run, entered: of a rehearsal only what notes the operations."""
    from torchdoctor.faces.guards import Guards
    from torchdoctor.probes.guards.leaving import Leaving
    from torchdoctor.probes.guards.repeating import Recording
    from torchdoctor.probes.places import span

    recording = Recording() if state.limits.deterministic else None
    guards = None
    if not state.rehearsing:
        path, line, _ = item.reportinfo()
        caller = span((str(path), (line or 0) + 1))
        guards = state.guards = Guards(state.limits, test=item.name, caller=caller)
        if state.limits.no_leaks or state.limits.no_growth:
            state.leaving = Leaving()
            guards.around = state.leaving
    for one in (recording, guards):
        if one is not None:
            one.__enter__()
    return recording, guards


def _findings(guards: Guards, state: _State, recording: Any) -> list[Finding]:
    findings = guards.findings()
    if recording is not None and state.rehearsal is not None:
        from torchdoctor.probes.guards.repeating import compared

        findings += guards.examined(compared(state.rehearsal, recording))
    return findings


def _let_go(item: pytest.Item) -> None:
    """Of the fixtures, as pytest does next; and of the instance of the test's class, which would stay with the item,
    and what the test has put into it."""
    getattr(item, "funcargs", {}).clear()
    if getattr(item, "cls", None) is not None:
        for name in ("_obj", "_instance"):  # made anew where somebody asks for them, as those of unittest are
            vars(item).pop(name, None)


def _told(item: pytest.Item, fault: Exception) -> None:
    """A fault of ours is a warning, and nobody's failure."""
    text = f"torchdoctor could not guard {item.nodeid} ({type(fault).__name__}: {fault})"
    with contextlib.suppress(Exception):
        item.warn(pytest.PytestWarning(text))


def _rehearse(item: pytest.Item, state: _State) -> None:
    """Run the test with its fixtures, and forget what came of it; the fixtures of its class and module stay."""
    from _pytest.runner import runtestprotocol

    state.rehearsing = True
    try:
        with _unreported(item):
            runtestprotocol(item, log=False, nextitem=item.parent)  # type: ignore[arg-type]
    finally:
        state.rehearsing = False
    item._report_sections.clear()
    if getattr(item, "_excinfo", None):
        item._excinfo = None  # type: ignore[attr-defined]


@contextlib.contextmanager
def _unreported(item: pytest.Item) -> Generator[None, None, None]:
    """Subtests report by themselves: of a rehearsal they do not."""
    name = "pytest_runtest_logreport"
    counts: dict[Any, int] = {}
    with contextlib.suppress(ImportError, KeyError):  # pytest 9 and later counts those that failed
        from _pytest import subtests

        counts = item.config.stash[subtests.failed_subtests_key]  # type: ignore[index]
    counted = dict(counts)
    relays = {id(relay): relay for relay in (item.ihook, item.config.hook)}.values()
    before = [(relay, vars(relay).get(name)) for relay in relays]
    for relay in relays:
        setattr(relay, name, lambda **_: [])
    try:
        yield
    finally:
        for relay, caller in before:
            if caller is not None:
                setattr(relay, name, caller)
            else:
                delattr(relay, name)
        counts.clear()
        counts.update(counted)


def _raise(outcome: Any, item: pytest.Item, findings: list[Finding]) -> None:
    """Have the phase fail with the findings."""
    from torchdoctor.faces.guards import GuardViolated, title

    error = GuardViolated(title(f"`{item.name}`", findings), findings)
    item.stash[_STATE].told = str(error)
    try:
        raise error
    except GuardViolated as raised:
        outcome.force_exception(raised)
