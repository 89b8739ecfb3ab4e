"""Backward on a value without a graph: one text, and its causes told apart by what the run has left.

Gradients switched off, inference mode, frozen parameters, a choice or a count instead of scores, a cut on the way.
"""

from __future__ import annotations

from collections.abc import Iterator

from torchdoctor.record import Failure, ModuleRecord, TensorRecord, ValueRecord
from torchdoctor.sign import Diagnosis, Root, Said, on_failure
from torchdoctor.signs.grad._cuts import mended


@on_failure("element 0 of tensors does not require grad and does not have a grad_fn", raises="RuntimeError")
def sign(failure: Failure, said: Said) -> Iterator[Diagnosis]:
    """The cause that the record bears out, the surest first; of a text alone, that there is no graph."""
    asked = failure.asked
    value = asked.operand("self", "tensors", 0) if asked is not None else None
    if value is None or value.tensor is None:
        yield Diagnosis("backward runs on a value that no graph leads to: it does not require a gradient")
        return
    name = failure.name_of(value, "the value that backward runs on")
    why, cures = _cause(failure, value, value.tensor, name)
    yield Diagnosis(
        f"{name} has no graph: {why}",
        cures=cures,
        roots=(Root(value, "the graph ends here", "grad"),),
        by_source=mended if not cures or _tracked(failure) else None,
        evidence=tuple(_evidence(failure, value)),
    )


def _cause(failure: Failure, value: ValueRecord, tensor: TensorRecord, name: str) -> tuple[str, tuple[str, ...]]:
    models = [model for model in _models(failure) if model.parameters]
    frozen = [model for model in models if model.trainable == 0]
    if tensor.inference:
        return "it was computed under `torch.inference_mode()`", (
            "run the forward outside of `torch.inference_mode()`",
        )
    if failure.environment.get("grad_enabled") is False:
        return "gradients are switched off", ("`torch.set_grad_enabled(True)` before the forward that is trained on",)
    if models and len(frozen) == len(models):
        shown = _shown(frozen[0])
        return f"all {frozen[0].parameters} parameters of {shown} are frozen", (
            f"`requires_grad_(True)` on what is to learn of {shown}",
        )
    if tensor.worked_out and tensor.requires_grad:
        return "it was computed where gradients are off", ("run the forward outside of `torch.no_grad()`",)
    if tracked := _tracked(failure):
        return f"`{tracked[-1].code}` still has one, and was cut off on the way to {name}", (
            f"compute {name} from `{tracked[-1].code}` by operations that have a gradient",
        )
    return "it was cut from what the model gave, or the forward ran without gradients", ()


def _models(failure: Failure) -> list[ModuleRecord]:
    """The outermost modules in reach."""
    named = [value.module for frame in failure.frames for value in frame.locals if value.module is not None]
    return [module for module in named if module.name == ""]


def _shown(module: ModuleRecord) -> str:
    return f"`{module.attribute or module.type}`"


def _tracked(failure: Failure) -> list[ValueRecord]:
    """The tensors that the user's frame names, and that were computed with a graph."""
    tensors = [(one, one.tensor) for one in (failure.user.locals if failure.user is not None else ())]
    return [one for one, tensor in tensors if tensor is not None and not tensor.leaf and tensor.requires_grad]


def _evidence(failure: Failure, value: ValueRecord) -> Iterator[str]:
    if value.tensor is not None and not value.tensor.floating:
        yield f"its dtype is {value.tensor.dtype}, and only floating numbers have gradients"
