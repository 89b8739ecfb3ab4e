"""An einsum whose equation and tensors do not go together: a letter of two sizes, or too few letters."""

from __future__ import annotations

from collections.abc import Iterator

from torchdoctor.record import Failure, ValueRecord, shape_text
from torchdoctor.sign import Diagnosis, Said, on_failure
from torchdoctor.signs.shape._sizes import name_of, roots, shape_of


@on_failure(
    (
        "einsum(): subscript {letter:w} has size {size:d} for operand {k:d} "
        "which does not broadcast with previously seen size {seen:d}"
    ),
    (
        "einsum(): the number of subscripts in the equation ({letters:d}) does "
        "not match the number of dimensions ({rank:d}) for operand {k:d}"
    ),
    (
        "einsum(): the number of subscripts in the equation ({letters:d}) is "
        "more than the number of dimensions ({rank:d}) for operand {k:d}"
    ),
    "einsum(): output subscript {out:w} does not appear in the equation for any input operand",
    "einsum(): fewer operands were provided than specified in the equation",
    "einsum(): more operands were provided than specified in the equation",
    raises="RuntimeError",
)
def sign(failure: Failure, said: Said) -> Iterator[Diagnosis]:
    """The equation and the tensors stand in the user's call: each letter is held against its sizes."""
    asked = failure.asked
    operands = asked.operands if asked is not None else ()
    text = next((one.literal for one in operands if isinstance(one.literal, str)), "")
    tensors = [one for one in operands if one.tensor is not None]
    left, _, right = text.replace(" ", "").partition("->")
    terms = left.split(",") if left else []
    k = said["k"]
    one = tensors[k] if k is not None and 0 <= k < len(tensors) else None
    term = terms[k] if k is not None and 0 <= k < len(terms) else ""
    name = name_of(failure, one, f"operand {k}")
    shape = shape_of(one)
    size = f" {shape_text(shape)}" if shape is not None else ""
    if "letter" in said:
        told = f"`{said['letter']}` is {said['seen']} before, and {said['size']} in {name}{size}"
    elif "letters" in said:
        told = (
            f"{f'`{term}` names' if term else 'the equation names'} "
            f"{said['letters']} dimensions, and {name}{size} has {said['rank']}"
        )
    elif "out" in said:
        told = f"`{said['out']}` stands in the result, and in no tensor"
    else:
        told = f"the equation has {len(terms)} terms, and {len(tensors)} tensors are given"
    yield Diagnosis(
        f"in einsum {f'`{text}` ' if text else ''}{told}".replace("  ", " "),
        cures=tuple(_cures(said, text, terms, term, shape, k, right)),
        roots=roots(failure, None, "", one),
        evidence=tuple(_table(failure, terms, tensors)),
    )


def _table(failure: Failure, terms: list[str], tensors: list[ValueRecord]) -> Iterator[str]:
    for term, one in zip(terms, tensors, strict=False):
        shape = shape_of(one) or ()
        if len(term) == len(shape) and term.isalpha():
            yield (
                f"{name_of(failure, one, f'`{one.code}`')}: "
                f"{', '.join(f'{c} = {n}' for c, n in zip(term, shape, strict=True))}"
            )


def _cures(
    said: Said, text: str, terms: list[str], term: str, shape: tuple[int, ...] | None, k: int | None, right: str
) -> Iterator[str]:
    if "letter" in said and shape and len(term) == len(shape) and k is not None:
        swapped = [j for j in range(len(term)) if shape[j] == said["seen"] and term[j] != said["letter"]]
        if len(swapped) == 1:
            i, j = sorted((term.index(said["letter"]), swapped[0]))
            other = term[:i] + term[j] + term[i + 1 : j] + term[i] + term[j + 1 :]
            whole = text.replace(" ", "").replace(term, other) if terms.count(term) == 1 else other
            yield f"`{whole}`, if the dimensions stand in that order"
    elif "letters" in said and said["rank"] > said["letters"] and term:
        extra = said["rank"] - said["letters"]
        yield f"`...{term}` there{f', and `...{right}` on the right,' if right else ''} for the {extra} in front"
