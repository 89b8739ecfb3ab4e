"""One tensor larger than the whole device: mostly a shape that nobody meant. Silent where the request alone fits."""

from __future__ import annotations

from collections.abc import Iterator

from torchdoctor.quantity_text import size_text
from torchdoctor.record import Failure
from torchdoctor.sign import Diagnosis, Root, Said, on_failure
from torchdoctor.signs.memory._made import made
from torchdoctor.signs.memory._verdict import EXCEEDS, TEXTS, verdict


@on_failure(*TEXTS)
def sign(failure: Failure, said: Said) -> Iterator[Diagnosis]:
    """The sizes that were multiplied are the operands'."""
    rule, memory = verdict(failure)
    if rule != EXCEEDS:
        return
    what = made(failure, memory)
    asked = size_text(memory.requested) if memory.requested is not None else "more than any GPU has"
    card = f", and the whole GPU has {size_text(memory.total)}" if memory.total is not None else ", in one piece"
    roots = tuple(Root(value, f"{failure.name_of(value)} got its shape here") for value in failure.tensors[:2])
    if what is None:
        yield Diagnosis(
            f"{asked} were asked for at once{card}",
            cures=(
                "look at the shapes: a broadcast of (n, 1) with (1, m), or an attention over all pairs, is n * m large",
                "compute it in parts: `x.split(n)`",
            ),
            roots=roots,
        )
        return
    cures = ["in parts, `for part in x.split(1000):`, where all pairs are meant"]
    if not what.factor:
        cures = [
            "look at the sizes in that line: a product of them, or a size that was meant for another place",
            "where it is meant to be that large: in parts, in a smaller dtype, or in the machine's memory",
        ]
    if what.scores:
        cures.insert(0, "`F.scaled_dot_product_attention(q, k, v)`: it never writes these scores out")
    elif "spread" in what.factor:
        cures.insert(0, "where both hold one number per sample: one shape for both, `.squeeze(1)` or `.flatten()`")
    yield Diagnosis(
        f"`{what.code}` makes {what.words}{card}",
        cures=tuple(cures),
        evidence=(what.factor,) if what.factor else (),
        roots=roots,
    )
