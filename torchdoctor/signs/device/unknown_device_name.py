"""A device under a name that torch does not know: "gpu", "cuda:a", "Cuda"."""

from __future__ import annotations

import re
from collections.abc import Iterator

from torchdoctor.record import Failure
from torchdoctor.sign import Diagnosis, Said, on_failure

_MEANT = {"gpu": "cuda", "nvidia": "cuda", "tpu": "xla", "metal": "mps", "rocm": "cuda", "amd": "cuda", "intel": "xpu"}
_DTYPES = re.compile(r"^(float|int|uint|bfloat|complex|bool|half|double|long)\d*$")


def _whole(failure: Failure, device: str) -> str:
    """The text as it was given: torch quotes only what stands before the colon."""
    given = (value.literal for value in failure.values)
    return next((text for text in given if isinstance(text, str) and text.startswith(f"{device}:")), device)


@on_failure(
    "{names} device type at start of device string: {device}$",
    "Invalid device string: '{device}'",
    "Device string must not be empty",
    raises="RuntimeError",
)
def sign(failure: Failure, said: Said) -> Iterator[Diagnosis]:
    """The text holds the name; that of a dtype is another rule's."""
    device = _whole(failure, (said["device"] or "").strip())
    if _DTYPES.match(device):
        return
    if not device:
        yield Diagnosis("the name of the device is an empty text", ("`'cuda'` or `'cpu'`",))
        return
    kind, _, number = device.partition(":")
    lower = kind.strip().lower()
    digits = re.search(r"\d+", device)
    suffix = f":{digits[0]}" if digits and lower not in _MEANT and not number.startswith("-") else ""
    if digits and lower in _MEANT:
        suffix = f":{digits[0]}"
    if lower.rstrip("0123456789 ") in _MEANT or lower in _MEANT:
        right = _MEANT[lower.rstrip("0123456789 ") if lower not in _MEANT else lower] + suffix
        yield Diagnosis(f"torch knows no device `{device}`: it calls it `{right}`", (f"`'{right}'`",))
    elif lower.rstrip("0123456789 ") in ("cuda", "cpu", "mps", "xpu"):
        right = lower.rstrip("0123456789 ") + (suffix if lower.startswith(("cuda", "xpu")) else "")
        yield Diagnosis(
            f"`{device}` is no name of a device: it is a kind, in small letters, and a number after a colon",
            (f"`'{right}'`", *(("`'cuda:0'`, for the first",) if right == "cuda" else ())),
        )
    elif device.isdigit():
        cure = f"`'cuda:{device}'`, or the number: `int('{device}')`"
        yield Diagnosis(f"the text '{device}' is no name of a device", (cure,))
    else:
        yield Diagnosis(f"torch knows no device `{device}`", ("`'cuda'`, `'cpu'` or `'mps'`",))
