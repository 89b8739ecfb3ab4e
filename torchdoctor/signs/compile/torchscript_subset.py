"""`torch.jit.script` of Python that TorchScript does not know."""

from __future__ import annotations

import re
from collections.abc import Iterator

from torchdoctor.finding import Span
from torchdoctor.record import Failure
from torchdoctor.sign import Diagnosis, Said, on_failure

_LAST = re.compile(r'File "(?P<path>[^"]+)", line (?P<line>\d+)\n')
_CURES = (
    ("variable number of arguments", "name each argument, or pass a list: `xs: List[Tensor]`"),
    (
        "integer literal for index",
        "`for layer in self.layers:`, or `for i, layer in enumerate(self.layers):` with a branch on `i`",
    ),
    ("is not defined in the false branch", "give the name a value before the `if`, of the same type in both branches"),
    ("try blocks", "take the `try` out of what is scripted; check the condition instead"),
    ("import statements", "import at the top of the module"),
    ("ifs are not supported", "a `for` loop with an `if` in place of the comprehension"),
    (
        "currently not supported in Torchscript",
        "keep it out with `@torch.jit.ignore` or `@torch.jit.unused` on a method of its own",
    ),
    ("Arguments for call are not valid", "annotate the arguments: without annotation each one is a Tensor"),
)


@on_failure(
    "Compiled functions can't take variable number of arguments",
    "Expected integer literal for index but got a variable",
    "{name:w} is not defined in the false branch",
    "{what} aren't supported:",
    "Comprehension ifs are not supported yet",
    "Python builtin {builtin} is currently not supported in Torchscript",
    "Arguments for call are not valid.",
    raises=("RuntimeError", "NotSupportedError", "UnsupportedNodeError", "FrontendError"),
)
def sign(failure: Failure, said: Said) -> Iterator[Diagnosis]:
    """The text has the place, and the code with `<--- HERE` below what is not understood."""
    if "<--- HERE" not in failure.message and "TorchScript" not in failure.message and not failure.calls("script"):
        return
    place = _LAST.search(failure.message)
    number = int(place["line"]) if place is not None else 0
    at = f", line {number}" if number else ""
    first = next(line.strip().rstrip(":.") for line in failure.message.splitlines() if line.strip())
    first = first.partition(". ")[0].partition(" or use ")[0]
    shown = first[:1].lower() + first[1:] if not first[:2].isupper() else first
    cure = next((cure for part, cure in _CURES if part in failure.message), None)
    yield Diagnosis(
        f"TorchScript does not take this{at}: {shown.replace('`', '')}"[:190],
        cures=(
            *((cure,) if cure is not None else ()),
            "`torch.export.export` or `torch.compile` instead: TorchScript is no longer developed",
            "`torch.jit.trace(model, x)`, where no branch depends on the input",
        ),
        at=Span(place["path"], number, 1, number, 2) if place is not None and failure.live else None,
    )
