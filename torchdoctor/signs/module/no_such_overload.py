"""A function of torch called with arguments that it does not have: an unknown keyword, or types that no form takes."""

from __future__ import annotations

import re
from collections.abc import Iterator

from torchdoctor.record import Failure
from torchdoctor.sign import Diagnosis, Said, on_failure

# Names that other libraries use for what torch calls otherwise.
_KEYWORDS = {
    "axes": "dim", "dimension": "dim", "dims": "dim", "axis": "dim", "keepdims": "keepdim",
    "keep_dim": "keepdim", "devices": "device", "type": "dtype", "requires_gradient": "requires_grad",
    "shape": "size", "value": "fill_value", "num_or_size_splits": "split_size", "in_channels": "in_features",
    "input_size": "in_features", "output_size": "out_features", "units": "out_features",
    "kernel": "kernel_size", "strides": "stride", "filters": "out_channels", "rate": "p",
    "learning_rate": "lr",
}  # fmt: skip
_OVERLOAD = re.compile(r"\*\s*\(([^()]*(?:\([^()]*\)[^()]*)*)\)")


@on_failure(
    "{op:w}() received an invalid combination of arguments - got ({types}), but expected one of:{overloads}$",
    "{op:w}() received an invalid combination of arguments - got ({types}), but expected{overloads}$",
    "{op:w}() got an unexpected keyword argument '{keyword:w}'",
    raises="TypeError",
)
def sign(failure: Failure, said: Said) -> Iterator[Diagnosis]:
    """Silent where a rule of its own tells of the wrong value: None, a tuple, an array, a float as a size."""
    op = said["op"].removesuffix(".__init__")
    if said["types"] is None:
        if not failure.called.startswith("torch."):
            return
        keyword = said["keyword"]
        right = _KEYWORDS.get(keyword, "")
        called = (f"`{right}=`: that is what `{op}` calls it",) if right else ()
        yield Diagnosis(f"`{op}` has no argument `{keyword}`", called)
        return
    types = said["types"].strip().rstrip(",")
    forms = list(dict.fromkeys(_short(form) for form in _OVERLOAD.findall(said["overloads"])))
    wrong = next((name for name in re.findall(r"(\w+)=", types) if name in _KEYWORDS), None)
    known = " ".join(forms)
    right = _KEYWORDS.get(wrong or "", "")
    cures = [f"`{right}=` instead of `{wrong}=`"] if wrong and right and re.search(rf"\b{right}\b", known) else []
    shown = [form for form in forms if len(form) < 60][:3]
    taken = " or ".join(f"({form})" for form in shown)
    yield Diagnosis(
        f"`{op}` got ({types[:60]})" + (f", and takes {taken}" if shown and len(taken) < 110 else ""),
        cures=tuple(cures),
        evidence=tuple(_values(failure)),
        sure=False,
    )


def _short(form: str) -> str:
    """The parameters of a form that have no default: "Tensor input, int dim"."""
    parts = [part.strip() for part in form.split(",")]
    return ", ".join(part for part in parts if part and part != "*" and "=" not in part)


def _values(failure: Failure) -> Iterator[str]:
    asked = failure.asked
    for value in (asked.operands if asked is not None else ())[:4]:
        if value.code and value.type and len(value.code) < 40 and value.code != value.text:
            shape = f" {value.tensor.size_text}" if value.tensor is not None else ""
            text = f" {value.text}" if value.text and len(value.text) < 30 else ""
            yield f"`{value.code}` is {value.type}{shape}{text}"
