"""A write in place into one of several views that one operation gave, or into what a backward hook stands before."""

from __future__ import annotations

from collections.abc import Iterator

from torchdoctor.record import Failure
from torchdoctor.sign import Diagnosis, Root, Said, on_failure

_GIVES = {"Unbind": "unbind", "Split": "split", "SplitWithSizes": "split", "Chunk": "chunk", "UnsafeSplit": "split"}


@on_failure("Output {k:d} of {node:w} is a view and is being modified inplace.", raises="RuntimeError")
def sign(failure: Failure, said: Said) -> Iterator[Diagnosis]:
    """The node names the cause: a full backward hook (on a module above an in-place activation), or a split."""
    node = said["node"].removesuffix("0").removesuffix("Backward")
    if "Hook" in node:
        layer = failure.layer
        where = failure.layer_text(layer, "an in-place operation")
        inplace = layer is not None and layer.facts.get("inplace") is True
        yield Diagnosis(
            f"{where} writes in place into what a full backward hook stands before",
            cures=(
                f"`nn.{layer.type}(inplace=False)`" if inplace and layer is not None else "compute it out of place",
                "register the hook on a module that no in-place operation follows",
            ),
            roots=(Root(layer, f"`{layer.attribute}` is built with `inplace=True` here"),)
            if inplace and layer is not None
            else (),
        )
        return
    value = failure.operand("left", "self", "value", "input", 0)
    name = failure.name_of(value, "a tensor")
    given = _GIVES.get(node)
    origin = f"one of the views that `{given}` gave" if given else f"one of the views that `{said['node']}` gave"
    code = value.code if value is not None and value.code.isidentifier() else ""
    yield Diagnosis(
        f"{name} is {origin}, and it is written to in place",
        cures=(
            f"compute it out of place, or write to a copy: `{code} = {code}.clone()` first"
            if code
            else "compute it out of place, or write to a `.clone()` of it",
        ),
        roots=(Root(value, f"{name} is made here", "value"),) if value is not None else (),
    )
