"""Another device: all of the model goes with it, and its forward pass makes nothing on the old one."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from torchdoctor.probes.check_model.batches import mapped
from torchdoctor.probes.check_model.failing import ModelFailed, doing
from torchdoctor.probes.check_model.patient import Patient
from torchdoctor.probes.check_model.unregistered import attributes, tensors_in
from torchdoctor.probes.plain import loaded
from torchdoctor.record import ModuleRecord
from torchdoctor.trial_record import DeviceTrial

# What torch says where an operation meets two devices; all else that fails on the meta device is the meta device's own.
_MIXED = (
    "Expected all tensors to be on the same device",
    "is on cpu, but expected on meta",
    "is not on the expected device",
    "tensors used as indices must be",
    "indices should be either on",
    "found at least two devices",
    "Attempting to copy from device meta to device cpu",
)


def trial(patient: Patient) -> Iterator[object]:
    """Yields a DeviceTrial where a forward pass on a GPU (without one, on the meta device) meets two devices."""
    torch = loaded("torch")
    model = patient.fresh(train=True)
    home = next((t.device.type for t in [*model.parameters(), *model.buffers()]), "cpu")
    device = "cuda" if torch.cuda.is_available() and home == "cpu" else "meta" if home == "cpu" else "cpu"
    try:
        with doing(patient, "device", f"a forward pass on the {device} device"), _running(model) as running:
            model.to(device)
            left = _left(patient, model, home)
            patient.feeding.loss(model, mapped(patient.data(), lambda t: t.to(device)))
    except ModelFailed as failed:
        text = str(failed.error)
        if device == "meta" and not any(sign in text for sign in _MIXED):
            patient.notes.append(
                "moving to another device was not tried to the end: there is no GPU, and the meta device has no values "
                f"for this forward pass ({failed.record.error})"
            )
            return
        module = failed.record.module
        if module is None or not (running or module.root == patient.name):
            patient.notes.append(f"moving to another device was not tried to the end: the loss makes tensors on {home}")
            return
        yield DeviceTrial(
            patient.name,
            device,
            home,
            failed.record.message,
            failed.record.at,
            left,
            module,
            patient.caller,
            failed.record.failure,
        )


@contextmanager
def _running(model: Any) -> Iterator[list[Any]]:
    """The modules of the model whose forward has begun and not ended; also after an exception has ended it."""
    running: list[Any] = []
    handles = [module.register_forward_pre_hook(lambda this, _: running.append(this)) for module in model.modules()]
    handles += [module.register_forward_hook(lambda *_: running.pop() and None) for module in model.modules()]
    try:
        yield running
    finally:
        for handle in handles:
            handle.remove()


def _left(patient: Patient, model: Any, home: str) -> tuple[ModuleRecord, ...]:
    """The tensors that are no parameters and no buffers, and have stayed where they were."""
    found = []
    for name, module in model.named_modules():
        for key, value in attributes(module):
            if any(t.device.type == home and t.dim() for t in tensors_in(value)):
                found.append(patient.entry(f"{name}.{key}" if name else key))
    return tuple(found[:8])
