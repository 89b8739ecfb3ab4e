"""Two sets of names that differ in their beginnings: "module.fc.weight" and "fc.weight", "encoder." and "backbone."."""

from __future__ import annotations

from dataclasses import dataclass

from torchdoctor.sign import Diagnosis
from torchdoctor.signs.checkpoint._loading import Loading

# What wrappers put before every name.
_PREFIXES = {
    "module.": "DataParallel or DistributedDataParallel", "_orig_mod.": "torch.compile", "model.": "a LightningModule",
}  # fmt: skip
_MOST = 12


@dataclass(frozen=True, slots=True)
class Shift:
    """Names begin with ``saved`` in the checkpoint where they begin with ``here`` in the model; "" is no beginning.
    ``whole`` is True where that is all that tells the two apart."""

    saved: str
    here: str
    whole: bool = True


def shift_of(missing: list[str], unexpected: list[str]) -> Shift | None:
    """The change of beginning that makes the checkpoint's names the model's: of all, or else of most of them."""
    if not missing or not unexpected:
        return None
    wanted, most = set(missing), (0, Shift("", ""))
    for name in unexpected[:_MOST]:
        for other in missing[:_MOST]:
            saved, here = _beginnings(name, other)
            if saved == here or (saved and not saved.endswith(".")) or (here and not here.endswith(".")):
                continue
            met = sum(name.startswith(saved) and here + name[len(saved) :] in wanted for name in unexpected)
            if met > most[0]:
                # A count of batches is not missed where the checkpoint tells of no version.
                rest = [key for key in unexpected if not key.startswith(saved)]
                most = met, Shift(saved, here, not rest and met == len(missing))
    needed = max(2, (len(missing) + 1) // 2) if len(missing) > 1 else 1
    return most[1] if most[0] >= needed else None


def _beginnings(one: str, other: str) -> tuple[str, str]:
    """What stands before the part that two names share at their ends: whole words between dots."""
    a, b = one.split("."), other.split(".")
    shared = 0
    while shared < min(len(a), len(b)) and a[-1 - shared] == b[-1 - shared]:
        shared += 1
    if shared == 0:
        return "", ""
    first, second = a[: len(a) - shared], b[: len(b) - shared]
    return "".join(f"{word}." for word in first), "".join(f"{word}." for word in second)


def of_shift(model: str, shift: Shift, loading: Loading) -> Diagnosis:
    saved, here = shift.saved, shift.here
    most = "every name" if shift.whole else "most names"
    maker = _PREFIXES.get(saved or here)
    by = f", as {maker} names them" if maker and not (saved and here) else ""
    if saved and here:
        key = f"k.replace({saved!r}, {here!r}, 1)"
        message = f"{most} in the checkpoint begins with {saved!r} where {model} has {here!r}"
    elif saved:
        key = f"k.removeprefix({saved!r})"
        message = f"{most} in the checkpoint begins with {saved!r}{by}, and no name of {model}"
    else:
        key = f"{here!r} + k"
        message = f"{most} of {model} begins with {here!r}{by}, and those in the checkpoint do not"
    message = message if shift.whole else message.replace("begins", "begin")
    cures = [loading.renamed(key)]
    if here and not saved:
        cures.append("load before the model is wrapped")
    if not shift.whole:
        cures.append("`strict=False` with it, if what then still differs is to stay as it is")
    return Diagnosis(message, tuple(cures))
