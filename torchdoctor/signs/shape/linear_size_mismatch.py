"""A linear layer that gets another number of features than it was made for.

Torch says "mat1 and mat2 shapes cannot be multiplied" of it, as of any product. Where the record shows another product
than a linear layer's, this is silent; a pasted text alone is mostly a linear layer's, and is told so.
"""

from __future__ import annotations

from collections.abc import Iterator
from math import prod

from torchdoctor.record import Failure, shape_text
from torchdoctor.sign import Diagnosis, Said, on_failure
from torchdoctor.signs._words import built
from torchdoctor.signs.shape import _maps
from torchdoctor.signs.shape._features import cures_of, of_both_ways
from torchdoctor.signs.shape._products import is_written
from torchdoctor.signs.shape._sizes import roots, shape_of, spelled, tensor_at, times, transposed


@on_failure(
    "shapes cannot be multiplied ({a:d}x{b:d} and {c:d}x{d:d})",
    "a and b must have same reduction dim, but got [{a:d}, {b:d}] X [{c:d}, {d:d}]",
    raises="RuntimeError",
)
def sign(failure: Failure, said: Said) -> Iterator[Diagnosis]:
    """The layer's ``in_features`` are the columns of its weight."""
    weight, given, layer = failure.tensor("weight", 1), tensor_at(failure, "input", 0), failure.layer
    shape = shape_of(given)
    if is_written(failure):
        return
    if not failure.expressions:
        yield from _text(said, _of_layer(failure))
        return
    if not failure.calls("torch.nn.functional.linear", "torch.nn.Linear"):
        return
    if (layer is not None and layer.type == "MultiheadAttention") or weight is None or weight.rank != 2 or not shape:
        return
    assert weight.shape is not None
    takes, gives = weight.shape[1], weight.shape[0]
    where = layer.words if layer is not None else "`F.linear`"
    name, code = failure.name_of(given, "the input"), spelled(failure, given)
    cures = list(cures_of(shape, takes, gives, code))
    flat = _maps.map_of(failure, given) if len(cures) == 1 else None
    if layer is None and gives == shape[-1]:
        rows = failure.operand("weight", 1)
        cures = [f"`F.linear({code}, {transposed(failure, rows, 'weight')})`: a weight is (outputs, features)"]
    elif flat is not None:
        cures = list(_maps.cures_of(flat, takes, gives))
    both_ways = of_both_ways(failure, shape[-1], takes)
    if both_ways is not None:
        cures = [f"`nn.Linear({2 * takes}, {gives})`: {both_ways.words} is bidirectional, and gives 2 * {takes}"]
    yield Diagnosis(
        f"{where} takes {takes} features and gets {shape[-1]}: {name} is {shape_text(shape)}",
        cures=tuple(cures),
        roots=(
            *roots(failure, layer, f"built for {takes} features here", given),
            *_maps.roots_of(failure, flat),
            *built(both_ways, f"2 * {takes} features: it reads both ways"),
        ),
        evidence=tuple(_maps.evidence_of(flat, takes) if flat is not None else _evidence(shape, takes, name)),
    )


def _of_layer(failure: Failure) -> bool:
    """Whether a traceback that was pasted ends in the code of torch's layer."""
    inner = failure.inner
    return inner is not None and inner.package == "torch" and "F.linear(" in inner.text


def _text(said: Said, certain: bool) -> Iterator[Diagnosis]:
    rows, came, wanted, out = said["a"], said["b"], said["c"], said["d"]
    cures = [f"`nn.Linear({came}, {out})`, if {came} features are right"]
    if 0 < came < wanted and wanted % (came * came) == 0 and rows % (wanted // came) == 0:
        cures.insert(
            0, f"`x.flatten(1)` before the layer: {rows} * {came} elements are {rows * came // wanted} * {wanted}"
        )
    other = "" if certain else " (or a product `a @ b` of sizes that do not meet)"
    yield Diagnosis(f"a linear layer takes {wanted} features and gets {came}{other}", tuple(cures), sure=certain)


def _evidence(shape: tuple[int, ...], takes: int, name: str) -> Iterator[str]:
    if len(shape) > 2 and prod(shape[1:]) == takes:
        yield f"{name} has {takes} elements a sample, {times(shape[1:])}, but they are not in one dimension"
