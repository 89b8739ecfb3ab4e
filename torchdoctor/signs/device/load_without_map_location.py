"""A checkpoint of a GPU that this machine does not have."""

from __future__ import annotations

from collections.abc import Iterator

from torchdoctor.record import Failure
from torchdoctor.sign import Diagnosis, Said, on_failure


@on_failure(
    "Attempting to deserialize object on a CUDA device but torch.cuda.is_available() is False",
    "Attempting to deserialize object on CUDA device {device:d} but torch.cuda.device_count() is {count:d}",
    "Attempting to deserialize object on {kind:w} device {device:d} but torch.{}.device_count() is {count:d}",
    "Attempting to deserialize object on a {kind:w} device but torch.{}.is_available() is False",
    "don't know how to restore data location of {}(tagged with {tag:w})",
    raises="RuntimeError",
)
def sign(failure: Failure, said: Said) -> Iterator[Diagnosis]:
    """The user's own call of `torch.load` is quoted in the cure, where it is short."""
    asked = failure.asked
    code = asked.code if asked is not None and asked.kind == "call" else ""
    path = asked.operands[0].code if asked is not None and asked.operands else ""
    simple = code.startswith("torch.load(") and path and len(path) < 40 and "map_location" not in code
    call = f"torch.load({path}, map_location='cpu')" if simple else "torch.load(path, map_location='cpu')"
    if said["count"] is not None:
        kind = said["kind"] or "CUDA"
        have = f"there {'is' if said['count'] == 1 else 'are'} {said['count'] or 'none'}"
        message = f"the checkpoint was saved on {kind} device {said['device']}, and {have}"
    elif said["tag"] is not None:
        message = f"the checkpoint was saved on the device {said['tag'].strip(chr(39))}, which this torch does not know"
    else:
        message = f"the checkpoint was saved on a {said['kind'] or 'CUDA'} device, and there is none here"
    yield Diagnosis(message, (f"`{call}`: `load_state_dict` copies to where the model is",))
