"""What a pass over a loop's body hands on to the next: what that reads before it gives it anew."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

import libcst as cst

from torchdoctor.facts.remembered import remembered
from torchdoctor.facts.tree import children
from torchdoctor.facts.values import Made, Value

if TYPE_CHECKING:
    from torchdoctor.facts.file import File
    from torchdoctor.facts.state import Key, State

_WAYS_OUT = frozenset((cst.Return, cst.Raise, cst.Break, cst.Continue))


def hands_on(file: File, loop: cst.For | cst.While, head: State, again: State) -> bool:
    """Whether a pass that begins with ``again`` may see something else than the one that began with ``head``: some of
    what has changed is read or asked for, and not made anew by every pass."""

    def asked(key: Key) -> bool:
        return head.heap.was_asked(key) and not made_in(file, loop, key[0])

    return not again.same(head, carried(file, loop), asked)


def carried(file: File, loop: cst.For | cst.While) -> frozenset[str]:
    """The names that a pass may read as the pass before left them; those that functions inside read are among them."""
    known = remembered(file, "carried by loops")
    if loop not in known:
        known[loop] = _carried(file, loop)
    return known[loop]  # type: ignore[no-any-return]


def _carried(file: File, loop: cst.For | cst.While) -> frozenset[str]:
    around = file.function(loop) or file.module
    bodies: list[cst.CSTNode] = [one.body for one in file.below(around, cst.FunctionDef) if one is not around]
    bodies += [one.body for one in file.below(around, cst.Lambda)]
    once = _Pass(file)
    once.go_through(loop)
    return frozenset(once.read.union(*(_names(file, body) for body in bodies)))


def made_in(file: File, around: cst.CSTNode, value: Value) -> bool:
    """Whether the thing is made within that node of the file: anew, each time that it is run."""
    parents = file.tree.parents
    at: cst.CSTNode | None = value.call if isinstance(value, Made) else None
    while at is not None and at is not around:
        at = parents.get(at)
    return at is not None


class _Pass:
    """One pass, as its text has it. ``read``: what was not yet given where it was read."""

    def __init__(self, file: File) -> None:
        self.file = file
        self.read: set[str] = set()

    def go_through(self, loop: cst.For | cst.While) -> None:
        given: set[str] = set()
        if isinstance(loop, cst.For):
            self._give(loop.target, given)
        else:
            self._look(loop.test, given)
        self._block(loop.body.body, given)

    def _look(self, node: cst.CSTNode | None, given: set[str]) -> None:
        if node is not None:
            self.read.update(name for name in _names(self.file, node) if name not in given)
            first = node.left if isinstance(node, cst.Comparison) else node
            if isinstance(first, cst.NamedExpr):
                self._give(first.target, given)

    def _give(self, target: cst.CSTNode, given: set[str]) -> None:
        if isinstance(target, cst.Name):
            given.add(target.value)
        elif isinstance(target, (cst.Tuple, cst.List)):
            for element in target.elements:
                self._give(element.value, given)
        else:
            self._look(target, given)

    def _block(self, statements: Iterable[cst.CSTNode], given: set[str]) -> bool:
        """Whether a way leads on behind the statements; ``given`` is then what is given on every one."""
        return all(self._statement(one, given) for one in statements)

    def _statement(self, node: cst.CSTNode, given: set[str]) -> bool:
        if isinstance(node, cst.SimpleStatementLine):
            return self._block(node.body, given)
        if isinstance(node, cst.If):
            return self._if(node, given)
        if isinstance(node, cst.With):
            for item in node.items:
                self._look(item.item, given)
                if item.asname is not None:
                    self._give(item.asname.name, given)
            return self._block(node.body.body, given)
        if isinstance(node, (cst.Assign, cst.AnnAssign)):
            self._look(node.value, given)
            for target in node.targets if isinstance(node, cst.Assign) else (node,):
                self._give(target.target, given)
        elif isinstance(node, (cst.FunctionDef, cst.ClassDef)):
            given.add(node.name.value)
        elif isinstance(node, (cst.For, cst.While, cst.Try, cst.TryStar, cst.Match)):
            self._perhaps(node, given)
        else:
            self._look(node, given)
        return type(node) not in _WAYS_OUT

    def _if(self, node: cst.If, given: set[str]) -> bool:
        self._look(node.test, given)
        yes, no = set(given), set(given)
        after_yes = self._block(node.body.body, yes)
        other = [node.orelse] if isinstance(node.orelse, cst.If) else node.orelse.body.body if node.orelse else []
        after_no = self._block(other, no)
        given |= yes & no if after_yes and after_no else yes if after_yes else no
        return after_yes or after_no

    def _perhaps(self, node: cst.CSTNode, given: set[str]) -> None:
        """Blocks that may be run or not: what they give is not sure to be given behind them."""
        inside = set(given)
        if isinstance(node, cst.For):
            self._look(node.iter, given)
            self._give(node.target, inside)
        elif isinstance(node, (cst.While, cst.Match)):
            self._look(node.test if isinstance(node, cst.While) else node.subject, given)
        for child in children(node):
            block = child if isinstance(child, cst.BaseSuite) else getattr(child, "body", None)
            if isinstance(block, cst.BaseSuite):
                caught = getattr(child, "name", None)
                self._block(block.body, inside | set(_names(self.file, caught) if caught is not None else ()))


def _names(file: File, node: cst.CSTNode) -> Iterator[str]:
    """The names that an expression reads."""
    for name in file.below(node, cst.Name):
        above = file.parent(name)
        attribute = type(above) is cst.Attribute and above.attr is name
        keyword = type(above) is cst.Arg and above.keyword is name
        if not attribute and not keyword and not (type(above) is cst.NamedExpr and above.target is name):
            yield name.value
