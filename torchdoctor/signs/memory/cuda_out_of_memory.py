"""The GPU's memory is full: too much asked for, broken into pieces, or held by somebody else."""

from __future__ import annotations

from collections.abc import Iterator

from torchdoctor.record import Failure
from torchdoctor.sign import Diagnosis, Said, on_failure
from torchdoctor.signs.memory._account import account, text


@on_failure(
    "CUDA out of memory. Allocation was preemptively rejected because it would exceed",
    "CUDA out of memory. Tried to allocate",
    "CUDA error: out of memory",
)
def sign(failure: Failure, said: Said) -> Iterator[Diagnosis]:
    """The text holds who has how much; the largest part is the cause."""
    if "preemptively" in said.text:
        yield Diagnosis(
            "this allocation would go beyond the share of the GPU that this process may have",
            ("raise the share: `torch.cuda.set_per_process_memory_fraction(1.0)`", "a smaller batch"),
        )
        return
    known = account(failure.message)
    asked, total, free = known.get("asked"), known.get("total"), known.get("free", 0)
    if asked is None:
        yield Diagnosis(
            "the GPU has no room left even for a start: other processes, or a stale one of this program, hold "
            "its memory",
            ("`nvidia-smi` names them: end the stale ones, or choose another GPU with `CUDA_VISIBLE_DEVICES`",),
        )
        return
    own = known.get("own", known.get("reserved", known.get("torch", 0)))
    idle = known.get("idle", known.get("reserved", 0) - known.get("torch", 0))
    evidence = [f"PyTorch itself holds {text(known['torch'])} of {text(total)}"] if total and "torch" in known else []
    others = total - free - own if total is not None and own else 0
    if total is not None and asked > total:
        message = f"{text(asked)} were asked for at once, and the whole GPU has {text(total)}"
        cures = [
            "look at the shapes: a broadcast of (n, 1) with (1, m), or an attention over all pairs, is n * m large"
        ]
        cures += ["compute it in parts: `x.split(n)`"]
    elif total is not None and others > max(own, total // 4):
        message = f"other processes hold {text(others)} of the GPU's {text(total)}, this one {text(own)}"
        cures = ["`nvidia-smi` names them: end stale ones, or choose another GPU with `CUDA_VISIBLE_DEVICES`"]
    elif idle >= asked:
        message = (
            f"{text(idle)} are reserved but lie in pieces: none of them holds the {text(asked)} that were asked for"
        )
        cures = [
            "`PYTORCH_CUDA_ALLOC_CONF=expandable_segments:True` before Python starts",
            "pad batches to few lengths",
        ]
    else:
        message = f"{text(asked)} more were asked for, and {text(free)} of the GPU are free"
        cures = list(_smaller(failure))
    yield Diagnosis(message, tuple(cures), evidence=tuple(evidence))


def _smaller(failure: Failure) -> Iterator[str]:
    loader = next((o for o in failure.objects if o.kind == "loader"), None)
    batch = loader.facts.get("batch_size") if loader is not None else None
    if isinstance(batch, int) and batch > 1:
        yield f"`batch_size={batch // 2}` instead of {batch}, with two batches accumulated to a step"
    else:
        yield "half the batch, with two batches accumulated to a step"
    yield "in evaluation: `with torch.no_grad():`, or every forward pass keeps its graph"
    yield (
        "where it grows from step to step: a loss is kept with its graph (`losses.append(loss.item())` keeps "
        "the number)"
    )
    yield "`torch.autocast`, or `torch.utils.checkpoint` for the largest blocks"
