"""Clipping that was told to stop at a gradient norm of inf or nan."""

from __future__ import annotations

from collections.abc import Iterator

from torchdoctor.record import Failure
from torchdoctor.sign import Diagnosis, Said, on_failure


@on_failure("The total norm of order {p:f} for gradients from `parameters` is non-finite", raises="RuntimeError")
def sign(failure: Failure, said: Said) -> Iterator[Diagnosis]:
    """Where the first inf came from is told by the forward pass, not by the norm."""
    scaled = any(one.kind == "scaler" and one.facts.get("enabled") is not False for one in failure.objects)
    evidence = (
        ("a `GradScaler` is in use: an inf in scaled gradients is a step that it skips by itself",) if scaled else ()
    )
    yield Diagnosis(
        "a gradient is inf or nan when the norm of all gradients is taken",
        cures=(
            *(
                ("leave out `error_if_nonfinite=True`: the scaler skips such steps, and lowers its scale",)
                if scaled
                else ()
            ),
            "look whether the loss itself is finite, and which input it came from: `torch.isfinite(loss)`",
            "name the parameters: `[n for n, p in model.named_parameters() if p.grad is not None and not "
            "p.grad.isfinite().all()]`",
            "run this step under `torch.autograd.detect_anomaly()`: it stops at the first nan of backward",
        ),
        evidence=evidence,
    )
