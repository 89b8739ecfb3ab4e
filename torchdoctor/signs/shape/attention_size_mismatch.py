"""Attention that gets features of another width than it was made for, or a width that its heads cannot share."""

from __future__ import annotations

from collections.abc import Iterator

from torchdoctor.record import Failure, shape_text
from torchdoctor.sign import Diagnosis, Said, on_failure
from torchdoctor.signs.shape._attention import SCALED, given, of_sizes
from torchdoctor.signs.shape._sizes import name_of, nearest, roots, shape_of, spelled


@on_failure(
    "was expecting embedding dimension of {takes:d}, but got {gets:d}",
    "the feature number of src and tgt must be equal to d_model",
    raises=("AssertionError", "RuntimeError"),
)
def width(failure: Failure, said: Said) -> Iterator[Diagnosis]:
    """Tokens of another width."""
    layer, value = failure.layer, given(failure, said["gets"])
    facts = layer.facts if layer is not None else {}
    takes = said["takes"] or facts.get("d_model")
    source, target = shape_of(failure.operand("src")), shape_of(failure.operand("tgt"))
    if source and target and takes:
        value = failure.operand("tgt") if source[-1] == takes else value
    shape = shape_of(value)
    gets = said["gets"] if "gets" in said else shape[-1] if shape else None
    where = layer.words if layer is not None else "attention"
    if takes is None or gets is None:
        yield Diagnosis("the tokens have another width than the `d_model` of the transformer")
        return
    name, code = name_of(failure, value, "the input"), spelled(failure, value)
    cures = []
    if shape and len(shape) == 3 and shape[1] == takes:
        cures.append(f"`{code}.transpose(1, 2)`: the {takes} features stand in dim 1")
    heads = facts.get("num_heads") or facts.get("nhead")
    if not isinstance(heads, int) or not heads or gets % heads == 0:
        cures.append(f"an `embed_dim` (`d_model`) of {gets}, if that is the width of the tokens")
    cures.append(f"`nn.Linear({gets}, {takes})` before it, or tokens of {takes} features")
    sizes = f": {name} is {shape_text(shape)}" if shape else ""
    yield Diagnosis(
        f"{where} takes {takes} features and gets {gets}{sizes}",
        cures=tuple(cures),
        roots=roots(failure, layer, f"built for {takes} features here", value),
    )


@on_failure("embed_dim must be divisible by num_heads", raises="AssertionError")
def heads(failure: Failure, said: Said) -> Iterator[Diagnosis]:
    """A width that the heads cannot share."""
    width, many = failure.operand("embed_dim", "d_model", 0), failure.operand("num_heads", "nhead", 1)
    size, count = (one.literal if one is not None else None for one in (width, many))
    if not isinstance(size, int) or not isinstance(count, int) or count < 1 or size < 1:
        yield Diagnosis("the heads do not divide the width of the tokens")
        return
    best = nearest(count, size)
    yield Diagnosis(
        f"{count} heads do not divide a width of {size}: {size} / {count} is {size / count:.1f}",
        cures=(
            f"`num_heads={best}`: {size // best} features a head",
            f"a width of {-(-size // count) * count}: {-(-size // count)} features a head",
        ),
    )


@on_failure("shapes cannot be multiplied ({a:d}x{b:d} and {c:d}x{d:d})", raises="RuntimeError")
def key_or_value(failure: Failure, said: Said) -> Iterator[Diagnosis]:
    """Key and value of another source: the query's width was right."""
    layer, value = failure.layer, failure.operand("key")
    shape = shape_of(value)
    if layer is None or layer.type != "MultiheadAttention" or not shape:
        return
    wide = shape[-1]
    yield Diagnosis(
        f"{failure.layer_text(layer)} takes keys of {layer.facts.get('kdim', said['c'])} features and gets {wide}",
        cures=(f"`kdim={wide}, vdim={wide}` where the layer is built: key and value come from another source",),
        roots=roots(failure, layer, "built here", value),
    )


@on_failure(*SCALED, raises="RuntimeError")
def scaled_dot_product(failure: Failure, said: Said) -> Iterator[Diagnosis]:
    """Query, key and value in `F.scaled_dot_product_attention`."""
    yield from of_sizes(failure)
