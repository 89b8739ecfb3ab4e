"""Copies of the model: deep copies and pickles work, and a copy is a model of its own."""

from __future__ import annotations

import copy
import pickle
from collections.abc import Iterator
from typing import Any

from torchdoctor.probes.check_model.failing import doing, one_line
from torchdoctor.probes.check_model.patient import Patient
from torchdoctor.probes.plain import class_name, instance_dict, loaded, qualified
from torchdoctor.record import ModuleRecord
from torchdoctor.trial_record import CopyTrial

# The class stands where pickle does not find it, or torch pickles no such module: that is not the model's fault.
_NOT_THE_MODELS = ("not the same object as", "import of module", "Serialization of parametrized modules")


def deep(patient: Patient) -> Iterator[object]:
    """Yields a CopyTrial where a deep copy fails, or trains the original's weights."""
    try:
        made = copy.deepcopy(patient.original)
    except Exception as error:
        yield _refused(patient, "deepcopy", copy.deepcopy, error)
        return
    yield from _shared(patient, made)


def pickled(patient: Patient) -> Iterator[object]:
    """Yields a CopyTrial where the model cannot be pickled. Classes made inside functions are the test's own doing."""
    local = sorted({qualified(type(m)) for m in patient.original.modules() if "<locals>" in qualified(type(m))})
    if local:
        patient.notes.append(f"pickling was not tried: {local[0]} is a class inside a function, which no pickle takes")
        return
    try:
        data = pickle.dumps(patient.original)
    except Exception as error:
        if any(text in str(error) for text in _NOT_THE_MODELS):
            patient.notes.append(f"pickling was not tried: {one_line(str(error))}")
            return
        yield _refused(patient, "pickle", pickle.dumps, error)
        return
    with doing(patient, "pickle", "loading its own pickle"):
        pickle.loads(data)


def _refused(patient: Patient, how: str, attempt: Any, error: Exception) -> CopyTrial:
    said = f"{class_name(type(error))}: {one_line(str(error))}"
    name, kind = _culprit(patient, attempt)
    record = patient.entry(name) if name else None
    return CopyTrial(patient.name, how, said, record, kind, (name,) if name else (), patient.caller)


def _culprit(patient: Patient, attempt: Any) -> tuple[str, str]:
    """The first attribute of the first module by itself that cannot be copied, and its type."""
    for name, module in patient.original.named_modules():
        entries = {**instance_dict(module), **instance_dict(module).get("_buffers", {})}
        for key, value in entries.items():
            if key in ("_modules", "_parameters", "_buffers"):
                continue
            try:
                attempt(value)
            except Exception:
                return f"{name}.{key}" if name else key, class_name(type(value))
    return "", ""


def _shared(patient: Patient, made: Any) -> Iterator[CopyTrial]:
    """Whether the copy's backward pass gives gradients to the original."""
    patient.reseed()
    patient.original.zero_grad(set_to_none=True)
    made.train()
    with doing(patient, "copy", "a training step of a deep copy"):
        patient.feeding.loss(made, patient.data()).backward()
    tied = tuple(name for name, p in patient.original.named_parameters() if p.grad is not None)
    patient.tied = bool(tied)
    if tied:
        culprit, kind = _closure(patient)
        yield CopyTrial(
            patient.name,
            "shared",
            culprit=culprit or patient.entry(tied[0]),
            type=kind,
            names=tied,
            caller=patient.caller,
        )


def _closure(patient: Patient) -> tuple[ModuleRecord | None, str]:
    """The attribute that is a function with a module or a tensor of the original in its closure, and its type."""
    torch = loaded("torch")
    for name, module in patient.original.named_modules():
        for key, value in instance_dict(module).items():
            inside = getattr(value, "func", value)  # of a partial
            cells = getattr(inside, "__closure__", None) or ()
            held = [*(getattr(cell, "cell_contents", None) for cell in cells), *getattr(value, "args", ())]
            if any(isinstance(one, (torch.nn.Module, torch.Tensor)) for one in held):
                return patient.entry(f"{name}.{key}" if name else key), class_name(type(value))
    return None, ""
