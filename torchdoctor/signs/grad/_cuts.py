"""What is cured where a graph was cut: told by the code that cut it."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

_LONGEST = 60
_COMPARED = re.compile(r" (?:==|!=|<=?|>=?) ")


def mended(codes: Sequence[str]) -> Iterator[str]:
    """What ended the graph, by its name."""
    code = next(iter(codes), "")
    if "argmax" in code or "argmin" in code:
        yield (
            f"the scores themselves in the loss, `F.cross_entropy(scores, target)`: `{_short(code)}` is a choice, and "
            "has no gradient"
        )
    elif code.endswith((".detach()", ".item()", ".data", ".numpy()", ".tolist()")):
        yield f"no `.{code.rpartition('.')[2]}` in `{_short(code)}`: log a copy, and compute the loss from the tensor"
    elif code.startswith(("torch.tensor(", "torch.Tensor(", "torch.as_tensor(", "torch.from_numpy(")):
        yield f"`torch.stack(...)`, or the tensor itself, in the place of `{_short(code)}`: it copies numbers alone"
    elif "no_grad" in code or "inference_mode" in code:
        yield f"the forward of what is trained outside of `{_short(code)}`"
    elif code.endswith((".long()", ".int()", ".bool()", ".byte()")) or _COMPARED.search(code):
        yield f"a loss of the scores themselves: `{_short(code)}` counts, and has no gradient"


def _short(code: str) -> str:
    return code if len(code) <= _LONGEST else code[: _LONGEST - 3] + "..."
