"""Finds losses that are told to require a gradient after their graph is gone: backward runs, and reaches nothing.

A leaf counts only where backward runs on it itself: inputs, latents and starts of sums are leaves on purpose.
`requires_grad_()` on a loss that may be in its graph does nothing, and is silent; the assignment raises there, and is
not.
"""

from __future__ import annotations

from collections.abc import Iterator

import libcst as cst

from torchdoctor.check import Found, on_file
from torchdoctor.facts.expected import may_fail
from torchdoctor.facts.file import File
from torchdoctor.facts.leaves import has_run, leaves_run_backward
from torchdoctor.facts.losses import quoted
from torchdoctor.facts.values import Tensor

_WORDS = ("requires_grad", "requires_grad_", "Variable", "Parameter")


@on_file(words=_WORDS)
def check(file: File, _: File) -> Iterator[Found]:
    if "backward" not in file.calls_by_method:
        return
    told: set[cst.CSTNode] = set()
    for flow in file.flows.touching(frozenset(("backward",))):
        for leaf, backward in leaves_run_backward(file, flow):
            if leaf.node in told or may_fail(file, leaf.node) or has_run(file, leaf.node):
                continue
            told.add(leaf.node)
            marks = [(backward.node, "backward runs on it here", backward.file)]
            grad = leaf.before.grad if isinstance(leaf.before, Tensor) else None
            if grad is not None and grad.value == "cut" and grad.because in file.tree.order:
                marks.append((grad.because, "the graph ends here", file))
            yield Found(
                leaf.node,
                f"{quoted(file, leaf.node)} makes a leaf of the loss: its backward ends there and reaches no parameter",
                marks=tuple(marks),
            )
