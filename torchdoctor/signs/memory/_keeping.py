"""A name that keeps tensors or their graphs from step to step, and how it lets go of them."""

from __future__ import annotations

from collections.abc import Iterator

from torchdoctor.memory_record import HeldRecord, MemoryRecord
from torchdoctor.quantity_text import size_text


def keeps(most: HeldRecord, where: str = " on the GPU") -> str:
    """What a name keeps, and how much that is."""
    whole = size_text(most.bytes + most.graph)
    if most.chain >= 3 and most.count == 1:
        return f"`{most.name}` was added to {most.chain} times, and keeps the graph of every time: {whole}"
    if most.role == "carried":
        return f"`{most.name}` goes from turn to turn with its graph, and what all turns before have saved: {whole}"
    if most.graph > most.bytes:
        return f"`{most.name}` keeps {most.count} tensors, and the graphs behind them: {whole}"
    return f"`{most.name}` keeps {most.count} tensors{where}: {whole}"


def let_go(most: HeldRecord, memory: MemoryRecord) -> Iterator[str]:
    """What to write so that it keeps no more than is wanted."""
    if memory.training is False and memory.grad_enabled and most.graph > most.bytes:
        yield "`with torch.no_grad():` around the evaluation: no graph is made"
    scalar = most.shape == ()
    if most.role == "carried":
        yield f"`{most.name} = {most.name}.detach()` at the end of each turn: the value goes on without its graph"
        yield "`with torch.no_grad():` around the loop, where no backward pass comes"
        return
    if most.graph > most.bytes:
        number = "`.item()`" if scalar else "`.detach()`"
        where = f" in line {most.line}" if most.line else ""
        yield f"{number} on what goes into `{most.name}`{where}: then it keeps the value without its graph"
        if most.chain >= 3:
            yield "where its gradient is wanted: `(loss / n).backward()` at each turn adds up, and frees the graph"
        if not scalar and memory.device != "cpu":
            yield f"`.detach().cpu()`, where `{most.name}` has to grow: the machine has more memory than the GPU"
    elif memory.device == "cpu":
        yield f"keep the number that is wanted of what goes into `{most.name}`, or write it to a file"
        yield f"empty `{most.name}` once it is done with"
    else:
        apart = "`.detach().cpu()`" if most.grad_fn else "`.cpu()`"
        yield f"{apart} on what goes into `{most.name}`, or keep the number that is wanted, not the tensor"
        yield f"empty `{most.name}` once it is done with"
