"""Hooks behind saved tensors are user code: where a file sets some, no saved tensor is touched."""

from __future__ import annotations

import torch

from torchdoctor.probes.failure import failure_of


def test_hooks_behind_saved_tensors_are_not_run() -> None:
    ran: list[str] = []

    def run() -> None:
        def unpack(x: torch.Tensor) -> torch.Tensor:
            ran.append("unpack")
            return x

        with torch.autograd.graph.saved_tensors_hooks(lambda x: x, unpack):
            kept = torch.ones(3, requires_grad=True).exp().sin()
        y, write = kept.exp(), torch.Tensor.add_
        write(y, 1)
        loss = y.sum()
        ran.clear()
        loss.backward()  # type: ignore[no-untyped-call]

    try:
        run()
    except RuntimeError as error:
        ran.clear()
        failure_of(error)
    assert ran == []
