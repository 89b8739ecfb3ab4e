"""What is called is no layer: a tuple that a stray comma has made, a list of layers, a tensor."""

from __future__ import annotations

from collections.abc import Iterator

from torchdoctor.record import Failure, ValueRecord
from torchdoctor.sign import Diagnosis, Said, on_failure
from torchdoctor.signs._words import made


@on_failure("^'{type:w}' object is not callable", raises="TypeError", plain=False)
def sign(failure: Failure, said: Said) -> Iterator[Diagnosis]:
    """Python says only the type; what was called, and what it holds, stands in the record."""
    asked = failure.asked
    called = asked.callee if asked is not None else None
    if asked is None or called is None or called.type != said["type"] or not called.code:
        return
    name, given = called.code, asked.operands[0].code if asked.operands else "x"
    layers = [item for item in called.items if item.module is not None]
    if called.type == "tuple" and called.length == 1 and layers:
        yield Diagnosis(
            f"`{name}` is a tuple of one {_type(layers[0])}: a comma stands behind it where it is made",
            (f"no comma at the end of `{name} = nn.{_type(layers[0])}(...),`",),
            roots=made(called, "a comma behind it makes a tuple", "value"),
        )
    elif called.type in ("list", "tuple", "dict") and layers:
        loop = f"for layer in {name}: {given} = layer({given})"
        yield Diagnosis(
            f"`{name}` is a {called.type} of {called.length} layers, and was called as if it were one",
            (f"`{name} = nn.Sequential(*layers)`, which can be called", f"`{loop}`, with `nn.ModuleList` to hold them"),
            roots=made(called, f"the {called.type} is made here", "value"),
        )
    elif called.tensor is not None:
        yield Diagnosis(
            f"`{name}` is a tensor {called.tensor.size_text}, and was called",
            (
                f"`{name}[{given}]`, if a part of it is meant",
                f"another name, if `{name}` hides a function of that name",
            ),
            roots=made(called, f"`{name}` becomes a tensor here", "value"),
        )


def _type(value: ValueRecord) -> str:
    return value.module.type if value.module is not None else value.type
