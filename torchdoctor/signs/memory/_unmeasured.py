"""Ways to make room that no number is known for: of a message alone, and of a model that is only being placed."""

from __future__ import annotations

from collections.abc import Iterator

from torchdoctor.memory_record import MemoryRecord
from torchdoctor.quantity_text import size_text
from torchdoctor.record import Failure


def half(failure: Failure) -> Iterator[str]:
    """Half of the batch that the loader makes, where there is one."""
    loader = next((one for one in failure.objects if one.kind == "loader"), None)
    batch = loader.facts.get("batch_size") if loader is not None else None
    if isinstance(batch, int) and batch > 1:
        yield f"`batch_size={batch // 2}` instead of {batch}, with two batches accumulated to a step"


def is_placing(failure: Failure) -> bool:
    """Whether it fell as a model was built or moved: no batch is there yet."""
    inner = [frame for frame in failure.frames if frame.package == "torch"]
    makers = ("_apply", "convert", "reset_parameters", "to_empty", "load_state_dict", "_load")
    return any(frame.function.endswith((".__init__", *makers)) for frame in inner)


def of_model(memory: MemoryRecord) -> Iterator[str]:
    """What makes a model smaller, or spreads it."""
    half = f": frees up to {size_text(memory.allocated // 2)} of what is there by now" if memory.allocated else ""
    yield f"the weights in half precision, `model.to(torch.bfloat16)` before they are moved{half}"
    yield "the weights in 8 or 4 bits (`torchao`, `bitsandbytes`), for inference or for training adapters"
    yield "over several GPUs (FSDP2, `device_map='auto'`); the weights alone do not fit, so no batch is small enough"


def without_numbers(failure: Failure) -> Iterator[str]:
    """Where nothing is known but the message."""
    yield next(half(failure), "half the batch, with two batches accumulated to a step")
    yield "in evaluation: `with torch.no_grad():`, or every forward pass keeps its graph"
    yield (
        "where it grows from step to step: a loss is kept with its graph (`losses.append(loss.item())` keeps the "
        "number)"
    )
    yield "`torch.autocast`, or `torch.utils.checkpoint` for the largest blocks"
