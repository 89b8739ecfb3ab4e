"""A float where torch takes a whole number: `nn.Linear(hidden / 2, n)`, `x.view(n / 2, -1)`."""

from __future__ import annotations

from collections.abc import Iterator

from torchdoctor.record import Failure
from torchdoctor.sign import Diagnosis, Said, on_failure
from torchdoctor.signs._words import built, made
from torchdoctor.signs.shape import _floats


@on_failure(
    'failed to unpack the object at pos {pos:d} with error "type must be tuple of ints,but got float"',
    "must be tuple of ints, not float",
    "must be tuple of ints, but found element of type float at pos {pos:d}",
    "must be int, not float",
    "{name:w} should be of type int, got: float",
    "must be int, not {text:w}",
    "but found element of type {text:w} at pos {pos:d}",
    'with error "type must be tuple of ints,but got {text:w}"',
    raises="TypeError",
)
def sign(failure: Failure, said: Said) -> Iterator[Diagnosis]:
    """The float is a plain number among the operands; without one, some of these texts have other causes."""
    if said["text"] is not None:
        yield from _floats.as_text(failure, said)
        return
    value = next(_floats.among(failure), None)
    if value is None:
        yield from _floats.without_value(failure, said)
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
        cures=tuple(_floats.cures(code, number)),
        roots=made(value, f"`{code}` becomes a float here", "value"),
    )


# Of these methods all arguments are sizes: the text alone tells.
_SIZED = ("view", "reshape", "expand", "repeat", "permute", "new_zeros", "new_ones", "unflatten", "resize_")


@on_failure("{op:w}() received an invalid combination of arguments - got ({types}), but expected", raises="TypeError")
def stated(failure: Failure, said: Said) -> Iterator[Diagnosis]:
    """Only where the record holds no float: in a pasted text, and under torch.compile."""
    unnamed = next(_floats.among(failure), None) is None
    if unnamed and said["op"] in _SIZED and "float" in said["types"].replace(",", " ").split():
        yield Diagnosis(
            f"a size given to `{said['op']}` is a float, and torch counts in whole numbers",
            ("`n // 2` instead of `n / 2`",),
        )


# Others say these too, and of other values: torch has to be what was asked, and a float among what it got.
elsewhere = on_failure(
    "{op:w}() received an invalid combination of arguments - got ({types}), but expected one of",
    "{op:w}() takes 1 positional argument but {n:d} were given",
    "^'float' object is not iterable",
    "^object of type 'float' has no len()",
    "^'float' object cannot be interpreted as an integer",
    "^slice indices must be integers or None",
    "valid indices (got float)",
    "expected size to be one of int or Tuple[int]",
    raises=("TypeError", "IndexError"),
    plain=False,
)(sign.run)
