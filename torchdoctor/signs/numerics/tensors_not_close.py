"""`torch.testing.assert_close` found a difference: rounding, or a real one."""

from __future__ import annotations

from collections.abc import Iterator

from torchdoctor.record import Failure
from torchdoctor.sign import Diagnosis, Said, on_failure

_TEXT = (
    "Tensor-likes are not close! Mismatched elements: {n:d} / {m:d} ({share:f}%) Greatest absolute difference: "
    "{far:f} at "
    "index {where:s} (up to {atol:f} allowed) Greatest relative difference: {relative:f} at index {} (up to "
    "{rtol:f} allowed)"
)
_ROUNDING = 50  # times the tolerance: what another order of sums, or a fused kernel, still brings about


@on_failure(_TEXT, raises="AssertionError")
def sign(failure: Failure, said: Said) -> Iterator[Diagnosis]:
    """How far the farthest is, against what is allowed, tells rounding from a fault."""
    far, atol, relative, rtol = said["far"], said["atol"], said["relative"], said["rtol"]
    count = f"{said['n']} of {said['m']} elements differ"
    if far != far:
        yield Diagnosis(
            f"{count}: there is nan on one side at least",
            cures=("look where the nan came from", "`equal_nan=True`, where nan on both sides is right"),
        )
    elif far <= atol * _ROUNDING or relative <= rtol * _ROUNDING:
        yield Diagnosis(
            f"{count}, the farthest by {far:.3g} where {atol:.3g} is allowed: as far as rounding goes",
            cures=(
                f"a tolerance for this computation: `rtol={max(rtol * _ROUNDING, 1e-4):.1g}, "
                f"atol={max(far * 2, atol):.1g}`",
                "compare in double precision: both sides computed from `.double()` inputs",
            ),
        )
    else:
        many = said["share"] > 30
        yield Diagnosis(
            f"{count}, the farthest by {far:.3g} where {atol:.3g} is allowed: more than rounding",
            cures=(
                "look for a seed, dropout or a layer in training mode: do both sides see the same random numbers?"
                if many
                else f"look at the elements that differ, the farthest at {said['where']}: an edge, a mask, a last row",
                "compare step by step, from the input on, to find the first that differs",
            ),
        )
