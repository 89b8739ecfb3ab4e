"""Saving and loading: the state dict holds the whole model, and training goes on from it as if nothing had happened."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

from torchdoctor.probes.check_model.comparing import difference, first_difference, traced
from torchdoctor.probes.check_model.evaluating import largest, output
from torchdoctor.probes.check_model.failing import doing
from torchdoctor.probes.check_model.patient import Patient, reloaded
from torchdoctor.probes.check_model.unregistered import attributes, tensors_in
from torchdoctor.probes.plain import loaded
from torchdoctor.record import ModuleRecord
from torchdoctor.trial_record import SavedTrial

_STEPS = 2
_ROUNDING = 1e-4


def weights(patient: Patient) -> Iterator[object]:
    """Yields a SavedTrial where a model that was loaded gives other outputs than the one that was saved."""
    trained = patient.fresh(train=True)
    _train(patient, trained, patient.optimizer_of(trained), _STEPS, "checkpoint")
    trained.eval()
    other = patient.built()
    with doing(patient, "checkpoint", "`load_state_dict` of its own state dict, saved and loaded"):
        other.load_state_dict(reloaded(trained.state_dict()))
    other.eval()
    expected = output(patient, trained)
    gap = largest(expected, output(patient, other))
    found = SavedTrial(patient.name, "weights", gap, caller=patient.caller)
    if not found.differs or replace(found, difference=largest(expected, output(patient, trained))).differs:
        return
    runs = [traced(model, lambda model=model: output(patient, model)) for model in (trained, other)]  # type: ignore[misc]
    first = first_difference(runs[0], runs[1], lambda a, b: difference(a, b) > _ROUNDING)
    yield replace(
        found,
        outside=outside(patient, trained, other),
        module=patient.module(first.module) if first is not None else None,
        operation=first.record() if first is not None else None,
    )


def training(patient: Patient) -> Iterator[object]:
    """Yields a SavedTrial where training that was saved and resumed has another loss than training that went on."""
    going = patient.fresh(train=True)
    optimizer = patient.optimizer_of(going)
    _train(patient, going, optimizer, _STEPS, "resume")
    state, steps = reloaded(going.state_dict()), reloaded(optimizer.state_dict())
    patient.reseed(2)
    expected = _train(patient, going, optimizer, _STEPS, "resume")
    resumed = patient.fresh(train=True)
    with doing(patient, "resume", "loading the state dicts of model and optimizer"):
        resumed.load_state_dict(state)
        again = patient.optimizer_of(resumed)
        again.load_state_dict(steps)
    patient.reseed(2)
    found = _train(patient, resumed, again, _STEPS, "resume")
    gap = abs(found - expected) / max(abs(expected), 1e-12)
    trial = SavedTrial(patient.name, "training", gap, expected, found, caller=patient.caller)
    if trial.differs:
        yield replace(trial, outside=outside(patient, going, resumed))


def _train(patient: Patient, model: Any, optimizer: Any, steps: int, kind: str) -> float:
    """Some steps; gives the last one's loss."""
    loss = None
    with doing(patient, kind, "some training steps"):
        for _ in range(steps):
            optimizer.zero_grad()
            loss = patient.feeding.loss(model, patient.data())
            loss.backward()
            optimizer.step()
    return float(loss.detach()) if loss is not None else 0.0


def outside(patient: Patient, one: Any, other: Any) -> tuple[ModuleRecord, ...]:
    """The tensors and numbers that two models hold beside their state, and that differ: plain attributes, layers in
    plain containers, buffers that are not saved."""
    found = []
    others = dict(other.named_modules())
    for name, module in one.named_modules():
        twin = others.get(name)
        if twin is None:
            continue
        twins = {**dict(attributes(twin)), **_unsaved(twin)}
        for key, value in (*attributes(module), *_unsaved(module).items()):
            if key in twins and _differ(value, twins[key]):
                found.append(patient.entry(f"{name}.{key}" if name else key))
    return tuple(found[:8])


def _unsaved(module: Any) -> dict[str, Any]:
    return {key: module._buffers[key] for key in module._non_persistent_buffers_set if key in module._buffers}


def _differ(a: Any, b: Any) -> bool:
    torch = loaded("torch")
    if type(a) in (int, float) and type(a) is type(b):
        return bool(a != b)
    pairs = list(zip(tensors_in(a), tensors_in(b), strict=False))
    return any(x.shape != y.shape or not torch.equal(x.detach(), y.detach()) for x, y in pairs)
