"""The batch and its parts: a sample's output does not depend on the samples beside it, and a batch of one works."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

from torchdoctor.probes.check_model.batches import leaves, mapped, part_of, size_of
from torchdoctor.probes.check_model.comparing import TracedCall, difference, first_difference, traced
from torchdoctor.probes.check_model.evaluating import largest, output
from torchdoctor.probes.check_model.failing import ModelFailed, doing
from torchdoctor.probes.check_model.patient import Patient
from torchdoctor.probes.plain import instance_dict, loaded
from torchdoctor.trial_record import EvalTrial, SizeTrial

_LOOSE, _TIGHT = 1e-4, 1e-9  # of an operation's rows; of the output, in double precision
_REFUSALS = (
    "Expected more than 1 value per channel when training",
    "Expected more than 1 spatial element when training",
)


def mixing(patient: Patient) -> Iterator[object]:
    """Yields an EvalTrial where a sample's output changes with the batch that it stands in."""
    size = _batch(patient)
    if size is None or size < 2:
        return
    part = max(size // 2, 1)
    gap = _compared(patient, size, part)
    found = EvalTrial(patient.name, "mixed", gap or 0.0, sizes=(size, part), caller=patient.caller)
    if not found.differs or _random(patient):
        return
    try:  # rounding goes away in double precision, and what mixes samples stays
        exact = _compared(patient, size, part, double=True)
    except ModelFailed:
        exact = gap
    if exact is not None and exact <= _TIGHT:
        return
    first = _first_mixing(patient, size, part)
    if first is not None and not first.layer:
        return  # what goes into the model differs already: it is drawn or computed outside
    yield replace(
        found,
        operation=first.record() if first is not None else None,
        module=patient.module(first.module) if first is not None else None,
    )


def alone(patient: Patient) -> Iterator[object]:
    """Yields a SizeTrial where a batch of one loses its dimension; raises ModelFailed where it is refused."""
    size = _batch(patient)
    dim = patient.batch_dim or 0
    if size is None:
        return
    many = output(patient, patient.fresh(train=False))
    single = part_of(patient.batch, 1, dim)
    one = output(patient, patient.fresh(train=False), single, what="a forward pass of one sample in eval mode")
    for (_, a), (_, b) in zip(many, one, strict=False):
        found = SizeTrial(patient.name, size, tuple(a.shape), tuple(b.shape), dim, caller=patient.caller)
        if found.squeezed:
            first = _first_squeezed(patient, size) if dim == 0 else None
            yield replace(
                found,
                operation=first.record() if first is not None else None,
                module=patient.module(first.module) if first is not None else None,
            )
            return
    model = patient.fresh(train=True)
    try:
        with doing(patient, "batch-of-one", "a training step on a batch of one"):
            patient.feeding.loss(model, part_of(patient.batch, 1, dim)).backward()
    except ModelFailed as failure:
        if not any(text in str(failure.error) for text in _REFUSALS):
            raise
        layer = failure.record.module.words if failure.record.module is not None else "a norm layer"
        patient.notes.append(
            f"a batch of one is refused in training by {layer}, which takes its statistics over the batch: "
            "`drop_last=True` in the loader keeps such batches away"
        )


def _batch(patient: Patient) -> int | None:
    """The number of samples, where it is certain which dimension counts them; else None, and a note."""
    size = size_of(patient.batch, patient.batch_dim or 0)
    if size is None:
        patient.notes.append(
            "batches of other sizes were not tried: the batch's tensors do not agree in their first size"
        )
        return None
    if patient.batch_dim is not None or not _sequence_first(patient):
        return size
    target = next((t for _, t in leaves(patient.feeding.target(patient.batch))), None)
    if target is not None and target.dim() == 1:
        return size
    patient.notes.append(
        "batches of other sizes were not tried: a layer has `batch_first=False`, and which dimension counts the "
        "samples is not known (`batch_dim` says it)"
    )
    return None


def _sequence_first(patient: Patient) -> bool:
    return any(instance_dict(module).get("batch_first") is False for module in patient.original.modules())


def _random(patient: Patient) -> bool:
    """Whether the model's output differs by itself: then that is told, and nothing of the batch can be."""
    one = output(patient, patient.fresh(train=False))
    model = patient.fresh(train=False)
    patient.reseed(1)
    gap = largest(one, output(patient, model, seeded=True))
    return patient.feeding.step is None and EvalTrial(patient.name, "random", gap).differs


def _compared(patient: Patient, size: int, part: int, *, double: bool = False) -> float | None:
    """The largest relative difference between a sample's outputs in the two batches; None where nothing compares."""
    torch = loaded("torch")

    def widened(batch: Any) -> Any:
        return mapped(batch, lambda t: t.double() if double and t.is_floating_point() else t)

    models = [patient.fresh(train=False) for _ in range(2)]
    if double:
        models = [model.double() for model in models]
    dim = patient.batch_dim or 0
    with torch.no_grad():
        whole = output(patient, models[0], widened(patient.data()))
        what = f"a forward pass in eval mode on {part} of the {size} samples"
        half = output(patient, models[1], widened(part_of(patient.batch, part, dim)), what=what)
    gaps = [
        difference(a.narrow(dim, 0, part), b)
        for (_, a), (_, b) in zip(whole, half, strict=False)
        if a.dim() > dim and a.shape[dim] == size and a.narrow(dim, 0, part).shape == b.shape
    ]
    return max(gaps) if gaps else None


def _runs(patient: Patient, part: int) -> tuple[list[TracedCall], list[TracedCall]]:
    dim = patient.batch_dim or 0
    found = []
    for batch in (patient.data(), part_of(patient.batch, part, dim)):
        model = patient.fresh(train=False)
        found.append(traced(model, lambda model=model, batch=batch: output(patient, model, batch)))  # type: ignore[misc]
    return found[0], found[1]


def _first_mixing(patient: Patient, size: int, part: int) -> TracedCall | None:
    """The first operation whose rows differ. What has no row a sample (a view, statistics) is passed over."""

    def differ(a: Any, b: Any) -> bool:
        if a.dim() == 0 or a.shape[0] != size or tuple(a[:part].shape) != tuple(b.shape):
            return False
        return difference(a[:part], b) > _LOOSE

    return first_difference(*_runs(patient, part), differ)


def _first_squeezed(patient: Patient, size: int) -> TracedCall | None:
    """The first operation that gives a row a sample, but for a batch of one gives no dimension for it."""

    def differ(a: Any, b: Any) -> bool:
        return bool(a.dim() > 0 and a.shape[0] == size and a.dim() != b.dim())

    return first_difference(*_runs(patient, 1), differ)
