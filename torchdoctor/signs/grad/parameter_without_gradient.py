"""A trainable parameter has no gradient after backward: nothing reads it, or what is computed from it was cut off."""

from __future__ import annotations

from collections.abc import Iterator

from torchdoctor.sign import Diagnosis, Root, on_record
from torchdoctor.trial_record import ParameterTrial, StepTrial


@on_record(StepTrial)
def sign(trial: StepTrial) -> Iterator[Diagnosis]:
    """Those that one operation cuts off are told together, at its line; so are those of one module that rests."""
    lost = [one for one in trial.parameters if one.gradient == "none"]
    cuts: dict[object, list[ParameterTrial]] = {}
    rest: dict[str, list[ParameterTrial]] = {}
    for one in lost:
        if one.cut is not None:
            cuts.setdefault(one.off or one.cut.at, []).append(one)
        else:
            rest.setdefault(_resting(one.name, trial), []).append(one)
    for ones in cuts.values():
        yield _cut(trial, ones)
    for module, ones in rest.items():
        yield _rests(trial, module, ones)


def _cut(trial: StepTrial, ones: list[ParameterTrial]) -> Diagnosis:
    cut, off = ones[0].cut, ones[0].off
    words = cut.words if cut is not None else "an operation"
    why = "gradients are off where the forward pass reads " if off is not None else f"{words} cuts off what comes of "
    marks = [Root(cut.at, "without gradients")] if cut is not None and cut.at is not None and off is not None else []
    return Diagnosis(
        f"{_names(trial, ones)} no gradient: {why}{'them' if len(ones) > 1 else 'it'}",
        at=off or (cut.at if cut is not None else None),
        roots=(*marks, *(Root(one.module, "built here") for one in ones[:1])),
        evidence=(cut.where,) if cut is not None and cut.where else (),
    )


def _rests(trial: StepTrial, module: str, ones: list[ParameterTrial]) -> Diagnosis:
    read = "no operation of the forward pass reads " + ("it" if len(ones) == 1 else "them")
    return Diagnosis(
        f"{_names(trial, ones)} no gradient: {'the loss does not depend on them' if ones[0].used else read}",
        cures=(
            "call the layer in `forward`, or take it out",
            f"what is meant to rest is named in the call: `unused=['{module or ones[0].name}*']`",
        ),
        roots=(Root(ones[0].module, "built here"),),
    )


def _names(trial: StepTrial, ones: list[ParameterTrial]) -> str:
    """ "`Net.head.weight` gets", "`Net.head.weight` and 3 more of 10 trainable parameters get"."""
    first = f"`{trial.model}.{ones[0].name}`"
    return (
        f"{first} and {len(ones) - 1} more of {len(trial.parameters)} parameters get"
        if len(ones) > 1
        else f"{first} gets"
    )


def _resting(name: str, trial: StepTrial) -> str:
    """The outermost module around a parameter in which nothing has a gradient."""
    parts = name.split(".")
    for depth in range(1, len(parts)):
        prefix = ".".join(parts[:depth])
        if all(one.gradient == "none" for one in trial.parameters if one.name.startswith(f"{prefix}.")):
            return prefix
    return ""
