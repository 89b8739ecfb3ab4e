"""Distances and bilinear forms of vectors that have other numbers of features."""

from __future__ import annotations

from collections.abc import Iterator

from torchdoctor.record import Failure
from torchdoctor.sign import Diagnosis, Said, on_failure
from torchdoctor.signs.shape._sizes import name_of, roots, shape_of, spelled


@on_failure(
    "X1 and X2 must have the same number of columns. X1: {a:d} X2: {b:d}",
    "bilinear(): input{which:d} size does not match weight size: got {got:d} but expected {wanted:d}",
    "bilinear(): input batch dimensions do not match at dim {d:d}: got {a:d} and {b:d}",
    raises="RuntimeError",
)
def sign(failure: Failure, said: Said) -> Iterator[Diagnosis]:
    """Both vectors stand in the user's call."""
    layer, asked = failure.layer, failure.asked
    held = [one for one in (asked.operands if asked is not None else ()) if one.tensor is not None]
    left, right = (held[0], held[1]) if len(held) > 1 else (None, None)
    a, b = name_of(failure, left, "the first"), name_of(failure, right, "the second")
    cures: list[str] = []
    if "which" in said:
        name = a if said["which"] == 1 else b
        where = layer.words if layer is not None else "`bilinear`"
        text = f"{where} takes {said['wanted']} features of its input {said['which']}, and {name} has {said['got']}"
        given = shape_of(left if said["which"] == 2 else right)
        if given and given[-1] == said["wanted"]:
            cures.append("the two inputs in the other order")
        cures.append(f"`in{said['which']}_features={said['got']}`, if {said['got']} features are right")
    elif "d" in said:
        text = f"{a} and {b} hold different numbers of samples: {said['a']} and {said['b']} in dim {said['d']}"
        cures.append("the same samples on both sides: each of the first goes with one of the second")
    else:
        text = f"distances of {a}, of {said['a']} features, and {b}, of {said['b']}"
        given = shape_of(right)
        if given and len(given) == 2 and given[0] == said["a"]:
            cures.append(f"`{spelled(failure, right, 'y')}.T`: its features stand in dim 0")
        cures.append(f"`nn.Linear({said['a']}, {said['b']})` on {a}, or vectors of one width")
    yield Diagnosis(text, cures=tuple(cures), roots=roots(failure, layer, "built here", left, right))
