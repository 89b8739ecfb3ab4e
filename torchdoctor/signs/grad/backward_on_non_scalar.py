"""`backward()` of a tensor of several numbers, with no gradient to begin from: a loss that was not reduced."""

from __future__ import annotations

from collections.abc import Iterator

from torchdoctor.record import Failure, ValueRecord
from torchdoctor.sign import Diagnosis, Root, Said, on_failure

_LOSSES = ("Loss", "Nll", "CrossEntropy", "BinaryCrossEntropy", "KlDiv", "SmoothL1", "Mse", "Huber", "SoftMargin")


@on_failure("grad can be implicitly created only for scalar outputs", raises="RuntimeError")
def sign(failure: Failure, said: Said) -> Iterator[Diagnosis]:
    """How the tensor was computed tells a loss of `reduction="none"` from a model's output without a loss."""
    asked = failure.asked
    value = asked.operand("tensors", "outputs", "self") if asked is not None else None
    if value is not None and value.items:
        value = next((one for one in value.items if one.tensor is not None and one.tensor.shape), value)
    if value is None or value.tensor is None or not value.tensor.shape:
        yield Diagnosis("`backward()` began at a tensor of several numbers; without a gradient it begins at one number")
        return
    name = failure.name_of(value, "the tensor")
    made = value.tensor.grad_fn or ""
    node = made.removesuffix("0").removesuffix("Backward")
    per_sample = node in _LOSSES or any(node.startswith(one) for one in _LOSSES if one != "Loss")
    evidence = [f'{name} was computed by `{made}`: a loss with `reduction="none"`'] if per_sample else []
    if node == "Gather":
        evidence = [f"{name} was gathered from several GPUs: one loss for each"]
    yield Diagnosis(
        f"{name} holds {value.tensor.numel} numbers {value.tensor.size_text}; without a gradient "
        "`backward()` begins at a single one",
        cures=tuple(_cures(asked.code if asked is not None else "", value, per_sample or node == "Gather")),
        roots=(Root(value, f"{name} got the shape {value.tensor.size_text} here"),),
        evidence=tuple(evidence),
    )


def _cures(code: str, value: ValueRecord, loss: bool) -> Iterator[str]:
    plain = value.code.isidentifier() and code.startswith(f"{value.code}.backward(")
    mean = f"`{value.code}.mean().backward()`" if plain else "`.mean()` before `.backward()`"
    if loss:
        yield mean
        yield 'leave out `reduction="none"` where nothing weighs the samples one by one'
    else:
        yield f"{mean}, where this is a loss per sample"
        yield "compute a loss from it first, where this is a model's output"
