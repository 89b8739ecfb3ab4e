"""Queries, keys, values and a mask that do not go together in `F.scaled_dot_product_attention`."""

from __future__ import annotations

from collections.abc import Iterator

from torchdoctor.record import Failure, ValueRecord, shape_text
from torchdoctor.sign import Diagnosis, Said
from torchdoctor.signs.shape._broadcasting import differing
from torchdoctor.signs.shape._sizes import name_of, roots, shape_of, spelled

SCALED = (
    "Expected size for first two dimensions of batch2 tensor to be: [{:d}, {m:d}] but got: [{:d}, {m2:d}]",
    "The size of tensor a ({:d}) must match the size of tensor b ({:d}) at non-singleton dimension {:d}",
)


def by_axis(said: Said) -> Said:
    """The mask of the padding as torch 2.4 speaks of it, with both shapes, in the terms of today: by dimension."""
    wanted, given = said["wanted"], said["given"]
    if "key_padding_mask" not in said.text or not wanted or not given or len(wanted) != len(given):
        return said
    axis = next((k for k, (a, b) in enumerate(zip(wanted, given, strict=True)) if a != b), 0)
    return Said({"given": given, "axis": axis, "right": wanted[axis], "wrong": given[axis]}, said.text)


def _given(failure: Failure) -> list[ValueRecord]:
    """Query, key and value, where such a call failed and all are known."""
    if not failure.calls("scaled_dot_product_attention"):
        return []
    found = [failure.operand(role, place) for place, role in enumerate(("query", "key", "value"))]
    known = [one for one in found if one is not None and len(shape_of(one) or ()) > 1]
    return known if len(known) == 3 else []


def of_sizes(failure: Failure) -> Iterator[Diagnosis]:
    """Other widths of query and key, other numbers of keys and values."""
    if not (given := _given(failure)):
        return
    q, k, v = (shape_of(one) or () for one in given)
    names = [
        name_of(failure, one, role) for one, role in zip(given, ("the query", "the key", "the value"), strict=True)
    ]
    where = roots(failure, None, "", *given)
    if q[-1] != k[-1]:
        text = f"{names[0]} {shape_text(q)} and {names[1]} {shape_text(k)} have other widths: {q[-1]} and {k[-1]}"
        yield Diagnosis(text, (f"one width for query and key: `nn.Linear({k[-1]}, {q[-1]})` on the keys",), roots=where)
    elif k[-2] != v[-2]:
        text = f"{names[1]} {shape_text(k)} and {names[2]} {shape_text(v)} hold {k[-2]} keys and {v[-2]} values"
        yield Diagnosis(text, ("keys and values of the same tokens",), roots=where)
    elif q[:-2] != k[:-2]:
        text = f"{names[0]} {shape_text(q)} and {names[1]} {shape_text(k)} have other batches or heads"
        yield Diagnosis(text, ("the same samples and heads on both sides",), roots=where)


def of_mask(failure: Failure) -> Iterator[Diagnosis]:
    """A mask that does not broadcast to (..., queries, keys)."""
    mask, given = failure.operand("attn_mask"), _given(failure)
    sizes = shape_of(mask)
    if not given or sizes is None:
        return
    q, k, _ = (shape_of(one) or () for one in given)
    wanted, code = (*q[:-1], k[-2]), spelled(failure, mask, "mask")
    if q[-1] != k[-1] or q[:-2] != k[:-2] or not differing(sizes, wanted):
        return
    cure = f"a mask that broadcasts to {shape_text(wanted)}: samples, heads, queries, keys"
    if len(wanted) == 4 and sizes == (wanted[0], wanted[3]):
        cure = f"`{code}[:, None, None, :]` {shape_text((sizes[0], 1, 1, sizes[1]))}: a mask of the keys of each sample"
    elif len(wanted) == 4 and len(sizes) == 3 and sizes == (wanted[0], *wanted[2:]):
        cure = f"`{code}[:, None]` {shape_text((sizes[0], 1, *sizes[1:]))}: the same for all heads"
    text = f"{name_of(failure, mask, 'the mask')} {shape_text(sizes)} does not broadcast to {shape_text(wanted)}"
    yield Diagnosis(text, (cure,), roots=roots(failure, None, "", mask, *given))


def mask_of(failure: Failure, padding: bool) -> ValueRecord | None:
    """The mask of the padding, or of attention, as the user's own call gives it."""
    roles = ("key_padding_mask", "src_key_padding_mask", "tgt_key_padding_mask", "memory_key_padding_mask")
    others = ("attn_mask", "mask", "src_mask", "tgt_mask", "memory_mask")
    known = [one for one in (failure.asked.operands if failure.asked is not None else ()) if one.tensor is not None]
    return next((one for one in known if one.role in (roles if padding else others)), None)


def given(failure: Failure, width: int | None) -> ValueRecord | None:
    """What the user gave it: within, attention turns the sizes of what is batch first."""
    for expression in reversed(failure.expressions):
        for key in ("query", "src", 0):
            found = expression.operand(key)
            if found is not None and (shape_of(found) or ())[-1:] == (width,):
                return found
    return failure.operand("query", "src", 0)
