"""`load_state_dict` of a path, a model or nothing."""

from __future__ import annotations

from collections.abc import Iterator

from torchdoctor.record import Failure
from torchdoctor.sign import Diagnosis, Root, Said, on_failure


@on_failure("Expected state_dict to be dict-like, got <class '{type:w}'>", raises="TypeError")
def sign(failure: Failure, said: Said) -> Iterator[Diagnosis]:
    """The type stands in the text: a path was not loaded, or a whole model was saved."""
    kind = said["type"].rpartition(".")[2]
    given = failure.asked.operand("state_dict", 0) if failure.asked is not None else None
    code = given.code if given is not None and len(given.code) < 60 else ""
    name = f"`{code}`" if code else "what was given"
    plain = code or "x"
    cures: tuple[str, ...]
    if kind in ("str", "PosixPath", "WindowsPath", "Path"):
        what, cures = "a path", (f"`model.load_state_dict(torch.load({plain}))`",)
    elif kind == "NoneType":
        what, cures = "None", ("look at what made it: `load_state_dict` and `torch.save` themselves return no state",)
    elif kind in ("Tensor", "Parameter", "list", "tuple"):
        what, cures = f"a `{kind}`", ("give a dict of names and tensors, as `state_dict()` returns",)
    else:
        what = f"a `{kind}`, no dict of its parameters"
        cures = (f"`model.load_state_dict({plain}.state_dict())`", f"take it as the model itself: `model = {plain}`")
    yield Diagnosis(
        f"{name} is {what}, where `load_state_dict` takes a dict of names and tensors",
        cures=cures,
        roots=(Root(given, f"{name} is made here", "value"),) if given is not None else (),
    )
