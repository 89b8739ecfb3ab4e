"""A module called with other arguments than its forward takes."""

from __future__ import annotations

from collections.abc import Iterator

from torchdoctor.record import Failure, ModuleRecord
from torchdoctor.sign import Diagnosis, Said, on_failure
from torchdoctor.signs import _given
from torchdoctor.signs._words import count


@on_failure(
    "^{cls:w}forward() takes {takes:d} positional arguments but {given:d} were given",
    "^{cls:w}forward() takes from {least:d} to {takes:d} positional arguments but {given:d} were given",
    "^{cls:w}forward() takes {takes:d} positional argument but {given:d} were given",
    "^{cls:w}forward() missing {missing:d} required positional argument: {names}$",
    "^{cls:w}forward() missing {missing:d} required positional arguments: {names}$",
    "^{cls:w}forward() got an unexpected keyword argument '{keyword:w}'",
    raises="TypeError",
)
def sign(failure: Failure, said: Said) -> Iterator[Diagnosis]:
    """Python counts `self` among the arguments; what is told here does not."""
    module = _module(failure, said)
    cls = (said["cls"] or "").rstrip(".").rpartition(".")[2]
    where = f"`{cls}`" if cls and module is None else failure.layer_text(module, "the module")
    if said["missing"] is not None:
        names = said["names"].replace("'", "`")
        yield Diagnosis(f"{where} is called without {names}", tuple(_missing(failure, said, module)))
    elif said["keyword"] is not None:
        yield Diagnosis(
            f"the `forward` of {where} has no argument `{said['keyword']}`",
            (f"the name that `forward` uses, or `{said['keyword']}` among the arguments of `forward`",),
        )
    else:
        takes, given = (said["takes"] or 1) - 1, said["given"] - 1
        least = said["least"]
        wanted = f"{least - 1} to {takes}" if least is not None else str(takes)
        yield Diagnosis(
            f"the `forward` of {where} takes {wanted} besides `self`, and was given {count(given, 'argument')}",
            tuple(_too_many(failure, takes, given, module)),
        )


def _module(failure: Failure, said: Said) -> ModuleRecord | None:
    cls = (said["cls"] or "").rstrip(".").rpartition(".")[2]
    callee = failure.asked.callee if failure.asked is not None else None
    called_on = failure.asked.operand("self") if failure.asked is not None else None
    named = [one.module for one in (callee, called_on) if one is not None]
    pool = [failure.module, *named, failure.layer]
    return next((one for one in pool if one is not None and (not cls or one.type == cls)), None)


def _missing(failure: Failure, said: Said, module: ModuleRecord | None) -> Iterator[str]:
    asked = failure.asked
    first = asked.operands[0] if asked is not None and len(asked.operands) == 1 else None
    if _given.in_sequence(failure):
        yield "call the layers one by one in a `forward`: a Sequential hands on one value alone"
    elif first is not None and first.type in ("tuple", "list") and first.length == said["missing"] + 1:
        yield (
            f"`{asked.code.replace(f'({first.code})', f'(*{first.code})')}`" if asked is not None else "`model(*batch)`"
        )
    elif first is not None and first.type in ("dict", "BatchEncoding"):
        yield (
            f"`{asked.code.replace(f'({first.code})', f'(**{first.code})')}`"
            if asked is not None
            else "`model(**batch)`"
        )
    else:
        yield f"{said['names']} in the call, or a default for it in `forward`".replace("'", "`")


def _too_many(failure: Failure, takes: int, given: int, module: ModuleRecord | None) -> Iterator[str]:
    asked = failure.asked
    if takes == 0:
        yield "`def forward(self, x):`: it takes nothing but `self`"
    elif module is not None and module.type == "Sequential":
        yield "one argument: a Sequential hands one value through; several inputs want a `forward` of their own"
    elif asked is not None and takes == 1 and "*" in asked.code:
        yield f"`{asked.code.replace('(*', '(')}`: the parts are handed over one by one here"
    elif takes == 1 and given > 1:
        yield "`torch.cat([a, b], dim=1)` of the inputs, or further arguments in `forward`"
