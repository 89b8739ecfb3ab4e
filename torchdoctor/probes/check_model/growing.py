"""What is kept from step to step: the graphs of past steps are gone when the next one ends."""

from __future__ import annotations

import gc
import weakref
from collections import Counter
from collections.abc import Iterator
from itertools import pairwise
from typing import Any

from torchdoctor.probes.check_model.comparing import TracedCall, in_modules
from torchdoctor.probes.check_model.failing import doing
from torchdoctor.probes.check_model.patient import Patient
from torchdoctor.probes.operations import called, tensors
from torchdoctor.probes.places import asking
from torchdoctor.probes.plain import instance_dict
from torchdoctor.record import ModuleRecord
from torchdoctor.trial_record import GraphTrial

_STEPS = 5
_SEARCHED = 4  # how deep containers are searched for a tensor


def trial(patient: Patient) -> Iterator[object]:
    """Yields a GraphTrial where the tensors with a graph that are alive after a step become more with every step."""
    model = patient.fresh(train=True)
    optimizer = patient.optimizer_of(model)
    made: list[tuple[Any, TracedCall]] = []  # weak references, and what made them
    counts = []

    with in_modules(model) as stack:

        def see(function: Any, args: Any, kwargs: Any, result: Any) -> None:
            name, layer = stack[-1] if stack else ("", "")
            for tensor in tensors(result):
                if tensor.requires_grad:
                    made.append((weakref.ref(tensor), TracedCall(function, asking(), name, layer)))

        for step in range(1, _STEPS + 1):
            with doing(patient, "graph", f"training step {step}"), called(see):
                optimizer.zero_grad()
                patient.feeding.loss(model, patient.data()).backward()
                optimizer.step()
            gc.collect()
            made = [(ref, call) for ref, call in made if _has_graph(ref())]
            counts.append(len({id(ref()) for ref, _ in made}))
    if counts[-1] < _STEPS - 2 or not all(a < b for a, b in pairwise(counts[1:])):
        return
    records = Counter(call.record() for ref, call in made)
    kept = [tensor for ref, _ in made if (tensor := ref()) is not None]
    holders, module = _holders(patient, model, kept)
    del kept
    yield GraphTrial(
        patient.name,
        tuple(counts),
        tuple(record for record, _ in records.most_common(3)),
        holders,
        module,
        patient.caller,
    )


def _has_graph(tensor: Any) -> bool:
    return tensor is not None and tensor.grad_fn is not None


def _holders(patient: Patient, model: Any, kept: list[Any]) -> tuple[tuple[str, ...], ModuleRecord | None]:
    """The attributes of modules in which the tensors lie."""
    wanted = {id(tensor) for tensor in kept}
    names: list[tuple[str, str]] = []
    for name, module in model.named_modules():
        for key, value in instance_dict(module).items():
            if key not in ("_parameters", "_buffers", "_modules") and _holds(value, wanted, _SEARCHED):
                names.append((f"{name}.{key}" if name else key, key))
    if not names:
        return (), None
    return tuple(f"{patient.name}.{name}" for name, _ in names[:4]), patient.entry(names[0][0])


def _holds(value: Any, wanted: set[int], depth: int) -> bool:
    if id(value) in wanted:
        return True
    if depth == 0:
        return False
    if isinstance(value, dict):
        return any(_holds(item, wanted, depth - 1) for item in list(dict.values(value)))
    if isinstance(value, (list, tuple, set)) or type(value).__name__ == "deque":
        return any(_holds(item, wanted, depth - 1) for item in list(value))
    return False
