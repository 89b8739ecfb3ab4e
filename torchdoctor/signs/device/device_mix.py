"""Tensors, or a layer and its input, on different devices: in the words of the CPU, CUDA and meta kernels."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from torchdoctor.record import Failure, TensorRecord, ValueRecord
from torchdoctor.sign import Diagnosis, Said, on_failure
from torchdoctor.signs._words import built, code_of, made

_ALL = "Expected all tensors to be on the same device"
Placed = tuple[ValueRecord, TensorRecord]


@on_failure(
    f"{_ALL}, but found at least two devices, {{one:w}} and {{other:w}}",
    f"{_ALL}, but got {{}} is on {{one:w}}, different from other tensors on {{other:w}}",
    _ALL,
    "Tensor on device {one:w} is not on the expected device {other:w}!",
    "Unhandled FakeTensor Device Propagation for {}, found two different devices {one:w}, {other:w}",
    "Input type (torch.FloatTensor) and weight type (torch.cuda.FloatTensor) should be the same",
    "Input type (torch.cuda.FloatTensor) and weight type (torch.FloatTensor) should be the same",
    "indices should be either on {} or on the same device as the indexed tensor ({other:w})",
    "Placeholder storage has not been allocated on MPS device",
    raises="RuntimeError",
)
def sign(failure: Failure, said: Said) -> Iterator[Diagnosis]:
    """The operands tell which is where; a text alone only that they differ."""
    pair = _apart(failure)
    if pair is None:
        yield _half_known(failure, said)
        return
    (odd, here), (other, there) = pair
    layer = failure.layer if other.role in ("weight", "bias") else None
    name = failure.name_of(odd, "the input" if layer is not None else "one operand")
    where = layer.words if layer is not None else failure.name_of(other, "another operand")
    roots = [*made(odd, f"{name} is put on {here.device} here", "device")]
    roots += built(layer, f"{where} is built here") or made(other, f"{where} is put on {there.device} here", "device")
    yield Diagnosis(
        f"{name} is on {here.device}, and {where} is on {there.device}",
        cures=tuple(_cures(code_of(failure, odd, "x"), here.device, there.device, layer is not None)),
        roots=tuple(roots),
    )


def _half_known(failure: Failure, said: Said) -> Diagnosis:
    """What the text tells of operands that the line computes itself, beside the one that is known."""
    both = [said[key] for key in ("one", "other") if key in said]
    known = next((_placed(one.operands) for one in failure.expressions if len(one.operands) > 1), [])
    if len(both) < 2 or len(known) != 1 or known[0][1].device not in both:
        devices = f": {' and '.join(both)}" if len(both) == 2 else ""
        return Diagnosis(f"the tensors of one operation are on two devices{devices}")
    (odd, tensor), name = known[0], failure.name_of(known[0][0], "one operand")
    there = both[both[0] == tensor.device]
    return Diagnosis(
        f"{name} is on {tensor.device}, and another operand is on {there}",
        cures=tuple(_cures(code_of(failure, odd, "x"), tensor.device, there, False)) * (tensor.device == "cpu"),
        roots=tuple(made(odd, f"{name} is put on {tensor.device} here", "device")),
    )


def _placed(values: Iterable[ValueRecord]) -> list[Placed]:
    """The tensors of these, without those that have no dimensions: they go with those of all devices."""
    return [(one, one.tensor) for one in values if one.tensor is not None and one.tensor.rank != 0]


def _apart(failure: Failure) -> tuple[Placed, Placed] | None:
    """The first two tensors of one expression that are on different devices: the one on the CPU first."""
    for expression in failure.expressions:
        tensors = _placed([one for value in expression.operands for one in (value, *value.items)])
        for second in tensors[1:]:
            first = tensors[0]
            if first[1].device != second[1].device:
                turned = second[1].device == "cpu" and second[0].role not in ("weight", "bias")
                return (second, first) if turned else (first, second)
    return None


def _cures(code: str, here: str, there: str, is_weight: bool) -> Iterator[str]:
    moved = f"{code}.to({there!r})"
    yield f"`{code} = {moved}`" if code.isidentifier() else f"`{moved}`"
    if code.startswith("self."):
        yield f"`self.register_buffer({code.removeprefix('self.')!r}, ...)` in the constructor: `to` moves buffers too"
    if is_weight:
        yield f"`model.to({here!r})`, if it is the model that was not moved"
