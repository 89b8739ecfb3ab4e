"""A checkpointed function that computed something else the second time."""

from __future__ import annotations

import re
from collections.abc import Iterator

from torchdoctor.record import Failure
from torchdoctor.sign import Diagnosis, Said, on_failure

_SAVED = re.compile(r"(saved|recomputed) metadata: \{'shape': torch\.Size\(\[(.*?)\]\), 'dtype': torch\.(\w+)")


@on_failure(
    "Recomputed values for the following tensors have different metadata than during the forward pass",
    "A different number of tensors was saved during the original forward and recomputation.\n"
    "Number of tensors saved during forward: {first:d}\nNumber of tensors saved during recomputation: {second:d}",
    "A different number of tensors was saved during the original forward and recomputation",
)
def sign(failure: Failure, said: Said) -> Iterator[Diagnosis]:
    """The text has both passes' shapes and dtypes, or both numbers of saved tensors."""
    found = {which: (shape, dtype) for which, shape, dtype in reversed(_SAVED.findall(failure.message))}
    same, cures = "the same branches, lengths and random choices in both passes: no state may change in between", []
    if len(found) == 2:
        (shape, dtype), (shape_2, dtype_2) = found["saved"], found["recomputed"]
        what = f"a tensor ({shape}) of `{dtype}` was ({shape_2}) of `{dtype_2}` when it was recomputed"
        if dtype != dtype_2:
            cures.append(
                "call `backward()` under the same autocast as the forward pass, or put the autocast into the function"
            )
    elif "first" in said:
        what = f"{said['first']} tensors were saved in the forward pass, and {said['second']} when it was recomputed"
    else:
        what = "another number of tensors was saved when it was recomputed"
    yield Diagnosis(
        f"a checkpointed function computed something else the second time: {what}",
        cures=(*cures, same, "`checkpoint(..., debug=True)` prints the operations of both passes"),
    )
