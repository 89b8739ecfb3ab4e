"""Training steps on the batch: does every parameter get a gradient, is it the optimizer's, and does it move?"""

from __future__ import annotations

import math
from collections.abc import Iterator
from contextlib import contextmanager
from fnmatch import fnmatch
from typing import Any

from torchdoctor.finding import Span
from torchdoctor.operation_record import OperationRecord
from torchdoctor.probes.check_model.batches import leaves
from torchdoctor.probes.check_model.comparing import TracedCall, in_modules, traced, writers
from torchdoctor.probes.check_model.failing import doing
from torchdoctor.probes.check_model.patient import Patient
from torchdoctor.probes.check_model.unregistered import learning
from torchdoctor.probes.operations import called, name_of, tensors
from torchdoctor.probes.places import asking, turned_off
from torchdoctor.probes.plain import class_name, loaded
from torchdoctor.trial_record import InputTrial, OutsideTrial, ParameterTrial, StepTrial

_TINY = 1e-5  # of the model's largest gradient: rounding, as of a bias before a batch norm
_STEPS = 8  # a gradient may be zero at first: what lies behind weights that begin at zero


def trial(patient: Patient) -> Iterator[object]:
    """Yields a StepTrial, and an InputTrial where the forward pass wrote into the batch."""
    yield from _input(patient)
    model = patient.fresh(train=True)
    names = dict(model.named_parameters())
    trainable = {name: p for name, p in names.items() if p.requires_grad}
    watched = {n: p for n, p in trainable.items() if not any(fnmatch(n, pattern) for pattern in patient.unused)}
    strangers = learning(model)
    for tensor in (t for ones, _ in strangers.values() for t in ones):
        tensor.grad = None
    with doing(patient, "step", "one training step on the batch"):
        lineage = Lineage(model, watched)
        with lineage.watching():
            loss = patient.feeding.loss(model, patient.data())
        loss.backward()
    found = {name: p.grad is not None for name, p in watched.items()}
    optimizer = patient.optimizer_of(model)
    held = {id(p) for group in optimizer.param_groups for p in group["params"]}
    outside = tuple(
        OutsideTrial(name, patient.entry(name), learnt, layers)
        for name, (ones, layers) in strangers.items()
        if (learnt := sum(t.grad is not None and id(t) not in held for t in ones))
    )
    given, changed, steps = _train(patient, model, watched, optimizer)
    cuts = {name: lineage.cut(p) if not found[name] else (None, None) for name, p in watched.items()}
    yield StepTrial(
        model=patient.name,
        steps=steps,
        parameters=tuple(
            ParameterTrial(
                name=name,
                shape=tuple(p.shape),
                module=patient.entry(name),
                used=lineage.used(p),
                gradient=_kind(given[name], max(given.values())) if found[name] or given[name] else "none",
                changed=changed[name],
                optimized=id(p) in held,
                cut=cuts[name][0],
                off=cuts[name][1],
            )
            for name, p in watched.items()
        ),
        dead=_dead(patient) if any(found[n] and not given[n] for n in watched) else None,
        optimizer=class_name(type(optimizer)) if patient.optimizer is not None else "",
        rates=tuple(_number(group.get("lr")) for group in optimizer.param_groups if "lr" in group),
        strangers=len(held - {id(p) for p in names.values()}),
        caller=patient.caller,
        outside=outside,
    )


def _kind(largest: float, of_all: float) -> str:
    """What kind of gradient it is, beside the model's largest; where that is NaN, nothing can be said of the others."""
    if largest == 0.0 and math.isfinite(of_all):
        return "zero"
    return "tiny" if not math.isfinite(of_all) or largest < _TINY * of_all else "given"


def _train(
    patient: Patient, model: Any, watched: dict[str, Any], optimizer: Any
) -> tuple[dict[str, float], dict[str, bool], int]:
    """The largest gradient that each parameter had, and which moved, within some steps; and how many these were."""
    torch = loaded("torch")
    given = dict.fromkeys(watched, 0.0)
    before = {name: p.detach().clone() for name, p in watched.items()}
    changed = dict.fromkeys(watched, False)
    for step in range(1, _STEPS + 1):
        for name, p in watched.items():
            if p.grad is not None and p.numel():
                largest = float(_dense(p.grad).abs().max())
                given[name] = max(given[name], largest) if math.isfinite(largest) else math.inf
        with doing(patient, "step", f"training step {step} on the batch"):
            optimizer.step(lambda: patient.feeding.loss(model, patient.data()))
        for name, p in watched.items():
            changed[name] = changed[name] or not torch.equal(before[name], p.detach())
        if step > 1 and all(given[n] and changed[n] for n in watched if watched[n].grad is not None):
            break
        model.zero_grad(set_to_none=False)
        with doing(patient, "step", f"training step {step + 1} on the batch"):
            patient.feeding.loss(model, patient.data()).backward()
    return given, changed, step


def _dead(patient: Patient) -> OperationRecord | None:
    """The first operation whose results are all zero, though what it was given was not made as zeros."""
    torch = loaded("torch")
    model = patient.fresh(train=True)
    for call in traced(model, lambda: patient.feeding.loss(model, patient.data())):
        made = [t for t in call.results if t.is_floating_point() and t.numel() > 1]
        makes = any(word in call.name for word in ("zeros", "empty", "new_", "full", "__get__", "grad"))
        if made and not makes and not any(bool(torch.count_nonzero(t)) for t in made):
            return call.record()
    return None


def _dense(grad: Any) -> Any:
    return grad.to_dense() if grad.is_sparse else grad


def _number(value: Any) -> float:
    return float(value) if not hasattr(value, "item") else float(value.item())


def _input(patient: Patient) -> Iterator[InputTrial]:
    """Whether the forward pass writes into what it is given."""
    torch = loaded("torch")
    model, batch = patient.fresh(train=True), patient.data()
    given = dict(leaves(batch))
    before = {name: tensor.detach().clone() for name, tensor in given.items()}
    with doing(patient, "step", "a forward pass in training mode"):
        wrote = writers(model, given, lambda: patient.feeding.loss(model, batch))
    changed = [n for n, t in given.items() if not torch.equal(t.detach().nan_to_num(), before[n].nan_to_num())]
    if changed:
        named = tuple(f"batch[{name}]" if name else "the batch" for name in changed)
        first = wrote.get(changed[0])
        yield InputTrial(patient.name, named, first.record() if first is not None else None, patient.caller)


class Lineage:
    """Which operations of a forward pass read which parameters, and where what came of them lost its gradient."""

    def __init__(self, model: Any, parameters: dict[str, Any]) -> None:
        self._model = model
        self._bits = {id(p): 1 << index for index, p in enumerate(parameters.values())}
        self._of: dict[int, int] = dict(self._bits)  # a tensor's parameters, as bits
        self._kept: list[Any] = []  # so that no number is given to another tensor
        self._read = 0
        self._cuts: list[tuple[int, TracedCall, Span | None]] = []

    @contextmanager
    def watching(self) -> Iterator[None]:
        with in_modules(self._model) as self._stack, called(self._see):
            yield
        self._kept.clear()

    def used(self, parameter: Any) -> bool:
        return bool(self._read & self._bits[id(parameter)])

    def cut(self, parameter: Any) -> tuple[OperationRecord | None, Span | None]:
        """The first operation whose operand had a gradient for this parameter, and whose result has none.

        With it, where gradients were off, the line that had turned them off.
        """
        bit = self._bits[id(parameter)]
        return next(((call.record(), off) for bits, call, off in self._cuts if bits & bit), (None, None))

    def _see(self, function: Any, args: Any, kwargs: Any, result: Any) -> None:
        bits, tracked = 0, 0
        for tensor in tensors([args, kwargs]):
            bits |= self._of.get(id(tensor), 0)
            tracked |= self._of.get(id(tensor), 0) if tensor.requires_grad else 0
        self._read |= bits
        made = list(tensors(result))
        for tensor in made:
            self._kept.append(tensor)
            self._of[id(tensor)] = self._of.get(id(tensor), 0) | bits
        name = getattr(function, "__name__", "")
        if tracked and name in _LOOKS and name_of(function) != "torch.Tensor.data":
            return
        if tracked and (made or name in ("item", "tolist", "numpy")) and not any(t.requires_grad for t in made):
            where, layer = self._stack[-1] if self._stack else ("", "")
            off = None if loaded("torch").is_grad_enabled() else turned_off()
            self._cuts.append((tracked, TracedCall(function, asking(), where, layer, made[:1]), off))


# What reads a tensor's form, and passes none of its values on.
_LOOKS = frozenset({
    "__get__", "size", "dim", "__len__", "zeros_like", "ones_like", "empty_like", "rand_like", "randn_like",
    "full_like", "new_zeros", "new_ones", "new_empty", "new_full", "new_tensor",
})  # fmt: skip
