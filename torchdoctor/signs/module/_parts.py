"""How the tensor is got out of what holds several: a tuple, a dictionary, an output object."""

from __future__ import annotations

from collections.abc import Iterator

from torchdoctor.record import Failure, ValueRecord
from torchdoctor.signs import _given
from torchdoctor.signs._words import operand

# What libraries' output objects are asked for, the likeliest first.
_FIELDS = ("logits", "last_hidden_state", "sample", "out", "prediction_logits", "pooler_output", "loss")


def cures(failure: Failure, value: ValueRecord | None, kind: str) -> Iterator[str]:
    code = operand(value.code) if value is not None and value.code and len(value.code) < 50 else "out"
    keys = [item.role for item in value.items if item.tensor] if value is not None else []
    shapes = [item.tensor.shape for item in value.items if item.tensor] if value is not None and kind == "tuple" else []
    scalars = [item.role for item in value.items if item.tensor and item.tensor.numel == 1] if value is not None else []
    if kind == "tuple" and failure.message.endswith("'backward'") and len(scalars) == 1:
        yield f"`{code}[{scalars[0]}].backward()`: that part of it is one number"
    elif kind == "dict" and value is not None and failure.message.endswith("'to'"):
        yield f"`{{key: x.to(device) for key, x in {code}.items()}}`: each tensor of it by itself"
    elif kind == "tuple" and failure.message.endswith("'to'"):
        yield f"`tuple(x.to(device) for x in {code})`, or unpack it first: `x, y = {code}`"
    elif _given.in_sequence(failure):
        yield "a small module in between that hands on the first part: `return out[0]`; or call the layers one by one"
    elif kind in ("max", "min", "median", "mode", "kthvalue", "sort", "topk", "cummax", "cummin"):
        yield f"`{code}.values` for the values, `{code}.indices` for the places"
    elif value is not None and len(shapes) == 2 and shapes[0] == shapes[1] and len(shapes[0] or ()) == 3:
        yield f"`{code}[0][-1]`: it is (h, c), the state of an LSTM, and this is the last layer's h"
        yield "`out[:, -1]` (batch first), for the output at the last step"
    elif kind == "dict" and not keys:
        yield f"`{code}['name']`: the part of it that holds the tensor"
    elif kind != "tuple" and value is not None and not value.items:
        yield f"the field of the {kind} that holds the tensor: `{code}.logits`, or however its class calls it"
    elif kind == "tuple" or not any(key and not key.isdigit() for key in keys):
        second = value.items[1] if value is not None and len(value.items) > 1 else None
        rest = ", _" * max((value.length or 2) - 1, 1) if value is not None else ", _"
        state = " (the second part is the state)" if second is not None and second.type == "tuple" else ""
        yield f"`{code}[0]`, or unpack it where it is made: `out{rest} = ...`{state}"
    elif kind == "dict" or "[" in code:
        first = next((key for key in ("input_ids", "image", "pixel_values", "input", "x", *keys) if key in keys), "")
        yield f"`{code}[{first!r}]`; it holds {', '.join(keys[:6])}"
        yield f"`model(**{code})`, if `forward` takes the parts by their names"
    else:
        first = next((key for key in _FIELDS if key in keys), keys[0])
        yield f"`{code}.{first}`; it holds {', '.join(keys[:6])}"
