"""A tensor that the machine's memory cannot hold: mostly a shape that nobody meant."""

from __future__ import annotations

from collections.abc import Iterator

from torchdoctor.record import Failure
from torchdoctor.sign import Diagnosis, Root, Said, on_failure


@on_failure(
    "DefaultCPUAllocator: can't allocate memory: you tried to allocate {bytes:d} bytes",
    "DefaultCPUAllocator: not enough memory: you tried to allocate {bytes:d} bytes",
    raises="RuntimeError",
)
def sign(failure: Failure, said: Said) -> Iterator[Diagnosis]:
    """The operands' shapes tell a broadcast of a column with a row from data that is just large."""
    gib = said["bytes"] / 2**30
    size = f"{gib:,.0f} GiB" if gib >= 100 else f"{gib:.3g} GiB"
    pair = failure.pair()
    shapes = [value.tensor.shape for value in pair if value.tensor is not None and value.tensor.shape] if pair else []
    if pair is not None and len(shapes) == 2:
        a, b = failure.name_of(pair[0], "one operand"), failure.name_of(pair[1], "the other")
        blown = any(
            (one == 1 and two > 1) or (two == 1 and one > 1)
            for one, two in zip(shapes[0][::-1], shapes[1][::-1], strict=False)
        )
        if blown or len(shapes[0]) != len(shapes[1]):
            first, second = pair[0].tensor, pair[1].tensor
            yield Diagnosis(
                f"{a} {first.size_text if first else ''} and {b} {second.size_text if second else ''} make a "
                f"tensor of {size}",
                cures=(
                    "where both hold one number per sample: bring them to one shape, `.squeeze(1)` or `.flatten()`",
                    "where all pairs are meant: in parts, `for part in x.split(1000)`",
                ),
                roots=tuple(Root(value, f"{failure.name_of(value)} got its shape here") for value in pair),
            )
            return
    yield Diagnosis(
        f"{size} were asked for at once, and the machine has no such memory left",
        cures=(
            "look at the sizes in that line: a product of them, or a size that was meant for another place",
            "where the data is that large: in parts (`split`), from a memory map (`np.memmap`), in a smaller dtype",
        ),
    )
