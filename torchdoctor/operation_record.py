"""An operation of torch that a run did, and the lines that asked for it. Plain data, never a tensor."""

from __future__ import annotations

from dataclasses import dataclass

from torchdoctor.finding import Span

# What torch calls otherwise within than people do who write it.
_ASKED_AS = {
    "lift_fresh": "torch.tensor",
    "__bool__": "bool(tensor)",
    "__int__": "int(tensor)",
    "__float__": "float(tensor)",
    "__index__": "tensor as an index",
    "__getitem__": "tensor[mask]",
    "__setitem__": "tensor[mask] = ...",
    "__format__": "f'{tensor}'",
    "__repr__": "repr(tensor)",
    "__contains__": "value in tensor",
    "__array__": "numpy.asarray(tensor)",
}


@dataclass(frozen=True, slots=True)
class OperationRecord:
    """One operation.

    ``name`` is torch's ("aten.exp", "torch.nn.functional.linear"). ``at`` is the innermost line outside torch that
    asked for it, ``caller`` the innermost one of the user's own code where that is another. ``module`` is the dotted
    name of the module whose forward ran, with its class in ``layer``. ``result`` tells of what came out ("float32
    (4, 10)"). ``backward`` is True of what the backward pass did: then ``at`` is the line of the forward pass whose
    gradient it is, where that is known.
    """

    name: str
    at: Span | None = None
    caller: Span | None = None
    module: str = ""
    layer: str = ""
    result: str = ""
    backward: bool = False

    @property
    def words(self) -> str:
        """The operation in a message: `exp`, or "the backward of `exp`"."""
        name = self.name
        for prefix in ("aten.", "torch.nn.functional.", "torch.Tensor.", "torch."):
            name = name.removeprefix(prefix)
        name = _ASKED_AS.get(name, name)
        return f"`{name}`{' of the backward pass' if self.backward else ''}"

    @property
    def where(self) -> str:
        """The module it ran in, as evidence: "in `encoder.fc1` (Linear)"; "" where none is known."""
        if not self.layer:
            return ""
        return f"in `{self.module}` ({self.layer})" if self.module else f"in the forward of `{self.layer}`"
