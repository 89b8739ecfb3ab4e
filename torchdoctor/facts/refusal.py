"""What torch refuses: a call whose sizes cannot go together, and how the run came to it."""

from __future__ import annotations

import re
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

import libcst as cst

from torchdoctor.facts import sizes as s
from torchdoctor.facts.events import Arm
from torchdoctor.facts.fixed import fixed
from torchdoctor.facts.values import Dim, Tensor, Value

if TYPE_CHECKING:
    from torchdoctor.facts.file import File


_UNSAID = re.compile(r"\?|\(\)|operator ")  # sizes that the code has no words for: of what some call gave


@fixed
class Refusal:
    """Why torch surely raises.

    ``rule`` is the name of the fault. ``says`` goes after the name of what was called, with the sizes in it: "takes 30
    features and gets 20". ``causes`` are the nodes that the sizes come from, each with what to say of it. ``layer`` is
    the node that made the layer, where one inside a Sequential refuses.
    """

    rule: str
    says: str
    causes: tuple[tuple[cst.CSTNode, str], ...] = ()
    layer: cst.CSTNode | None = None

    def inside(self, layer: cst.CSTNode, call: cst.CSTNode, before: cst.CSTNode | None) -> Refusal:
        """The same, of a layer of the Sequential that is called there.

        ``before`` made the layer that gave the input its sizes; where there is none, what is called with is to blame.
        """
        if before is None or self.layer is not None or not any(node is call for node, _ in self.causes):
            return self
        causes = tuple((before if node is call else node, text) for node, text in self.causes)
        return replace(self, layer=layer, causes=causes)


@dataclass(frozen=True, slots=True, eq=False)
class Refused:
    """One time that torch refuses: at ``node`` of ``file``, in these arms of branches, reached by these calls.

    ``arms`` and ``via`` are outermost first, ``via`` from the flow's own body. ``callee`` is the layer that is called,
    ``unasked`` whether nothing calls it in sight: a Sequential that cannot take any input, where it is made.
    """

    refusal: Refusal
    node: cst.CSTNode = field(repr=False)
    file: File = field(repr=False)
    callee: Value | None = None
    arms: tuple[Arm, ...] = ()
    via: tuple[cst.CSTNode, ...] = field(default=(), repr=False)
    unasked: bool = False

    def inlined(self, via: cst.CSTNode, arms: tuple[Arm, ...]) -> Refused:
        """The same as the caller sees it."""
        return replace(self, via=(via, *self.via), arms=arms + self.arms)


def sizes_of(tensor: Tensor, text: str) -> tuple[tuple[cst.CSTNode, str], ...]:
    """The place that a tensor has its sizes from, as a cause."""
    return ((tensor.shape.because, text),) if tensor.shape is not None else ()


def shape_text(shape: tuple[Dim, ...]) -> str:
    """A shape in words: "(32, 784)", "(n, 3, ?, ?)"."""
    dims = ", ".join(map(size_text, shape))
    return f"({dims},)" if len(shape) == 1 else f"({dims})"


def size_text(size: Dim) -> str:
    """A size in words of the code; "?" where there are none."""
    text = s.text(size)
    return "?" if _UNSAID.search(text) else text


def count(number: int, noun: str) -> str:
    """ "1 dim", "2 dims", "2 entries"."""
    if number == 1:
        return f"1 {noun}"
    return f"{number} {noun[:-1]}ies" if noun.endswith("y") else f"{number} {noun}s"
