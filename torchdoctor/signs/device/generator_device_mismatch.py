"""Random numbers on one device out of a generator of another."""

from __future__ import annotations

from collections.abc import Iterator

from torchdoctor.record import Failure
from torchdoctor.sign import Diagnosis, Root, Said, on_failure


@on_failure("Expected a '{wanted:w}' device type for generator but found '{found:w}'", raises="RuntimeError")
def sign(failure: Failure, said: Said) -> Iterator[Diagnosis]:
    """A DataLoader that shuffles draws with its own generator, on the CPU unless the default device is another."""
    wanted, found = said["wanted"], said["found"]
    value = next((one for one in failure.values if one.type == "Generator"), None)
    name = f"`{value.code}`" if value is not None and value.code else "the generator"
    loader = any(one.kind == "loader" for one in failure.objects) or any(
        "/utils/data/" in frame.path.replace("\\", "/") for frame in failure.frames
    )
    if loader:
        yield Diagnosis(
            f"the loader shuffles with a generator of {found}, and the default device is {wanted}",
            (
                f"`DataLoader(..., generator=torch.Generator(device='{wanted}'))`",
                f"no `torch.set_default_device('{wanted}')`: `.to(device)` of each batch instead",
            ),
        )
        return
    yield Diagnosis(
        f"{name} draws on {found}, and the tensor is to be on {wanted}",
        (f"`torch.Generator(device='{wanted}')`", f"draw on {found}, and move the result: `.to('{wanted}')`"),
        roots=(Root(value, "the generator is made here", "value"),) if value is not None else (),
    )
