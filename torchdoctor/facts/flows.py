"""The flows of a file: which functions to run, in which contexts, and what all runs of them share."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from functools import cached_property
from typing import TYPE_CHECKING, Any

import libcst as cst

from torchdoctor.facts.classes import receiver_name
from torchdoctor.facts.context import grad_of_decorators
from torchdoctor.facts.events import GradMode
from torchdoctor.facts.flow import Flow
from torchdoctor.facts.inheriting import filled_in
from torchdoctor.facts.instances import Instances
from torchdoctor.facts.joins import exact
from torchdoctor.facts.reach import called_by, owner_of, plainly_called, reached
from torchdoctor.facts.remembered import Remembering
from torchdoctor.facts.run import CutOff, Run
from torchdoctor.facts.state import State
from torchdoctor.facts.usage import Usage
from torchdoctor.facts.values import UNKNOWN, Attr, Free, Item, Made, Named, Param, Result, Self, Value

if TYPE_CHECKING:
    from torchdoctor.facts.classes import ClassFacts
    from torchdoctor.facts.file import File

# Things that are known only as themselves: what is done with them tells their kind.
_UNTOLD = (Param, Attr, Result, Item, Free)
_CALLING_FILES = 12  # that are read to learn how a function is called
# Expressions that are evaluated for one file: so many for each of its nodes (real files need one to four). It keeps a
# lint run within some ten times the parse, whatever the file holds.
_PER_NODE, _AT_LEAST = 5, 20_000


class Flows(Remembering):
    """All flows of one file: the module's own body, and each function in each context it is called in."""

    def __init__(self, file: File) -> None:
        self.file = file
        self.usage = Usage(file)
        self.globals: dict[str, Value] = {}
        self.hints: dict[Value, str] = {}
        self.closures: dict[cst.FunctionDef, dict[str, Value]] = {}
        self._memo: dict[Any, Flow] = {}
        self._contexts: dict[cst.CSTNode, list[Flow]] = {}
        # What a call in a loop gave to a function and what came of it, in the pass before.
        self.passed: dict[tuple[cst.CSTNode, cst.CSTNode], tuple[dict[str, Value], Flow]] = {}
        self.watched: frozenset[cst.CSTNode] = frozenset()  # statements before which what is known is written down
        self.inherited: list[Flow] = []  # flows of methods of other files, as instances of this file's classes run them
        self._whole: set[cst.FunctionDef] = set()  # functions that were run in all their contexts
        self._ran_module = False  # the module's own body was run

    def let_go(self, *but: str) -> None:
        super().let_go(*but)
        for flow in self._memo.values():
            flow.let_go()
        self._memo.clear()
        self._contexts.clear()
        self.passed.clear()
        self.inherited.clear()

    @cached_property
    def instances(self) -> Instances:
        """The objects that the classes of the project make."""
        return Instances(self)

    @cached_property
    def left(self) -> list[int]:
        """How many expressions may still be evaluated for this file; at nothing, nothing is known of it any more."""
        return [max(_AT_LEAST, _PER_NODE * len(self.file.tree.order))]

    @cached_property
    def module(self) -> Flow:
        """The run of the module's own body."""
        state = State()
        self.globals = state.names
        run = Run(self, self.file.module, state)
        try:
            run.go()
        except CutOff:
            run.events, run.values, run.refused = [], {}, []
        self.globals = run.state.names
        self._ran_module = True
        flow = Flow(run, known_callers=True)
        run.end()
        return flow

    @cached_property
    def _first_grad(self) -> GradMode:
        """The grad mode that functions start in: the module may switch it off for all of them."""
        return self.module.end.grad if "set_grad_enabled" in self.file.mentions else GradMode()

    def global_value(self, name: str) -> Value | None:
        """What a name of the module holds; None where it is bound in several places, or not by an assignment.

        Running a whole module to learn of one constant takes long, so only the one expression is evaluated.
        """
        if self._ran_module or name in self.globals:
            return self.globals.get(name)
        bindings = self.file.scopes.module.bindings.get(name, [])
        if len(bindings) != 1 or bindings[0].value is None or bindings[0].kind != "assign":
            return None
        self.globals[name] = UNKNOWN  # cuts recursion
        run = Run(self, self.file.module, State())
        try:
            self.globals[name] = run.evaluate(bindings[0].value)
        except CutOff:
            return None
        finally:
            run.end()
        return self.globals[name]

    def touching(self, *groups: frozenset[str]) -> list[Flow]:
        """The flows of the functions in which one of these names stands, and of all that call them.

        Of several groups of names, one of each has to stand in a function (or in what it calls), for it to be run.
        Callers run before what they call, so that a function is seen with real arguments where there are any. With no
        names: all functions.
        """
        reaches = [reached(self.file, group) for group in groups]
        flows = [self.module] if all(reach.module for reach in reaches) else []
        functions = self.file.nodes(cst.FunctionDef)
        marked = [function for function in functions if function in reaches[0].functions] if reaches else functions
        wanted = [function for function in marked if all(function in reach.functions for reach in reaches[1:])]
        for function in sorted(wanted, key=lambda function: function in self._called):
            self._see(function)
        if self.left[0] <= 0:
            return []  # some way to call one of them may not have been seen
        return [*flows, *(flow for function in marked for flow in self._contexts.get(function, ()))]

    def __iter__(self) -> Iterator[Flow]:
        return iter(self.touching())

    def of(self, function: cst.CSTNode) -> list[Flow]:
        """The flows of one function: one a context that calls it, or one with nothing known of its arguments."""
        return self.running((function,)) if isinstance(function, cst.FunctionDef) else [self.module]

    def running(self, functions: Iterable[cst.CSTNode]) -> list[Flow]:
        """The flows of these functions, in every context in which the file is seen to call them."""
        wanted = list(dict.fromkeys(functions))
        defined = [one for one in wanted if isinstance(one, cst.FunctionDef)]
        for one in defined:
            if one not in self._called:
                self._see(one)  # first, as in ``touching``: what follows may then have less to teach
        if defined:
            self.touching(frozenset(called_by(self.file, one) for one in defined))
        for one in defined:
            self._see(one)
        return [flow for one in wanted for flow in (self._contexts.get(one) or [self.module])]

    def _see(self, function: cst.FunctionDef) -> None:
        """Run a function in all its contexts, the same ones whatever was run before: in those of its callers; with
        nothing known of its arguments where nothing plainly calls it, or nothing got there; and as subclasses fill in
        what it is a part of."""
        if function in self._whole:
            return
        self._whole.add(function)
        called = function in self._called
        for name in self.file.mentions.get(function.name.value, ()) if called else ():
            caller = self.file.function(name)
            if caller is not None:
                self._see(caller)
        if not called or function not in self._contexts:
            self.alone(function)
        for facts, base, method in filled_in(self.file, function):
            flow = self.alone(method, facts, base.file)
            if base.file is not self.file:
                self.inherited.append(flow)

    def contexts(self, function: cst.CSTNode) -> list[Flow]:
        """The flows of a function, of this file or of another, as what was run so far has come to it."""
        return list(self._contexts.get(function, ()))

    def all_contexts(self) -> list[Flow]:
        """The flows of functions, of other files too, that were run for this file so far."""
        return [flow for flows in self._contexts.values() for flow in flows]

    def from_elsewhere(self, function: cst.FunctionDef) -> list[Flow] | None:
        """The flows of a function in contexts that begin in other files; None where too many files call its name."""
        neighbours = self.file.neighbours
        if neighbours is None:
            return []
        neighbours.adopt(self.file)
        word = called_by(self.file, function)
        files = neighbours.calling(word, _CALLING_FILES)
        if files is None:
            return None
        found: list[Flow] = []
        for file in files:
            if file is not self.file:
                file.flows.touching(frozenset((word,)))
                found += file.flows._contexts.get(function, [])
        return found

    def by_itself(self, function: cst.FunctionDef) -> Flow:
        """The function with nothing known of its arguments, for a question: that is none of the ways it is called."""
        return self.alone(function, aside=True)

    def alone(
        self, function: cst.FunctionDef, facts: ClassFacts | None = None, file: File | None = None, aside: bool = False
    ) -> Flow:
        """The function with nothing known of its arguments but their names and annotations.

        A method may be inherited: then ``facts`` is the class whose instance runs it, and ``file`` where it stands.
        """
        home = (file or self.file).flows
        entry = home.unasked(function, Self(facts.node, facts.name) if facts else None, root=self)
        closure = self.closures.get(function)
        return home.run(function, entry, closure=closure, known_callers=False, aside=aside, root=self)

    def unasked(self, function: cst.FunctionDef, receiver: Self | None = None, *, root: Flows) -> State:
        """What is known where a function of this file begins that nobody is seen to call. ``receiver``: an instance of
        another class than its own."""
        params = function.params
        every = (*params.posonly_params, *params.params, *params.kwonly_params, params.star_arg, params.star_kwarg)
        names: dict[str, Value] = {
            param.name.value: Param(function, param.name.value) for param in every if isinstance(param, cst.Param)
        }
        owner = owner_of(self.file, function)
        name = receiver_name(function) if owner is not None else None
        if name is not None and owner is not None:
            names[name] = receiver or Self(owner, self.file.names.own(owner))
        return State(names, grad=grad_of_decorators(function, self.file) or root._first_grad)

    def run(
        self,
        function: cst.FunctionDef | cst.Lambda,
        entry: State,
        *,
        stack: tuple[cst.CSTNode, ...] = (),
        budget: list[int] | None = None,
        closure: Mapping[str, Value] | None = None,
        known_callers: bool = True,
        aside: bool = False,
        root: Flows | None = None,
    ) -> Flow:
        """A run with this entry state, or the same run made before.

        What is run for another file is remembered there (``root``): it must not depend on who asked before. ``aside``:
        for a question only, as what a constructor makes; that is none of the ways the function is called.
        """
        home = root or self
        names = frozenset([(name, exact(value)) for name, value in entry.names.items()])
        key = (function, names, entry.heap.exact(), frozenset(entry.modes.items()), entry.grad, known_callers)
        flow = home._memo.get(key)
        if flow is None:
            run = Run(self, function, entry, stack=stack, closure=closure, budget=budget, root=home)
            try:
                run.go()
            except CutOff:
                if stack:
                    raise
                run.events, run.values, run.refused = [], {}, []
            if run.yielded is not None or _is_generator(function, self.file):
                run.returned = Result(function, Named("generator"))
            flow = home._memo[key] = Flow(run, known_callers)
            run.end()
        if not aside and flow not in (contexts := home._contexts.setdefault(function, [])):
            contexts.append(flow)
        return flow

    def hint(self, value: Value, scope: cst.CSTNode, name: str, flows: Flows | None = None) -> None:
        """What is done with a name tells the kind of an otherwise unknown thing that it holds."""
        if isinstance(value, _UNTOLD):
            kind = (flows or self).usage.kind(scope, name)
            if kind is not None:
                self.hints.setdefault(value, kind)
                if flows is not None:
                    flows.hints.setdefault(value, kind)

    def hint_attribute(self, value: Value, of: Value, name: str) -> None:
        """The same for an attribute: what the class's methods do with it counts."""
        if isinstance(value, _UNTOLD) and isinstance(of, (Self, Made)):
            facts = self.file.classes.named(of.name)
            for ancestor in facts.ancestry if facts is not None else ():
                self.hint(value, ancestor.node, name, ancestor.file.flows)

    def seen(self, function: cst.CSTNode) -> int:
        """In how many contexts the function was looked at so far."""
        return len(self._contexts.get(function, ()))

    @cached_property
    def _called(self) -> set[cst.FunctionDef]:
        return plainly_called(self.file)


def _is_generator(function: cst.FunctionDef | cst.Lambda, file: File) -> bool:
    return any(file.enclosing(node, cst.FunctionDef, cst.Lambda) is function for node in file.nodes(cst.Yield))
