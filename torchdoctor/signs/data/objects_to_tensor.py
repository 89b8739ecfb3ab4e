"""Texts, None and other objects made into a tensor: columns of a data frame, labels as words, object arrays."""

from __future__ import annotations

from collections.abc import Iterator

from torchdoctor.record import Failure, ValueRecord
from torchdoctor.sign import Diagnosis, Said, on_failure
from torchdoctor.signs._words import made


@on_failure(
    "can't convert np.ndarray of type {type:w}. The only supported types are",
    "too many dimensions 'str'",
    "new(): invalid data type 'str'",
    "Could not infer dtype of {kind:w}",
    raises=("TypeError", "ValueError", "RuntimeError"),
)
def sign(failure: Failure, said: Said) -> Iterator[Diagnosis]:
    """What the texts are (labels, numbers written as text, dates) decides the cure; the dtype stands in the text."""
    value = next(iter(failure.asked.operands), None) if failure.asked is not None else None
    code = value.code if value is not None and 0 < len(value.code) < 50 else "values"
    name = f"`{code}`" if code != "values" else "what it got"
    kind = (said["type"] or "").rpartition(".")[2].rstrip("_")
    first = _first(value)
    if kind == "object":
        message = f"{name} is a NumPy array of Python objects: texts, None, or rows of several lengths are among them"
    elif kind == "datetime64":
        message = f"{name} holds dates"
    elif kind == "str" or "'str'" in said.text:
        message = f"{name} holds texts" + (f", {first} first" if first.startswith("'") and len(first) < 30 else "")
    elif said["kind"] == "NoneType":
        message = f"{name} holds None, or is None"
    else:
        message = f"{name} holds {'arrays' if kind else 'objects'} of the type `{kind or said['kind']}`"
    yield Diagnosis(
        message,
        cures=tuple(_cures(kind or (said["kind"] or "str"), code, first, bool(kind))),
        roots=made(value, f"{name} is made here", "value"),
    )


def _first(value: ValueRecord | None) -> str:
    while value is not None and value.items:
        value = value.items[0]
    return value.text if value is not None else ""


def _cures(kind: str, code: str, first: str, array: bool) -> Iterator[str]:
    if kind == "object":
        yield f"`{code}.astype(np.float32)`, where all of them are numbers; it raises at the first that is none"
        yield "`frame.dtypes`, to see which column is `object`: encode or drop it"
    elif kind == "datetime64":
        yield f"`{code}.astype('int64')`, the time as a number, or parts of the date as features"
    elif kind == "NoneType":
        yield "a number for what is missing, `float('nan')` or -1, or leave the sample out"
    elif kind in ("str", "StrDType"):
        if array:
            yield f"`{code}.astype(np.float32)`, where all of them are numbers written as texts"
        if first.strip("'\"").replace(".", "").replace("-", "").isdigit() and first:
            yield f"`torch.tensor([float(x) for x in {code}])`: they are numbers written as texts"
        else:
            yield "a class index for each label: `index = {name: i for i, name in enumerate(sorted(set(labels)))}`"
            yield "a tokenizer's ids, for sentences"
    elif kind == "dict":
        yield f"`{{key: torch.tensor(x) for key, x in {code}.items()}}`"
    else:
        yield f"numbers of each `{kind}`, before they are made into a tensor"
