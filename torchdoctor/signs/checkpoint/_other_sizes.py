"""Weights that have another size in the checkpoint than in the model."""

from __future__ import annotations

from torchdoctor.sign import Diagnosis

_FEW = 4


def of_sizes(model: str, sizes: list[tuple[str, str, str]]) -> Diagnosis:
    name, saved, here = sizes[0]
    others = f" (and {len(sizes) - 1} more)" if len(sizes) > 1 else ""
    keys = tuple(key for key, _, _ in sizes)
    drop = f"`for key in {keys}: del state[key]`" if len(keys) <= _FEW else "drop these keys from the dictionary"
    return Diagnosis(
        f"`{name}` is ({here}) in {model} and ({saved}) in the checkpoint{others}",
        cures=(
            f"build the model as it was saved, with `{name}` of ({saved})",
            f"{drop}, and load with `strict=False`, if {'that layer is' if _layers(keys) == 1 else 'they are'} to be "
            "learnt anew",
        ),
    )


def _layers(keys: tuple[str, ...]) -> int:
    return len({key.rpartition(".")[0] for key in keys})
