"""A checkpoint whose names or sizes are not the model's, and what the difference follows from."""

from __future__ import annotations

import re
from collections.abc import Iterator

from torchdoctor.record import Failure
from torchdoctor.sign import Diagnosis, Said, on_failure
from torchdoctor.signs.checkpoint._loading import Loading
from torchdoctor.signs.checkpoint._other_names import of_shift, shift_of
from torchdoctor.signs.checkpoint._other_sizes import of_sizes

_KEYS = re.compile(r'"([^"]+)"')
_SIZES = re.compile(
    r"size mismatch for (\S+): copying a param with shape torch.Size\(\[([\d, ]*)\]\) from checkpoint, "
    r"the shape in current model is torch.Size\(\[([\d, ]*)\]\)"
)
_WRAPPED = frozenset({"state_dict", "model", "model_state_dict", "model_state", "net", "params", "weights", "ema"})


@on_failure("Error(s) in loading state_dict for {type:w}:", raises="RuntimeError")
def sign(failure: Failure, said: Said) -> Iterator[Diagnosis]:
    """The text names every key: a prefix, a wrapping dictionary, other names, or other sizes."""
    missing, unexpected = _keys(failure.message, "Missing"), _keys(failure.message, "Unexpected")
    sizes = _SIZES.findall(failure.message)
    model, loading = f"`{said['type']}`", Loading(failure)
    if sizes and not missing and not unexpected:
        yield of_sizes(model, sizes, loading)
    elif missing and (wrapped := sorted(_WRAPPED & set(unexpected))):
        name = wrapped[0]
        yield Diagnosis(
            f"the dictionary holds the weights of {model} one level down, under {name!r}",
            cures=(loading.with_(f"{loading.state}[{name!r}]"),),
        )
    elif (shift := shift_of(missing, unexpected)) is not None:
        yield of_shift(model, shift, loading)
    elif missing or unexpected:
        yield Diagnosis(
            f"the checkpoint is not of this {model}: {_some(missing, 'missing')}, {_some(unexpected, 'unexpected')}",
            cures=tuple(_of_another(missing, unexpected, loading)),
        )


def _keys(message: str, kind: str) -> list[str]:
    found = re.search(rf"{kind} key\(s\) in state_dict: (.*)", message)
    return _KEYS.findall(found[1]) if found is not None else []


def _of_another(missing: list[str], unexpected: list[str], loading: Loading) -> Iterator[str]:
    if not missing:
        yield f"{loading.with_(loading.state, strict=False)}, if what the checkpoint has more is not wanted"
    elif not unexpected:
        yield f"{loading.with_(loading.state, strict=False)}, if {missing[0]!r} and the like are new, and to be learnt"
    yield "build the model as it was when it was saved"
    if missing and unexpected:
        yield "`strict=False`, if the rest is to stay as it is: it loads nothing under another name"


def _some(keys: list[str], word: str) -> str:
    return f"{len(keys)} {word} ({keys[0]!r}{', ...' if len(keys) > 1 else ''})" if keys else f"none {word}"
