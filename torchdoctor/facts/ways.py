"""The ways through a flow: its events put back into sequence, branches and loops, and walked with a state.

Two branches that ask the same question (`if scaler is not None` here and there) take the same arm on one way: so what
is done in the one and undone in the other is not mistaken for a way of its own. A loop is taken to run at least once.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Generic, TypeVar

import libcst as cst

from torchdoctor.facts.events import Arm, Event
from torchdoctor.facts.values import Const

if TYPE_CHECKING:
    from torchdoctor.facts.file import File
    from torchdoctor.facts.flow import Flow

S = TypeVar("S", bound=Hashable)
Answers = frozenset[tuple[str, bool]]  # what the branches on one way have asked, and what the answer was
_MOST_WAYS = 48  # kept apart; beyond that their answers are forgotten, which only adds ways
_ROUNDS = 12  # of a loop's body
_COMPREHENSIONS = (cst.ListComp, cst.SetComp, cst.GeneratorExp, cst.DictComp)


@dataclass(slots=True, eq=False)
class Loop:
    """A For, While or CompFor, and what happens in one pass."""

    key: object
    body: list[Event | Loop | Branch] = field(default_factory=list)


@dataclass(slots=True, eq=False)
class Branch:
    """An If, IfExp, Try, Match or BooleanOperation, and what happens in each arm; an arm without events is left out."""

    key: object
    node: cst.CSTNode
    test: cst.BaseExpression | None
    arms: dict[int, list[Event | Loop | Branch]] = field(default_factory=dict)


Items = list[Event | Loop | Branch]


class Ways(Generic[S]):
    """One walk over the events of a flow that are worth it.

    ``change`` gives the state after an event from the state before it. ``before`` holds, by the event's index, the
    states in which it may be reached.
    """

    __deletable__ = ("change",)  # by compiled code too

    def __init__(self, flow: Flow, events: Iterable[Event], entry: S, change: Callable[[Event, S], S]) -> None:
        self.flow = flow
        self.change = change
        self.before: dict[int, set[S]] = {}
        self._breaks: list[set[tuple[S, Answers]]] = []
        self._continues: list[set[tuple[S, Answers]]] = []
        self._run(structure(flow, events), {(entry, frozenset())})
        del self.change  # it knows who asked, who keeps what is found out here

    def states(self, event: Event) -> frozenset[S]:
        """The states in which the event may be reached; none where no way leads there."""
        return frozenset(self.before.get(event.index, ()))

    def _run(self, items: Items, ways: set[tuple[S, Answers]]) -> set[tuple[S, Answers]]:
        for item in items:
            if not ways:
                break
            if isinstance(item, Event):
                ways = self._event(item, ways)
            elif isinstance(item, Loop):
                ways = self._loop(item, ways)
            else:
                ways = self._branch(item, ways)
            if len(ways) > _MOST_WAYS:
                ways = {(state, frozenset()) for state, _ in ways}
        return ways

    def _event(self, event: Event, ways: set[tuple[S, Answers]]) -> set[tuple[S, Answers]]:
        if event.kind in ("return", "raise"):
            return set()
        if event.kind in ("break", "continue"):
            stack = self._breaks if event.kind == "break" else self._continues
            if stack:
                stack[-1] |= ways
            return set()
        self.before.setdefault(event.index, set()).update(state for state, _ in ways)
        return {(self.change(event, state), answers) for state, answers in ways}

    def _loop(self, loop: Loop, ways: set[tuple[S, Answers]]) -> set[tuple[S, Answers]]:
        asked = {key for _, answers in ways for key, _ in answers}
        seen: set[tuple[S, Answers]] = set()
        end: set[tuple[S, Answers]] = set()
        new = ways
        for _ in range(_ROUNDS):
            seen |= new
            self._breaks.append(set())
            self._continues.append(set())
            after = self._run(loop.body, new) | self._continues.pop()
            end |= self._breaks.pop()
            # What the body asked is asked anew in the next pass.
            after = {(state, frozenset(a for a in answers if a[0] in asked)) for state, answers in after}
            end |= after
            new = after - seen
            if not new:
                break
        return end

    def _branch(self, branch: Branch, ways: set[tuple[S, Answers]]) -> set[tuple[S, Answers]]:
        node = branch.node
        if isinstance(node, (cst.If, cst.IfExp)):
            return self._either(branch, node.test, ways)
        if isinstance(node, (cst.Try, cst.TryStar)):
            body = self._run(branch.arms.get(0, []), ways)
            end = set(body)
            for index, items in branch.arms.items():
                if index:
                    end |= self._run(items, ways | body)
            return end
        end = set(ways)  # no case of a match fits; `a and b()` ends at a
        for items in branch.arms.values():
            end |= self._run(items, ways)
        return end

    def _either(self, branch: Branch, test: cst.BaseExpression, ways: set[tuple[S, Answers]]) -> set[tuple[S, Answers]]:
        sure = self.flow.value(test)
        end: set[tuple[S, Answers]] = set()
        for index, truth in ((0, True), (1, False)):
            if isinstance(sure, Const) and bool(sure.value) is not truth:
                continue
            learnt = frozenset(answered(test, truth))
            refuted = {(key, not answer) for key, answer in learnt}
            open_ways = {(state, answers | learnt) for state, answers in ways if not answers & refuted}
            end |= self._run(branch.arms.get(index, []), open_ways)
        return end


# -- questions ---------------------------------------------------------------------------------------------------------


def answered(test: cst.BaseExpression, truth: bool) -> Iterator[tuple[str, bool]]:
    """What is known once a test came out so: `x is None` false and `x` true are the same answer."""
    if isinstance(test, cst.UnaryOperation) and isinstance(test.operator, cst.Not):
        yield from answered(test.expression, not truth)
    elif isinstance(test, cst.BooleanOperation):
        if isinstance(test.operator, cst.And) is truth:
            yield from answered(test.left, truth)
            yield from answered(test.right, truth)
    elif isinstance(test, cst.Comparison) and len(test.comparisons) == 1:
        part = test.comparisons[0]
        left, right = _code(test.left), _code(part.comparator)
        negative = isinstance(part.operator, (cst.NotEqual, cst.IsNot, cst.NotIn))
        if isinstance(part.operator, (cst.Is, cst.IsNot)) and right == "None":
            yield left, negative is truth
        elif negative or isinstance(part.operator, (cst.Equal, cst.Is, cst.In)):
            yield f"{left} == {right}", truth is not negative
        else:
            yield f"{left} {type(part.operator).__name__} {right}", truth
    else:
        yield _code(test), truth


def _code(node: cst.CSTNode) -> str:
    return "".join(cst.Module(()).code_for_node(node).split())


# -- structure ---------------------------------------------------------------------------------------------------------


def structure(flow: Flow, events: Iterable[Event]) -> Items:
    """The events as nested sequences, branches and loops. They must come in order."""
    files = dict.fromkeys([flow.file, *(event.file for event in flow.events)])
    root: Items = []
    for event in events:
        items = root
        for place in _path(event, tuple(files)):
            items = _inner(items, place)
        items.append(event)
    return root


def _inner(items: Items, place: tuple[object, cst.CSTNode | Arm]) -> Items:
    """The sequence inside one loop or arm, which is that of the item before where it is the same one."""
    key, node = place
    last = items[-1] if items else None
    if isinstance(node, Arm):
        if not isinstance(last, Branch) or last.key != key or max(last.arms) > node.index:
            last = Branch(key, node.branch, node.test)
            items.append(last)
        return last.arms.setdefault(node.index, [])
    if not isinstance(last, Loop) or last.key != key:
        last = Loop(key)
        items.append(last)
    return last.body


def _path(event: Event, files: tuple[File, ...]) -> Iterator[tuple[object, cst.CSTNode | Arm]]:
    """The loops and arms around an event, outermost first, through the calls that led to it; each with a key that
    tells the same loop reached by different calls apart."""
    loops = set(event.loops)
    arms = {arm.branch: arm for arm in event.arms}
    for depth, anchor in enumerate((*event.via, event.node)):
        file = event.file if depth == len(event.via) else next((f for f in files if anchor in f.tree.parents), None)
        found: list[cst.CSTNode | Arm] = []
        for above in file.tree.ancestors(anchor) if file is not None else ():
            if isinstance(above, (cst.FunctionDef, cst.Lambda)):
                break
            if above in arms:
                found.append(arms[above])
            elif above in loops:
                found.append(above)
            elif isinstance(above, _COMPREHENSIONS):
                found.extend(clause for clause in reversed(_clauses(above.for_in)) if clause in loops)
        for place in reversed(found):
            node = place.branch if isinstance(place, Arm) else place
            yield (event.via[:depth], node), place


def _clauses(clause: cst.CompFor | None) -> list[cst.CompFor]:
    found: list[cst.CompFor] = []
    while clause is not None:
        found.append(clause)
        clause = clause.inner_for_in
    return found
