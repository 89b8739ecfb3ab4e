"""A checkpoint whose names or sizes are not the model's, and what the difference follows from."""

from __future__ import annotations

import re
from collections.abc import Iterator

from torchdoctor.record import Failure
from torchdoctor.sign import Diagnosis, Said, on_failure
from torchdoctor.signs.checkpoint._other_sizes import of_sizes

_KEYS = re.compile(r'"([^"]+)"')
_SIZES = re.compile(
    r"size mismatch for (\S+): copying a param with shape torch.Size\(\[([\d, ]*)\]\) from checkpoint, "
    r"the shape in current model is torch.Size\(\[([\d, ]*)\]\)"
)
# What wrappers put before every name.
_PREFIXES = {
    "module.": "DataParallel or DistributedDataParallel", "_orig_mod.": "torch.compile", "model.": "a LightningModule",
}  # fmt: skip
_WRAPPED = frozenset({"state_dict", "model", "model_state_dict", "model_state", "net", "params", "weights", "ema"})


@on_failure("Error(s) in loading state_dict for {type:w}:", raises="RuntimeError")
def sign(failure: Failure, said: Said) -> Iterator[Diagnosis]:
    """The text names every key: a prefix, a wrapping dictionary, other names, or other sizes."""
    missing, unexpected = _keys(failure.message, "Missing"), _keys(failure.message, "Unexpected")
    sizes = _SIZES.findall(failure.message)
    model = f"`{said['type']}`"
    if sizes and not missing and not unexpected:
        yield of_sizes(model, sizes)
    elif missing and (wrapped := sorted(_WRAPPED & set(unexpected))):
        name = wrapped[0]
        yield Diagnosis(
            f"the dictionary holds the weights of {model} one level down, under {name!r}",
            cures=(f"`load_state_dict(checkpoint[{name!r}])`",),
        )
    elif (prefix := _prefix(missing, unexpected)) is not None:
        yield _of_prefix(model, *prefix)
    elif missing or unexpected:
        yield Diagnosis(
            f"the checkpoint is not of this {model}: {_some(missing, 'missing')}, {_some(unexpected, 'unexpected')}",
            cures=("build the model as it was when it was saved", "`strict=False`, if the rest is to stay as it is"),
        )


def _keys(message: str, kind: str) -> list[str]:
    found = re.search(rf"{kind} key\(s\) in state_dict: (.*)", message)
    return _KEYS.findall(found[1]) if found is not None else []


def _prefix(missing: list[str], unexpected: list[str]) -> tuple[str, bool] | None:
    """The one prefix that tells all names apart, and whether it is the checkpoint that has it."""
    for few, many, saved in ((missing, unexpected, True), (unexpected, missing, False)):
        if few and many and many[0].endswith(few[0]) and many[0] != few[0]:
            prefix = many[0][: -len(few[0])]
            if {prefix + key for key in few} <= set(many):
                return prefix, saved
    return None


def _of_prefix(model: str, prefix: str, saved: bool) -> Diagnosis:
    maker = _PREFIXES.get(prefix)
    by = f", as {maker} names them" if maker else ""
    if saved:
        cure = f"`load_state_dict({{k.removeprefix({prefix!r}): v for k, v in state.items()}})`"
        return Diagnosis(f"every name in the checkpoint begins with {prefix!r}{by}, and no name of {model}", (cure,))
    cure = f"`load_state_dict({{{prefix!r} + k: v for k, v in state.items()}})`, or load before the model is wrapped"
    return Diagnosis(f"every name of {model} begins with {prefix!r}{by}, and those in the checkpoint do not", (cure,))


def _some(keys: list[str], word: str) -> str:
    return f"{len(keys)} {word} ({keys[0]!r}{', ...' if len(keys) > 1 else ''})" if keys else f"none {word}"
