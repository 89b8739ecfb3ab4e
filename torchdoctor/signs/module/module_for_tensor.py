"""A layer where a tensor belongs: it was made and never called, `x = nn.Flatten(x)`, `x = nn.AdaptiveAvgPool2d(1)`."""

from __future__ import annotations

from collections.abc import Iterator

from torchdoctor.record import Failure
from torchdoctor.sign import Diagnosis, Said, on_failure
from torchdoctor.signs import _given
from torchdoctor.signs._words import a, made
from torchdoctor.torch_exports import EXPORTS


@on_failure("Boolean value of Tensor with more than one value is ambiguous", raises="RuntimeError")
def constructed(failure: Failure, said: Said) -> Iterator[Diagnosis]:
    """`self.drop = nn.Dropout` without parentheses, and `self.drop(x)`: the tensor is taken for a setting."""
    asked = failure.asked
    if asked is None or not asked.name.startswith("torch.nn.") or asked.name.endswith("Loss"):
        return
    given = next((value for value in asked.operands if value.tensor is not None), None)
    if asked.callee is None or asked.callee.type != "type" or given is None:
        return
    kind, code = asked.name.rpartition(".")[2], asked.callee.code
    at_init = f"`{code} = nn.{kind}(...)` in `__init__`, with parentheses"
    yield Diagnosis(
        f"`{code}` is the class {kind} and no layer of it: the tensor `{given.code}` went to its constructor",
        cures=(at_init, f"`nn.{kind}()({given.code})`") if code.startswith("self.") else (f"`{code}()({given.code})`",),
    )


@on_failure(*_given.TEXTS, _given.OPERATION, raises="TypeError")
def sign(failure: Failure, said: Said) -> Iterator[Diagnosis]:
    """The value is a module: its class stands in the text, the module in the record."""
    if said["symbol"] is not None:
        value = next((one for one in _given.sides(failure, said) if one is not None and one.module is not None), None)
    else:
        value = _given.of_type(failure, said["type"], argument=said["argument"])
    where = _given.function(failure, said)
    if (
        value is None
        and said["type"] in EXPORTS["torch.nn"]
        and not said["type"].endswith(("List", "Dict", "Parameter"))
    ):
        yield Diagnosis(
            f"{where} got {a(said['type'])}, a layer, where it wants a tensor: it was made, and never called",
            (f"`self.layer = nn.{said['type']}(...)` in `__init__`, and `x = self.layer(x)` in `forward`",),
        )
    if value is None or value.module is None or not _given.with_a_tensor(said):
        return
    kind, code = value.module.type, value.code
    home = "nn." if value.module.from_torch else ""
    inline = code.endswith(")")
    yield Diagnosis(
        f"`{code}` is {a(kind)}, a layer, and {where} wants a tensor: it was made, and never called",
        cures=(
            f"`{code}(x)`"
            if inline
            else f"`{code} = {home}{kind}(...)({code})`: settings to the layer, the tensor to it",
            f"`self.layer = {home}{kind}(...)` in `__init__`, and `{'x' if inline else code} = self.layer(x)` here",
        ),
        roots=made(value, f"`{code}` becomes a layer here", "value"),
    )
