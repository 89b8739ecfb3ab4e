"""Floats where torch wants integers for indices: embeddings, gather, one_hot, subscripts."""

from __future__ import annotations

from collections.abc import Iterator

from torchdoctor.record import Failure, TensorRecord, ValueRecord
from torchdoctor.sign import Diagnosis, Said, on_failure
from torchdoctor.signs._words import built, code_of, made

_INDICES = ("int64", "int32", "uint8", "bool")


@on_failure(
    "Expected tensor for argument #1 'indices' to have one of the following scalar types: Long, Int; but got {dtype:w}",
    "Expected tensor for argument #1 'indices' to have scalar type Long; but got {dtype:w}",
    "tensors used as indices must be long",
    "Expected dtype int32/int64 for index",
    "Expected dtype int32 or int64 for index",
    "Expected dtype int64 for index",
    "Expected a long tensor for index",
    "one_hot is only applicable to index tensor",
    raises=("RuntimeError", "IndexError"),
)
def sign(failure: Failure, said: Said) -> Iterator[Diagnosis]:
    """The index is the operand of that role; what it holds decides whether a cast is right."""
    if "<function cross_entropy" in failure.message or "<function nll_loss" in failure.message:
        return
    value = _index(failure)
    tensor = value.tensor if value is not None else None
    layer = failure.layer
    where = layer.words if layer is not None else ""
    if tensor is None or value is None:
        yield Diagnosis("an index is neither int64 nor int32: torch looks up places by whole numbers")
        return
    name, code = failure.name_of(value, "the index"), code_of(failure, value, "index")
    yield Diagnosis(
        f"{name} {tensor.size_text} is {tensor.dtype}, and {where or 'an index'} takes int64",
        cures=tuple(_cures(tensor, code, failure.calls("embedding", "embedding_bag"))),
        roots=(*made(value, f"{tensor.dtype} is made here", "dtype"), *built(layer, f"{where} is built here")),
        evidence=tuple(_range(tensor)),
    )


def _index(failure: Failure) -> ValueRecord | None:
    named = [failure.operand(key) for key in ("index", "indices")]
    given = [value for one in failure.expressions for value in one.operands if value.role != "weight"]
    pool = [one for value in (*named, *given) if value is not None for one in (value, *value.items)]
    wrong = [v for v in pool if v.tensor is not None and v.tensor.dtype not in _INDICES and not v.tensor.requires_grad]
    roles = ("index", "indices", "input", "")
    by_role = [v for role in roles for v in wrong if v.role == role]
    return next(iter(by_role or wrong), None)


def _cures(tensor: TensorRecord, code: str, embeds: bool) -> Iterator[str]:
    if tensor.whole is False:
        yield "look for what scaled it: its values are no whole numbers, so they are no indices"
        if embeds:
            yield "`nn.Linear` instead of `nn.Embedding`, if they are measured values"
        return
    yield f"`{code}.long()`, or better integers where it is made: `//` for `/`, `dtype=torch.long`"
    if tensor.least is not None and tensor.most is not None and (tensor.least, tensor.most) == (0, 1):
        yield f"`{code}.bool()`, if it is a mask of zeros and ones"


def _range(tensor: TensorRecord) -> Iterator[str]:
    if tensor.least is not None and tensor.most is not None:
        yield f"its values lie between {tensor.least:g} and {tensor.most:g}"
