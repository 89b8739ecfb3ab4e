"""`torch.save` into a folder that is not there."""

from __future__ import annotations

from collections.abc import Iterator

from torchdoctor.record import Failure
from torchdoctor.sign import Diagnosis, Said, on_failure


@on_failure("Parent directory {path} does not exist.", raises="RuntimeError")
def sign(failure: Failure, said: Said) -> Iterator[Diagnosis]:
    """The folder stands in the text."""
    folder = said["path"]
    shown = f"`{folder}`" if "`" not in folder and len(folder) < 100 else "the folder"
    yield Diagnosis(
        f"the folder {shown} is not there, and `torch.save` makes none",
        cures=(
            f"`os.makedirs({folder!r}, exist_ok=True)` before the loop" if len(folder) < 100 else "`os.makedirs` first",
        ),
        evidence=() if folder.startswith("/") else ("a relative path counts from where the program was started",),
    )
