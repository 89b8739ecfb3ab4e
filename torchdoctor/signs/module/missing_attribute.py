"""A module asked for an attribute that it does not have: misspelt, behind a wrapper, or never assigned."""

from __future__ import annotations

import difflib
from collections.abc import Iterator

from torchdoctor.record import Failure, ModuleRecord
from torchdoctor.sign import Diagnosis, Said, on_failure
from torchdoctor.signs._words import a, built

_WRAPPERS = {"DataParallel": "module", "DistributedDataParallel": "module", "OptimizedModule": "_orig_mod",
             "FullyShardedDataParallel": "module", "AveragedModel": "module"}  # fmt: skip
_TENSOR = {"shape": "weight.shape", "device": "weight.device", "dtype": "weight.dtype", "numpy": "weight.numpy()",
           "size": "weight.size()", "data": "weight.data", "backward": "", "item": ""}  # fmt: skip


_METHODS = (
    "parameters", "named_parameters", "modules", "named_modules", "children", "named_children", "buffers", "state_dict",
    "load_state_dict", "train", "eval", "zero_grad", "requires_grad_", "register_buffer", "register_parameter",
    "register_forward_hook", "add_module", "apply", "cuda", "float", "double", "half", "to_empty", "get_submodule",
)  # fmt: skip


@on_failure("'{type:w}' object has no attribute '{name:w}'", raises="AttributeError")
def sign(failure: Failure, said: Said) -> Iterator[Diagnosis]:
    """Only where the object is known to be a module; one whose constructor never ran is another rule's."""
    name = said["name"].rstrip(".")
    module = _module(failure, said["type"])
    wrapper = _WRAPPERS.get(said["type"])
    if module is None and wrapper and not name.startswith("_"):
        yield Diagnosis(
            f"a {said['type']} hides what it wraps: `{name}` is not its own", (f"`model.{wrapper}.{name}`",)
        )
    uncalled = module is not None and module.type.endswith("Loss") and name in ("backward", "item")
    if module is None or name.startswith("_") or module.training is None or uncalled:
        return
    where = failure.layer_text(module)
    own = [one for one in module.own if not one.startswith("_") and one not in ("training", "forward")]
    wrapped = _WRAPPERS.get(module.type)
    near = difflib.get_close_matches(name, own, 1, 0.6) or difflib.get_close_matches(name, _METHODS, 1, 0.8)
    operands = failure.asked.operands if failure.asked is not None else ()
    code = next((v.code for v in operands if v.module is not None and v.module.type == module.type), "model")
    cures: list[str] = []
    if wrapped and wrapped in module.children:
        message = f"`{code}` is a {module.type}, which hides what it wraps: `{name}` is not its own"
        cures.append(f"`{code}.{wrapped}.{name}`")
    elif near:
        message = f"{where} has no `{name}`, and has `{near[0]}`"
        cures.append(f"`{near[0]}` instead of `{name}`")
    elif module.from_torch and name in _TENSOR:
        message = f"{where} is a layer, not a tensor: it has no `{name}`"
        cures += [f"`{code}.{_TENSOR[name]}`"] if _TENSOR[name] and "weight" in module.own else []
        cures += [f"`{code}(x)`: the layer applied to a tensor gives the tensor"]
    elif module.from_torch:
        message = f"`{code}` is {a(module.type)}, which has no `{name}`"
        cures += [f"`{code}(x)`: a module is called"] if name in ("predict", "call", "transform", "apply_") else []
    else:
        message = f"{where} has no `{name}`: nothing assigned it before"
        cures.append(f"`self.{name} = ...` in the `__init__` of `{module.type}`, before it is used")
    yield Diagnosis(
        message,
        cures=tuple(cures),
        roots=built(module, f"{where} is built here"),
        evidence=(f"it has {', '.join(f'`{one}`' for one in own[:8])}",) if own and not wrapped else (),
    )


def _module(failure: Failure, kind: str) -> ModuleRecord | None:
    pool = [value.module for value in failure.values if value.module is not None]
    frames = [frame.module for frame in reversed(failure.frames) if frame.module is not None]
    return next((one for one in (*pool, *frames) if one.type == kind), None)
