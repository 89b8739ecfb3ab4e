"""What a run does, in order: the calls that matter to training and evaluation, and the state they happen in."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import libcst as cst

from torchdoctor.facts.fixed import fixed
from torchdoctor.facts.values import Value

if TYPE_CHECKING:
    from torchdoctor.facts.file import File


@fixed
class GradMode:
    """Whether operations are recorded for backward: True, False, or None (not known); and what made it so."""

    enabled: bool | None = True
    because: cst.CSTNode | None = field(default=None, repr=False, compare=False)


@fixed
class Mode:
    """One mode that a module may be in: training True or False, None where it was never set in sight.

    ``because`` is the call of train() or eval(); a module has a set of these, one for each way to get here.
    """

    training: bool | None
    because: cst.CSTNode | None = field(default=None, repr=False)


@fixed
class Arm:
    """One way out of a branch: the If, Try, Match or IfExp, and which of its arms (0 the first)."""

    branch: cst.CSTNode = field(repr=False)
    index: int
    test: cst.BaseExpression | None = field(default=None, compare=False, repr=False)


@dataclass(slots=True, eq=False)
class Event:
    """One thing that happens.

    kinds: ``forward`` (a module is called), ``loss`` (a criterion or functional loss is called), ``backward``,
    ``autograd_grad``, ``zero_grad``, ``step``, ``scale``, ``unscale``, ``scaler_step``, ``update``, ``clip``,
    ``train``, ``eval``, ``item``, ``augment`` (`on += args[0]`), ``append``, ``iterate`` (a loop or `yield from`
    begins to read ``on``), ``write`` (attribute or item assignment), ``break``, ``continue``, ``call`` (anything else
    that is called); and of the flow's own body only: ``return``, ``yield``, ``raise``.
    ``on`` is the receiver (for backward the loss, wrappers such as DataParallel taken off), ``by`` what did it for
    another (a scaler, a framework object, the wrapper of a model), ``value`` the result. ``modes`` are the receiver's
    for a forward. ``loops`` and ``arms`` are what it stands in, outermost first; ``via`` the calls that led here from
    the flow's own body.
    """

    kind: str
    node: cst.CSTNode = field(repr=False)
    file: File = field(repr=False)
    on: Value
    args: tuple[Value, ...]
    keywords: Mapping[str, Value]
    value: Value
    grad: GradMode
    modes: frozenset[Mode] = frozenset()
    by: Value | None = None
    loops: tuple[cst.CSTNode, ...] = field(default=(), repr=False)
    arms: tuple[Arm, ...] = ()
    via: tuple[cst.CSTNode, ...] = field(default=(), repr=False)
    index: int = 0

    def at(self, node: cst.CSTNode) -> Event:
        """The same event as another node tells of it."""
        return Event(
            self.kind, node, self.file, self.on, self.args, self.keywords, self.value, self.grad, self.modes,
            self.by, self.loops, self.arms, self.via, self.index,
        )  # fmt: skip

    def inlined(self, via: cst.CSTNode, loops: tuple[cst.CSTNode, ...], arms: tuple[Arm, ...]) -> Event:
        """The same event as the caller sees it."""
        return Event(
            self.kind, self.node, self.file, self.on, self.args, self.keywords, self.value, self.grad, self.modes,
            self.by, loops + self.loops, arms + self.arms, (via, *self.via), self.index,
        )  # fmt: skip

    def argument(self, position: int | None, *names: str) -> Value | None:
        """The argument at that position or of one of these keywords."""
        for name in names:
            if name in self.keywords:
                return self.keywords[name]
        return self.args[position] if position is not None and position < len(self.args) else None


def exclusive(a: Event, b: Event) -> bool:
    """Whether the two lie in different arms of one branch, so that one pass sees only one of them."""
    arms = {arm.branch: arm.index for arm in a.arms}
    return any(arms.get(arm.branch, arm.index) != arm.index for arm in b.arms)
