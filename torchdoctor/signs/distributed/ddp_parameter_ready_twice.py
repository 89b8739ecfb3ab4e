"""A parameter whose gradient DDP gets twice in a step: reentrant checkpoints, or a layer used in several passes."""

from __future__ import annotations

from collections.abc import Iterator

from torchdoctor.record import Failure
from torchdoctor.sign import Diagnosis, Said, on_failure


@on_failure(
    "Expected to mark a variable ready only once.{}Parameter at index {i:d} with name {name:w} has been marked "
    "as ready twice",
    "Expected to mark a variable ready only once.{}Parameter at index {i:d} has been marked as ready twice",
    "Expected to mark a variable ready only once",
    raises="RuntimeError",
)
def sign(failure: Failure, said: Said) -> Iterator[Diagnosis]:
    """The name stands in the text where TORCH_DISTRIBUTED_DEBUG is set, else the index."""
    name = (said["name"] or "").rstrip(".")
    which = f"`{name}`" if name else f"the parameter of index {said['i']}" if "i" in said else "a parameter"
    yield Diagnosis(
        f"DDP got the gradient of {which} twice in one step",
        cures=(
            "`checkpoint(..., use_reentrant=False)`: the reentrant kind runs a backward of its own for each block",
            "`DistributedDataParallel(model, static_graph=True)`, where the same graph comes in every step",
            "one `forward` of the wrapped model for a backward: two passes in one loss, or layers called past "
            "the wrapper, count twice",
        ),
    )
