"""What comes out where a run cannot tell: of a model that it cannot step into, by its annotation or the head that it
was given; of a function that says it returns another thing than it seems to."""

from __future__ import annotations

from typing import TYPE_CHECKING

import libcst as cst

from torchdoctor.facts.kind import annotated_class
from torchdoctor.facts.values import Known, Made, Param, Result, Sequence, Tensor, Value

if TYPE_CHECKING:
    from torchdoctor.facts.file import File
    from torchdoctor.facts.run import Run

# The attributes that hold the last layer of the models of torchvision and timm.
_HEADS = ("fc", "classifier", "head", "heads")
_LIBRARIES = ("torchvision.models.", "timm.")


def output_of(run: Run, model: Value, value: Tensor) -> Value:
    """``value``, the output of a model of which nothing is known, with its scale where that can be told after all."""
    if isinstance(model, Param):
        return _of_class(run, model, value)
    if isinstance(model, (Made, Result)):
        return value.but(scale=_of_head(run, model))
    return value


def is_declared_otherwise(file: File, function: cst.CSTNode) -> bool:
    """Whether a function says that it returns an object of one of the project's classes, which is no tensor.

    What an object makes of a tensor, by operators of its own, looks like a tensor to who does not know the object.
    """
    if type(function) is not cst.FunctionDef or function.returns is None:
        return False
    name = file.name(function.returns.annotation)
    facts = file.classes.named(name) if name is not None else None
    return facts is not None and "torch.Tensor" not in facts.external


def _of_class(run: Run, model: Param, value: Tensor) -> Value:
    """What `forward` of the class that a parameter is annotated with returns, whatever it is given."""
    name = annotated_class(model, run.flows)
    facts = run.file.classes.named(name) if name is not None else None
    found = facts.method("forward") if facts is not None else None
    if found is None or found[1] in run.stack:
        return value
    returned = found[0].file.flows.by_itself(found[1]).returned
    if isinstance(returned, Sequence):
        parts = [Result(value.source, model, place) for place in range(len(returned.items))]
        return Sequence(
            tuple(value.but(of=part, scale=_scale(item)) for part, item in zip(parts, returned.items, strict=True))
        )
    return value.but(scale=_scale(returned))


def _of_head(run: Run, model: Made | Result) -> Known[str] | None:
    """The scale of a library's model whose last layer has been replaced: `model.fc = nn.Sequential(...)`."""
    maker = model.name if isinstance(model, Made) else getattr(model.function, "name", "")
    if not maker.startswith(_LIBRARIES):
        return None
    asked = (run.state.heap.ask(model, name) for name in _HEADS)
    head = next((found for found in asked if found is not None), None)
    call = model.call
    if head is None or not isinstance(call, cst.Call):
        return None
    return _scale(run.calls.output(head, call))


def _scale(value: Value | None) -> Known[str] | None:
    return value.scale if isinstance(value, Tensor) else None
