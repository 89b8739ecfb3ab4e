"""A module whose `__init__` never ran `nn.Module.__init__`, at its first layer or at its first use."""

from __future__ import annotations

from collections.abc import Iterator

from torchdoctor.record import Failure
from torchdoctor.sign import Diagnosis, Said, on_failure

_TABLES = ("_parameters", "_buffers", "_modules", "_backward_hooks", "_forward_hooks", "_forward_pre_hooks", "training",
           "_non_persistent_buffers_set", "_backward_pre_hooks", "_state_dict_hooks")  # fmt: skip


@on_failure(
    "cannot assign {what:w} before Module.__init__() call",
    "cannot assign {what:w} before {cls:w}.__init__() call",
    "'{type:w}' object has no attribute '_{private:w}'",
    raises="AttributeError",
)
def sign(failure: Failure, said: Said) -> Iterator[Diagnosis]:
    """The tables of a module are what its constructor makes: where one is missing, it never ran."""
    table = f"_{said['private']}" if said["private"] is not None else ""
    if table and table not in _TABLES:
        return
    user = failure.user
    frame = next((one for one in reversed(failure.frames) if one.user and one.function.endswith("__init__")), None)
    own = (frame or user).module if (frame or user) is not None else None  # type: ignore[union-attr]
    cls = said["type"] or (own.type if own is not None else "")
    if not cls and frame is not None and "." in frame.function:
        cls = frame.function.rpartition(".")[0].rpartition(".")[2]
    who = f"`{cls}`" if cls else "a module"
    if said["what"] is not None:
        what = "parameters" if "param" in said["what"] else "a layer"
        message = f"{who} assigns {what} before `nn.Module.__init__` has run"
    else:
        message = f"{who} has no `{table}`: its `__init__` never ran that of `nn.Module`"
    yield Diagnosis(message, (f"`super().__init__()` as the first line of the `__init__` of {who}",))
