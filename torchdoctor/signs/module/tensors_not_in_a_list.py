"""`torch.cat(a, b)`: the tensors that are joined come in one list."""

from __future__ import annotations

from collections.abc import Iterator

from torchdoctor.record import Failure
from torchdoctor.sign import Diagnosis, Said, on_failure


@on_failure(
    "{op:w}(): argument 'tensors' (position 1) must be tuple of Tensors, not Tensor",
    "{op:w}(): argument 'tensors' (position 1) must be tuple of Tensors, not Parameter",
    "{op:w}(): argument 'tensors' (position 1) must be tuple of Tensors, not FakeTensor",
    (
        "{op:w}() received an invalid combination of arguments - got (Tensor{}, "
        "but expected one of: * (tuple of Tensors tensors"
    ),
    raises="TypeError",
)
def sign(failure: Failure, said: Said) -> Iterator[Diagnosis]:
    """All tensors among the operands belong into the list."""
    asked, op = failure.asked, said["op"]
    tensors = [v for v in (asked.operands if asked is not None else ()) if v.tensor is not None and v.role != "dim"]
    codes = ", ".join(value.code for value in tensors)
    rest = [v for v in (asked.operands if asked is not None else ()) if v.tensor is None and v.code and v.known]
    tail = "".join(f", dim={value.code}" for value in rest[:1] if value.type == "int")
    if len(tensors) > 1 and len(codes) < 60:
        yield Diagnosis(
            f"`torch.{op}` takes one list of tensors, and got {len(tensors)} tensors one by one",
            (f"`torch.{op}([{codes}]{tail})`",),
        )
    elif len(tensors) == 1 and tensors[0].tensor is not None:
        one = tensors[0]
        shape = one.tensor.size_text if one.tensor is not None else ""
        flat = f"`{one.code}.flatten(0, 1)`" if op in ("cat", "concat", "concatenate") else f"`{one.code}` as it is"
        yield Diagnosis(
            f"`torch.{op}` takes a list of tensors, and `{one.code}` is one tensor {shape}",
            (
                f"{flat}: its parts lie in one tensor already",
                f"`torch.{op}(list({one.code}))`, for the parts along dim 0",
            ),
        )
    else:
        yield Diagnosis(
            f"`torch.{op}` takes one list of tensors, and got tensors one by one", (f"`torch.{op}([a, b])`",)
        )
