"""A tensor of several elements as a truth value: `if`, `and`, `in`, `max` of a list.

Where a loss's class was called with the tensors, another rule tells it.
"""

from __future__ import annotations

from collections.abc import Iterator

from torchdoctor.record import Failure, ValueRecord
from torchdoctor.sign import Diagnosis, Said, on_failure
from torchdoctor.signs._words import code_of, made

_ORDERING = ("max", "min", "sorted", "sort")


@on_failure(
    "Boolean value of Tensor with more than one value is ambiguous",
    "Boolean value of Tensor with no values is ambiguous",
    "bool value of Tensor with more than one value is ambiguous",
    raises="RuntimeError",
)
def sign(failure: Failure, said: Said) -> Iterator[Diagnosis]:
    """The user's line tells what asked for the truth: a test, a comparison, a search in a list, an order."""
    asked, user = failure.asked, failure.user
    if asked is not None and asked.name.startswith("torch.nn.") and asked.callee and asked.callee.type == "type":
        return  # tensors went to the constructor of a layer or a loss
    value = _tensor(failure)
    tensor = value.tensor if value is not None else None
    name = failure.name_of(value, "a tensor")
    code = code_of(failure, value, "x")
    line = user.text.partition("#")[0].strip() if user is not None else ""
    if tensor is None or value is None:
        many = "no elements" if "no values" in said.text else "several elements"
        yield Diagnosis(f"a tensor of {many} was asked whether it is true", tuple(_cures("", "x", line)))
        return
    if tensor.numel == 0:
        yield Diagnosis(
            f"{name} has no elements, and was asked whether it is true",
            (f"`{code}.numel() > 0`, if it is whether there are any", f"`{code}.any()`, which is False of none"),
            roots=made(value, f"{name} is made here", "shape"),
        )
        return
    yield Diagnosis(
        f"{name} {tensor.size_text} was asked whether it is true: it has {tensor.numel} elements",
        cures=tuple(_cures(asked.name if asked is not None else "", code, line)),
        roots=made(value, f"{name} is made here", "shape"),
    )


def _tensor(failure: Failure) -> ValueRecord | None:
    pool = [value for value in failure.tensors if value.tensor is not None and value.tensor.numel != 1]
    truths = [value for value in pool if value.tensor is not None and value.tensor.dtype == "bool"]
    return next(iter(truths or pool), None)


def _cures(called: str, code: str, line: str) -> Iterator[str]:
    word = called.rpartition(".")[2]
    if word in _ORDERING:
        key = ", key=lambda x: x.sum().item()"
        yield f"`{word}(values{key})`, or numbers in the list: `.item()` where they are made"
    elif " in " in f" {line} " and line.startswith(("if ", "elif ", "while ", "assert ", "return ", "not ")):
        yield "`any(torch.equal(x, one) for one in values)`: `in` compares element by element"
    elif word in ("in", "not in", "index", "remove", "count"):
        yield "`any(torch.equal(x, one) for one in values)`: a list compares element by element"
    elif " and " in line or " or " in line or line.startswith("not ") or " not " in line:
        yield "`&`, `|` and `~` of tensors, with parentheses: `(x > 0) & (y < 1)`"
        yield f"`{code}.any()` or `{code}.all()`, for one answer"
    elif "==" in line:
        yield "`torch.equal(a, b)`, for whether all of them are the same"
        yield (
            f"`({code}).any()`, for whether any one is"
            if " " in code and code[0] != "("
            else f"`{code}.any()`, for any"
        )
    else:
        yield f"`{code}.any()` or `{code}.all()`, whichever is meant"
        yield f"`torch.where({code}, a, b)`, for a choice element by element"
