"""A collective that waited in vain: some rank never came to it."""

from __future__ import annotations

import re
from collections.abc import Iterator

from torchdoctor.record import Failure
from torchdoctor.sign import Diagnosis, Said, on_failure

_OP = re.compile(r"OpType=(\w+).*?NumelIn=(\d+).*?ran for (\d+) milliseconds", re.DOTALL)


@on_failure(
    "Watchdog caught collective operation timeout: {work}(SeqNum={seq:d}, OpType={op:w},",
    "Rank {k:d} failed to pass monitoredBarrier in {ms:d} ms",
    "Timed out waiting {ms:d}ms for {way:w} operation to complete",
    "Connection closed by peer {peer}",
)
def sign(failure: Failure, said: Said) -> Iterator[Diagnosis]:
    """Which collective it was stands in the text; which rank stayed away, only in the others' logs."""
    first = "the first error in time, over the logs of all ranks, is the cause: `torchrun --log-dir logs --redirects 3`"
    alike = (
        "every rank must come to every collective: no `all_reduce`, `barrier` or `forward` of DDP in a "
        "branch on the rank"
    )
    uneven = "the same number of batches on all ranks: `drop_last=True`, `DistributedSampler`, or `Join`"
    slow = (
        "what only rank 0 does (saving, evaluation, preparing data) must end within the timeout: "
        "`timeout=timedelta(hours=1)`"
    )
    if "op" in said:
        found = _OP.search(failure.message)
        size = f" of {found[2]} elements" if found is not None else ""
        time = f" for {int(found[3]) // 1000} s" if found is not None else ""
        yield Diagnosis(
            f"the {said['op']} number {said['seq']}{size} waited{time}: some rank did not come to it",
            cures=(
                alike,
                uneven,
                slow,
                "`TORCH_NCCL_TRACE_BUFFER_SIZE=2000` records which collective each rank was in",
                first,
            ),
        )
    elif "k" in said:
        yield Diagnosis(
            f"rank {said['k']} did not come to the barrier within {said['ms']} ms", cures=(first, alike, slow)
        )
    elif "ms" in said:
        yield Diagnosis(
            f"no data came from another rank within {said['ms']} ms: it is not in this collective, or gone",
            cures=(first, alike, uneven),
        )
    elif (
        "gloo" in failure.message
        or "transport/tcp" in failure.message
        or failure.calls("all_reduce", "broadcast", "barrier")
    ):
        yield Diagnosis("another rank has ended in the middle of a collective", cures=(first,))
