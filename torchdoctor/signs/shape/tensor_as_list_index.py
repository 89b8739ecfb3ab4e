"""A tensor of several elements, or of floats, where Python wants one whole number: an index of a list, `range`."""

from __future__ import annotations

from collections.abc import Iterator

from torchdoctor.record import Failure, ValueRecord
from torchdoctor.sign import Diagnosis, Said, on_failure
from torchdoctor.signs.shape._sizes import name_of, roots, spelled


@on_failure("only integer tensors of a single element can be converted to an index", raises="TypeError")
def sign(failure: Failure, said: Said) -> Iterator[Diagnosis]:
    """The tensor is the index of the user's subscript, or an argument of the call."""
    asked = failure.asked
    held = [one for value in (asked.operands if asked is not None else ()) for one in (*value.items, value)]
    tensors = [one for one in held if one.tensor is not None]
    value = (
        tensors[-1] if tensors and asked is not None and asked.kind == "subscript" else tensors[0] if tensors else None
    )
    name, code = name_of(failure, value, "a tensor"), spelled(failure, value, "i")
    if value is None or value.tensor is None:
        yield Diagnosis("one whole number is wanted here, and a tensor of several elements, or of floats, is given")
        return
    floating = value.tensor.floating
    size = value.tensor.size_text if value.tensor.numel != 1 else "one element"
    yield Diagnosis(
        f"one whole number is wanted here, and {name} holds {value.tensor.dtype}, {size}",
        cures=tuple(
            _cures(
                asked.operands[0] if asked is not None and asked.kind == "subscript" else None, value, code, floating
            )
        ),
        roots=roots(failure, None, "", value),
    )


def _cures(container: ValueRecord | None, value: ValueRecord, code: str, floating: bool) -> Iterator[str]:
    if value.tensor is not None and value.tensor.numel == 1:
        yield f"`int({code})`"
        return
    if container is not None and container.type in ("list", "tuple") and not floating:
        yield f"`[{container.code}[k] for k in {code}.tolist()]`"
        if container.items and type(container.items[0].literal) in (int, float):
            yield f"`torch.tensor({container.code})[{code}]`"
    elif not floating:
        yield f"one element of it, as `int({code}[0])`"
    else:
        yield f"`{code}.long()`, and one element of it"
