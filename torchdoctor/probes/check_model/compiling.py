"""The compiled model beside the model as it is: output, loss and gradients are the same."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from torchdoctor.probes.check_model.comparing import difference
from torchdoctor.probes.check_model.evaluating import largest, output
from torchdoctor.probes.check_model.failing import doing
from torchdoctor.probes.check_model.patient import Patient
from torchdoctor.probes.plain import loaded
from torchdoctor.trial_record import CompiledTrial

_CLOSE = 1e-2  # fused kernels round elsewhere


def parity(patient: Patient) -> Iterator[object]:
    """Yields a CompiledTrial where compiling changes what is computed. Eval mode: random numbers are not the same."""
    torch = loaded("torch")
    if not patient.compiler:
        return
    models = [patient.fresh(train=False) for _ in range(2)]
    torch.compiler.reset()
    with doing(patient, "compile", f"a forward pass under torch.compile ({patient.compiler})"):
        compiled = torch.compile(models[1], backend=patient.compiler)
        expected, found = output(patient, models[0]), output(patient, compiled)
    for kind, gap, names in _differences(patient, models, compiled, largest(expected, found)):
        trial = CompiledTrial(patient.name, patient.compiler, kind, gap, names, patient.caller)
        if trial.differs:
            yield trial
            break
    torch.compiler.reset()


def _differences(
    patient: Patient, models: list[Any], compiled: Any, outputs: float
) -> Iterator[tuple[str, float, tuple[str, ...]]]:
    yield "output", outputs, ()
    losses = []
    for model in (models[0], compiled):
        patient.reseed()
        with doing(patient, "compile", f"a backward pass under torch.compile ({patient.compiler})"):
            loss = patient.feeding.loss(model, patient.data())
            loss.backward()
        losses.append(float(loss.detach()))
    yield "loss", abs(losses[0] - losses[1]) / max(abs(losses[0]), 1e-12), ()
    gaps = {
        name: difference(p.grad, q.grad)
        for (name, p), q in zip(models[0].named_parameters(), models[1].parameters(), strict=True)
        if p.grad is not None and q.grad is not None and float(p.grad.abs().max()) > 1e-6
    }
    worst = sorted((name for name, gap in gaps.items() if gap > _CLOSE), key=lambda name: -gaps[name])
    yield "gradients", max(gaps.values(), default=0.0), tuple(worst[:4])
