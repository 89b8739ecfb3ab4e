"""What makes the index of a `gather` or `scatter` fit its tensor."""

from __future__ import annotations

from collections.abc import Iterator

from torchdoctor.record import shape_text


def unsqueezed(
    own: tuple[int, ...], sizes: tuple[int, ...], dim: int | None, code: str, gathers: bool
) -> Iterator[str]:
    if len(sizes) == len(own) - 1 and dim is not None:
        axis = dim % len(own)
        whole = f", and `.squeeze({axis})` of the result" * gathers
        yield f"`{code}.unsqueeze({axis})`{whole}: one of dim {axis} for each of the rest"
    elif len(sizes) == len(own) - 2 and dim is not None and dim % len(own) == 1:
        yield f"`{code}[:, None, None].expand(-1, 1, {own[-1]})`: whole vectors of {own[-1]}"


def larger(
    own: tuple[int, ...],
    sizes: tuple[int, ...],
    axes: list[int],
    dim: int | None,
    src: tuple[int, ...] | None,
    code: str,
) -> list[str]:
    if axes and dim is not None and len(own) == 2:
        other = 1 - dim % 2
        return (
            [f"`dim={other}`, if that is the dimension that `{code}` counts"]
            if sizes[1 - other] <= own[1 - other]
            else []
        )
    if not axes and src:
        return [f"a source of at least {shape_text(sizes)}, or one number for all: `scatter_({dim}, {code}, 1.0)`"]
    return []
