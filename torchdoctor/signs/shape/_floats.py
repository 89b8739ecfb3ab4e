"""Floats among sizes: which they are, and how they become whole numbers."""

from __future__ import annotations

from collections.abc import Iterator

from torchdoctor.record import Failure, ValueRecord
from torchdoctor.sign import Diagnosis, Said


def among(failure: Failure) -> Iterator[ValueRecord]:
    for expression in reversed(failure.expressions):
        for value in expression.operands:
            for one in (*value.items, value):
                if one.type == "float" and one.role not in ("p", "eps", "momentum", "lr", "dropout", "scale_factor"):
                    yield one


def cures(code: str, number: float) -> Iterator[str]:
    if " / " in code and code.count("/") == 1:
        yield f"`{code.replace(' / ', ' // ')}`"
    elif "/" in code and code.count("/") == 1:
        yield f"`{code.replace('/', '//')}`"
    elif number == int(number):
        yield (
            f"`int({code})`, or `//` where it is divided" if not code.replace(".", "").isdigit() else f"`{int(number)}`"
        )
    if number != int(number):
        yield f"`round({code})` or `math.ceil({code})`: {number:g} is no whole number"


def as_text(failure: Failure, said: Said) -> Iterator[Diagnosis]:
    """A number that is a text, as it comes out of a configuration or the command line."""
    texts = [one for one in failure.values if one.type == "str" and str(one.literal).strip().isdigit()]
    if said["text"] == "str" and texts:
        cure = f"`int({texts[0].code})`"
        yield Diagnosis(f"`{texts[0].code}` is the text {texts[0].text}, where a number is wanted", (cure,))


def without_value(failure: Failure, said: Said) -> Iterator[Diagnosis]:
    """What the code, or the text alone, tells."""
    code = failure.asked.code if failure.asked is not None else ""
    if "slice indices" in said.text and code.count(" / ") == 1:
        cure = f"`{code.replace(' / ', ' // ')}`"
        yield Diagnosis(f"`{code}` cuts at a float: `/` gives one, even where it divides evenly", (cure,))
    elif not failure.live and ("ints" in said.text or "type int" in said.text) and "float" in said.text:
        yield Diagnosis("a size is a float, and torch counts in whole numbers", ("`n // 2` instead of `n / 2`",))
