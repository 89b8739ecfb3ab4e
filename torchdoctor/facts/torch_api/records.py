"""What the table of torch is made of: what a call passes, and one row."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

import libcst as cst

from torchdoctor.facts.fixed import fixed
from torchdoctor.facts.refusal import Refusal
from torchdoctor.facts.values import Known, Made, Value

if TYPE_CHECKING:
    from torchdoctor.facts.torch_api.arguments import Use

Effect = Callable[["Use"], Value | None]


@fixed
class Arguments:
    """What a call passes: ``node`` is the call, ``values`` the positional arguments (a method's receiver first).

    ``starred``: *args or **kwargs were passed, so what is not seen may be given all the same. ``grad`` is the grad
    mode, Known(False) where it is off. ``nodes`` are the argument expressions, where ``node`` is not the call itself.
    ``refuse`` is told where torch refuses; ``forward`` calls a module that is not torch's own.
    """

    node: cst.CSTNode
    values: tuple[Value, ...]
    keywords: Mapping[str, Value]
    starred: bool = False
    grad: Known[bool] | None = None
    nodes: tuple[cst.CSTNode, ...] = ()
    refuse: Callable[[Refusal], None] | None = None
    forward: Callable[[Made, Value], Value | None] | None = None

    def of_module(self, starred: bool, nodes: tuple[cst.CSTNode, ...]) -> Arguments:
        """The same, with what is told of the arguments that its module was made with."""
        return Arguments(self.node, self.values, self.keywords, starred, self.grad, nodes, self.refuse, self.forward)


@fixed
class Row:
    """``names`` are full names of functions, or method names after a dot; ``effect`` works out the result.

    ``kind`` is "computed" (a new tensor), "view" (the same elements seen otherwise) or "other".
    """

    names: tuple[str, ...]
    parameters: tuple[str, ...]
    effect: Effect
    kind: str = "other"
