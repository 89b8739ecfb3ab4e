"""A name that this torch does not have: misspelt, of another module, removed, newer; or a file is called torch."""

from __future__ import annotations

import difflib
from collections.abc import Iterator

from torchdoctor.record import Failure
from torchdoctor.sign import Diagnosis, Said, on_failure
from torchdoctor.torch_exports import EXPORTS, RELEASE

_GONE = {
    "torch._six": "`math.inf` for `inf`, `str` for `string_classes`",
    "torch.rfft": "`torch.fft.rfft`",
    "torch.irfft": "`torch.fft.irfft`",
    "torch.ifft": "`torch.fft.ifft`",
    "torch.gels": "`torch.linalg.lstsq`",
}


@on_failure(
    "partially initialized module '{module:w}' has no attribute '{name:w}'",
    "module '{module:w}' has no attribute '{name:w}'",
    "cannot import name '{name:w}' from partially initialized module '{module:w}' ({file})",
    "cannot import name '{name:w}' from '{module:w}' ({file})",
    "^No module named '{missing:w}'",
    raises=("AttributeError", "ImportError", "ModuleNotFoundError"),
)
def sign(failure: Failure, said: Said) -> Iterator[Diagnosis]:
    """The names of torch's modules are known for one release; of others' modules nothing is said."""
    whole = (said["missing"] or f"{said['module']}.{said['name']}").rstrip(".")
    module, _, name = whole.rpartition(".")
    if not whole.startswith("torch.") or name.startswith("__"):
        return
    version = str(failure.environment.get("torch") or "")
    have = f"torch {version}" if version else "this torch"
    if "partially initialized" in said.text:
        file = (said["file"] or "").replace("\\", "/").rpartition("/")[2]
        own = file if file and "site-packages" not in (said["file"] or "") else "torch.py"
        yield Diagnosis(
            f"`{module}` is still being loaded where `{name}` is asked of it: a file of your own is called `{own}`",
            (f"another name for the file `{own}`, and none of its `__pycache__` left",),
        )
        return
    if whole in _GONE:
        yield Diagnosis(f"{have} has no `{whole}`: it was removed", (_GONE[whole],))
        return
    names = EXPORTS.get(module, frozenset())
    homes = [home for home, held in EXPORTS.items() if name in held and home != module]
    if name in names:
        yield Diagnosis(
            f"{have} has no `{whole}`, and torch {RELEASE} has it",
            ("`pip install -U torch`", "an older way to write it"),
        )
    elif near := _near(name, names):
        yield Diagnosis(f"{have} has no `{whole}`, and has `{module}.{near}`", (f"`{module}.{near}`",))
    elif homes:
        yield Diagnosis(
            f"{have} has no `{whole}`; `{name}` is in `{homes[0]}`", tuple(f"`{home}.{name}`" for home in homes[:2])
        )
    else:
        yield Diagnosis(f"{have} has no `{whole}`", sure=not failure.live)


def _near(name: str, names: frozenset[str]) -> str:
    """The name that differs in its capitals alone, or in little more."""
    same = [one for one in sorted(names) if one.lower() == name.lower()]
    close = difflib.get_close_matches(name, sorted(names), 1, 0.82)
    return (same or close or [""])[0]
