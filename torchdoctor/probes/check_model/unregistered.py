"""What a model holds beside its parameters, buffers and submodules: plain tensors, and layers in plain containers."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from torchdoctor.probes.plain import instance_dict, loaded

_OWN = frozenset({"_parameters", "_buffers", "_modules", "_non_persistent_buffers_set", "training"})
_DEEPEST = 3


def attributes(module: Any) -> Iterator[tuple[str, Any]]:
    """The plain attributes of a module itself: what ``nn.Module`` keeps for itself is left out, hooks with it."""
    for key, value in instance_dict(module).items():
        if key not in _OWN and not (key.startswith("_") and "hook" in key):
            yield key, value


def learning(model: Any) -> dict[str, tuple[list[Any], bool]]:
    """The tensors that want a gradient and are no parameters of the model, by the attribute that holds them; and
    whether layers hold them in it."""
    own = {id(parameter) for parameter in model.parameters()}
    found: dict[str, tuple[list[Any], bool]] = {}
    for name, module in model.named_modules():
        for key, value in attributes(module):
            strange = {id(t): t for t in tensors_in(value) if t.requires_grad and t.is_leaf and id(t) not in own}
            if strange:
                found[f"{name}.{key}" if name else key] = list(strange.values()), _has_layers(value)
    return found


def _has_layers(value: Any, depth: int = _DEEPEST) -> bool:
    if isinstance(value, loaded("torch").nn.Module):
        return True
    inner = value.values() if type(value) is dict else value if type(value) in (list, tuple, set) else ()
    return bool(depth) and any(_has_layers(one, depth - 1) for one in inner)


def tensors_in(value: Any, depth: int = _DEEPEST) -> Iterator[Any]:
    """The tensors that nothing registers: alone, in containers, and those of modules in containers."""
    torch = loaded("torch")
    if isinstance(value, torch.Tensor):
        yield value
    elif isinstance(value, torch.nn.Module):
        yield from value.parameters()
        yield from value.buffers()
    elif depth and type(value) in (list, tuple, set):
        for one in value:
            yield from tensors_in(one, depth - 1)
    elif depth and type(value) is dict:
        for one in value.values():
            yield from tensors_in(one, depth - 1)
