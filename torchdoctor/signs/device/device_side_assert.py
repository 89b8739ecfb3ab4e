"""A kernel on the GPU met an index that it does not have. The place that is reported is mostly not the place."""

from __future__ import annotations

import re
from collections.abc import Iterator

from torchdoctor.record import Failure
from torchdoctor.sign import Diagnosis, Said, on_failure

_CONDITION = re.compile(r"([\w.]+\.cuh?):\d+: .*?Assertion `(.*?)` failed")
# A part of the kernel's file or condition: what it means.
_MEANINGS = (
    (r"nll_loss|Loss\.cu|t >= 0 && t < n_classes|cur_target", "a class in the target is below 0, or beyond the scores"),
    (r"input_val >= zero|BinaryCrossEntropy", "an input of `binary_cross_entropy` is not within 0 to 1"),
    (r"Multinomial|multinomial|probability", "`multinomial` was given probabilities that are negative, inf or nan"),
    (r"Indexing\.cu|srcIndex < srcSelectDimSize", "an id is beyond the rows of an embedding or an `index_select`"),
    (r"IndexKernel|index out of bounds", "an index is beyond the dimension that it indexes"),
    (r"ScatterGather|idx_dim", "an index of `gather` or `scatter` is beyond the dimension"),
)


@on_failure(
    "CUDA error: device-side assert triggered",
)
def sign(failure: Failure, said: Said) -> Iterator[Diagnosis]:
    """The kernel's own words stand on standard error, and in pasted logs; in the exception they do not."""
    found = _CONDITION.search(failure.message) or next(
        (hit for note in failure.exception.notes if (hit := _CONDITION.search(note))), None
    )
    meaning = ""
    if found is not None:
        told = f"{found[1]} {found[2]}"
        meaning = next((text for pattern, text in _MEANINGS if re.search(pattern, told)), "")
    blocking = failure.environment.get("CUDA_LAUNCH_BLOCKING") == "1"
    late = "" if blocking else "; the line that is reported came later"
    yield Diagnosis(
        f"a kernel on the GPU refused an index or a value{f': {meaning}' if meaning else ''}{late}",
        cures=(
            "run the same batch on the CPU: there the error names the operation and its line",
            "compare the extremes: `labels.min(), labels.max()` with the number of classes, ids with `num_embeddings`",
            *(() if blocking else ("`CUDA_LAUNCH_BLOCKING=1` before Python starts: the line is then the right one",)),
            "start the process anew: after such an error nothing on the GPU works any more",
        ),
        evidence=(f"the kernel said `{found[2]}` in {found[1]}"[:200],)
        if found is not None and "`" not in found[2]
        else (),
    )
