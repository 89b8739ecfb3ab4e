"""A file under `torch.load` that no `torch.save` has written: a Git-LFS pointer, a web page, an empty file.

The text blames `weights_only` and names the first byte as an "operand"; the file's own first bytes tell what it is.
"""

from __future__ import annotations

from collections.abc import Iterator

from torchdoctor.record import Failure, FileRecord
from torchdoctor.sign import Diagnosis, Said, on_failure
from torchdoctor.signs.checkpoint._kinds import kind_of

_KEY = "invalid load key, '{key}'"
_OTHERS = (
    "could not find MARK",
    "unpickling stack underflow",
    "pickle data was truncated",
    "unpack requires a buffer of",
)
_SCRIPT = "PytorchStreamReader failed locating file {part:w}: file not found"


@on_failure("Weights only load failed{}Unsupported operand {n:d}", raises="UnpicklingError")
def operand(failure: Failure, said: Said) -> Iterator[Diagnosis]:
    """The operand is the first byte that is no pickle: 118 is the v of "version https://git-lfs"."""
    yield from _told(failure, chr(said["n"]) if 0 <= said["n"] < 256 else "")


@on_failure(_KEY, *_OTHERS, raises=("UnpicklingError", "error"), plain=False)
def key(failure: Failure, said: Said) -> Iterator[Diagnosis]:
    """The same with `weights_only=False`, in pickle's own words."""
    if failure.calls("torch.load", "load"):
        yield from _told(failure, (said["key"] or "")[:1])


@on_failure(raises="EOFError")
def ended(failure: Failure, said: Said) -> Iterator[Diagnosis]:
    """An empty file: without a text in newer versions, "Ran out of input" in others."""
    if failure.calls("torch.load"):
        yield from _told(failure, "")


@on_failure(_SCRIPT, raises="RuntimeError")
def script(failure: Failure, said: Said) -> Iterator[Diagnosis]:
    """`torch.jit.load` of what `torch.save` wrote: an archive, but without code."""
    if said["part"] in ("constants.pkl", "data.pkl", "version", ".data/version"):
        yield Diagnosis(
            f"{_name(next(iter(failure.files), None))} is no TorchScript archive: `{said['part']}` is not in it",
            cures=(
                "`torch.load`, where `torch.save` wrote it",
                "`torch.jit.save(torch.jit.script(model), path)` writes one",
            ),
        )


def _name(file: FileRecord | None) -> str:
    return f"`{file.path}`" if file is not None and "`" not in file.path and len(file.path) < 80 else "the file"


def _told(failure: Failure, first: str) -> Iterator[Diagnosis]:
    file = next((one for one in failure.files if one.exists and one.size is not None), None)
    kind = kind_of(file.head if file is not None else first, None if file is None else file.size)
    name = _name(file)
    size = f" ({file.size} bytes)" if file is not None and file.size is not None and file.size < 100_000 else ""
    told = f"it begins with {file.head[:24]!r}" if file is not None and file.head else ""
    yield Diagnosis(
        f"{name}{size} is {kind.what}, not what `torch.save` writes",
        cures=kind.cures,
        evidence=(told.replace("`", "'"),) if told and not told.endswith((".", "!", ":")) else (),
    )
