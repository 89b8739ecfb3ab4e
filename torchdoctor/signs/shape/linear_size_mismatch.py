"""A Linear that gets another number of features than it was built for, in all of torch's dialects.

Silent where no Linear failed: a product of matrices is another rule's.
"""

from __future__ import annotations

from collections.abc import Iterator

from torchdoctor.record import Failure, ModuleRecord, TensorRecord
from torchdoctor.sign import Diagnosis, Root, Said, on_failure


@on_failure(
    "mat1 and mat2 shapes cannot be multiplied ({a:d}x{got:d} and {wanted:d}x{out:d})",
    "a and b must have same reduction dim, but got [{a:d}, {got:d}] X [{wanted:d}, {out:d}]",
    "size mismatch, got input ({out:d}), mat ({out:d}x{wanted:d}), vec ({got:d})",
    raises="RuntimeError",
)
def sign(failure: Failure, said: Said) -> Iterator[Diagnosis]:
    """The layer's own in_features, and the input as it came."""
    layer = failure.layer
    if layer is None or "in_features" not in layer.facts:
        return
    wanted, out = layer.facts["in_features"], layer.facts.get("out_features")
    value = failure.operand("input", 0)
    tensor = value.tensor if value is not None else None
    got = tensor.shape[-1] if tensor is not None and tensor.shape else said["got"]
    if value is None or got == wanted:
        return
    name = failure.name_of(value)
    shape = f" {tensor.size_text}" if tensor is not None else ""
    yield Diagnosis(
        f"{failure.layer_text(layer)} takes {wanted} features, and {name}{shape} has {got} in its last dimension",
        cures=tuple(_cures(layer, tensor, wanted, got, out, name)),
        roots=(
            Root(layer, f"built for {wanted} features here"),
            Root(value, f"{name} got its shape{shape} here"),
        ),
    )


def _cures(
    layer: ModuleRecord, tensor: TensorRecord | None, wanted: int, got: int, out: int | None, name: str
) -> Iterator[str]:
    """Flatten where that gives the number, turn where another dimension is it; else the layer's width."""
    shape = tensor.shape if tensor is not None and tensor.shape is not None else ()
    plain = name.strip("`") if name.startswith("`") else "x"
    for start in range(1, len(shape) - 1):
        if _product(shape[start:]) == wanted:
            yield f"`{plain}.flatten({start})`: its {' x '.join(map(str, shape[start:]))} are the {wanted} features"
    if wanted in shape[:-1] and shape.count(wanted) == 1:
        axis = shape.index(wanted)
        yield f"`{plain}.transpose({axis}, -1)`: dimension {axis} has the {wanted} features"
    named = layer.attribute or layer.name
    yield f"`nn.{layer.type}({got}, {out})`{f' for `{named}`' if named else ''}, if {got} features are right"
    if len(shape) == 2 and got % wanted == 0:
        yield f"look at what comes before: {got} is {got // wanted} x {wanted}"


def _product(sizes: tuple[int, ...]) -> int:
    product = 1
    for size in sizes:
        product *= size
    return product
