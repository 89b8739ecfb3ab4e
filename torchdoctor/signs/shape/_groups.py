"""Groups that do not divide the channels."""

from __future__ import annotations

from torchdoctor.sign import Diagnosis
from torchdoctor.signs.shape._sizes import nearest


def undivided(channels: int, groups: int, cure: str, what: str = "channels") -> Diagnosis:
    """What is so, and ``cure``, which is the code with the nearest number of groups that does."""
    near = nearest(groups, channels)
    return Diagnosis(
        f"{groups} groups do not divide {channels} {what}",
        cures=(
            f"{cure}: {near} groups of {channels // near}",
            f"{-(-channels // groups) * groups} {what}, in the layer before too",
        ),
    )
