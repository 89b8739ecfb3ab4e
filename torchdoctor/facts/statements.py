"""Statements: how each changes what is known, branch by branch and loop by loop, to a fixed point."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import libcst as cst

from torchdoctor.facts.carried import hands_on
from torchdoctor.facts.context import opened_grad
from torchdoctor.facts.endings import ends_in_exception
from torchdoctor.facts.events import Arm
from torchdoctor.facts.expected import asks_for_failure, catches
from torchdoctor.facts.expressions import operator_symbol
from torchdoctor.facts.joins import join
from torchdoctor.facts.stacks import LENT, grow
from torchdoctor.facts.state import State, joined
from torchdoctor.facts.torch_api import augment
from torchdoctor.facts.turns import brings_modules, turns_of
from torchdoctor.facts.values import UNKNOWN, Made, Named, Result, Tensor, Value, const

if TYPE_CHECKING:
    from torchdoctor.facts.run import Run

_PASSES = 3  # over a loop's body, before what still changes is taken as it is
_DEEP = 4  # loops inside each other that get more than one pass


class Statements:
    """Runs the statements of one run."""

    def __init__(self, run: Run) -> None:
        self.run = run
        self._breaks: list[list[State]] = []
        self._continues: list[list[State]] = []

    def suite(self, suite: cst.BaseSuite) -> None:
        """Run an indented block, or what follows a colon on its line."""
        self.block(suite.body)

    def block(self, statements: object) -> None:
        """Run statements in order, until no way leads on."""
        assert isinstance(statements, (list, tuple))
        ways_out = len(self.run.left)
        for statement in statements:
            if self.run.state.dead:
                break
            if statement in self.run.flows.watched:
                self.run.snapshots[statement] = self.run.state.copy()
            handler = _BY_KIND.get(type(statement))
            if handler is not None:
                handler(self, statement)
        del self.run.left[ways_out:]

    # -- simple statements ----------------------------------------------------------------------------------------

    def _expression(self, statement: cst.Expr) -> None:
        """A method that is named and not called was meant to be called: that it is not is told of once, by itself."""
        value = statement.value
        if type(value) is cst.SimpleString or type(value) is cst.ConcatenatedString:
            return  # a docstring: what it says is never asked
        self.run.evaluate(value)
        if type(value) is cst.Attribute and value.attr.value in ("eval", "train", "zero_grad"):
            self.run.calls.intend(value)

    def _assign(self, statement: cst.Assign) -> None:
        value = self.run.evaluate(statement.value)
        for target in statement.targets:
            self.run.bindings.bind(target.target, value, statement)

    def _annotated(self, statement: cst.AnnAssign) -> None:
        if statement.value is not None:
            self.run.bindings.bind(statement.target, self.run.evaluate(statement.value), statement)

    def _augmented(self, statement: cst.AugAssign) -> None:
        old = self.run.evaluate(statement.target)
        by = self.run.evaluate(statement.value)
        symbol = operator_symbol(statement.operator)
        if isinstance(old, Tensor):
            new: Value = augment(symbol, old, by, statement, self.run.grad_fact(), self.run.refuses(statement))
        else:
            new = self.run.expressions.operate(symbol, (old, by), statement)
        if isinstance(old, Made) and old.name == "builtins.list":
            added = self.run.expressions.element(by, statement)
            self.run.emit("append", statement, old, (added,), value=old)
            grow(self.run.state.heap, old, added, by, once=not self.run.loops)
            return
        self.run.emit("augment", statement, old, (by,), value=new)
        if isinstance(statement.target, cst.Name):
            self.run.state.names[statement.target.value] = new
        elif isinstance(statement.target, cst.Attribute):
            self.run.state.heap.put(self.run.evaluate(statement.target.value), statement.target.attr.value, new)

    def _return(self, statement: cst.Return) -> None:
        value = self.run.evaluate(statement.value) if statement.value is not None else const(None)
        self.run.emit("return", statement, value)
        self.run.returned = value if self.run.returned is None else join(self.run.returned, value)
        self.run.returns.append(self.run.state.copy())
        self.run.state.dead = True

    def _raise(self, statement: cst.Raise) -> None:
        if statement.exc is not None:
            self.run.evaluate(statement.exc)
        self.run.emit("raise", statement, UNKNOWN)
        self.run.state.dead = True

    def _assert(self, statement: cst.Assert) -> None:
        self.run.evaluate(statement.test)

    def _delete(self, statement: cst.Del) -> None:
        targets = statement.target.elements if isinstance(statement.target, cst.Tuple) else (statement.target,)
        for target in targets:
            node = target.value if isinstance(target, cst.Element) else target
            if isinstance(node, cst.Name):
                self.run.state.names[node.value] = UNKNOWN
            elif isinstance(node, cst.Subscript) and isinstance(of := self.run.evaluate(node.value), Made):
                self.run.state.heap.put(of, LENT, UNKNOWN)

    def _jump(self, statement: cst.CSTNode, kind: str, ways: list[list[State]]) -> None:
        self.run.emit(kind, statement, UNKNOWN)
        if ways:
            ways[-1].append(self.run.state.copy())
        self.run.state.dead = True

    def _define(self, statement: cst.FunctionDef | cst.ClassDef) -> None:
        self.run.state.names[statement.name.value] = Named(self.run.file.names.own(statement))
        if isinstance(statement, cst.FunctionDef):
            self.run.flows.closures[statement] = self.run.state.names

    # -- branches -------------------------------------------------------------------------------------------------

    def _if(self, statement: cst.If) -> None:
        truth = self.run.expressions.truth(self.run.evaluate(statement.test))
        before = self.run.state.copy()
        if truth is not False:
            with self.run.arm(Arm(statement, 0, statement.test)):
                self.suite(statement.body)
        else:
            self.run.state.dead = True
        after = self.run.state
        self.run.state = before
        if truth is True:
            self.run.state.dead = True
        elif statement.orelse is not None:
            with self.run.arm(Arm(statement, 1, statement.test)):
                if isinstance(statement.orelse, cst.If):
                    self._if(statement.orelse)
                else:
                    self.suite(statement.orelse.body)
        if truth is None and after.dead != self.run.state.dead and not ends_in_exception(statement):
            self.run.left.append(Arm(statement, int(after.dead), statement.test))
        self.run.state = joined(after, self.run.state)

    def _match(self, statement: cst.Match) -> None:
        self.run.evaluate(statement.subject)
        before = self.run.state
        end = before.copy()
        for index, case in enumerate(statement.cases):
            self.run.state = before.copy()
            with self.run.arm(Arm(statement, index)):
                self.suite(case.body)
            end = joined(end, self.run.state)
        self.run.state = end

    def _try(self, statement: cst.Try | cst.TryStar) -> None:
        before = self.run.state.copy()
        with self.run.arm(Arm(statement, 0)), self.run.expecting_failure(any(map(catches, statement.handlers))):
            self.suite(statement.body)
            if statement.orelse is not None:
                self.suite(statement.orelse.body)
        end = self.run.state
        halfway = joined(before, end) if not end.dead else before
        handlers: Sequence[cst.ExceptHandler | cst.ExceptStarHandler] = statement.handlers
        for index, handler in enumerate(handlers, 1):
            self.run.state = halfway.copy()
            if handler.name is not None and isinstance(handler.name.name, cst.Name):
                self.run.state.names[handler.name.name.value] = UNKNOWN
            with self.run.arm(Arm(statement, index)):
                self.suite(handler.body)
            end = joined(end, self.run.state)
        self.run.state = end
        if statement.finalbody is not None:
            dead, self.run.state.dead = self.run.state.dead, False
            self.suite(statement.finalbody.body)
            self.run.state.dead = self.run.state.dead or dead

    # -- loops ----------------------------------------------------------------------------------------------------

    def _for(self, statement: cst.For) -> None:
        iterable = self.run.evaluate(statement.iter)
        self.run.emit("iterate", statement.iter, iterable)
        element = self.run.expressions.element(iterable, statement)
        turns = turns_of(self.run, iterable)
        exactly = self._turn_by_turn(statement, turns) if brings_modules(self.run, turns) else {}
        self._loop(statement, lambda: self.run.bindings.bind(statement.target, element))
        self.run.state.names.update(exactly)
        if statement.orelse is not None:
            self.suite(statement.orelse.body)

    def _turn_by_turn(self, statement: cst.For, turns: Sequence[Value]) -> dict[str, Value]:
        """Look at what torch refuses in each turn; gives the tensors that are there after the last. Nothing else of
        it is kept: what happens in a loop is the same for all turns."""
        run, entry = self.run, self.run.state.copy()
        events, refused = len(run.events), len(run.refused)
        run.loops.append(statement)
        self._breaks.append([])
        for turn in turns:
            self._continues.append([])
            run.bindings.bind(statement.target, turn)
            self.suite(statement.body)
            for state in self._continues.pop():
                run.state = joined(run.state, state)
        run.loops.pop()
        del run.events[events:]
        if self._breaks.pop() or run.state.dead:
            del run.refused[refused:]
            run.state = entry
            return {}
        end, run.state = run.state, entry
        return {name: value for name, value in end.names.items() if isinstance(value, Tensor)}

    def _while(self, statement: cst.While) -> None:
        forever = self.run.expressions.truth(self.run.evaluate(statement.test)) is True
        self._loop(statement, lambda: self.run.evaluate(statement.test), forever)

    def _loop(self, statement: cst.For | cst.While, begin: Callable[[], object], forever: bool = False) -> None:
        """Run the body until what is known at its head no longer changes; events are those of the last pass."""
        entry = head = self.run.state.copy()
        mark, before = len(self.run.events), set(self.run.asked)
        self.run.loops.append(statement)
        for _ in range(_PASSES if len(self.run.loops) <= _DEEP else 1):
            del self.run.events[mark:]
            self._breaks.append([])
            self._continues.append([])
            self.run.state = head.copy()
            before |= self.run.asked
            self.run.asked.clear()
            begin()
            self.suite(statement.body)
            for state in self._continues.pop():
                self.run.state = joined(self.run.state, state)
            breaks, back = self._breaks.pop(), self.run.state
            again = joined(entry, back)
            if not hands_on(self.run.file, statement, head, again):
                break
            head = again
        self.run.asked |= before
        self.run.loops.pop()
        end = State(dead=True) if forever else joined(entry, back)
        for state in breaks:
            end = joined(end, state)
        self.run.state = end

    # -- contexts -------------------------------------------------------------------------------------------------

    def _with(self, statement: cst.With) -> None:
        outer = self.run.state.grad
        opened = False
        ways = [self.run.returns, *self._breaks[-1:], *self._continues[-1:]]
        before = [len(way) for way in ways]
        for item in statement.items:
            value = self.run.evaluate(item.item)
            grad = opened_grad(value, item.item, self.run)
            if grad is not None:
                self.run.state.grad, opened = grad, True
            if item.asname is not None:
                self.run.bindings.bind(item.asname.name, value if isinstance(value, Made) else Result(item, value))
        with self.run.expecting_failure(any(asks_for_failure(self.run.file, item.item) for item in statement.items)):
            self.suite(statement.body)
        if opened:
            for state in (self.run.state, *(s for way, mark in zip(ways, before, strict=True) for s in way[mark:])):
                state.grad = outer  # whichever way the body is left


_BY_KIND: dict[type, Callable[[Statements, Any], None]] = {
    cst.SimpleStatementLine: lambda self, s: self.block(s.body),
    cst.Expr: lambda self, s: self._expression(s),
    cst.Assign: Statements._assign,
    cst.AnnAssign: Statements._annotated,
    cst.AugAssign: Statements._augmented,
    cst.Return: Statements._return,
    cst.Raise: Statements._raise,
    cst.Assert: Statements._assert,
    cst.Del: Statements._delete,
    cst.Break: lambda self, s: self._jump(s, "break", self._breaks),
    cst.Continue: lambda self, s: self._jump(s, "continue", self._continues),
    cst.If: Statements._if,
    cst.For: Statements._for,
    cst.While: Statements._while,
    cst.With: Statements._with,
    cst.Try: Statements._try,
    cst.TryStar: Statements._try,
    cst.Match: Statements._match,
    cst.FunctionDef: Statements._define,
    cst.ClassDef: Statements._define,
}
