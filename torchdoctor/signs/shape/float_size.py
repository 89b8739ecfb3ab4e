"""A float where torch takes a whole number: `nn.Linear(hidden / 2, n)`, `x.view(n / 2, -1)`."""

from __future__ import annotations

from collections.abc import Iterator

from torchdoctor.record import Failure, ValueRecord
from torchdoctor.sign import Diagnosis, Said, on_failure
from torchdoctor.signs._words import built, made


@on_failure(
    'failed to unpack the object at pos {pos:d} with error "type must be tuple of ints,but got float"',
    "must be tuple of ints, not float",
    "must be tuple of ints, but found element of type float at pos {pos:d}",
    "must be int, not float",
    raises="TypeError",
)
def sign(failure: Failure, said: Said) -> Iterator[Diagnosis]:
    """The float is a plain number among the operands; without one, some of these texts have other causes."""
    value = next(_floats(failure), None)
    if value is None:
        if not failure.live and "ints" in said.text and "float" in said.text:
            yield Diagnosis("a size is a float, and torch counts in whole numbers", ("`n // 2` instead of `n / 2`",))
        return
    number = float(value.literal)
    layer = failure.layer
    if value.code.startswith("self.") and layer is not None and layer.from_torch:
        name = value.code[5:].partition("[")[0]
        yield Diagnosis(
            f"`{name}` of {failure.layer_text(layer)} is the float {number:g}, where a whole number is wanted",
            (f"`{name}={int(number)}` where it is built: `//` instead of `/`",),
            roots=built(layer, "the layer is built here"),
        )
        return
    code = value.code if value.code and len(value.code) < 50 else value.text
    yield Diagnosis(
        f"`{code}` is the float {number:g}, where a whole number is wanted"
        if code != f"{number!r}"
        else f"{number!r} is a float, where a whole number is wanted",
        cures=tuple(_cures(code, number)),
        roots=made(value, f"`{code}` becomes a float here", "value"),
    )


# Others say these too, and of other values: torch has to be what was asked, and a float among what it got.
elsewhere = on_failure(
    "{op:w}() received an invalid combination of arguments - got ({types}), but expected one of",
    "{op:w}() takes 1 positional argument but {n:d} were given",
    "{name:w} should be of type int, got: float",
    "^'float' object is not iterable",
    "^object of type 'float' has no len()",
    "^'float' object cannot be interpreted as an integer",
    "^slice indices must be integers or None",
    "valid indices (got float)",
    "expected size to be one of int or Tuple[int]",
    raises=("TypeError", "IndexError"),
    plain=False,
)(sign.run)


def _floats(failure: Failure) -> Iterator[ValueRecord]:
    for expression in reversed(failure.expressions):
        for value in expression.operands:
            for one in (*value.items, value):
                if one.type == "float" and one.role not in ("p", "eps", "momentum", "lr", "dropout", "scale_factor"):
                    yield one


def _cures(code: str, number: float) -> Iterator[str]:
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
