"""Weights that have another size in the checkpoint than in the model."""

from __future__ import annotations

from collections.abc import Iterator

from torchdoctor.sign import Diagnosis
from torchdoctor.signs.checkpoint._loading import Loading

_FEW = 4


def of_sizes(model: str, sizes: list[tuple[str, str, str]], loading: Loading) -> Diagnosis:
    """One layer that differs is mostly a head for other classes; several are another model."""
    name, saved, here = sizes[0]
    others = f" (and {len(sizes) - 1} more)" if len(sizes) > 1 else ""
    layers = sorted({key.rpartition(".")[0] for key, _, _ in sizes})
    built = f"build the model as it was saved, with `{name}` of ({saved})"
    fresh = list(_without(layers, [key for key, _, _ in sizes], loading))
    return Diagnosis(
        f"`{name}` is ({here}) in {model} and ({saved}) in the checkpoint{others}",
        cures=(*fresh, built) if len(layers) == 1 and _is_head(sizes) else (built, *fresh),
    )


def _is_head(sizes: list[tuple[str, str, str]]) -> bool:
    """Whether only the number of outputs differs: the first of each size."""
    pairs = [(saved.split(", "), here.split(", ")) for _, saved, here in sizes]
    return all(len(a) == len(b) and a[1:] == b[1:] for a, b in pairs) and len(pairs) > 1


def _without(layers: list[str], keys: list[str], loading: Loading) -> Iterator[str]:
    if len(layers) == 1 and layers[0]:
        begins = f"{layers[0]}."
        rest = f"{{k: v for k, v in {loading.state}.items() if not k.startswith({begins!r})}}"
        yield f"{loading.with_(rest, strict=False)}: all but the layer `{layers[0]}`, which is then learnt anew"
    elif len(keys) <= _FEW:
        rest = f"{{k: v for k, v in {loading.state}.items() if k not in {tuple(keys)}}}"
        yield f"{loading.with_(rest, strict=False)}, if these are to be learnt anew"
    else:
        yield f"without these {len(keys)} keys and with `strict=False`, if they are to be learnt anew"
