"""DDP waits for gradients of parameters that the loss does not depend on."""

from __future__ import annotations

import re
from collections.abc import Iterator

from torchdoctor.record import Failure
from torchdoctor.sign import Diagnosis, Root, Said, on_failure

_INDICES = re.compile(r"Parameter indices which did not receive grad for rank (\d+): ([\d ]+)")
_NAMES = re.compile(r"Parameters which did not receive grad for rank \d+: ([\w., ]+)")


@on_failure(
    "Expected to have finished reduction in the prior iteration before starting a new one", raises="RuntimeError"
)
def sign(failure: Failure, said: Said) -> Iterator[Diagnosis]:
    """The text has the indices, and with TORCH_DISTRIBUTED_DEBUG the names."""
    indices, names = _INDICES.search(failure.message), _NAMES.search(failure.message)
    held = failure.asked.callee if failure.asked is not None else None
    model = held.code if held is not None and held.code.isidentifier() else "model"
    numbers = indices[2].split() if indices is not None else []
    found = [name.strip() for name in names[1].split(",")] if names is not None else []
    unused = failure.environment.get("unused")
    found = found or [str(name) for name in (unused if isinstance(unused, (list, tuple)) else ())]
    count = len(found) or len(numbers)
    listed = ", ".join(f"`{name}`" for name in found[:4]) or f"the numbers {', '.join(numbers[:8])}"
    what = (
        f"{count} parameters ({listed}{', ...' if count > (4 if found else 8) else ''})" if count else "some parameters"
    )
    look = f"`[n for i, (n, p) in enumerate({model}.module.named_parameters()) if i in {{{', '.join(numbers[:8])}}}]`"
    yield Diagnosis(
        f"the last loss did not depend on {what}, and DDP still waits for their gradients",
        cures=(
            *((f"see which they are: {look}",) if numbers and not found else ()),
            "take them out of the model, or freeze them before it is wrapped: `p.requires_grad_(False)`",
            "let all outputs of `forward` take part in the loss: one that is computed and not used counts as "
            "waited for",
            "`DistributedDataParallel(model, find_unused_parameters=True)`, where they are used in some steps only",
        ),
        roots=(Root(held.module, "the model is wrapped here"),) if held is not None and held.module is not None else (),
    )
