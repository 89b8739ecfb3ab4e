"""A layer where a tensor belongs: it was made and never called, `x = nn.Flatten(x)`, `x = nn.AdaptiveAvgPool2d(1)`."""

from __future__ import annotations

from collections.abc import Iterator

from torchdoctor.record import Failure
from torchdoctor.sign import Diagnosis, Said, on_failure
from torchdoctor.signs import _given
from torchdoctor.signs._words import a, made


@on_failure(*_given.TEXTS, _given.OPERATION, raises="TypeError")
def sign(failure: Failure, said: Said) -> Iterator[Diagnosis]:
    """The value is a module: its class stands in the text, the module in the record."""
    if said["symbol"] is not None:
        value = next((one for one in _given.sides(failure, said) if one is not None and one.module is not None), None)
        where = f"`{said['symbol']}`"
    else:
        value, where = _given.of_type(failure, said["type"], argument=said["argument"]), _given.function(failure, said)
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
