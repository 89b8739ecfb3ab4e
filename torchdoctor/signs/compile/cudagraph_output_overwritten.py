"""CUDA graphs: a result that is kept beyond the next run, or a call that cannot be captured."""

from __future__ import annotations

from collections.abc import Iterator

from torchdoctor.record import Failure
from torchdoctor.sign import Diagnosis, Said, on_failure


@on_failure("accessing tensor output of CUDAGraphs that has been overwritten by a subsequent run")
def overwritten(failure: Failure, said: Said) -> Iterator[Diagnosis]:
    """Each run of a graph writes its results to the same memory."""
    yield Diagnosis(
        "a result of the compiled function is read after a later run has written to the same memory",
        cures=(
            "copy what is kept: `out = compiled(x).clone()`",
            "`torch.compiler.cudagraph_mark_step_begin()` before each step",
            "`mode='default'` or `'max-autotune-no-cudagraphs'` instead of `'reduce-overhead'`",
        ),
    )


@on_failure("CUDA error: operation not permitted when stream is capturing", "cudaErrorStreamCaptureUnsupported")
def capturing(failure: Failure, said: Said) -> Iterator[Diagnosis]:
    """While a graph is captured nothing may wait for the GPU."""
    yield Diagnosis(
        "while a CUDA graph is captured, something waits for the GPU or asks it for memory",
        cures=(
            "run the function some times before the capture, on a side stream: what is made at first use is then there",
            "take `.item()`, `.cpu()`, `print` of tensors and new inputs out of the capture: copy into a tensor "
            "that stays",
        ),
    )
