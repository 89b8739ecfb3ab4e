"""A GPU number that this process does not see."""

from __future__ import annotations

import re
from collections.abc import Iterator

from torchdoctor.record import Failure
from torchdoctor.sign import Diagnosis, Said, on_failure


@on_failure(
    "CUDA error: invalid device ordinal",
)
def sign(failure: Failure, said: Said) -> Iterator[Diagnosis]:
    """The number stands in the user's expression; CUDA_VISIBLE_DEVICES says how many there are."""
    visible = failure.environment.get("CUDA_VISIBLE_DEVICES")
    code = failure.asked.code if failure.asked is not None else ""
    values = [value.text for value in failure.values if value.text]
    found = next((hit for text in (*values, code) if (hit := re.search(r"cuda:(\d+)", text))), None)
    asked = f"`cuda:{found[1]}`" if found is not None else "a GPU"
    count = len([part for part in str(visible).split(",") if part.strip()]) if visible is not None else None
    seen = "" if count is None else f": `CUDA_VISIBLE_DEVICES={visible}` shows it {count}, numbered from 0"
    yield Diagnosis(
        f"{asked} was asked for, and this process sees no GPU of that number{seen}",
        cures=(
            "`cuda:0` is the first of those that `CUDA_VISIBLE_DEVICES` names, whatever its number on the machine",
            "under `torchrun`, `LOCAL_RANK` is the number; start as many processes as there are GPUs: "
            "`--nproc-per-node`",
        ),
        evidence=("`torch.cuda.device_count()` tells how many this process sees",),
    )
