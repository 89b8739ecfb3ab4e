"""A mask for attention of other sizes than the tokens; often the layer takes batch and time the other way round."""

from __future__ import annotations

from collections.abc import Iterator

from torchdoctor.record import Failure, ModuleRecord, shape_text
from torchdoctor.sign import Diagnosis, Said, on_failure
from torchdoctor.signs.shape._attention import SCALED, by_axis, mask_of, of_mask
from torchdoctor.signs.shape._sizes import name_of, roots, shape_of, spelled


@on_failure(
    "The shape of the {:d}D attn_mask is {given:s}, but should be {wanted:s}",
    "Expected key_padded_mask.shape[{axis:d}] to be {right:d}, but got {wrong:d}",
    "expecting key_padding_mask shape of {wanted:s}, but got {given:s}",
    "expected `attn_mask` to be `None`, 2-D or 3-D but found {rank:d}-D tensor instead",
    "expected `key_padding_mask` to be `None` or 2-D but found {rank:d}-D tensor instead",
    raises=("RuntimeError", "AssertionError"),
)
def sign(failure: Failure, said: Said) -> Iterator[Diagnosis]:
    """The text has the mask's sizes, the user's own call the tokens'."""
    said, layer = by_axis(said), failure.layer
    tokens = failure.asked.operand("query", "src", "tgt", 0) if failure.asked is not None else None
    padding = "axis" in said or "key_padding_mask" in said.text
    mask = mask_of(failure, padding)
    given = said["given"] or shape_of(mask)
    name = name_of(failure, mask, "the mask of the padding" if padding else "the mask of attention")
    has = f"{name} is {shape_text(given)}" if given else name
    sizes = shape_of(tokens)
    if "rank" in said:
        text = f"{has}, of {said['rank']} dimensions, and attention takes {'2' if padding else '2 or 3'} there"
    elif padding:
        what = ("the batch", "the number of keys")[said["axis"] == 1]
        text = f"{has}: its dim {said['axis']} is {said['wrong']}, and {what} is {said['right']}"
    else:
        text = f"{has}, and these tokens need {shape_text(said['wanted'])}"
    swapped = _swapped(layer, sizes, given, said)
    yield Diagnosis(
        text,
        cures=tuple(_cures(failure, said, given, layer, swapped, spelled(failure, mask, "mask"))),
        roots=roots(failure, layer, "built here", mask, tokens),
        evidence=(f"without `batch_first=True` tokens {shape_text(sizes)} are {sizes[0]} steps of {sizes[1]} samples",)
        if swapped and sizes
        else (),
    )


def _swapped(
    layer: ModuleRecord | None, tokens: tuple[int, ...] | None, mask: tuple[int, ...] | None, said: Said
) -> bool:
    """Whether the mask fits the tokens as soon as batch and time change places."""
    if layer is None or layer.facts.get("batch_first") or not tokens or len(tokens) != 3 or not mask or len(mask) != 2:
        return False
    return mask == (tokens[:2] if "axis" in said else (tokens[1], tokens[1]))


def _cures(
    failure: Failure, said: Said, given: tuple[int, ...] | None, layer: ModuleRecord | None, swapped: bool, code: str
) -> Iterator[str]:
    axis, wanted, heads = said["axis"], said["wanted"], layer.facts.get("num_heads") if layer is not None else None
    if swapped:
        yield "`batch_first=True` where the layer is built: the tokens are (batch, time, features)"
    elif axis in (0, 1) and given and len(given) == 2 and given[1 - axis] == said["right"] != given[axis]:
        yield f"`{code}.T`: a mask of the padding is (batch, keys)"
    elif axis == 1 and said["wrong"] > said["right"]:
        yield f"`{code}[:, :{said['right']}]`: these tokens are shorter than those that the mask was made for"
    elif len(wanted or ()) == 2 and given and len(given) == 2 and min(given) > max(wanted):
        yield f"`{code}[:{wanted[0]}, :{wanted[1]}]`: the mask was made for longer tokens"
    elif wanted and given and len(given) == 3 and isinstance(heads, int) and given[0] * heads == wanted[0]:
        yield f"`{code}.repeat_interleave({heads}, 0)`: one mask for each sample and head, {wanted[0]} in all"
    elif wanted:
        yield f"a mask {shape_text(wanted)}: as many rows as queries, as many columns as keys"
    elif "rank" in said and given and 1 in given[:2] and len(given) == 4:
        yield f"`{code}[0, 0]`, or `key_padding_mask` for a mask of each sample"


@on_failure(*SCALED, raises="RuntimeError")
def scaled_dot_product(failure: Failure, said: Said) -> Iterator[Diagnosis]:
    """The mask of `F.scaled_dot_product_attention`."""
    yield from of_mask(failure)
