"""What torch would have made of an expression: its sizes, dtype and strides, worked out on small stand-ins.

`(self.conv(x).flatten(1) @ self.w).sum(1)`, written in one piece, leaves no name to look at. Here the same torch
functions and layers are called again with shadows: tensors of zeros on the CPU, of the same sizes, strides and dtype.
Nothing of the program is touched and no random number is drawn. Only what is torch's own, keeps no state, is not
large, and gives sizes that do not depend on values is called. (The meta device does that without zeros, for any size,
but loads hundreds of modules for its first operation: that is for refused memory alone.)
"""

from __future__ import annotations

import ast
import operator
import types
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from torchdoctor.probes.affordable import MADE, affordable
from torchdoctor.probes.autocast import OTHER, as_then
from torchdoctor.probes.lookup import PLAIN, Method, Unknown, attribute, item
from torchdoctor.probes.module import held, is_module
from torchdoctor.probes.plain import instance_dict, is_a, loaded, qualified, static
from torchdoctor.probes.pure import Scope
from torchdoctor.probes.tensor import is_plain, is_tensor

_OPERATORS: dict[type, Any] = {
    ast.Add: operator.add, ast.Sub: operator.sub, ast.Mult: operator.mul, ast.Div: operator.truediv,
    ast.FloorDiv: operator.floordiv, ast.Mod: operator.mod, ast.Pow: operator.pow, ast.MatMult: operator.matmul,
    ast.BitAnd: operator.and_, ast.BitOr: operator.or_, ast.BitXor: operator.xor,
    ast.Eq: operator.eq, ast.NotEq: operator.ne, ast.Lt: operator.lt, ast.LtE: operator.le,
    ast.Gt: operator.gt, ast.GtE: operator.ge, ast.USub: operator.neg, ast.UAdd: operator.pos, ast.Invert:
    operator.invert,
}  # fmt: skip
# What reads values, changes settings, is not a function of its tensors alone, or has sizes that depend on values.
_NEVER = frozenset({
    "item", "tolist", "numpy", "backward", "register_hook", "save", "load", "compile", "vmap", "from_numpy",
    "as_tensor",
    "storage", "untyped_storage", "data_ptr", "to_sparse", "set_default_dtype", "set_printoptions", "manual_seed",
    "nonzero", "unique", "unique_consecutive", "masked_select", "one_hot", "bincount", "repeat_interleave", "argwhere",
    "equal", "allclose", "is_nonzero", "cartesian_prod", "combinations", "cov", "kron", "type", "as_strided",
})  # fmt: skip
_MOVES = {"cuda": "cuda:0", "cpu": "cpu"}
_MOST_ELEMENTS = 500_000  # of a stand-in


class Shadows(Scope):
    """A scope in which torch's own functions and layers are answered too, by shadows."""

    def __init__(
        self,
        *places: Any,
        devices: dict[int, tuple[Any, str]] | None = None,
        without_data: bool = False,
        autocast: str = "",
    ) -> None:
        super().__init__(*places)
        self._home, self._most = ("meta", 1 << 62) if without_data else ("cpu", _MOST_ELEMENTS)
        self._autocast = "" if without_data else autocast
        # Each shadow, kept so that its id stays its own, and its device.
        self._devices: dict[int, tuple[Any, str]] = {} if devices is None else devices

    def device(self, shadow: Any) -> str | None:
        """The device that the true tensor would be on; None for what is no shadow."""
        found = self._devices.get(id(shadow))
        return None if found is None else found[1]

    def _call(self, node: ast.Call) -> Any:
        try:
            return super()._call(node)
        except Unknown:
            pass
        callee = self.value(node.func)
        if any(isinstance(arg, ast.Starred) for arg in node.args) or any(word.arg is None for word in node.keywords):
            raise Unknown
        args = [self.value(arg) for arg in node.args]
        kwargs = {str(word.arg): self.value(word.value) for word in node.keywords}
        return self._asked(callee, args, kwargs)

    def _attribute(self, node: ast.Attribute) -> Any:
        owner = self.value(node.value)
        if node.attr == "device" and (device := self.device(owner)) is not None:
            return loaded("torch").device(device)
        found = attribute(owner, node.attr)
        return self._marked(found, device) if (device := self.device(owner)) is not None else found

    def _binop(self, node: ast.BinOp) -> Any:
        try:
            return super()._binop(node)
        except Unknown:
            return self._apply(_OPERATORS[type(node.op)], [self.value(node.left), self.value(node.right)], {})

    def _unaryop(self, node: ast.UnaryOp) -> Any:
        try:
            return super()._unaryop(node)
        except Unknown:
            return self._apply(_OPERATORS[type(node.op)], [self.value(node.operand)], {})

    def _compare(self, node: ast.Compare) -> Any:
        try:
            return super()._compare(node)
        except Unknown:
            if len(node.ops) != 1:
                raise
            return self._apply(
                _OPERATORS[type(node.ops[0])], [self.value(node.left), self.value(node.comparators[0])], {}
            )

    def _subscript(self, node: ast.Subscript) -> Any:
        owner, index = self.value(node.value), self.value(node.slice)
        try:
            found = item(owner, index)
        except Unknown:
            return self._apply(operator.getitem, [owner, index], {})
        return self._marked(found, device) if (device := self.device(owner)) is not None else found

    # -- torch's own --------------------------------------------------------------------------------------------------

    def _asked(self, callee: Any, args: list[Any], kwargs: dict[str, Any]) -> Any:
        if type(callee) is Method and is_plain(callee.owner):
            return self._method(callee, args, kwargs)
        if is_module(callee):
            return self._apply(self._forward_of(callee), args, kwargs)
        name = _own_function(callee)
        if name is None or name in _NEVER or name.endswith("_") or "out" in kwargs:
            raise Unknown
        if name in MADE:
            device = kwargs.pop("device", None)
            kwargs.pop("generator", None)
            return self._apply(callee, args, {**kwargs, "device": self._home}, str(device or "cpu"))
        return self._apply(callee, args, kwargs)

    def _method(self, method: Method, args: list[Any], kwargs: dict[str, Any]) -> Any:
        if method.name in _NEVER or method.name.endswith("_") or not _is_torchs(method):
            raise Unknown
        if method.name in _MOVES:
            return self._apply(lambda tensor: tensor.clone(), [method.owner], {}, _MOVES[method.name])
        if method.name == "to":
            return self._to(method.owner, args, kwargs)
        return self._apply(method.function, [method.owner, *args], kwargs)

    def _to(self, tensor: Any, args: list[Any], kwargs: dict[str, Any]) -> Any:
        torch = loaded("torch")
        dtype = next((one for one in (*args, *kwargs.values()) if type(one) is torch.dtype), None)
        places = [one for one in (*args, kwargs.get("device")) if type(one) in (str, torch.device)]
        if len(args) == 1 and is_tensor(args[0]):
            raise Unknown
        where = str(places[0]) if places else None
        return self._apply(lambda one: one.to(dtype) if dtype is not None else one.clone(), [tensor], {}, where)

    def _apply(self, function: Any, args: list[Any], kwargs: dict[str, Any], device: str | None = None) -> Any:
        """Call one of torch's own functions with shadows of the tensors among the arguments. Raises Unknown."""
        torch = loaded("torch")
        if torch is None or self._autocast == OTHER:
            raise Unknown
        devices: list[str] = []
        with _untouched(torch), as_then(torch, self._autocast):
            shadows = [self._shadow(one, devices) for one in args]
            named = {key: self._shadow(one, devices) for key, one in kwargs.items()}
            cheap = self._home == "meta" or affordable(function, [*shadows, *named.values()])
            if not (devices or "device" in kwargs) or not cheap:
                raise Unknown
            try:
                found = function(*shadows, **named)
            except Exception:
                raise Unknown from None
            return self._marked(found, device or next((one for one in devices if one != "cpu"), "cpu"))

    def _shadow(self, value: Any, devices: list[str]) -> Any:
        """A tensor's shadow, a container of them; plain values as they are. Raises Unknown for all else."""
        torch = loaded("torch")
        if (device := self.device(value)) is not None:
            devices.append(device)
            return value
        if is_plain(value):
            devices.append(str(torch._C.TensorBase.device.__get__(value)))
            return self._stand_in(torch, value)
        if type(value) in (list, tuple):
            return type(value)(self._shadow(one, devices) for one in value)
        if type(value) in (*PLAIN, slice, type(Ellipsis), torch.Size, torch.dtype, torch.memory_format, torch.layout):
            return value
        raise Unknown

    def _marked(self, found: Any, device: str) -> Any:
        if is_plain(found):
            self._devices[id(found)] = (found, device)
        elif is_a(found, tuple):  # also torch's named tuples, of max and sort
            for one in tuple.__iter__(found):
                self._marked(one, device)
        elif is_a(found, list):
            for one in list.__iter__(found):
                self._marked(one, device)
        return found

    def _stand_in(self, torch: Any, tensor: Any) -> Any:
        """A tensor of zeros, of the same sizes, strides and dtype. Raises Unknown for one that is large or sparse."""
        base = torch._C.TensorBase
        if base.layout.__get__(tensor) is not torch.strided:
            raise Unknown
        sizes, strides = base.size(tensor), base.stride(tensor)
        reach = 1 + sum((size - 1) * stride for size, stride in zip(sizes, strides, strict=True))
        if max(reach, base.numel(tensor)) > self._most:
            raise Unknown
        flat = torch.zeros(max(reach, 0), dtype=base.dtype.__get__(tensor), device=self._home)
        zeros = flat.as_strided(sizes, strides)
        return zeros.requires_grad_() if base.requires_grad.__get__(tensor) else zeros

    def _forward_of(self, module: Any) -> Any:
        """The forward of a layer of torch's own, upon a copy whose parameters are shadows. Raises Unknown."""
        kind = type(module)
        forward = static(kind, "forward")
        own = instance_dict(module)
        hooked = any(own.get(name) for name in ("_forward_hooks", "_forward_pre_hooks"))
        if not qualified(kind).startswith("torch.nn.modules.") or type(forward) is not types.FunctionType or hooked:
            raise Unknown
        if not str(forward.__module__).startswith("torch.nn.modules."):
            raise Unknown
        if kind is loaded("torch").nn.Sequential:
            return _one_after_another([self._forward_of(member) for member in held(module, "_modules").values()])
        if held(module, "_modules"):
            raise Unknown
        copy = object.__new__(kind)
        torch = loaded("torch")
        state = dict(own)
        for name in ("_parameters", "_buffers"):
            state[name] = {key: one if one is None else self._stand_in(torch, one) for key, one in own[name].items()}
        copy.__dict__.update(state, training=False)
        return lambda *args, **kwargs: forward(copy, *args, **kwargs)


@contextmanager
def _untouched(torch: Any) -> Iterator[None]:
    """No modes, no warnings, and the random numbers as they were."""
    switched_off = torch.utils._python_dispatch._disable_current_modes
    state = torch.get_rng_state()
    try:
        with torch._C.DisableTorchFunction(), switched_off(), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        torch.set_rng_state(state)


def _own_function(callee: Any) -> str | None:
    """The name of a function of torch's that works on tensors; None for everything else."""
    kind: Any = type(callee)
    if kind is types.BuiltinFunctionType:
        owner = callee.__self__
        of_nn = is_a(owner, types.ModuleType) and vars(owner).get("__name__") == "torch._C._nn"
        own = of_nn or vars(loaded("torch")).get(callee.__name__) is callee
        return str(callee.__name__) if own else None
    if kind is types.FunctionType and callee.__module__ in ("torch.functional", "torch.nn.functional"):
        return str(callee.__name__)
    return None


def _is_torchs(method: Method) -> bool:
    """Whether a tensor's method is the one that torch has given it, not one that somebody has put there."""
    kind: Any = type(method.function)
    return kind is types.MethodDescriptorType or getattr(method.function, "__module__", None) == "torch._tensor"


def _one_after_another(forwards: list[Any]) -> Any:
    def forward(value: Any) -> Any:
        for one in forwards:
            value = one(value)
        return value

    return forward
