"""Tensors of which nothing is known but what they are computed from."""

from __future__ import annotations

import libcst as cst

from torchdoctor.facts.values import Known, Tensor, Value


def also_depending(tensor: Tensor, others: list[Tensor]) -> Tensor:
    """The tensor, computed from these as well."""
    rest = depending(tensor.source, tuple(others))
    known = [other.grad for other in others]
    grad = rest.grad if rest.grad is not None else tensor.grad if None not in known else None
    return tensor.but(models=tensor.models | rest.models, grad=grad)


def depending(node: cst.CSTNode, values: tuple[Value, ...]) -> Tensor:
    """A tensor computed from these values in a way that keeps the graph, where they are in one."""
    tensors = [v for v in values if isinstance(v, Tensor) and not (v.grad is not None and v.grad.value == "cut")]
    grads = [tensor.grad for tensor in tensors if tensor.grad is not None and tensor.grad.value in ("attached", "leaf")]
    return Tensor(
        node,
        grad=Known("attached", grads[0].because) if grads else None,
        models=frozenset().union(*(tensor.models for tensor in tensors)),
    )
