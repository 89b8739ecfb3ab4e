"""Losses whose prediction and target do not go together."""

from __future__ import annotations

from torchdoctor.facts.refusal import Refusal, shape_text, size_text
from torchdoctor.facts.torch_api.arguments import Use
from torchdoctor.facts.torch_api.refusals import Rule
from torchdoctor.facts.torch_api.refused_layers import causes, known
from torchdoctor.facts.torch_api.refused_products import unbroadcastable
from torchdoctor.facts.values import Dim

_RULE = "loss-size-mismatch"


def _refusal(use: Use, says: str) -> Refusal:
    return Refusal(_RULE, says, tuple(dict.fromkeys((*causes(use.tensor()), *causes(use.tensor("target"))))))


def _of_classes(use: Use) -> Refusal | None:
    """A class for each entry of the batch, and of each place behind the classes; or probabilities of the same shape."""
    scores, target = known(use), known(use, "target")
    if len(scores) == len(target) and len(scores) > 1:
        return None if use.tensor("target").dtype is None else _same_rank(use, scores, target)
    places = scores[:1] + scores[2:] if len(scores) > 1 else ()
    if len(target) != len(places) or not any(map(_differ, places, target)):
        if len(target) == len(places) or len(scores) < 2:
            return None
    return _refusal(use, f"gets scores {shape_text(scores)} and a target {shape_text(target)}")


def _same_rank(use: Use, scores: tuple[Dim, ...], target: tuple[Dim, ...]) -> Refusal | None:
    dtype = use.tensor("target").dtype
    if dtype is None or not any(map(_differ, scores, target)):
        return None  # integers of the very shape of the scores are a matter of dtype
    return _refusal(use, f"gets scores {shape_text(scores)} and a target {shape_text(target)}")


def _differ(a: Dim, b: Dim) -> bool:
    return isinstance(a, int) and isinstance(b, int) and a != b


def _of_one_shape(use: Use) -> Refusal | None:
    """Binary cross entropy broadcasts nothing."""
    scores, target = known(use), known(use, "target")
    if len(scores) == len(target) and not any(map(_differ, scores, target)):
        return None
    return _refusal(use, f"gets a prediction {shape_text(scores)} and a target {shape_text(target)}")


def _broadcast(use: Use) -> Refusal | None:
    scores, target = known(use), known(use, "target")
    pair = unbroadcastable(scores, target)
    if pair is None:
        return None
    says = f"gets a prediction {shape_text(scores)} and a target {shape_text(target)}"
    return _refusal(use, f"{says}: {size_text(pair[0])} is not {size_text(pair[1])}")


_FUNCTIONS = {
    "cross_entropy": _of_classes,
    "nll_loss": _of_classes,
    "binary_cross_entropy": _of_one_shape,
    "binary_cross_entropy_with_logits": _of_one_shape,
    "mse_loss": _broadcast,
    "l1_loss": _broadcast,
    "smooth_l1_loss": _broadcast,
    "huber_loss": _broadcast,
}
_CLASSES = {
    "CrossEntropyLoss": "cross_entropy",
    "NLLLoss": "nll_loss",
    "BCELoss": "binary_cross_entropy",
    "BCEWithLogitsLoss": "binary_cross_entropy_with_logits",
    "MSELoss": "mse_loss",
    "L1Loss": "l1_loss",
    "SmoothL1Loss": "smooth_l1_loss",
    "HuberLoss": "huber_loss",
}
FUNCTIONS: dict[str, Rule] = {f"torch.nn.functional.{name}": rule for name, rule in _FUNCTIONS.items()}
MODULES: dict[str, Rule] = {f"torch.nn.{name}": _FUNCTIONS[function] for name, function in _CLASSES.items()}
