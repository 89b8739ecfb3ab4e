"""Losses: which one a call computes, and what its input has been through."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import libcst as cst

from torchdoctor.facts.activations import Replacement
from torchdoctor.facts.events import Event
from torchdoctor.facts.kind import annotated_class
from torchdoctor.facts.origins import assigned
from torchdoctor.facts.values import Const, Known, Made, Named, Tensor, Value

if TYPE_CHECKING:
    from torchdoctor.facts.file import File
    from torchdoctor.facts.flow import Flow

_FUNCTIONAL = "torch.nn.functional."
# torch.nn's loss classes by what torch.nn.functional calls them, where that is not the same name in another spelling.
_CLASSES = {
    "CrossEntropyLoss": "cross_entropy", "NLLLoss": "nll_loss", "NLLLoss2d": "nll_loss", "KLDivLoss": "kl_div",
    "BCELoss": "binary_cross_entropy", "BCEWithLogitsLoss": "binary_cross_entropy_with_logits",
}  # fmt: skip
# torch.nn's loss classes: how many tensors a call takes, and which of the constructor's arguments may be tensors.
CLASSES = {
    "L1Loss": (2, ()), "MSELoss": (2, ()), "SmoothL1Loss": (2, ()), "HuberLoss": (2, ()), "KLDivLoss": (2, ()),
    "CrossEntropyLoss": (2, (0,)), "NLLLoss": (2, (0,)), "NLLLoss2d": (2, (0,)), "BCELoss": (2, (0,)),
    "BCEWithLogitsLoss": (2, (0, 4)), "PoissonNLLLoss": (2, ()), "GaussianNLLLoss": (3, ()), "CTCLoss": (4, ()),
    "HingeEmbeddingLoss": (2, ()), "SoftMarginLoss": (2, ()), "MultiLabelMarginLoss": (2, ()),
    "MultiLabelSoftMarginLoss": (2, (0,)), "MultiMarginLoss": (2, (2,)), "MarginRankingLoss": (3, ()),
    "CosineEmbeddingLoss": (3, ()), "TripletMarginLoss": (3, ()),
}  # fmt: skip
_LONGEST = 48
Mending = Callable[["File", cst.BaseExpression, cst.CSTNode], Replacement | None]


@dataclass(frozen=True, slots=True)
class LossUse:
    """One call of a loss.

    ``name`` is torch.nn.functional's; ``node`` the place in the file that is looked at: the call itself, or the call
    that leads to it in another file. ``argument`` is the expression of the input, where it stands in that call.
    """

    name: str
    event: Event
    node: cst.CSTNode = field(repr=False)
    argument: cst.BaseExpression | None = field(repr=False)
    input: Value
    scale: Known[str] | None
    files: tuple[File, ...] = field(repr=False)

    @property
    def elsewhere(self) -> bool:
        """Whether the loss is called in another file than the one that is looked at."""
        return self.node is not self.event.node

    @property
    def cause(self) -> tuple[cst.CSTNode, File] | None:
        """The expression that gave the input its scale, and the file that it stands in."""
        because = self.scale.because if self.scale is not None else None
        return next(((because, file) for file in self.files if because in file.tree.order), None) if because else None

    @property
    def given(self) -> str:
        """The input as the code has it."""
        return quoted(self.event.file, self.argument) if self.argument is not None else "the input"

    @property
    def callee(self) -> str:
        """The loss as the code has it."""
        node = self.event.node
        return quoted(self.event.file, node.func) if isinstance(node, cst.Call) else f"`{self.name}`"

    def mended(self, file: File, how: Mending) -> Replacement | None:
        """What ``how`` makes of the input, where it and its cause both stand in this file."""
        cause = self.cause
        if self.elsewhere or self.argument is None or cause is None or cause[1] is not file:
            return None
        return how(file, self.argument, cause[0])

    def marks(self, what: str) -> tuple[tuple[cst.CSTNode, str, File], ...]:
        """The other places that matter: ``what`` gave the input its scale, and the loss where it is in another file."""
        cause = self.cause
        found = [(cause[0], f"{what} is here", cause[1])] if cause is not None else []
        if self.elsewhere:
            found.append((self.event.node, "the loss is computed here", self.event.file))
        return tuple(found)


def loss_name(event: Event) -> str | None:
    """The name in torch.nn.functional of the loss that an event computes; None for one that torch has not."""
    if isinstance(event.on, Named) and event.on.name.startswith(_FUNCTIONAL):
        return event.on.name[len(_FUNCTIONAL) :]
    name = event.on.name if isinstance(event.on, Made) else annotated_class(event.on, event.file.flows)
    return class_loss(event.file, name) if name is not None else None


def class_loss(file: File, name: str) -> str | None:
    """The loss of a class of that full name: torch's own, or one of the project that inherits torch's forward."""
    facts = file.classes.named(name)
    if facts is None:
        return _CLASSES.get(name[len("torch.nn.") :]) if name.startswith("torch.nn.") else None
    if facts.method("forward") is not None or len(facts.external) != 1:
        return None
    return class_loss(file, next(iter(facts.external)))


def loss_uses(file: File, flows: list[Flow], *names: str) -> Iterator[LossUse]:
    """The calls of these losses, each place and scale of the input once."""
    seen = set()
    for flow in flows:
        for event in flow.of("loss"):
            if loss_name(event) not in names or (use := _use(file, flow, event)) is None:
                continue
            key = (use.node, use.scale.value if use.scale is not None else None)
            if key not in seen:
                seen.add(key)
                yield use


def _use(file: File, flow: Flow, event: Event) -> LossUse | None:
    node = event.node
    if event.file is not file:
        node = event.via[0] if event.via else node
        if node not in file.tree.order:
            return None
    argument = event.file.argument(event.node, 0, "input") if isinstance(event.node, cst.Call) else None
    value = event.argument(0, "input")
    if value is None:
        return None
    scale = _scale(flow, value, argument)
    if event.file is not file and scale is not None and scale.value == _scale_alone(event):
        return None  # the other file's own finding
    models = value.models if isinstance(value, Tensor) else ()
    owners = [file.classes.named(model.name) for model in models if hasattr(model, "name")]
    files = (
        event.file,
        file,
        *(e.file for e in flow.events),
        *(part.file for o in owners if o for part in o.ancestry),
    )
    name = loss_name(event)
    assert name is not None
    return LossUse(name, event, node, argument, value, scale, tuple(dict.fromkeys(files)))


def _scale(flow: Flow, value: Value, node: cst.BaseExpression | None) -> Known[str] | None:
    """The scale of a loss's input; a small number added to it (`p + 1e-8`) changes nothing."""
    if isinstance(value, Tensor) and value.scale is not None:
        return value.scale
    if isinstance(node, cst.Name):
        values = assigned(flow.file, node)
        node = values[0] if len(values) == 1 else node
    if isinstance(node, cst.BinaryOperation) and isinstance(node.operator, cst.Add):
        terms = [flow.value(node.left), flow.value(node.right)]
        if any(isinstance(term, Const) and isinstance(term.value, float) for term in terms):
            return next((term.scale for term in terms if isinstance(term, Tensor)), None)
    return None


def _scale_alone(event: Event) -> str | None:
    """The scale of a loss's input as the function that holds it tells by itself, whoever calls it."""
    function = event.file.function(event.node)
    flow = event.file.flows.by_itself(function) if function is not None else event.file.flows.module
    for own in flow.of("loss"):
        value = own.argument(0, "input")
        if own.node is event.node and isinstance(value, Tensor) and value.scale is not None:
            return value.scale.value
    return None


def quoted(file: File, node: cst.CSTNode) -> str:
    """The node's source in backticks, on one line and not too long."""
    code = " ".join(file.code(node).split()).replace("`", "'")
    return f"`{code}`" if len(code) <= _LONGEST else f"`{code[: _LONGEST - 3]}...`"
