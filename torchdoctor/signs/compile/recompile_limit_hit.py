"""A compiled function that was compiled anew too often: sizes or Python values that change from call to call."""

from __future__ import annotations

import re
from collections.abc import Iterator

from torchdoctor.record import Failure
from torchdoctor.sign import Diagnosis, Said, on_failure

_REASON = re.compile(r"last reason: (?:\d+/\d+: )?([^\n]+)")


@on_failure(
    "Hard failure due to fail_on_recompile_limit_hit",
    "Hard failure due to fullgraph=True",
    "torch._dynamo hit config.recompile_limit ({n:d})",
    "torch._dynamo hit config.cache_size_limit ({n:d})",
    "^cache_size_limit reached",
)
def sign(failure: Failure, said: Said) -> Iterator[Diagnosis]:
    """The last guard that did not hold stands in the log; a size or a number in it tells which."""
    found = _REASON.search(failure.message)
    guard = found[1].strip() if found is not None else ""
    sizes = "size mismatch" in guard or "shape" in guard or not guard
    often = f" {said['n']} times" if "n" in said else ""
    yield Diagnosis(
        f"the function was compiled anew{often}, each time for other sizes or values, and the limit is reached",
        cures=(
            *(
                (
                    "`torch._dynamo.mark_dynamic(x, dim)` for the dimension that changes, or `torch.compile(..., "
                    "dynamic=True)`",
                )
                if sizes
                else ()
            ),
            "pad to few lengths; give numbers that change (a step, a rate) as tensors",
            "`TORCH_LOGS=recompiles` names the guard that failed each time",
            "`torch._dynamo.config.recompile_limit = 32`, where there are just that many sizes",
        ),
        evidence=(f"the last reason: `{guard[:120]}`",) if guard and "`" not in guard else (),
    )
