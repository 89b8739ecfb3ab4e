"""A parameter of a distribution that it cannot have: nan out of a policy, a scale that is not above 0."""

from __future__ import annotations

from collections.abc import Iterator

from torchdoctor.record import Failure
from torchdoctor.sign import Diagnosis, Root, Said, on_failure
from torchdoctor.signs.numerics._support import outside

_PARAMETER = (
    "Expected parameter {name:w} (Tensor of shape {shape:s}) of distribution {kind:w}({}) to satisfy the constraint "
    "{constraint}, but found invalid values:"
)
_VALUE = (
    "Expected value argument (Tensor of shape {shape:s}) to be within the support ({support}) of the "
    "distribution {kind:w}("
)


@on_failure("normal expects all elements of std >= 0", raises="RuntimeError")
def unchecked(failure: Failure, said: Said) -> Iterator[Diagnosis]:
    """The same of `torch.normal`, and of Normal where its checks are switched off."""
    yield Diagnosis(
        "a standard deviation given to `normal` is below 0, or nan",
        cures=("`F.softplus(scale) + 1e-5`, or let the network give its logarithm: `.exp()`",),
    )


@on_failure(_PARAMETER, _VALUE, raises="ValueError")
def sign(failure: Failure, said: Said) -> Iterator[Diagnosis]:
    """The text ends with the values; nan in them tells a sick model from a wrong parameter."""
    kind = said["kind"].partition("(")[0]
    shown = failure.message.rpartition("found invalid values:")[2]
    nan = "nan" in shown
    if "support" in said:
        yield outside(failure, kind, said["support"], nan)
        return
    name = said["name"]
    value = failure.asked.operand(name) if failure.asked is not None else None
    given = failure.name_of(value, f"`{name}`")
    roots = (Root(value, f"{given} is computed here", "value"),) if value is not None else ()
    if nan:
        yield Diagnosis(
            f"the parameter `{name}` of `{kind}` holds nan: the network that gave it has already gone wrong",
            cures=(
                "look whether its weights are finite; if not, an earlier update was too large: a lower rate, "
                "clipped gradients",
                "look whether its input is finite: observations and rewards, normalized and clamped",
                "`log` and division in the loss: `log_prob` of Categorical rather than `probs.log()`",
            ),
            roots=roots,
        )
        return
    positive = "GreaterThan" in said["constraint"]
    yield Diagnosis(
        (
            f"{'the' if given == f'`{name}`' else f'{given}, the'} parameter `{name}` of `{kind}` does not keep to "
            f"`{said['constraint'].replace('`', '')}`"
        )[:190],
        cures=(
            (f"`{name}=F.softplus({name}) + 1e-5`, or let the network give its logarithm: `.exp()`",)
            if positive
            else ("scores go in as `logits=`, probabilities (0 to 1, of sum 1) as `probs=`",)
            if name == "probs"
            else ("add a little to the diagonal: `covariance + 1e-5 * torch.eye(n)`, or give `scale_tril`",)
            if "covariance" in name
            else (f"bring `{name}` into its range first",)
        ),
        roots=roots,
    )
