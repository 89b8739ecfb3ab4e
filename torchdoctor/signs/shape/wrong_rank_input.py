"""A layer or function that gets more or fewer dimensions than it takes."""

from __future__ import annotations

from collections.abc import Iterator

from torchdoctor.record import Failure, shape_text
from torchdoctor.sign import Diagnosis, Said, on_failure
from torchdoctor.signs.shape._ranks import cures
from torchdoctor.signs.shape._sizes import name_of, roots, shape_of, spelled


@on_failure(
    "Expected {one:d}D (unbatched) or {many:d}D (batched) input to {what:w}, but got input of size: {given:s}",
    "expected {one:d}D or {many:d}D input (got {gets:d}D input)",
    "expected {many:d}D input (got {gets:d}D input)",
    "{what:w}: Expected input to be {one:d}D or {many:d}D, got {gets:d}D",
    (
        "{what:w}: Expected {one:d}D or {many:d}D (batch mode) tensor "
        "with optional 0 dim batch size for input, but got:{given:s}"
    ),
    (
        "Expected {one:d} to {many:d} dimensions, but got {gets:d}-dimensional tensor "
        "for argument #{:d} '{:w}' (while checking arguments for {what:w})"
    ),
    "non-empty {one:d}D or {many:d}D (batch mode) tensor expected for input",
    "self must be a matrix",
    "mat2 must be a matrix",
    "batch1 must be a {many:d}D tensor",
    "batch2 must be a {many:d}D tensor",
    "{what:w}({}) : expected a {one:d}D or {many:d}D tensor",
    "query should be unbatched {one:d}D or batched {many:d}D tensor but received {gets:d}-D query tensor",
    raises=("RuntimeError", "ValueError", "AssertionError"),
)
def sign(failure: Failure, said: Said) -> Iterator[Diagnosis]:
    """The rank that is wanted is the text's; the sizes are the record's."""
    if failure.calls("mm", "addmm", "bmm", "baddbmm") or "matrix" in said.text or "batch" in said.text[:6]:
        yield from _product(failure, said)
        return
    layer, value = failure.layer, failure.operand("input", "query", 0)
    if layer is None and failure.asked is not None and failure.owned(value) is None:
        value = failure.asked.operand("input", 0) or value  # torch's function has reshaped it on its way
    shape = shape_of(value) or said["given"]
    many, one = said["many"], said["one"]
    gets = len(shape) if shape is not None else said["gets"]
    what = said["what"]
    where = layer.words if layer is not None else f"`{what}`" if what else "a layer"
    name, code = name_of(failure, value, "the input"), spelled(failure, value)
    wanted = f"{one} or {many}" if one is not None else f"{many}"
    has = (
        f"{name} {shape_text(shape)} has {gets}"
        if shape is not None
        else f"{name} has {gets}"
        if gets
        else f"{name} has others"
    )
    yield Diagnosis(
        f"{where} takes {wanted} dimensions, and {has}",
        cures=tuple(cures(shape, gets, one, many, code, layer)),
        roots=roots(failure, layer, "built here", value),
    )


def _product(failure: Failure, said: Said) -> Iterator[Diagnosis]:
    pair = failure.pair()
    name = failure.called.rpartition(".")[2] or ("bmm" if said.text.startswith("batch") else "mm")
    takes = said["many"] or 2
    if pair is None or any(shape_of(one) is None for one in pair):
        yield Diagnosis(
            f"`torch.{name}` takes tensors of {takes} dimensions, and one has others",
            ("`a @ b`, which takes any number of dimensions",),
        )
        return
    a, b = (name_of(failure, one, "one") for one in pair)
    sizes = [one.tensor.size_text if one.tensor is not None else "" for one in pair]
    left, right = (spelled(failure, one) for one in pair)
    yield Diagnosis(
        f"`{name}` takes tensors of {takes} dimensions, and gets {a} {sizes[0]} and {b} {sizes[1]}",
        (f"`{left} @ {right}`, which takes any number of dimensions",),
        roots=roots(failure, None, "", *pair),
    )
