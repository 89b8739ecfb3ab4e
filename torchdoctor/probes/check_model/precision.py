"""NaN and infinity in the output, the loss and the gradients: as the model is, and under autocast."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

from torchdoctor.probes.check_model.batches import leaves
from torchdoctor.probes.check_model.comparing import in_modules
from torchdoctor.probes.check_model.failing import doing
from torchdoctor.probes.check_model.patient import Patient
from torchdoctor.probes.finite import FirstNonFinite
from torchdoctor.probes.plain import loaded
from torchdoctor.trial_record import FiniteTrial


def trial(patient: Patient) -> Iterator[object]:
    """Yields a FiniteTrial where one forward and backward pass gives NaN or infinity."""
    yield from _tried(patient, "")


def under_autocast(patient: Patient) -> Iterator[object]:
    """The same under autocast, in the dtype that the user says the model can take."""
    if patient.autocast:
        yield from _tried(patient, patient.autocast)


def _tried(patient: Patient, dtype: str) -> Iterator[FiniteTrial]:
    what, names = _step(patient, patient.fresh(train=True), dtype)
    if not what:
        return
    given = [name for name, t in leaves(patient.batch) if _bad(t)]
    model = patient.fresh(train=True)
    first = FirstNonFinite(infinity=True)
    with in_modules(model) as stack:
        where: list[tuple[str, str]] = []

        def found() -> None:
            where.append(stack[-1] if stack else ("", ""))

        first.when_found = found
        with first.watching():
            _step(patient, model, dtype)
    name, layer = where[0] if where else ("", "")
    operation = replace(first.operation, module=name, layer=layer) if first.operation is not None else None
    yield FiniteTrial(
        patient.name,
        what,
        first.value or "NaN",
        dtype,
        tuple(names),
        bool(given),
        operation,
        patient.module(name) if layer else None,
        patient.caller,
    )


def _step(patient: Patient, model: Any, dtype: str) -> tuple[str, list[str]]:
    """What of a step is not finite: "output", "loss" or "gradients", with the parameters' names; "" where all is."""
    torch = loaded("torch")
    device = next((p.device.type for p in model.parameters()), "cpu")
    kind = getattr(torch, dtype or "bfloat16")
    words = f" under autocast in {dtype}" if dtype else ""
    with doing(patient, "half" if dtype else "finite", f"a forward and backward pass{words}"):
        with torch.autocast(device, kind, enabled=bool(dtype)):
            output, loss = patient.feeding.both(model, patient.data())
        if any(bool(torch.isnan(t).any()) for _, t in leaves(output) if t.is_floating_point()):
            return "output", []
        if _bad(loss):
            return "loss", []
        if dtype == "float16":
            return "", []  # its gradients are what a GradScaler is for
        loss.backward()
    bad = [name for name, p in model.named_parameters() if p.grad is not None and _bad(p.grad)]
    return ("gradients", bad) if bad else ("", [])


def _bad(tensor: Any) -> bool:
    torch = loaded("torch")
    values = tensor.coalesce().values() if tensor.is_sparse else tensor
    return (values.is_floating_point() or values.is_complex()) and not bool(torch.isfinite(values).all())
