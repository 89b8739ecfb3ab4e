"""Dimensions, and orders of them, for a tensor of another number of them."""

from __future__ import annotations

from collections.abc import Iterator


def reordered(rank: int, named: int, code: str) -> Iterator[str]:
    if named == 3 and rank == 4:
        yield f"`{code}.permute(0, 3, 1, 2)` for a batch of images with their channels last, `permute(0, 2, 3, 1)` back"
    elif named == 4 and rank == 3:
        yield f"`{code}.unsqueeze(0)` before it, or `permute(2, 0, 1)` for one image with its channels last"
    elif named == 3 and rank == 2:
        yield f"`{code}.unsqueeze(-1)` before it: a grey image has no channel yet"
    else:
        yield f"as many dimensions as the tensor has: {rank}"


def named(asked: int, rank: int, code: str) -> Iterator[str]:
    """What names a dimension that is there: counted from the end, with the batch, without a reduction before."""
    if asked > 0:
        yield "`dim=-1`, if the last dimension is meant"
        yield (
            "`keepdim=True` in the reduction before, or `squeeze(dim)` "
            "in place of a bare `squeeze()`, which keeps the batch"
        )
        yield f"`{code}.unsqueeze(0)`, if one sample came without its batch"
    else:
        yield f"a dim between {-rank} and {rank - 1}"
