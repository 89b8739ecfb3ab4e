"""A lambda, a local class or an open file in what `torch.save` was to write."""

from __future__ import annotations

from collections.abc import Iterator

from torchdoctor.record import Failure
from torchdoctor.sign import Diagnosis, Said, on_failure


@on_failure(
    "Can't pickle local object '{name}'",
    "Can't pickle local object <{:w} {name} at",
    "Can't pickle <{:w} {name} at {at:w}>: ",
    "cannot pickle '{thing}' object",
    raises=("AttributeError", "PicklingError", "TypeError"),
)
def sign(failure: Failure, said: Said) -> Iterator[Diagnosis]:
    """Only where `torch.save` was asked: pickling fails elsewhere too. A module is pickled with all that it holds."""
    if not failure.calls("torch.save", "torch.serialization.save", "torch.serialization._save") and not any(
        frame.path.replace("\\", "/").endswith("torch/serialization.py") for frame in failure.frames
    ):
        return
    name = said["name"] or ""
    if "thing" in said:
        what = f"a `{said['thing']}`, which cannot be pickled"
    elif name.endswith("<lambda>"):
        where = name.partition(".<locals>")[0] if "<locals>" in name else ""
        what = "a lambda" + f" made in `{where}`" * bool(where) + ", which has no name to be found by"
    else:
        what = f"`{name.rpartition('.')[2]}`, which is defined inside of a function"
    given = failure.asked.operand("obj", 0) if failure.asked is not None else None
    module = given is not None and given.module is not None
    code = given.code if given is not None and module and given.code.replace(".", "_").isidentifier() else "model"
    yield Diagnosis(
        f"{f'`{given.code}`' if given is not None and given.code and len(given.code) < 60 else 'what is saved'} "
        f"holds {what}",
        cures=(
            f"`torch.save({code}.state_dict(), path)`: the weights alone, which are tensors",
            "leave it out of what is saved, and make it anew after loading"
            if "thing" in said
            else "a function at the top of a module in its place, or `nn.ReLU()` and the like for a lambda",
        ),
    )
