"""Eval mode: the same batch gives the same output, leaves the model as it was, and tells its samples apart."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

from torchdoctor.probes.check_model.batches import leaves, mapped, size_of
from torchdoctor.probes.check_model.comparing import difference, first_difference, traced, writers
from torchdoctor.probes.check_model.failing import doing
from torchdoctor.probes.check_model.patient import Patient
from torchdoctor.probes.plain import loaded
from torchdoctor.trial_record import EvalTrial

_STEPS = 3
_ROUNDING = 1e-5  # threads may add up in another order


def trial(patient: Patient) -> Iterator[object]:
    """Yields an EvalTrial each for outputs that differ from run to run, for a state that changes, for equal samples."""
    model = patient.fresh(train=False)
    state = _state(model)
    before = {name: tensor.clone() for name, tensor in state.items()}
    one = output(patient, model)
    changed = [name for name, tensor in _state(model).items() if name in before and not _same(before[name], tensor)]
    if changed:
        yield _writing(patient, changed)
    again = patient.fresh(train=False)
    patient.reseed(1)
    gap = largest(one, output(patient, again, seeded=True))
    found = EvalTrial(patient.name, "random", gap, caller=patient.caller)
    if found.differs:
        told = _unrepeatable(patient, found)
        if told.operation is not None and not told.operation.layer:
            patient.notes.append("eval mode was not held to repeat itself: random numbers are drawn outside the model")
        else:
            yield told
    elif not changed:
        yield from _constant(patient, one)


def output(
    patient: Patient, model: Any, batch: Any = None, *, seeded: bool = False, what: str = "a forward pass in eval mode"
) -> list[tuple[str, Any]]:
    """The floating tensors of the model's output on a batch, without gradients; the user's unless one is given."""
    torch = loaded("torch")
    if not seeded:
        patient.reseed()
    with doing(patient, "eval", what), torch.no_grad():
        found = patient.feeding.output(model, patient.data() if batch is None else batch)
    return [(name, tensor) for name, tensor in leaves(found) if tensor.is_floating_point() or tensor.is_complex()]


def largest(one: list[tuple[str, Any]], other: list[tuple[str, Any]]) -> float:
    """The largest relative difference of two outputs."""
    return max((difference(a, b) for (_, a), (_, b) in zip(one, other, strict=False)), default=0.0)


def _state(model: Any) -> dict[str, Any]:
    torch = loaded("torch")
    found = model.state_dict()
    return {n: t for n, t in found.items() if isinstance(t, torch.Tensor) and t.is_floating_point()}


def _same(a: Any, b: Any) -> bool:
    return difference(a, b) == 0


def _writing(patient: Patient, changed: list[str]) -> EvalTrial:
    """Which operation writes into the buffers."""
    model = patient.fresh(train=False)
    buffers = {name: tensor for name, tensor in _state(model).items() if name in changed}
    wrote = writers(model, buffers, lambda: output(patient, model))
    first = next((wrote[name].record() for name in changed if name in wrote), None)
    module = patient.entry(changed[0])
    return EvalTrial(patient.name, "state", names=tuple(changed), operation=first, module=module, caller=patient.caller)


def _unrepeatable(patient: Patient, found: EvalTrial) -> EvalTrial:
    """Whether it is the random numbers, and the first operation whose results differ."""
    gap = largest(output(patient, patient.fresh(train=False)), output(patient, patient.fresh(train=False)))
    seeded = not replace(found, difference=gap).differs
    runs = []
    for seed in (0, 1 if seeded else 0):
        model = patient.fresh(train=False)
        patient.reseed(seed)
        runs.append(traced(model, lambda model=model: output(patient, model, seeded=True)))  # type: ignore[misc]
    first = first_difference(runs[0], runs[1], lambda a, b: difference(a, b) > _ROUNDING)
    return replace(
        found,
        kind="random" if seeded else "unstable",
        operation=first.record() if first is not None else None,
        module=patient.module(first.module) if first is not None else None,
    )


def _constant(patient: Patient, one: list[tuple[str, Any]]) -> Iterator[EvalTrial]:
    """Whether all samples have one output, though they differ: rows of the batch that are not equal."""
    dim = patient.batch_dim or 0
    size = size_of(patient.batch, dim)
    if size is None or size < 2 or dim != 0:
        return
    inputs = mapped(
        patient.batch[:-1] if patient.feeding.target(patient.batch) is not None else patient.batch, lambda t: t
    )
    alike = all(_rows_equal(t) for _, t in leaves(inputs) if t.dim() > 0)
    if not alike and _same_for_all(one, size):
        model = patient.fresh(train=True)  # a head that begins at zero gives zeros: after some steps no more
        optimizer = patient.optimizer_of(model)
        with doing(patient, "eval", "some training steps"):
            for _ in range(_STEPS):
                optimizer.zero_grad()
                patient.feeding.loss(model, patient.data()).backward()
                optimizer.step()
        if _same_for_all(output(patient, model.eval()), size):
            yield EvalTrial(patient.name, "constant", sizes=(size,), caller=patient.caller)


def _same_for_all(found: list[tuple[str, Any]], size: int) -> bool:
    rows = [t for _, t in found if t.dim() > 1 and t.shape[0] == size and t.numel()]
    return bool(rows) and all(_rows_equal(t) for t in rows)


def _rows_equal(tensor: Any) -> bool:
    return bool((tensor == tensor[:1]).all())
