"""What happens in a function: an abstract run of its body, statement by statement.

A run follows bindings in order, joins branches, brings loops to a fixed point, and steps into the project's own
functions with the values they are called with. What it cannot follow is a value that is known only as itself; a run that
would take too long is cut, and then says nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from functools import cached_property
from typing import TYPE_CHECKING, Any

import libcst as cst

from torchdoctor.facts.calls import Calls
from torchdoctor.facts.classes import ClassFacts, receiver_name
from torchdoctor.facts.context import grad_of_decorators, opened_grad
from torchdoctor.facts.events import Arm, Event, GradMode, Mode, exclusive
from torchdoctor.facts.expressions import Expressions, operator_symbol
from torchdoctor.facts.file import literal
from torchdoctor.facts.kind import kind_of
from torchdoctor.facts.state import State, joined
from torchdoctor.facts.torch_api import refine_rank
from torchdoctor.facts.usage import Usage
from torchdoctor.facts.values import (
    UNKNOWN,
    Attr,
    Const,
    Element,
    Free,
    Item,
    Known,
    Made,
    Named,
    Param,
    Result,
    Self,
    Sequence,
    Shape,
    Tensor,
    Unknown,
    Value,
    const,
    join,
)

if TYPE_CHECKING:
    from torchdoctor.facts.file import File

Body = cst.FunctionDef | cst.Module | cst.Lambda
_BUDGET = 60_000  # expressions that one run, with all it steps into, may evaluate
_PASSES = 3
_CONTEXTS = 16
_DEEPEST = 5  # functions stepped into, one inside the other


class CutOff(Exception):
    """The run would take too long; nothing it has seen may be used."""


class Flow:
    """One finished run: the values it saw and the events in order. See events.Event."""

    def __init__(self, run: Run, known_callers: bool) -> None:
        self.file = run.file
        self.node = run.node
        self.values = run.values
        self.events: list[Event] = run.events
        self.returned = run.returned
        self.end = run.state
        self.known_callers = known_callers
        self._flows = run.flows
        for index, event in enumerate(self.events):
            object.__setattr__(event, "index", index)

    @property
    def function(self) -> cst.FunctionDef | None:
        return self.node if isinstance(self.node, cst.FunctionDef) else None

    def value(self, node: cst.CSTNode) -> Value:
        """The value of an expression of this flow's own body; UNKNOWN where it was not reached."""
        return self.values.get(node, UNKNOWN)

    def kind(self, value: Value) -> str | None:
        """What sort of thing a value is: module, criterion, optimizer, scheduler, scaler, loader, dataset, sampler,
        trainer, tensor ...; None where that is not known."""
        return kind_of(value, self._flows)

    def of(self, *kinds: str) -> list[Event]:
        """The events of these kinds, in order."""
        return [event for event in self.events if event.kind in kinds]

    @cached_property
    def loops(self) -> list[cst.CSTNode]:
        """The loops that hold any event, outermost first, each once."""
        return list(dict.fromkeys(loop for event in self.events for loop in event.loops))

    def inside(self, loop: cst.CSTNode) -> list[Event]:
        """The events within one loop, in the order of one pass."""
        return [event for event in self.events if loop in event.loops]

    @staticmethod
    def exclusive(a: Event, b: Event) -> bool:
        """Whether one pass sees only one of the two."""
        return exclusive(a, b)


class Run:
    """A run under way. ``state`` is what is known at this point; the parts that do the work share it."""

    def __init__(
        self,
        flows: Flows,
        node: Body,
        state: State,
        *,
        stack: tuple[cst.CSTNode, ...] = (),
        closure: Mapping[str, Value] | None = None,
        budget: list[int] | None = None,
    ) -> None:
        self.flows = flows
        self.file = flows.file
        self.node = node
        self.state = state
        self.stack = (*stack, node)
        self.closure = closure or {}
        self.budget = [_BUDGET] if budget is None else budget
        self.values: dict[cst.CSTNode, Value] = {}
        self.events: list[Event] = []
        self.loops: list[cst.CSTNode] = []
        self.arms: list[Arm] = []
        self.returned: Value | None = None
        self.yielded: Value | None = None
        self._returns: list[State] = []
        self._breaks: list[list[State]] = []
        self._continues: list[list[State]] = []
        self.evaluate = Expressions(self)
        self.calls = Calls(self)
        self._statements: dict[type, Callable[[Any], None]] = {
            cst.SimpleStatementLine: self._line,
            cst.Expr: lambda s: self._expression(s),
            cst.Assign: self._assign,
            cst.AnnAssign: self._annotated,
            cst.AugAssign: self._augmented,
            cst.Return: self._return,
            cst.Raise: self._raise,
            cst.Assert: self._assert,
            cst.Del: self._delete,
            cst.Break: lambda s: self._jump(s, "break", self._breaks),
            cst.Continue: lambda s: self._jump(s, "continue", self._continues),
            cst.If: self._if,
            cst.For: self._for,
            cst.While: self._while,
            cst.With: self._with,
            cst.Try: self._try,
            cst.TryStar: self._try,
            cst.Match: self._match,
            cst.FunctionDef: self._define,
            cst.ClassDef: self._define,
        }

    # -- driving --------------------------------------------------------------------------------------------------

    def go(self) -> None:
        """Run the whole body. Raises CutOff."""
        if isinstance(self.node, cst.Lambda):
            self.returned = self.evaluate(self.node.body)
            return
        self.block(self.node.body)
        end = self.state
        for state in self._returns:
            end = joined(end, state)
        self.state = end

    def block(self, body: cst.BaseSuite | object) -> None:
        statements = body if isinstance(body, (list, tuple)) else body.body  # type: ignore[attr-defined]
        for statement in statements:
            if self.state.dead:
                return
            handler = self._statements.get(type(statement))
            if handler is not None:
                handler(statement)

    def tick(self) -> None:
        self.budget[0] -= 1
        if self.budget[0] < 0:
            raise CutOff

    def emit(
        self,
        kind: str,
        node: cst.CSTNode,
        on: Value,
        args: tuple[Value, ...] = (),
        keywords: Mapping[str, Value] | None = None,
        value: Value = UNKNOWN,
        by: Value | None = None,
    ) -> None:
        """Note that something happens here."""
        modes = self.modes(on) if kind == "forward" else frozenset()
        event = Event(
            kind, node, self.file, on, args, keywords or {}, value, self.state.grad, modes, by,
            tuple(self.loops), tuple(self.arms),
        )  # fmt: skip
        self.events.append(event)

    def modes(self, module: Value) -> frozenset[Mode]:
        """The modes a module may be in here: its own, or those of what it is a part of."""
        at: Value | None = module
        while at is not None:
            if at in self.state.modes:
                return self.state.modes[at]
            at = at.of if isinstance(at, Attr) else None
        return frozenset((Mode(None),))

    def grad_fact(self) -> Known[bool] | None:
        """The grad mode as torch's table wants it; None where it is the default or not known."""
        mode = self.state.grad
        if mode.enabled is False:
            return Known(False, mode.because or self.node)
        return None if mode.enabled is None else Known(True, mode.because or self.node)

    @contextmanager
    def arm(self, arm: Arm) -> Iterator[None]:
        self.arms.append(arm)
        try:
            yield
        finally:
            self.arms.pop()

    # -- names ----------------------------------------------------------------------------------------------------

    def outside(self, node: cst.Name) -> Value:
        """A name that this run has not bound itself."""
        full = self.file.name(node)
        if full is not None:
            return Named(full)
        found = self.file.scopes.find(node.value, node)
        if found is None:
            return UNKNOWN
        scope, bindings = found
        if scope.node is self.node and isinstance(self.node, cst.FunctionDef):
            return UNKNOWN  # local, but not bound on any way to here
        if node.value in self.closure:
            return self.closure[node.value]
        if isinstance(scope.node, cst.Module):
            value = self.flows.globals.get(node.value)
            if value is not None and not isinstance(value, Unknown):
                return value
        return Free(scope.node, node.value)

    def bind(self, target: cst.CSTNode, value: Value, statement: cst.CSTNode | None = None) -> None:
        """Give a target a value: names, attributes, items, and tuples of them."""
        if isinstance(target, cst.Name):
            self.state.names[target.value] = value
            self.flows.hint(value, self.node, target.value)
        elif isinstance(target, (cst.Tuple, cst.List)):
            self._unpack(target, value)
        elif isinstance(target, cst.StarredElement):
            self.bind(target.value, UNKNOWN)
        elif isinstance(target, cst.Attribute):
            of = self.evaluate(target.value)
            self.state.heap[(of, target.attr.value)] = value
            cleared = target.attr.value == "grad" and value == const(None)
            self.emit("zero_grad" if cleared else "write", statement or target, of, (const(target.attr.value), value))
        elif isinstance(target, cst.Subscript):
            self._store(target, value, statement or target)

    def _store(self, target: cst.Subscript, value: Value, statement: cst.CSTNode) -> None:
        of = self.evaluate(target.value)
        keys = [self.evaluate(s.slice.value) for s in target.slice if isinstance(s.slice, cst.Index)]
        if isinstance(of, Made) and of.name in ("builtins.dict", "builtins.list"):
            if len(keys) == 1 and isinstance(keys[0], Const):
                self.state.heap[(of, ("item", keys[0].value))] = value
            else:
                known = self.state.heap.get((of, "[]"))
                self.state.heap[(of, "[]")] = value if known is None else join(known, value)
        self.emit("write", statement, of, (keys[0] if len(keys) == 1 else UNKNOWN, value))

    def _unpack(self, target: cst.Tuple | cst.List, value: Value) -> None:
        count = len(target.elements)
        starred = any(isinstance(element, cst.StarredElement) for element in target.elements)
        if isinstance(value, Shape) and not starred:
            value = self._refine(value, count)
        for place, element in enumerate(target.elements):
            self.bind(element.value, UNKNOWN if starred else self._part(value, place, count, target))

    def _refine(self, shape: Shape, count: int) -> Value:
        """`b, n, c = x.shape` proves that x has three dimensions: whatever holds x knows it from here on."""
        refined = refine_rank(shape.of, count)
        if refined is None or refined.shape is None:
            return UNKNOWN
        for name, value in self.state.names.items():
            if value == shape.of:
                self.state.names[name] = refined
        return Sequence(
            tuple(
                UNKNOWN if dim is None else const(dim) if isinstance(dim, int) else dim for dim in refined.shape.value
            )
        )

    def _part(self, value: Value, place: int, count: int, node: cst.CSTNode) -> Value:
        if isinstance(value, Sequence):
            return value.items[place] if len(value.items) == count else UNKNOWN
        if isinstance(value, Made) and value.name == "builtins.list" and len(value.args) == count:
            return value.args[place]
        if isinstance(value, Element) and value.place == -1:
            return Element(value.of, value.loop, place)
        if isinstance(value, Tensor):
            part = Result(node, value, place)
            return Tensor(node, of=part, models=value.models, grad=value.grad, scale=None)
        if isinstance(value, Result) and value.place == -1:
            return Result(value.call, value.function, place)
        return Result(node, value, place) if not isinstance(value, Unknown) else UNKNOWN

    # -- simple statements ----------------------------------------------------------------------------------------

    def _line(self, line: cst.SimpleStatementLine) -> None:
        self.block(line.body)

    def _expression(self, statement: cst.Expr) -> None:
        self.evaluate(statement.value)

    def _assign(self, statement: cst.Assign) -> None:
        value = self.evaluate(statement.value)
        for target in statement.targets:
            self.bind(target.target, value, statement)

    def _annotated(self, statement: cst.AnnAssign) -> None:
        if statement.value is not None:
            self.bind(statement.target, self.evaluate(statement.value), statement)

    def _augmented(self, statement: cst.AugAssign) -> None:
        old = self.evaluate(statement.target)
        by = self.evaluate(statement.value)
        new = self.evaluate.operate(operator_symbol(statement.operator), (old, by), statement)
        if isinstance(old, Made) and old.name == "builtins.list":
            self.emit("append", statement, old, (self.evaluate.element(by, statement),), value=old)
            return
        self.emit("augment", statement, old, (by,), value=new)
        if isinstance(statement.target, cst.Name):
            self.state.names[statement.target.value] = new
        elif isinstance(statement.target, cst.Attribute):
            self.state.heap[(self.evaluate(statement.target.value), statement.target.attr.value)] = new

    def _return(self, statement: cst.Return) -> None:
        value = self.evaluate(statement.value) if statement.value is not None else const(None)
        self.emit("return", statement, value)
        self.returned = value if self.returned is None else join(self.returned, value)
        self._returns.append(self.state.copy())
        self.state.dead = True

    def _raise(self, statement: cst.Raise) -> None:
        if statement.exc is not None:
            self.evaluate(statement.exc)
        self.emit("raise", statement, UNKNOWN)
        self.state.dead = True

    def _assert(self, statement: cst.Assert) -> None:
        self.evaluate(statement.test)

    def _delete(self, statement: cst.Del) -> None:
        targets = statement.target.elements if isinstance(statement.target, cst.Tuple) else (statement.target,)
        for target in targets:
            node = target.value if isinstance(target, cst.Element) else target
            if isinstance(node, cst.Name):
                self.state.names[node.value] = UNKNOWN

    def _jump(self, statement: cst.CSTNode, kind: str, ways: list[list[State]]) -> None:
        self.emit(kind, statement, UNKNOWN)
        if ways:
            ways[-1].append(self.state.copy())
        self.state.dead = True

    def _define(self, statement: cst.FunctionDef | cst.ClassDef) -> None:
        self.state.names[statement.name.value] = Named(self.file.names.own(statement))
        if isinstance(statement, cst.FunctionDef):
            self.flows.closures[statement] = self.state.names

    # -- branches -------------------------------------------------------------------------------------------------

    def _if(self, statement: cst.If) -> None:
        truth = self.evaluate.truth(self.evaluate(statement.test))
        before = self.state.copy()
        if truth is not False:
            with self.arm(Arm(statement, 0, statement.test)):
                self.block(statement.body)
        else:
            self.state.dead = True
        after = self.state
        self.state = before
        if truth is True:
            self.state.dead = True
        elif statement.orelse is not None:
            with self.arm(Arm(statement, 1, statement.test)):
                if isinstance(statement.orelse, cst.If):
                    self._if(statement.orelse)
                else:
                    self.block(statement.orelse.body)
        self.state = joined(after, self.state)

    def _match(self, statement: cst.Match) -> None:
        self.evaluate(statement.subject)
        before = self.state
        end = before.copy()
        for index, case in enumerate(statement.cases):
            self.state = before.copy()
            with self.arm(Arm(statement, index)):
                self.block(case.body)
            end = joined(end, self.state)
        self.state = end

    def _try(self, statement: cst.Try | cst.TryStar) -> None:
        before = self.state.copy()
        with self.arm(Arm(statement, 0)):
            self.block(statement.body)
            if statement.orelse is not None:
                self.block(statement.orelse.body)
        end = self.state
        halfway = joined(before, end) if not end.dead else before
        for index, handler in enumerate(statement.handlers, 1):
            self.state = halfway.copy()
            if handler.name is not None and isinstance(handler.name.name, cst.Name):
                self.state.names[handler.name.name.value] = UNKNOWN
            with self.arm(Arm(statement, index)):
                self.block(handler.body)
            end = joined(end, self.state)
        self.state = end
        if statement.finalbody is not None:
            dead, self.state.dead = self.state.dead, False
            self.block(statement.finalbody.body)
            self.state.dead = self.state.dead or dead

    # -- loops ----------------------------------------------------------------------------------------------------

    def _for(self, statement: cst.For) -> None:
        iterable = self.evaluate(statement.iter)
        element = self.evaluate.element(iterable, statement)
        self._loop(statement, lambda: self.bind(statement.target, element))
        if statement.orelse is not None:
            self.block(statement.orelse.body)

    def _while(self, statement: cst.While) -> None:
        forever = self.evaluate.truth(self.evaluate(statement.test)) is True
        self._loop(statement, lambda: self.evaluate(statement.test), forever)

    def _loop(self, statement: cst.For | cst.While, begin: Callable[[], object], forever: bool = False) -> None:
        """Run the body until what is known at its head no longer changes; events are those of the last pass."""
        entry, mark = self.state.copy(), len(self.events)
        head = entry
        self.loops.append(statement)
        for _ in range(_PASSES if len(self.loops) <= 4 else 1):
            del self.events[mark:]
            self._breaks.append([])
            self._continues.append([])
            self.state = head.copy()
            begin()
            self.block(statement.body)
            for state in self._continues.pop():
                self.state = joined(self.state, state)
            breaks, back = self._breaks.pop(), self.state
            again = joined(entry, back)
            if again.same(head):
                break
            head = again
        self.loops.pop()
        end = State(dead=True) if forever else joined(entry, back)
        for state in breaks:
            end = joined(end, state)
        self.state = end

    # -- contexts -------------------------------------------------------------------------------------------------

    def _with(self, statement: cst.With) -> None:
        outer = self.state.grad
        opened = False
        for item in statement.items:
            value = self.evaluate(item.item)
            grad = opened_grad(value, item.item, self)
            if grad is not None:
                self.state.grad, opened = grad, True
            if item.asname is not None:
                self.bind(item.asname.name, value if isinstance(value, Made) else Result(item, value))
        self.block(statement.body)
        if opened:
            self.state.grad = outer

    # -- stepping in ----------------------------------------------------------------------------------------------

    def step_into(
        self, file: File, function: cst.FunctionDef | cst.Lambda, names: dict[str, Value], node: cst.CSTNode,
        closure: Mapping[str, Value] | None = None,
    ) -> Value | None:  # fmt: skip
        """Run a function of the project with these arguments; its events become part of this run's.

        Returns its value, or None where it is not stepped into (recursion, depth).
        """
        if function in self.stack or len(self.stack) > _DEEPEST or file.flows.crowded(function):
            return None
        for name, value in names.items():
            self.flows.hint(value, function, name, file.flows)
        grad = self.state.grad
        if isinstance(function, cst.FunctionDef):
            grad = grad_of_decorators(function, file) or grad
        entry = State(names, dict(self.state.heap), dict(self.state.modes), grad)
        flow = file.flows.run(function, entry, stack=self.stack, budget=self.budget, closure=closure)
        for event in flow.events:
            if event.kind not in ("return", "yield", "raise", "break", "continue"):
                self.events.append(event.inlined(node, tuple(self.loops), tuple(self.arms)))
        self.state.heap, self.state.modes = dict(flow.end.heap), dict(flow.end.modes)
        if flow.end.grad != grad:
            self.state.grad = flow.end.grad
        return flow.returned if flow.returned is not None else const(None)


class Flows:
    """All flows of one file: the module's own body, and each function in each context it is called in."""

    def __init__(self, file: File) -> None:
        self.file = file
        self.usage = Usage(file)
        self.globals: dict[str, Value] = {}
        self.hints: dict[Value, str] = {}
        self.closures: dict[cst.FunctionDef, dict[str, Value]] = {}
        self._memo: dict[Any, Flow] = {}
        self._contexts: dict[cst.CSTNode, list[Flow]] = {}
        self._instances: dict[Any, dict[str, Value]] = {}

    @cached_property
    def module(self) -> Flow:
        """The run of the module's own body."""
        state = State()
        self.globals = state.names
        run = Run(self, self.file.module, state)
        try:
            run.go()
        except CutOff:
            run.events, run.values = [], {}
        self.globals = run.state.names
        return Flow(run, known_callers=True)

    def touching(self, words: frozenset[str]) -> list[Flow]:
        """The flows of the functions in which one of these names stands, and of all that call them.

        Callers run before what they call, so that a function is seen with real arguments where there are any. With no
        words: all functions.
        """
        module = self.module
        marked = self._marked(words)
        ordered = [f for f in marked if f not in self._called] + [f for f in marked if f in self._called]
        for function in ordered:
            if function not in self._contexts:
                self.alone(function)
        return [module, *(flow for function in marked for flow in self._contexts.get(function, ()))]

    def _marked(self, words: frozenset[str]) -> list[cst.FunctionDef]:
        functions = self.file.nodes(cst.FunctionDef)
        if not words:
            return functions
        marked: set[cst.FunctionDef] = set()
        new = self._holding(words)
        while new:
            marked |= new
            new = self._holding(frozenset(function.name.value for function in new)) - marked
        return [function for function in functions if function in marked]

    def _holding(self, words: frozenset[str]) -> set[cst.FunctionDef]:
        """The functions in whose bodies or headers one of these names stands; of nested functions, all."""
        found: set[cst.FunctionDef] = set()
        parents = self.file.tree.parents
        for word in words:
            for name in self._names.get(word, ()):
                below: cst.CSTNode = name
                above = parents.get(below)
                while above is not None:
                    if isinstance(above, cst.FunctionDef) and below is not above.name:
                        if above in found:
                            break
                        found.add(above)
                    below, above = above, parents.get(above)
        return found

    @cached_property
    def _names(self) -> dict[str, list[cst.Name]]:
        """Every place where a name stands in the file."""
        found: dict[str, list[cst.Name]] = {}
        for name in self.file.nodes(cst.Name):
            found.setdefault(name.value, []).append(name)
        return found

    def __iter__(self) -> Iterator[Flow]:
        return iter(self.touching(frozenset()))

    def of(self, function: cst.CSTNode) -> list[Flow]:
        """The flows of one function: one a context in which the file calls it, or one with nothing known of its arguments."""
        if isinstance(function, cst.FunctionDef):
            self.touching(frozenset((function.name.value,)))
            if function not in self._contexts:
                self.alone(function)
            return self._contexts[function]
        return [self.module]

    def alone(self, function: cst.FunctionDef) -> Flow:
        """The function with nothing known of its arguments but their names and annotations."""
        self.module  # noqa: B018 - functions read the module's names
        names: dict[str, Value] = {}
        owner = self._owner(function)
        receiver = receiver_name(function) if owner is not None else None
        params = function.params
        for param in (
            *params.posonly_params,
            *params.params,
            *params.kwonly_params,
            params.star_arg,
            params.star_kwarg,
        ):
            if isinstance(param, cst.Param):
                names[param.name.value] = Param(function, param.name.value)
        if receiver is not None and owner is not None:
            names[receiver] = Self(owner, self.file.names.own(owner))
        grad = grad_of_decorators(function, self.file) or self.module.end.grad
        closure = self.closures.get(function)
        return self.run(function, State(names, grad=grad), closure=closure, known_callers=False)

    def run(
        self,
        function: cst.FunctionDef | cst.Lambda,
        entry: State,
        *,
        stack: tuple[cst.CSTNode, ...] = (),
        budget: list[int] | None = None,
        closure: Mapping[str, Value] | None = None,
        known_callers: bool = True,
        constructing: bool = False,
    ) -> Flow:
        """A run with this entry state, or the same run made before."""
        key = (
            function, frozenset(entry.names.items()), frozenset(entry.heap.items()), frozenset(entry.modes.items()),
            entry.grad, known_callers,
        )  # fmt: skip
        flow = self._memo.get(key)
        if flow is None:
            run = Run(self, function, entry, stack=stack, closure=closure, budget=budget)
            try:
                run.go()
            except CutOff:
                if stack:
                    raise
                run.events, run.values = [], {}
            if run.yielded is not None or _is_generator(function, self.file):
                run.returned = Result(function, Named("generator"))
            flow = self._memo[key] = Flow(run, known_callers)
            if not constructing:
                self._contexts.setdefault(function, []).append(flow)
        return flow

    def hint(self, value: Value, scope: cst.CSTNode, name: str, flows: Flows | None = None) -> None:
        """What is done with a name tells the kind of an otherwise unknown thing that it holds."""
        if isinstance(value, (Param, Attr, Result, Item, Free)):
            kind = (flows or self).usage.kind(scope, name)
            if kind is not None:
                self.hints.setdefault(value, kind)
                if flows is not None:
                    flows.hints.setdefault(value, kind)

    def crowded(self, function: cst.CSTNode) -> bool:
        """Whether the function has been seen in so many contexts that more would teach nothing."""
        return len(self._contexts.get(function, ())) >= _CONTEXTS

    def attribute_value(self, run: Run, of: Self | Made, name: str) -> Value | None:
        """What `of.name` is by its class: as the constructor made it, where no other method writes it."""
        facts = self.file.classes.named(of.name)
        if facts is None:
            return None
        found = facts.method(name)
        if found is not None:
            return Attr(of, name) if _is_property(found[1]) else None
        writes = facts.lookup(name)
        if any(write.method.name.value not in ("__init__", "__post_init__") for write in writes):
            return Attr(of, name)
        if not writes:
            return self._class_level(facts, name)
        return self._instance(facts, of, run).get(name)

    def _instance(self, facts: ClassFacts, of: Self | Made, run: Run) -> dict[str, Value]:
        """The attributes that the class's constructor gives an instance."""
        found = facts.method("__init__")
        if found is None or found[1] in run.stack:
            return {}
        arguments = (of.args, of.keywords) if isinstance(of, Made) else None
        key = (facts.node, of, arguments)
        if key not in self._instances:
            self._instances[key] = {}
            owner, init = found
            names = run.calls.bound(owner.file, init, (of, *(of.args if isinstance(of, Made) else ())),
                                    dict(of.keywords) if isinstance(of, Made) else {}, starred=isinstance(of, Self))  # fmt: skip
            flow = owner.file.flows.run(init, State(names), stack=run.stack, budget=run.budget, constructing=True)
            self._instances[key] = {
                str(attribute): value for (owner_value, attribute), value in flow.end.heap.items() if owner_value == of
            }
        return self._instances[key]

    def _class_level(self, facts: ClassFacts, name: str) -> Value | None:
        for ancestor in facts.ancestry:
            expression = ancestor.class_body.get(name)
            if expression is not None:
                plain = literal(expression)
                return const(plain) if isinstance(plain, (int, float, str, bool)) else None
        return None

    def _owner(self, function: cst.FunctionDef) -> cst.ClassDef | None:
        """The class that the function is a method of."""
        scope = self.file.scopes.of(function).node
        return scope if isinstance(scope, cst.ClassDef) else None

    @cached_property
    def _called(self) -> set[cst.FunctionDef]:
        """Functions that the file itself calls: by name, or on self."""
        found: set[cst.FunctionDef] = set()
        prefix = f"{self.file.module_name}."
        for name in self.file.calls_by_name:
            if name.startswith(prefix):
                node = self.file.definition(name[len(prefix) :].split("."))
                if isinstance(node, cst.FunctionDef):
                    found.add(node)
        for method, calls in self.file.calls_by_method.items():
            if method.startswith("__") or method == "forward":
                continue
            for call in calls:
                assert isinstance(call.func, cst.Attribute)
                if isinstance(call.func.value, cst.Name):
                    owner = self.file.classes.enclosing(call)
                    if owner is not None and method in owner.methods:
                        found.add(owner.methods[method])
        return found


def _is_property(function: cst.FunctionDef) -> bool:
    return any(
        isinstance(d.decorator, cst.Name) and d.decorator.value in ("property", "cached_property")
        for d in function.decorators
    )


def _is_generator(function: cst.FunctionDef | cst.Lambda, file: File) -> bool:
    return any(
        file.enclosing(node, cst.FunctionDef, cst.Lambda) is function  # type: ignore[type-var]
        for node in file.nodes(cst.Yield)
    )


__all__ = ["CutOff", "Flow", "Flows", "GradMode", "Run"]
