"""Finds losses and metrics that broadcast a column (N, 1) against a row (N,) to N x N.

Losses of torch, and losses by hand: a difference of a prediction and a target that is averaged or summed; comparisons
that are counted. Binary cross entropy broadcasts nothing. Silent where a size is not known, where only one side grows,
and for pairs that are made on purpose: of one rank under `reduction="none"` or by hand, two of one model.
"""

from __future__ import annotations

from collections.abc import Iterator

import libcst as cst

from torchdoctor.check import Found, Swap, on_file
from torchdoctor.facts.averages import REDUCTIONS, averaged, may_average
from torchdoctor.facts.broadcasting import Stretch, stretched
from torchdoctor.facts.file import File
from torchdoctor.facts.layout import short
from torchdoctor.facts.operations import Operation, Verdict, judged, reasons
from torchdoctor.facts.values import Const

_LOSSES = frozenset({
    "mse_loss", "l1_loss", "smooth_l1_loss", "huber_loss", "kl_div", "poisson_nll_loss", "hinge_embedding_loss",
    "MSELoss", "L1Loss", "SmoothL1Loss", "HuberLoss", "KLDivLoss", "PoissonNLLLoss", "HingeEmbeddingLoss",
})  # fmt: skip


@on_file(words=_LOSSES)
def of_torch(file: File, _: File) -> Iterator[Found]:
    for verdict in judged(file, _LOSSES, _loss, _LOSSES):
        operation, stretch = verdict.operation, verdict.says
        assert isinstance(stretch, Stretch)
        call = operation.node
        what = f"`{short(operation.file, call)}` broadcasts {stretch.left} and {stretch.right} to {stretch.result}"
        yield Found(verdict.node, what, marks=_marks(verdict), swaps=_squeezed(file, verdict, stretch))


@on_file(words=REDUCTIONS)
def by_hand(file: File, _: File) -> Iterator[Found]:
    calls = [call for name in REDUCTIONS for call in file.calls_by_method.get(name, ())]
    functions = dict.fromkeys(file.function(call) or file.module for call in calls if may_average(file, call))
    flows = [flow for function in functions for flow in file.flows.of(function)]
    told = set()
    for verdict in judged(file, REDUCTIONS, averaged, flows=flows) if flows else ():
        assert isinstance(verdict.says, tuple)
        node, stretch = verdict.says
        if verdict.elsewhere or node in told:
            continue
        told.add(node)
        how = "are averaged" if verdict.operation.name.endswith("mean") else "are summed up"
        yield Found(
            node,
            f"`{short(file, node)}` broadcasts {stretch.left} and {stretch.right} to {stretch.result}, which {how}",
        )


def _loss(use: Operation) -> Stretch | None:
    predicted, target = use.tensor("input"), use.tensor("target")
    stretch = stretched(predicted, target) if predicted is not None and target is not None else None
    if stretch is None or stretch.is_column_and_row:
        return stretch
    reduction = use.value("reduction")
    whole = reduction is None or (isinstance(reduction, Const) and reduction.value != "none")
    return stretch if whole and predicted is not None and predicted.models else None


def _marks(verdict: Verdict) -> tuple[tuple[cst.CSTNode, str, File], ...]:
    use = verdict.operation
    tensors = [(use.tensor(name), what) for name, what in (("input", "the input"), ("target", "the target"))]
    return reasons(
        verdict, *((one.shape or one.tail, f"{what} has its shape from here") for one, what in tensors if one)
    )


def _squeezed(file: File, verdict: Verdict, stretch: Stretch) -> tuple[Swap, ...]:
    """The column as a row, where it is written in the call."""
    names = [name for name, rank in zip(("input", "target"), stretch.ranks, strict=True) if rank != 1]
    column = verdict.operation.expression(names[0]) if len(names) == 1 and not verdict.elsewhere else None
    if not isinstance(column, (cst.Name, cst.Attribute, cst.Call, cst.Subscript)):
        return ()
    return (Swap(column, f"{file.code(column)}.squeeze(-1)"),)
