"""A lookup in a table of embeddings with an index that it does not have.

Torch says "index out of range in self" of an embedding on CPU; on a GPU it is a device-side assert.
"""

from __future__ import annotations

from collections.abc import Iterator
from math import isfinite

from torchdoctor.record import Failure
from torchdoctor.sign import Diagnosis, Root, Said, on_failure


@on_failure("^index out of range in self", raises="IndexError")
def sign(failure: Failure, said: Said) -> Iterator[Diagnosis]:
    """The indices' extremes and the table's rows are at hand in a live run."""
    if failure.calls("index_select"):
        return
    layer, indices, table = failure.layer, failure.operand("input", 0), failure.tensor("weight", 1)
    rows = table.shape[0] if table is not None and table.shape else None
    least = indices.tensor.least if indices is not None and indices.tensor is not None else None
    most = indices.tensor.most if indices is not None and indices.tensor is not None else None
    if rows is None or least is None or most is None or not (isfinite(least) and isfinite(most)):
        yield Diagnosis("an embedding was asked for an index that its table does not have")
        return
    name, where = failure.name_of(indices, "the input"), failure.layer_text(layer, "the embedding")
    built = [Root(layer, f"`{layer.attribute}` is built with {rows} rows here")] if layer is not None else []
    worst = int(least) if least < 0 else int(most)
    yield Diagnosis(
        f"{name} holds the index {worst}, and {where} has {rows} rows: 0 to {rows - 1}",
        cures=tuple(_cures(worst, rows, name)),
        roots=(*built, *([Root(indices, f"{name} is made here", "value")] if indices is not None else [])),
        evidence=(f"the indices in {name} lie between {int(least)} and {int(most)}",),
    )


def _cures(worst: int, rows: int, name: str) -> Iterator[str]:
    if worst < 0:
        yield f"replace negative ids (a padding of {worst}) by an id of the table, and give it as `padding_idx`"
    elif worst == rows:
        yield f"`nn.Embedding({rows + 1}, ...)`: the ids count from 1, or a padding or unknown id was added"
    else:
        yield f"`nn.Embedding({worst + 1}, ...)`, at least: as many rows as the tokenizer has ids"
    if worst >= rows:
        yield f"look for what put {worst} into {name}: a tokenizer of another vocabulary, or ids that are no ids"
