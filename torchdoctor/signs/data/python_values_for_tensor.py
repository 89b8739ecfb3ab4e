"""Lists and numbers of Python where a tensor belongs: `torch.mean([1.0, 2.0])`, `torch.sqrt(2)`."""

from __future__ import annotations

from collections.abc import Iterator

from torchdoctor.record import Failure, ValueRecord
from torchdoctor.sign import Diagnosis, Said, on_failure
from torchdoctor.signs import _given
from torchdoctor.signs._words import a, made, operand

_KINDS = ("list", "float", "int", "str", "bool")


@on_failure(
    *_given.TEXTS,
    _given.OPERATION,
    _given.ATTRIBUTE,
    raises=("TypeError", "AttributeError"),
)
def sign(failure: Failure, said: Said) -> Iterator[Diagnosis]:
    """A list of tensors is stacked, a list of numbers made into a tensor; a number is what it is."""
    if not _given.asks_for_a_tensor(failure, said["attribute"]):
        return
    if said["symbol"] is not None:
        if not _given.with_a_tensor(said):
            return
        value = next((one for one in _given.sides(failure, said) if one is not None and one.type in _KINDS), None)
        kind = value.type if value is not None else ""
    else:
        kind = _given.short_type(said["type"])
        value = _given.refused(failure, said, kind)
    if kind not in _KINDS:
        return
    if "combination" in said.text and (
        "Parameter" in said.text or _given.on_a_tensor(failure) or _given.takes_more_than_tensors(failure.message)
    ):
        return
    code = operand(value.code) if value is not None and value.code and len(value.code) < 50 else ""
    name = f"`{code}`" if code else "what it got"
    if said["element"] is not None:
        name = f"element {said['element']} of what it got"
    if said["attribute"] == "backward" and kind != "list":
        yield Diagnosis(
            f"{name} is {a(kind)}: its graph was left behind where it became a number",
            ("add up the loss itself, `total = total + loss`, and take `.item()` only for printing",),
            roots=made(value, f"the {kind} is made here", "value"),
        )
        return
    yield Diagnosis(
        f"{name} is {a(kind)}, {_given.wants(failure, said)}",
        cures=tuple(_cures(failure, value, kind, code or "values", said)),
        roots=made(value, f"the {kind} is made here", "value"),
    )


# Others say these too: torch has to be what was asked.
elsewhere = on_failure(_given.OVERLOADS, raises="TypeError", plain=False)(sign.run)


def _cures(failure: Failure, value: ValueRecord | None, kind: str, code: str, said: Said) -> Iterator[str]:
    items = value.items if value is not None else ()
    if said["attribute"] in ("to", "cuda", "cpu", "detach") and kind == "list":
        moved = "x.to(device)" if said["attribute"] in ("to", "cuda") else f"x.{said['attribute']}()"
        yield f"`[{moved} for x in {code}]`: each tensor of the list by itself"
    elif said["attribute"] == "backward":
        yield f"`sum({code}).backward()`: one number of all of them"
    elif kind == "str":
        yield "numbers for the texts: a tokenizer's ids, or a class index for each label"
    elif items and all(item.tensor is not None for item in items):
        shapes = {item.tensor.shape for item in items if item.tensor is not None}
        yield f"`torch.stack({code})`" if len(shapes) == 1 else f"`torch.cat({code})`: they are of several shapes"
    elif said["element"] is not None:
        asked = failure.asked
        whole = asked.operands[0].code if asked is not None and asked.operands else ""
        yield f"`torch.tensor({whole if 0 < len(whole) < 40 else 'xs'})`, where all of them are numbers"
        yield "`torch.as_tensor(x)` of each, before they are joined"
    elif kind in ("float", "int", "bool"):
        if said["op"] in ("sqrt", "exp", "log", "sin", "cos", "tan", "tanh", "floor", "ceil"):
            yield f"`math.{said['op']}({code})`, for a number of Python"
        yield f"`torch.tensor({code})`"
    else:
        yield f"`torch.tensor({code})`"
