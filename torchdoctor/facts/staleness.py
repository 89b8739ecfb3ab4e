"""Whether what is kept is used after training has gone on: by the order of statements and the loops around."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import libcst as cst

from torchdoctor.facts.collectives import anchor
from torchdoctor.facts.joins import options
from torchdoctor.facts.kind import unwrapped
from torchdoctor.facts.ownership import related
from torchdoctor.facts.snapshots import Kept
from torchdoctor.facts.tree import own_nodes, within
from torchdoctor.facts.values import Attr, Made, Named, Self, Tensor

if TYPE_CHECKING:
    from torchdoctor.facts.events import Event
    from torchdoctor.facts.file import File
    from torchdoctor.facts.flow import Flow

_LOOPS = (cst.For, cst.While)
_ORDERING = (cst.LessThan, cst.LessThanEqual, cst.GreaterThan, cst.GreaterThanEqual)
_HARMLESS = ("builtins.", "torch.", "numpy.", "math.", "copy.", "tqdm.", "os.", "time.", "torchinfo.", "torchsummary.")


class Staleness:
    """One kept thing of one flow: the training that follows it, and the uses that see what training made of it."""

    def __init__(self, flow: Flow, kept: Kept) -> None:
        self.flow, self.file, self.kept = flow, flow.file, kept
        self.order = flow.file.tree.order
        self.better = is_improvement(flow.file, kept.statement)
        self.module = unwrapped(flow.value(kept.alias.module))
        self.loops = [loop for loop in self._around(kept.statement) if not self._is_made_in(loop)]

    def use(self) -> cst.CSTNode | None:
        """A use of what is kept that comes after more training; None where there is none in sight."""
        steps = [anchor(event) for event in self.flow.events if self._trains(event)]
        steps = [step for step in steps if step in self.order]
        after = [s for s in steps if self.order[s] > self._at or self._shares_loop(s)]
        if not after:
            return None
        reads = [use for use in self._reads() if not self._is_of_another(use)]
        return next((use for use in reads if any(self._is_after(use, step) for step in after)), None)

    def later_use(self) -> cst.CSTNode | None:
        """For a method that is called again and again: a use of the attribute in another call, or in another function.

        Where the file does not read the attribute at all, others do: then the place where it is kept.
        """
        holder, home = self.kept.holder, self.file.function(self.kept.statement)
        if not isinstance(holder, cst.Attribute) or home is None or home.name.value == "__init__":
            return None
        reads = [n for n in self.file.nodes(cst.Attribute) if n.attr.value == holder.attr.value and self._is_read(n)]
        stale = [n for n in reads if self.file.function(n) is not home or not self._is_fresh(n)]
        return next(iter(stale), None if reads else self.kept.statement)

    # -- training -------------------------------------------------------------------------------------------------

    def _trains(self, event: Event) -> bool:
        """A backward of this model, where anything steps at all, or code that is not in sight and gets the model where
        models are compared."""
        if event.kind == "backward":
            if "step" not in self.file.mentions and not self.flow.of("step", "scaler_step"):
                return False
            models = event.on.models if isinstance(event.on, Tensor) else frozenset()
            known = [unwrapped(option) for model in models for option in options(model)]
            mine = [unwrapped(option) for option in options(self.module)]
            return not known or any(related(a, b) for a in known for b in mine)
        if event.kind != "call" or not self.better:
            return False
        if isinstance(event.on, Named) and event.on.name.startswith(_HARMLESS):
            return False
        given = {unwrapped(o) for value in (*event.args, *event.keywords.values()) for o in options(value)}
        unseen = isinstance(event.on, Attr) and isinstance(event.on.of, Self) and self._is_of_self()
        return bool(given & set(options(self.module))) or unseen

    def _is_of_self(self) -> bool:
        return isinstance(self.module, Attr) and isinstance(self.module.of, Self)

    def _is_made_in(self, loop: cst.CSTNode) -> bool:
        """Whether each pass of the loop has a model of its own."""
        root: cst.BaseExpression = self.kept.alias.module
        if isinstance(self.module, Made) and loop in self.file.ancestors(self.module.call):
            return True
        while isinstance(root, cst.Attribute):
            if any(target.deep_equals(root) for target in _targets(loop)):
                return True
            root = root.value
        return any(target.deep_equals(root) for target in _targets(loop))

    # -- order ----------------------------------------------------------------------------------------------------

    @property
    def _at(self) -> int:
        return self.order[self.kept.statement]

    def _around(self, node: cst.CSTNode) -> list[cst.CSTNode]:
        found: list[cst.CSTNode] = []
        for above in self.file.ancestors(node):
            if above is self.flow.node:
                break
            if isinstance(above, _LOOPS):
                found.append(above)
        return found

    def _shares_loop(self, node: cst.CSTNode) -> bool:
        around = set(self._around(node))
        return any(loop in around for loop in self.loops)

    def _is_after(self, use: cst.CSTNode, step: cst.CSTNode) -> bool:
        """Whether the use may come after the step, and the step after what is kept."""
        between = self._at < self.order[step] < self.order[use] or self._goes_round(step, use)
        if self._is_fresh(use):
            return between
        if self._shares_loop(step):
            return self.order[use] > self._at or self._shares_loop(use)
        return between

    def _goes_round(self, step: cst.CSTNode, use: cst.CSTNode) -> bool:
        """Whether a loop that comes after the keeping holds both."""
        after = [loop for loop in self._around(step) if self.order[loop] > self._at]
        return any(loop in self._around(use) for loop in after)

    def _is_fresh(self, use: cst.CSTNode) -> bool:
        """Whether each way to the use leads past the keeping in the same pass: below it in its block, or under the
        same test."""
        if self.order[use] < self._at:
            return False
        line = self.file.statement(self.kept.statement)
        block = self.file.parent(line) if line is not None else None
        above = list(self.file.ancestors(use))
        if block in above or any(made in above for made in self._blocks_that_begin_it()):
            return True
        branch = self.file.parent(block) if block is not None else None
        return isinstance(branch, cst.If) and any(
            isinstance(other, cst.If) and other is not branch and other.test.deep_equals(branch.test) for other in above
        )

    def _is_of_another(self, use: cst.CSTNode) -> bool:
        """Whether the holder is surely given something else between the keeping and the use."""
        blocks = set(self.file.ancestors(use))
        return any(
            self._at < self.order[assign] < self.order[use]
            and assign not in blocks
            and any(target.target.deep_equals(self.kept.holder) for target in assign.targets)
            and self.file.parent(self.file.statement(assign) or assign) in blocks
            for assign in self.file.nodes(cst.Assign)
        )

    def _blocks_that_begin_it(self) -> list[cst.CSTNode]:
        """Blocks around the keeping in which its holder, a dict or list, begins anew before it: `record = {}`."""
        around, loops = set(self.file.ancestors(self.kept.statement)), self._around(self.kept.statement)
        return [
            block
            for assign in self.file.nodes(cst.Assign)
            if self.order[assign] < self._at and self._around(assign) == loops
            if any(target.target.deep_equals(self.kept.holder) for target in assign.targets)
            if (block := self.file.parent(self.file.statement(assign) or assign)) in around and block is not None
        ]

    # -- uses -----------------------------------------------------------------------------------------------------

    def _reads(self) -> Iterator[cst.CSTNode]:
        body = self.flow.node.body if isinstance(self.flow.node, cst.FunctionDef) else self.flow.node
        for node in own_nodes(body):
            if node is not self.kept.holder and type(node) is type(self.kept.holder) and self._is_read(node):
                if node.deep_equals(self.kept.holder):
                    yield node

    def _is_read(self, node: cst.CSTNode) -> bool:
        """Whether the value itself is used: not asked whether it is there, not given another."""
        parent = self.file.parent(node)
        if isinstance(
            parent, (cst.AssignTarget, cst.Comparison, cst.ComparisonTarget, cst.If, cst.UnaryOperation, cst.Del)
        ):
            return False
        if isinstance(parent, cst.Subscript):
            return not isinstance(self.file.parent(parent), cst.AssignTarget)
        if isinstance(parent, cst.Attribute):
            return parent.value is node and parent.attr.value not in ("append", "clear", "pop")
        if isinstance(parent, (cst.Param, cst.Element)):
            whole = self.file.parent(self.file.parent(parent) or parent)
            return not isinstance(whole, (cst.AssignTarget, cst.Del))
        return not isinstance(parent, (cst.Arg, cst.AnnAssign)) or getattr(parent, "value", None) is node


def is_improvement(file: File, statement: cst.CSTNode) -> bool:
    """Whether a statement runs where a number has become better: under `if loss < best`, or a flag of that."""
    for above in file.ancestors(statement):
        if isinstance(above, (cst.FunctionDef, cst.ClassDef)):
            return False
        if isinstance(above, cst.If) and any(_orders(file, test) for test in _chain(above)):
            return True
    return False


def _orders(file: File, test: cst.CSTNode, depth: int = 3) -> bool:
    """Whether a test asks which of two numbers is greater, or a flag does that it reads."""
    for node in within(test):
        if isinstance(node, cst.ComparisonTarget) and isinstance(node.operator, _ORDERING):
            return True
        if isinstance(node, cst.Name) and depth:
            flags = [
                value for value in file.scopes.values(node) if isinstance(value, (cst.Comparison, cst.BooleanOperation))
            ]
            if any(_orders(file, flag, depth - 1) for flag in flags):
                return True
    return False


def _chain(branch: cst.If) -> Iterator[cst.BaseExpression]:
    """The tests of an `if` and of its `elif`s."""
    following: cst.If | cst.Else | None = branch
    while isinstance(following, cst.If):
        yield following.test
        following = following.orelse


def _targets(loop: cst.CSTNode) -> Iterator[cst.CSTNode]:
    for node in within(loop):
        if isinstance(node, (cst.AssignTarget, cst.For)):
            yield from _names(node.target)


def _names(target: cst.BaseExpression) -> Iterator[cst.CSTNode]:
    if isinstance(target, (cst.Tuple, cst.List)):
        for element in target.elements:
            yield from _names(element.value)
    else:
        yield target
