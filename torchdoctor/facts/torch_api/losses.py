"""Losses: one number for a batch, or one for each element under `reduction="none"`."""

from __future__ import annotations

from torchdoctor.facts.axes import Shape
from torchdoctor.facts.tensor import contiguous, scattered
from torchdoctor.facts.torch_api.arguments import NotKnown, Use
from torchdoctor.facts.torch_api.gradients import GradRule, of_input, through
from torchdoctor.facts.torch_api.rows import Row, row
from torchdoctor.facts.torch_api.rules import ShapeRule, broadcast_shapes, same, shape_of
from torchdoctor.facts.values import Tensor


def loss(names: str, parameters: str, each: ShapeRule, *, grad: GradRule = through) -> Row:
    """A loss; ``each`` is its shape where nothing is averaged or summed."""

    def shape(use: Use) -> Shape | None:
        return each(use) if not_reduced(use) else ()

    return row(names, parameters, shape=shape, memory=_memory, grad=grad, dtype=None)


def not_reduced(use: Use) -> bool:
    """Whether `reduction="none"` was asked for. Raises NotKnown, as where old parameters say what it is."""
    if use.has("size_average") or use.has("reduce"):
        raise NotKnown("reduction")
    asked = use.constant("reduction", "mean")
    if asked not in ("none", "mean", "sum", "batchmean"):
        raise NotKnown("reduction")
    return bool(asked == "none")


def _memory(use: Use, shape: Shape | None) -> Tensor:
    if shape == ():
        return contiguous(Tensor(use.node), shape, use.node)
    return scattered(Tensor(use.node), shape, use.node)


def both(use: Use) -> Shape | None:
    """The input and the target, broadcast."""
    return broadcast_shapes((shape_of(use.tensor()), shape_of(use.tensor("target"))))


def without_classes(use: Use) -> Shape | None:
    """The input without its dimension of classes."""
    shape = shape_of(use.tensor())
    if shape is None:
        return None
    return shape[:1] + shape[2:] if len(shape) > 1 else ()


def of_batch(use: Use) -> Shape | None:
    """One for each entry of the batch."""
    shape = shape_of(use.tensor())
    return shape[:1] if shape is not None else None


OLD = "size_average reduce reduction"

ROWS: tuple[Row, ...] = (
    loss("F.cross_entropy", "input target weight size_average ignore_index reduce reduction", without_classes),
    loss("F.nll_loss", "input target weight size_average ignore_index reduce reduction", without_classes),
    loss("F.mse_loss F.l1_loss", f"input target {OLD}", both),
    loss("F.smooth_l1_loss", f"input target {OLD} beta", both),
    loss("F.huber_loss", "input target reduction delta", both),
    loss("F.binary_cross_entropy", f"input target weight {OLD}", same),
    loss("F.binary_cross_entropy_with_logits", f"input target weight {OLD} pos_weight", same),
    loss("F.kl_div", f"input target {OLD} log_target", both),
    loss("F.poisson_nll_loss", "input target log_input full size_average eps reduce reduction", both),
    loss("F.gaussian_nll_loss", "input target var full eps reduction", same),
    loss("F.hinge_embedding_loss", f"input target margin {OLD}", both, grad=of_input),
    loss("F.soft_margin_loss", f"input target {OLD}", both),
    loss("F.multi_margin_loss", f"input target p margin weight {OLD}", of_batch),
    loss("F.multilabel_margin_loss", f"input target {OLD}", of_batch),
    loss("F.multilabel_soft_margin_loss", f"input target weight {OLD}", of_batch),
    loss("F.margin_ranking_loss", f"input input2 target margin {OLD}", both),
    loss("F.cosine_embedding_loss", f"input input2 target margin {OLD}", of_batch),
    loss("F.triplet_margin_loss", f"input positive negative margin p eps swap {OLD}", lambda use: None),
    loss("F.ctc_loss", "input targets input_lengths target_lengths blank reduction zero_infinity", lambda use: None),
)
