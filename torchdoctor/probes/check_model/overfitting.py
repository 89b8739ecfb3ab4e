"""Training on one batch over and over: a model that can learn anything learns that."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from typing import Any

from torchdoctor.probes.check_model.failing import doing
from torchdoctor.probes.check_model.patient import Patient, ours
from torchdoctor.trial_record import OverfitTrial

_RATES = (1e-3, 1e-2, 1e-1, 1e-4)


def trial(patient: Patient) -> Iterator[object]:
    """Yields an OverfitTrial where no optimizer brings the loss of this one batch down."""
    first, best = math.nan, math.inf
    tries: list[tuple[str, float]] = []

    def record(lowest: float) -> OverfitTrial:
        return OverfitTrial(
            patient.name, patient.steps, first, lowest, tuple(tries), patient.overfit_to, patient.caller
        )

    for name, make in _optimizers(patient):
        model = patient.fresh(train=True)
        optimizer = make(model)
        lowest = math.inf
        for step in range(patient.steps + 1):
            with doing(patient, "overfit", f"training step {step + 1} on the same batch"):
                optimizer.zero_grad()
                loss = patient.feeding.loss(model, patient.data())
                value = float(loss.detach())
                if step == 0 and math.isnan(first):
                    first = value
                if not math.isfinite(value):
                    break
                lowest = min(lowest, value)
                if record(lowest).learned:
                    return
                loss.backward()
                optimizer.step()
        if not math.isfinite(value) and step <= 1:
            continue  # the first step breaks it: that is the trial `finite`'s
        tries.append((name, lowest))
        best = min(best, lowest)
    if math.isfinite(first) and math.isfinite(best):
        yield record(best)


def _optimizers(patient: Patient) -> Iterator[tuple[str, Callable[[Any], Any]]]:
    """The user's own, where there is one, and Adam at several rates."""
    if patient.optimizer is not None:
        yield "the optimizer that was given", patient.optimizer_of

    for rate in _RATES:

        def made(model: Any, rate: float = rate) -> Any:
            return ours(model, rate)

        yield f"Adam at {rate:g}", made
