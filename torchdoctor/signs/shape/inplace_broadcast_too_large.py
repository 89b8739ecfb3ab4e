"""An operation in place whose result is larger than the tensor that it is to be written to."""

from __future__ import annotations

from collections.abc import Iterator

from torchdoctor.record import Failure, shape_text
from torchdoctor.sign import Diagnosis, Said, on_failure
from torchdoctor.signs.shape._sizes import name_of, roots, shape_of, spelled, tensor_at


@on_failure("output with shape {own:s} doesn't match the broadcast shape {wide:s}", raises="RuntimeError")
def sign(failure: Failure, said: Said) -> Iterator[Diagnosis]:
    """The text has both shapes; the left side, or what the method is called on, is what is written to."""
    asked = failure.asked
    value = tensor_at(failure, "left", "self")
    other = failure.operand("right", 0)
    name, code = name_of(failure, value, "the tensor"), spelled(failure, value)
    own, wide = said["own"], said["wide"]
    cures = ["without writing in place, where a result of the larger size is wanted"]
    if asked is not None and asked.kind == "operator" and asked.name.endswith("=") and other is not None:
        cures[0] = (
            f"`{code} = {code} {asked.name[:-1]} {spelled(failure, other, 'y')}`, "
            f"which makes a tensor {shape_text(wide)}"
        )
    elif asked is not None and asked.name.endswith("_") and asked.code.count(f".{asked.name.rpartition('.')[2]}(") == 1:
        method = asked.name.rpartition(".")[2]
        cures[0] = (
            f"`{code} = {asked.code.replace(f'.{method}(', f'.{method[:-1]}(')}`, "
            f"which makes a tensor {shape_text(wide)}"
        )
    given = shape_of(other)
    if given and len(given) > len(own) and given[len(given) - len(own) :] == own:
        axes = tuple(range(len(given) - len(own)))
        cures.append(f"`.sum({axes[0] if len(axes) == 1 else axes})` of the right side, if all of it belongs to {name}")
    yield Diagnosis(
        f"{name} {shape_text(own)} is written in place, and the result is {shape_text(wide)}",
        cures=tuple(cures),
        roots=roots(failure, None, "", value, other),
    )
