"""The host's side of a trace: on each thread events lie in each other, and each moment is credited to the innermost."""

from __future__ import annotations

from collections import Counter, defaultdict

from torchdoctor.trace_record import Place
from torchdoctor.traces.collectives import Collectives
from torchdoctor.traces.names import Kind, Name
from torchdoctor.traces.stack import Launch, Open, Thread, crossed
from torchdoctor.traces.tallies import Tallies, Tally, sums
from torchdoctor.traces.window import Window

_PYTHON = (Kind.PYTHON, Kind.ANNOTATION)  # the time in them is the interpreter's
_OVERRIDDEN = ("", "other", "forward")
_WHOLE = ("print", "deepcopy", "save", "load")  # what they do on the way, reading and copying, is theirs
_CONVOLVED = "aten::convolution_backward"
_BLIND = 2000.0  # microseconds: so soon after an act that let nobody look, the line seen is its own
_NOT_OF_THE_STEP = ("input", "backward", "optimizer", "communication")  # what these compute is theirs to do
Sample = tuple[float, tuple[Place, ...]]  # a time, and the user's lines then, innermost first


class Host:
    def __init__(self, window: Window, main: int, samples: list[Sample]) -> None:
        self.window, self.main = window, main
        self.operators, self.modules, self.functions = Tallies(), Tallies(), Tallies()
        self.acts, self.syncs, self.allocations = Tallies(), Tallies(), Tallies()
        self.phases = [sums() for _ in range(len(window))]
        self.engine: defaultdict[int, float] = defaultdict(float)  # backward on other threads, by step
        self.launches = self.operations = 0
        self.collectives = Collectives(window)
        self.pending: dict[int, Launch] = {}
        self.waits: list[tuple[float, Tally]] = []  # the ends of syncs that the GPU has not gone on after
        self.lines: Counter[tuple[Place, str]] = Counter()
        self._threads: dict[int, Thread] = {}
        self._engine_end = 0.0
        self._samples = samples
        self._seen = 0
        self._blind: tuple[Tally, float] | None = None  # the act that ended last, and when

    # -- events ---------------------------------------------------------------------------------------------------

    def begin(self, track: int, name: Name, start: float, end: float, link: int, dtype: str, shape: str) -> None:
        thread = self._threads.get(track)
        if thread is None:
            thread = self._threads[track] = Thread(cursor=start)
        stack = thread.stack
        while stack and (stack[-1].end <= start or crossed(stack[-1], start, end)):
            stack[-1].end = min(stack[-1].end, start)
            self._close(track, thread)
        parent = stack[-1] if stack else None
        inside = self.window.at(start) >= 0
        opened = self._opened(name, start, end, parent, thread)
        if dtype.startswith("layout ") and any(one.name.text == _CONVOLVED for one in stack[-3:]):
            dtype = dtype.replace("layout", "inner")  # torch's own way of doing it
        opened.dtype, opened.shape, opened.since = dtype, shape, start
        if link and thread.model is not None and name.kind is Kind.OPERATOR:
            thread.model.recorded = True
        if parent is not None:
            opened.end = end = min(end, parent.end)
            if start > parent.cursor:
                self._credit(track, parent, parent.cursor, start)
            parent.cursor = end
        elif track == self.main and start > thread.cursor:
            self._between(thread, opened.phase, start)
        if track != self.main and opened.phase == "backward" and parent is None:
            self._on_engine(start, end)
        if track != self.main and name.collective:
            self.collectives.ran(start, end)
        if name.kind is Kind.RUNTIME:
            self._runtime(opened, start, end, link, inside)
            if (outermost := next((one for one in stack if one.outermost), None)) is not None:
                outermost.launched = True
        self._count(opened, start, end, parent, thread, inside)
        stack.append(opened)

    def _opened(self, name: Name, start: float, end: float, parent: Open | None, thread: Thread) -> Open:
        phase = parent.phase if parent is not None else ""
        if name.phase and (phase in _OVERRIDDEN or name.phase == "communication"):
            phase = name.phase
        elif name.kind is Kind.OPERATOR and phase in ("", "other"):
            phase = "forward"
        if name.call == "copy":
            phase = "copies" if phase in _OVERRIDDEN else phase
        operator = self.operators[name.text] if name.kind is Kind.OPERATOR else parent.operator if parent else None
        place = name.place or (parent.place if parent is not None else None)
        whole = parent is not None and parent.act is not None and parent.act.name in _WHOLE
        doing = "" if whole else name.act
        act = self.acts[doing] if doing else parent.act if parent else None
        function = self.functions[name.text] if name.place is not None else parent.function if parent else None
        owner = function if name.place is not None else parent.owner if parent and not name.torchs else None
        module = self.modules[name.module] if name.module else parent.module if parent else None
        opened = Open(name, end, start, phase, place, operator, act, function, owner, module)
        opened.doing = doing
        opened.outermost = name.kind is Kind.OPERATOR and (parent is None or parent.operator is None)
        if name.act == "forward" and thread.model is None:
            thread.model = opened
        if parent is not None and name.place is None:
            opened.callee = parent.callee or name.callee
        return opened

    def _count(self, one: Open, start: float, end: float, parent: Open | None, thread: Thread, inside: bool) -> None:
        """Calls and whole times; what is nested in itself is counted once."""
        name = one.name
        if not (name.kind is Kind.OPERATOR or one.doing or name.module or name.place):
            return
        length = self.window.inside(start, end)
        nested = parent is not None and parent.operator is one.operator  # an overload that calls another
        if name.kind is Kind.OPERATOR and one.operator is not None and not nested:
            self.operations += inside and one.outermost
            one.operator.calls += inside
            one.operator.total += length
            if one.place is not None and length:
                one.operator.places[one.place] += length
        for key, tally in ((one.doing, one.act), (name.module, one.module), (name.place and name.text, one.function)):
            if not key or tally is None:
                continue
            mark = f"{tally.name}\0{key}" if tally is not one.act else key
            if not thread.depth[mark]:
                tally.calls += inside
                tally.total += length
                if one.place is not None and length:
                    tally.places[one.place] += length
                tally.phases[one.phase or "other"] += length
            thread.depth[mark] += 1

    def _runtime(self, one: Open, start: float, end: float, link: int, inside: bool) -> None:
        call = one.name.call
        if call in ("launch", "copy") or one.name.text.endswith("MemsetAsync"):
            self.launches += inside
        if link and call != "sync":
            self.pending[link] = Launch(
                one.operator, one.place, one.dtype, one.phase, end, "GraphLaunch" in one.name.text
            )
        if call == "allocation" and inside:
            tally = self.allocations[one.name.text]
            tally.calls += 1
            tally.total += end - start
            if one.place is not None:
                tally.places[one.place] += 1
        if call == "sync" and inside:
            operator = one.operator.name if one.operator is not None else ""
            one.sync = tally = self.syncs[f"{one.name.text}\0{operator}\0{one.place or ''}"]
            tally.calls += 1
            tally.total += end - start
            if one.place is not None:
                tally.places[one.place] += 1
            self.waits.append((end, tally))

    # -- time -----------------------------------------------------------------------------------------------------

    def _close(self, track: int, thread: Thread) -> None:
        one = thread.stack.pop()
        if one.end > one.cursor:
            self._credit(track, one, one.cursor, one.end)
        name = one.name
        if one is thread.model:
            thread.model = None
            if not one.recorded:
                self._inferred(one)
        if one.outermost and not one.launched and one.operator is not None and one.phase not in _NOT_OF_THE_STEP:
            one.operator.host += self.window.inside(one.since, one.end)
        if one.doing:
            thread.depth[one.doing] -= 1
            if track == self.main and one.act is not None:
                self._blind = (one.act, one.end)
        if name.module and one.module is not None:
            thread.depth[f"{one.module.name}\0{name.module}"] -= 1
        if name.place and one.function is not None:
            thread.depth[f"{one.function.name}\0{name.text}"] -= 1
        if not thread.stack:
            thread.cursor, thread.phase = one.end, one.phase

    def _inferred(self, one: Open) -> None:
        """The model ran, and nothing of it was recorded for backward."""
        tally, length = self.acts["inference"], self.window.inside(one.since, one.end)
        tally.calls += length > 0
        tally.total += length
        if one.place is not None and length:
            tally.places[one.place] += length
        if one.caller is not None:
            tally.samples[one.caller] += 1

    def _credit(self, track: int, one: Open, start: float, end: float) -> None:
        python = one.name.kind in _PYTHON
        for index, first, last in self.window.stretches(start, end):
            length = last - first
            if track == self.main:
                self._phase(index, one.phase, first, last, idle=python or one.operator is None)
            if one.operator is not None and not python:
                self._operator(one.operator, one, length)
            elif one.owner is not None and python:
                one.owner.own += length
                if one.callee:
                    one.owner.operators[one.callee] += length
            if one.act is not None:
                one.act.own += length
            if one.module is not None:
                one.module.own += length
        if track == self.main and self._samples:
            self._sampled(one, start, end)

    @staticmethod
    def _operator(tally: Tally, one: Open, length: float) -> None:
        tally.own += length
        tally.phases[one.phase] += length
        if one.dtype:
            tally.dtypes[one.dtype] += length
        if one.shape:
            tally.shape(one.shape, length)

    def _between(self, thread: Thread, phase: str, start: float) -> None:
        """Time of the main thread in which nothing is known to run: the engine's, if backward lies on both sides."""
        told = phase if phase == thread.phase == "backward" else ""
        for index, first, last in self.window.stretches(thread.cursor, start):
            self._phase(index, told, first, last, idle=True)

    def _phase(self, index: int, phase: str, start: float, end: float, *, idle: bool) -> None:
        """Time of the main thread in a step; ``idle`` where only Python, or nothing, is known to run in it."""
        waited = 0.0
        if idle and self.collectives.calls and phase not in ("input", "optimizer"):
            waited = self.collectives.waited(start, end)
            self.phases[index]["communication"] += waited
        self.phases[index][phase or "other"] += end - start - waited

    def _on_engine(self, start: float, end: float) -> None:
        start, self._engine_end = max(start, self._engine_end), max(end, self._engine_end)
        for index, length in self.window.parts(start, end):
            self.engine[index] += length

    def _sampled(self, one: Open, start: float, end: float) -> None:
        """The lines of the user's that were seen while this ran."""
        samples = self._samples
        while self._seen < len(samples) and samples[self._seen][0] < end:
            time, stack = samples[self._seen]
            place = stack[0]
            self._seen += 1
            if time < start or self.window.at(time) < 0:
                continue
            self.lines[place, one.phase or "other"] += 1
            if self._blind is not None and 0 <= time - self._blind[1] < _BLIND:
                self._blind[0].after[place] += 1
            self._blind = None
            own = one.owner if one.operator is None and one.name.kind in _PYTHON else None
            for tally in (one.operator, one.sync, one.module, own):
                if tally is not None:
                    (tally.backward if one.phase == "backward" else tally.samples)[place] += 1
            if one.act is not None:
                one.act.samples[self._calling(stack) if one.act.name == "forward" else place] += 1

    def _calling(self, stack: tuple[Place, ...]) -> Place:
        """The line that calls the model: of what the model itself is made of, none."""
        model = self._threads[self.main].model
        if model is None or model.place is None:
            return stack[0]
        function = model.place.function
        model.caller = next((place for place in stack if place.function == function), stack[0])
        return model.caller

    def finish(self) -> None:
        for track, thread in self._threads.items():
            while thread.stack:
                self._close(track, thread)
            if track == self.main and len(self.window):
                self._between(thread, "", self.window.ends[-1])
        for index, phases in enumerate(self.phases):
            # Without stacks the main thread shows nothing while the engine's own thread runs backward.
            moved = min(phases["other"], self.engine[index])
            phases["other"] -= moved
            phases["backward"] += moved
