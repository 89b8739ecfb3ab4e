"""`torch.compile(fullgraph=True)` met what Dynamo cannot trace."""

from __future__ import annotations

import re
from collections.abc import Iterator

from torchdoctor.record import Failure
from torchdoctor.sign import Diagnosis, Said, on_failure

_REASON = re.compile(r"\A\s*(?P<reason>[^\n]+)\n\s*Explanation: (?P<why>[^\n]+)")
_OLDER = re.compile(r"\A\s*(?P<reason>[^\n]+?)(?:\. [^\n]*)?(?P<why>)\n+from user code:")  # until torch 2.6
_PLACE = re.compile(
    r'from user code:\s*\n(?:.*\n)*?\s*File "(?P<path>[^"]+)", line (?P<line>\d+), in (?P<function>\S+)\n'
    r"\s+(?P<code>[^\n]+)"
)
_BRANCHES = ("`torch.where(condition, a, b)`, which computes both", "`torch.cond` for branches that cost much")
_CURES = (
    ("branching", _BRANCHES),
    ("control flow", _BRANCHES),
    ("print", ("take `print` out of the function", "`torch._dynamo.config.reorderable_logging_functions.add(print)`")),
    (".item()", ("keep it a tensor", "`torch._dynamo.config.capture_scalar_outputs = True`")),
    ("Dynamic shape operator", (("`torch._dynamo.config.capture_dynamic_output_shape_ops = "
        "True`"), "a mask in place of `nonzero`")),
)  # fmt: skip


@on_failure(raises=("Unsupported", "UserError"))
def sign(failure: Failure, said: Said) -> Iterator[Diagnosis]:
    """The text has a reason and, last, the user's line; that line is told, not the call of the compiled function."""
    found = _REASON.search(failure.message) or _OLDER.search(failure.message)
    if (
        found is None
        or "cache_size_limit" in failure.message
        or any(frame.function == "export" for frame in failure.frames)
        or (failure.exception.qualified and not failure.exception.qualified.startswith("torch."))
    ):
        return
    place = next(reversed(list(_PLACE.finditer(failure.message))), None)
    reason, why = found["reason"].strip(), found["why"].strip()
    cures = next((cures for word, cures in _CURES if word in f"{reason} {why}"), ())
    code = (
        f" at `{place['code'].strip()}`"
        if place is not None and "`" not in place["code"] and len(place["code"]) < 70
        else ""
    )
    yield Diagnosis(
        f"the compiled function cannot be one graph: {reason[:1].lower()}{reason[1:].rstrip('.:')}"[: 190 - len(code)]
        + code,
        cures=(
            *cures,
            "leave `fullgraph=True` out: the graph is broken there, and all else is compiled",
            *(() if cures else _hint(failure.message)),
        ),
    )


def _hint(message: str) -> Iterator[str]:
    for hint in re.findall(r"Hint: ([^\n]+)", message):
        if "report an issue" not in hint and "Dynamo will ever" not in hint and "common pattern" not in hint:
            text = hint.strip().rstrip(".")
            yield f"in torch's words: {text}" if text.count("`") % 2 == 0 else "in torch's words, see its hint"
            return
