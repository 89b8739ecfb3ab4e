"""One abstract run of a function's body: the state, the events so far, and stepping into other functions.

A run follows bindings in order, joins branches, brings loops to a fixed point, and steps into the project's own
functions with the values they are called with. What it cannot follow is a value that is known only as itself; a run
that would take too long is cut, and then says nothing.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, NoReturn

import libcst as cst

from torchdoctor.facts.bindings import Bindings
from torchdoctor.facts.calls import Calls
from torchdoctor.facts.carried import made_in
from torchdoctor.facts.context import grad_of_decorators
from torchdoctor.facts.events import Arm, Event, Mode
from torchdoctor.facts.expressions import Expressions
from torchdoctor.facts.joins import exact
from torchdoctor.facts.outputs import is_declared_otherwise
from torchdoctor.facts.protocol import Protocol
from torchdoctor.facts.refusal import Refusal, Refused
from torchdoctor.facts.state import Heap, State, joined
from torchdoctor.facts.statements import Statements
from torchdoctor.facts.teaching import teaches
from torchdoctor.facts.torch_api import Refuse
from torchdoctor.facts.values import UNKNOWN, Arithmetic, Attr, Known, Shape, Size, Tensor, Value, const

if TYPE_CHECKING:
    from torchdoctor.facts.file import File
    from torchdoctor.facts.flow import Flow
    from torchdoctor.facts.flows import Flows

Body = cst.FunctionDef | cst.Module | cst.Lambda
_BUDGET = 60_000  # expressions that one run, with all it steps into, may evaluate
_OF_THE_FUNCTION = frozenset({"return", "yield", "raise"})
_DEEPEST = 8  # functions stepped into, one inside the other


class CutOff(Exception):
    """The run would take too long; nothing it has seen may be used."""


class InArm:
    """Where a run stands in an arm. A class: branches are many, and a generator takes three times as long."""

    def __init__(self, arms: list[Arm], arm: Arm) -> None:
        self.arms = arms
        self.arm = arm

    def __enter__(self) -> None:
        self.arms.append(self.arm)

    def __exit__(self, *_: object) -> None:
        self.arms.pop()


class Run:
    """A run under way. ``state`` is what is known at this point; the parts that do the work share it."""

    __deletable__ = ("expressions", "calls", "protocol", "bindings", "statements")  # by compiled code too

    def __init__(
        self,
        flows: Flows,
        node: Body,
        state: State,
        *,
        stack: tuple[cst.CSTNode, ...] = (),
        closure: Mapping[str, Value] | None = None,
        budget: list[int] | None = None,
        root: Flows | None = None,
    ) -> None:
        self.flows = flows
        self.root = root or flows  # of the file that everything began in: what is learnt on the way belongs to it
        self.file = flows.file
        self.node = node
        self.state = state
        self.stack = (*stack, node)
        self.asked = state.heap.asked  # what anybody wanted to know of objects, here and in what is stepped into
        self.closure = closure or {}
        granted = min(_BUDGET, self.root.left[0])
        self.budget = [granted, granted] if budget is None else budget  # what is left of it, and what it was
        self.values: dict[cst.CSTNode, Value] = {}
        self.events: list[Event] = []
        self.refused: list[Refused] = []
        self.loops: list[cst.CSTNode] = []
        self.arms: list[Arm] = []
        self.left: list[Arm] = []  # ways out that were not taken: `if ...: return` before this point
        self.returned: Value | None = None
        self.yielded: Value | None = None
        self.returns: list[State] = []
        self.snapshots: dict[cst.CSTNode, State] = {}
        self.expressions = Expressions(self)
        self.calls = Calls(self)
        self.protocol = Protocol(self)
        self.bindings = Bindings(self)
        self.statements = Statements(self)

    # -- driving --------------------------------------------------------------------------------------------------

    def go(self) -> None:
        """Run the whole body. Raises CutOff."""
        if isinstance(self.node, cst.Lambda):
            self.returned = self.evaluate(self.node.body)
            return
        body = self.node.body if isinstance(self.node, cst.Module) else self.node.body.body
        self.statements.block(body)
        if isinstance(self.returned, Tensor) and is_declared_otherwise(self.file, self.node):
            self.returned = UNKNOWN
        end = self.state
        for state in self.returns:
            end = joined(end, state)
        self.state = end
        # What is made in the function itself is no part of what it is given.
        self.asked = {key for key in self.asked if not made_in(self.file, self.node, key[0])}

    def evaluate(self, node: cst.CSTNode) -> Value:
        """The value of an expression, here and now."""
        return self.expressions.value(node)

    def end(self) -> None:
        """Account for what was done, and let go of the parts that hold on to the run: without cycles, memory is given
        back at once."""
        if len(self.stack) == 1:
            self.root.left[0] -= self.budget[1] - max(self.budget[0], 0)
        del self.expressions, self.calls, self.protocol, self.bindings, self.statements

    @staticmethod
    def cut_off() -> NoReturn:
        """End the run: its budget is spent."""
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

    def refuses(self, node: cst.CSTNode, callee: Value | None = None, *, unasked: bool = False) -> Refuse:
        """What to tell where torch refuses an operation of this node."""

        def refuse(refusal: Refusal) -> None:
            if not self._asks_of_sizes():
                arms = (*self.arms, *self.left)
                self.refused.append(Refused(refusal, node, self.file, callee, arms, unasked=unasked))

        return refuse

    def _asks_of_sizes(self) -> bool:
        """Whether it hangs on a size that is not known whether this point is reached: `if length != self.length:`."""
        tests = (arm.test for arm in (*self.arms, *self.left) if arm.test is not None)
        names = (name for test in tests for name in self.file.below(test, cst.Name))
        return any(isinstance(self.values.get(name), (Size, Shape, Arithmetic)) for name in names)

    @contextmanager
    def expecting_failure(self, expecting: bool) -> Iterator[None]:
        """What torch refuses within is caught, or asked for: nobody need be told."""
        mark = len(self.refused)
        yield
        if expecting:
            del self.refused[mark:]

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

    def arm(self, arm: Arm) -> InArm:
        """For the time that one way out of a branch is taken."""
        return InArm(self.arms, arm)

    # -- stepping in ----------------------------------------------------------------------------------------------

    def step_into(
        self, file: File, function: cst.FunctionDef | cst.Lambda, names: dict[str, Value], node: cst.CSTNode,
        closure: Mapping[str, Value] | None = None,
    ) -> Value | None:  # fmt: skip
        """Run a function of the project with these arguments; its events become part of this run's.

        Returns its value, or None where it is not stepped into (recursion, depth).
        """
        if function in self.stack or len(self.stack) > _DEEPEST:
            return None
        if not teaches(self, file, function, names):
            return self._as_before(function, names, node)
        for name, value in names.items():
            self.flows.hint(value, function, name, file.flows)
        grad = self.state.grad
        if type(function) is cst.FunctionDef:
            grad = grad_of_decorators(function, file) or grad
        given = dict(names) if self.loops else None
        entry = State(names, Heap(self.state.heap), dict(self.state.modes), grad)
        flow = file.flows.run(function, entry, stack=self.stack, budget=self.budget, closure=closure, root=self.root)
        flow.callers[node] = self.file
        if given is not None:
            self.root.passed[function, node] = given, flow
        self._inline(flow, node)
        self.state.heap, self.state.modes = Heap(flow.end.heap, self.asked), dict(flow.end.modes)
        if flow.end.grad != grad:
            self.state.grad = flow.end.grad
        return flow.returned if flow.returned is not None else const(None)

    def _as_before(
        self, function: cst.FunctionDef | cst.Lambda, names: dict[str, Value], node: cst.CSTNode
    ) -> Value | None:
        """What the same call gave in an earlier pass over the loop around it, where it is given the same again.

        A pass that knew less than the one before would undo what that one had learnt."""
        given, flow = self.root.passed.get((function, node), (None, None))
        if flow is None or given is None or not self.loops or given.keys() != names.keys():
            return None
        if any(value is not given[name] and exact(value) != exact(given[name]) for name, value in names.items()):
            return None
        self._inline(flow, node)
        return flow.returned if flow.returned is not None else const(None)

    def _inline(self, flow: Flow, node: cst.CSTNode) -> None:
        """What happens in a function that is stepped into happens in this run."""
        loops, arms = tuple(self.loops), tuple(self.arms)
        self.asked |= flow.asked
        self.events += [e.inlined(node, loops, arms) for e in flow.events if e.kind not in _OF_THE_FUNCTION]
        if flow.refused and not self._asks_of_sizes():
            self.refused += [refused.inlined(node, (*arms, *self.left)) for refused in flow.refused]
