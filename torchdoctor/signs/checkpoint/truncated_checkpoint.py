"""A checkpoint whose end is missing: an interrupted download, a save that was killed, a full disk."""

from __future__ import annotations

from collections.abc import Iterator

from torchdoctor.record import Failure
from torchdoctor.sign import Diagnosis, Said, on_failure
from torchdoctor.signs.checkpoint._kinds import kind_of

_CURES = (
    "fetch or save it again, and compare its size with the original's",
    "save to another name first: `torch.save(state, tmp)`, then `os.replace(tmp, path)`: a killed job leaves the "
    "old one",
)


@on_failure("PytorchStreamReader failed reading zip archive: {why}", raises="RuntimeError")
def archive(failure: Failure, said: Said) -> Iterator[Diagnosis]:
    """A zip archive's directory stands at its end. What does not begin like one never was one."""
    file = next((one for one in failure.files if one.exists and one.size is not None), None)
    if file is None:
        yield Diagnosis("the file is no whole archive: its directory, which stands at the end, is missing", _CURES)
        return
    name = f"`{file.path}`"
    if file.head.startswith("PK"):
        yield Diagnosis(
            f"{name} begins as a checkpoint and is cut off after {file.size} bytes: its end is missing", _CURES
        )
        return
    kind = kind_of(file.head, file.size)
    yield Diagnosis(f"{name} ({file.size} bytes) is {kind.what}, no archive of torch's", kind.cures)


@on_failure("Invalid argument", "Ran out of input", raises="OSError", plain=False)
def end(failure: Failure, said: Said) -> Iterator[Diagnosis]:
    """Where only a little is missing, the search for the directory leaves the file: "Invalid argument"."""
    file = next((one for one in failure.files if one.exists and one.head.startswith("PK")), None)
    if file is not None and failure.calls("torch.load"):
        yield Diagnosis(f"`{file.path}` begins as a checkpoint and is cut off after {file.size} bytes", _CURES)
