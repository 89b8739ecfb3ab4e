"""Real tensors and what is known of them, side by side: how the table of torch is held against torch.

`Draw` makes real tensors of every kind together with an abstract Tensor that tells the truth about them, or part of it.
`Judge` holds what an abstract result claims against the real one, and counts the claims.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import Any

import libcst as cst
import torch
from hypothesis import strategies as st

from torchdoctor.facts.axis import Axis
from torchdoctor.facts.tensor import identity
from torchdoctor.facts.values import (
    UNKNOWN,
    Arithmetic,
    Const,
    Dim,
    Known,
    Named,
    Param,
    Sequence,
    Shape,
    Size,
    Tensor,
    Value,
    const,
)

NODE = cst.Name("here")
FLOATS = (torch.float32, torch.float64)
INTS = (torch.int64, torch.int32, torch.uint8)


@dataclass
class Both:
    """A real value and the abstract one that stands for it."""

    real: Any
    value: Value


class Draw:
    """Draws values in pairs. ``world`` holds what each symbol stands for."""

    def __init__(self, data: Any, *, small: bool = False) -> None:
        self.data = data
        self.small = small  # symbols may stand for 1
        self.world: dict[Value, int] = {}
        self.shapes: dict[Value, tuple[int, ...]] = {}
        self.reals: dict[Value, torch.Tensor] = {}
        self.count = 0

    # -- plain choices ------------------------------------------------------------------------------------------------

    def one(self, *options: Any) -> Any:
        return options[self.number(0, len(options) - 1)]

    def number(self, low: int, high: int) -> int:
        return self.data.draw(st.integers(low, high))

    def chance(self, percent: int) -> bool:
        """True so often; shrinks to False."""
        return self.number(0, 99) >= 100 - percent

    def order(self, count: int) -> list[int]:
        """The numbers below ``count`` in some order."""
        left = list(range(count))
        return [left.pop(self.number(0, len(left) - 1)) for _ in range(count)]

    def const(self, value: Any) -> Both:
        return Both(value, const(value))

    def tuple(self, values: Any) -> Both:
        values = tuple(v if isinstance(v, Both) else self.const(v) for v in values)
        return Both(tuple(v.real for v in values), Sequence(tuple(v.value for v in values)))

    def dim(self, tensor: Both, *, extra: int = 0) -> Both:
        rank = max(tensor.real.dim() + extra, 1)
        return self.const(self.number(-rank, rank - 1))

    def dims(self, tensor: Both) -> Both:
        """Some dimensions, each once."""
        rank = tensor.real.dim()
        chosen = self.order(rank)[: self.number(1, max(rank, 1))]
        return self.tuple([dim - rank if self.chance(30) else dim for dim in chosen])

    def size(self, number: int) -> Both:
        """A size: a constant, or a symbol that is the same for equal sizes."""
        if number > (0 if self.small else 1) and self.chance(50):
            symbol = Param(NODE, f"n{number}")
            self.world[symbol] = number
            return Both(number, symbol)
        return self.const(number)

    # -- tensors ------------------------------------------------------------------------------------------------------

    def shape(self, low: int = 0, high: int = 5) -> tuple[int, ...]:
        rank = self.number(low, high)
        return tuple(self.one(2, 3, 4, 1, 2, 3, 0) if self.chance(90) else 5 for _ in range(rank))

    def tensor(
        self,
        shape: tuple[int, ...] | None = None,
        *,
        ranks: tuple[int, int] = (0, 5),
        dtype: torch.dtype | None = None,
        values: str = "any",
        full: bool = False,
    ) -> Both:
        """A tensor of some layout; ``values`` "unit" lie in (0, 1), "index" are 0 or 1; ``full`` shapes have no 0."""
        if shape is None:
            shape = self.shape(*ranks)
            if full:
                shape = tuple(max(dim, 1) for dim in shape)
        if dtype is None:
            dtype = self.one(torch.float32, torch.float32, torch.float32, torch.float64)
        real = self._laid_out(shape, dtype, values)
        real, grad = self._graded(real)
        return self.described(real, grad)

    def any_dtype(self, *, ranks: tuple[int, int] = (0, 5), shape: tuple[int, ...] | None = None) -> Both:
        return self.tensor(shape, ranks=ranks, dtype=self.one(*FLOATS, *INTS, torch.bool, torch.float32))

    def _laid_out(self, shape: tuple[int, ...], dtype: torch.dtype, values: str) -> torch.Tensor:
        rank = len(shape)
        kind = self.one("plain", "permuted", "sliced", "expanded", "stepped", "channels_last", "permuted")
        if kind == "channels_last" and rank == 4:
            return self._filled(shape, dtype, values).contiguous(memory_format=torch.channels_last)
        if kind == "permuted" and rank > 1:
            order = self.order(rank)
            base = self._filled(tuple(shape[dim] for dim in order), dtype, values)
            return base.permute([order.index(dim) for dim in range(rank)])
        if kind in ("sliced", "stepped") and rank:
            dim = self.number(0, rank - 1)
            base = self._filled((*shape[:dim], shape[dim] * 2 + 1, *shape[dim + 1 :]), dtype, values)
            if kind == "stepped":
                return base.narrow(dim, 0, shape[dim] * 2)[(slice(None),) * dim + (slice(None, None, 2),)]
            return base.narrow(dim, self.number(0, 1), shape[dim])
        if kind == "expanded" and rank:
            dim = self.number(0, rank - 1)
            return self._filled((*shape[:dim], 1, *shape[dim + 1 :]), dtype, values).expand(shape)
        return self._filled(shape, dtype, values)

    def _filled(self, shape: tuple[int, ...], dtype: torch.dtype, values: str) -> torch.Tensor:
        if values == "unit":
            return torch.rand(shape).mul(0.9).add(0.05).to(dtype)
        if values == "index" or not dtype.is_floating_point:
            return torch.randint(0, 2, shape).to(dtype)
        return torch.randn(shape).to(dtype)

    def _graded(self, real: torch.Tensor) -> tuple[torch.Tensor, str]:
        if not real.is_floating_point():
            return real, "plain"
        grad = self.one("plain", "attached", "leaf", "cut")
        if grad == "leaf":
            return real.detach().requires_grad_(), grad
        if grad == "attached":
            return real.detach().requires_grad_().view_as(real), grad
        return real, grad

    # -- what is known of them ----------------------------------------------------------------------------------------

    def described(self, real: torch.Tensor, grad: str | None) -> Both:
        """The tensor with an abstract one that tells the truth of it, with gaps."""
        self.count += 1
        tensor = Tensor(cst.Name(f"x{self.count}"))
        shape = tuple(self.size(size) for size in real.shape)
        layout = layout_of(real, tuple(dim.value for dim in shape))
        dtype = str(real.dtype).removeprefix("torch.")
        family = "float" if real.is_floating_point() else dtype
        hidden = self.one("nothing", "nothing", "shape", "layout", "both", "all")
        known = {
            "shape": None if hidden in ("shape", "both") else tuple(_dim(dim.value) for dim in shape),
            "layout": None if hidden in ("shape", "layout", "both") else layout,
            "contiguous": None if hidden == "both" else real.is_contiguous(),
            "grad": None if self.chance(10) else grad,
            "dtype": None if self.chance(20) else family if self.chance(20) else dtype,
            "device": "cpu",
        }
        if hidden == "all":
            known = {}
        if known.get("shape") is None and shape and self.chance(60):
            known["tail"] = tuple(_dim(dim.value) for dim in shape[-self.number(1, len(shape)) :])
        if known.get("contiguous") is False and self.small and not _sure_to_be_scattered(real, shape):
            known["contiguous"] = None
        tensor = tensor.but(**{name: Known(fact, NODE) for name, fact in known.items() if fact is not None})
        self.note(tensor, real)
        return Both(real, tensor)

    def note(self, tensor: Tensor, real: torch.Tensor) -> None:
        me = identity(tensor)
        self.shapes[me] = tuple(real.shape)
        self.reals[me] = real


def _sure_to_be_scattered(real: torch.Tensor, shape: tuple[Both, ...]) -> bool:
    return all(isinstance(dim.value, Const) or dim.real > 1 for dim in shape)


def _dim(value: Value) -> Dim:
    return value.value if isinstance(value, Const) else value


def layout_of(real: torch.Tensor, shape: tuple[Value, ...]) -> tuple[Axis, ...] | None:
    """The layout that the strides show; None where dimensions overlap or it is ambiguous."""
    if real.numel() == 0:
        return None
    sizes, strides = real.shape, real.stride()
    placed = [d for d in range(real.dim()) if sizes[d] > 1 and strides[d] > 0]
    placed.sort(key=lambda d: -strides[d])
    for outer, inner in zip(placed, placed[1:]):  # noqa: B905, RUF007
        if strides[outer] <= (sizes[inner] - 1) * strides[inner]:
            return None
    if any(size == 1 and not isinstance(dim, Const) for size, dim in zip(sizes, shape, strict=True)):
        return None
    axes: list[Axis] = []
    for dim in range(real.dim()):
        if sizes[dim] == 1:
            axes.append(Axis(None))
        elif strides[dim] == 0:
            axes.append(Axis(None, repeated=True))
        else:
            place = placed.index(dim)
            axes.append(Axis(place, filled=_is_filled(real, placed, place)))
    return tuple(axes)


def _is_filled(real: torch.Tensor, placed: list[int], place: int) -> bool:
    """Whether one step along a dimension skips what the next inner one spans."""
    if place + 1 == len(placed):
        return real.stride(placed[place]) == 1
    inner = placed[place + 1]
    return real.stride(placed[place]) == real.size(inner) * real.stride(inner)


@dataclass
class Tally:
    """What the tests of the table have looked at: rows and modules by name, calls, claims by kind."""

    names: set[str] = field(default_factory=set)
    calls: int = 0
    refused: int = 0
    claims: Counter[str] = field(default_factory=Counter)

    def call(self, name: str, accepted: bool) -> None:
        self.names.add(name)
        self.calls += 1
        self.refused += not accepted

    def __str__(self) -> str:
        kinds = ", ".join(f"{kind} {count}" for kind, count in self.claims.most_common())
        return (
            f"{len(self.names)} rows and modules called {self.calls} times (torch refused {self.refused});"
            f" {sum(self.claims.values())} claims held: {kinds}"
        )


TALLY = Tally()


class Lie(AssertionError):
    """The table claims what torch did not do."""


@dataclass
class Judge:
    """Holds claims against the truth, and counts them."""

    draw: Draw

    def number(self, value: Dim) -> int:
        """What a size is in this world."""
        if isinstance(value, int):
            return value
        if isinstance(value, Const):
            return value.value
        if isinstance(value, Size):
            return self.draw.shapes[identity(value.of) if isinstance(value.of, Tensor) else value.of][value.dim]
        if isinstance(value, Arithmetic):
            return self._computed(value)
        assert value is not None
        return self.draw.world[value]

    def _computed(self, value: Arithmetic) -> int:
        numbers = [self.number(one) for one in value.operands]
        result = numbers[0]
        for number in numbers[1:]:
            result = {
                "+": lambda a, b: a + b,
                "*": lambda a, b: a * b,
                "//": lambda a, b: a // b,
                "%": lambda a, b: a % b,
                "/": lambda a, b: a / b,
            }[value.operator](result, number)
        return result

    def check(self, value: Value | None, real: Any) -> None:
        """Raise Lie where the value claims something of the real thing that is not so."""
        if value is None or value == UNKNOWN:
            return
        if isinstance(value, Tensor):
            self.expect(isinstance(real, torch.Tensor), "tensor", value, type(real))
            self.tensor(value, real)
        elif isinstance(value, Sequence):
            self.expect(len(value.items) == len(real), "length", len(value.items), len(real))
            if all(isinstance(one, int) for one in real):  # sizes
                pass
            for item in value.items:
                if isinstance(item, Tensor):
                    self.draw.note(item, real[value.items.index(item)])
            for item, part in zip(value.items, real, strict=True):
                self.check(item, part)
        elif isinstance(value, Shape):
            return
        elif isinstance(value, Const):
            self.expect(type(value.value) is type(real) and value.value == real, "constant", value.value, real)
        elif isinstance(value, Named):
            self.expect(value.name == str(real), "name", value.name, real)
        elif isinstance(real, int):
            self.expect(self.number(value) == real, "number", value, real)

    def expect(self, truth: bool, kind: str, claimed: Any, real: Any) -> None:
        TALLY.claims[kind] += 1
        if not truth:
            raise Lie(f"{kind}: the table says {claimed}, torch says {real}")

    def tensor(self, tensor: Tensor, real: torch.Tensor) -> None:
        self.draw.note(tensor, real)
        if tensor.shape is not None:
            sizes = tuple(self.number(dim) if dim is not None else None for dim in tensor.shape.value)
            fits = len(sizes) == real.dim() and all(a in (None, b) for a, b in zip(sizes, real.shape, strict=True))
            self.expect(fits, "shape", sizes, tuple(real.shape))
        if tensor.tail is not None:
            ends = tuple(self.number(dim) if dim is not None else None for dim in tensor.tail.value)
            was = tuple(real.shape)[-len(ends) :]
            fits = len(ends) == len(was) and all(a in (None, b) for a, b in zip(ends, was, strict=True))
            self.expect(tensor.shape is None and fits, "tail", ends, tuple(real.shape))
        if tensor.contiguous is not None:
            self._contiguous(tensor, real)
        if tensor.layout is not None and real.numel():
            self._layout(tensor.layout.value, real, tensor)
        if tensor.grad is not None:
            asks = tensor.grad.value in ("attached", "leaf")
            right = real.requires_grad == asks and (tensor.grad.value != "leaf" or real.is_leaf)
            self.expect(right, "grad", tensor.grad.value, f"requires_grad={real.requires_grad} is_leaf={real.is_leaf}")
        if tensor.dtype is not None:
            self._dtype(tensor.dtype.value, real)
        if tensor.device is not None:
            self.expect(tensor.device.value == real.device.type, "device", tensor.device.value, real.device)
        if tensor.scale is not None and real.numel() and real.isfinite().all():
            self._scale(tensor.scale.value, real.detach())
        if (
            isinstance(tensor.views, Tensor)
            and real.numel()
            and (source := self.draw.reals.get(identity(tensor.views))) is not None
        ):
            shares = source.untyped_storage().data_ptr() == real.untyped_storage().data_ptr()
            self.expect(shares, "views", "shares memory", "does not")

    def ordinary(self, tensor: Tensor, real: torch.Tensor) -> bool:
        """Whether all sizes that are not known are more than one, as claims of what is not contiguous assume."""
        known = tensor.shape.value if tensor.shape is not None else (None,) * real.dim()
        return all(isinstance(dim, int) or size > 1 for dim, size in zip(known, real.shape, strict=True))

    def _contiguous(self, tensor: Tensor, real: torch.Tensor) -> None:
        assert tensor.contiguous is not None
        if tensor.contiguous.value:
            self.expect(real.is_contiguous(), "contiguous", True, (tuple(real.shape), real.stride()))
        elif self.ordinary(tensor, real) and not self.draw.small:
            self.expect(not real.is_contiguous(), "not contiguous", False, (tuple(real.shape), real.stride()))

    def _layout(self, layout: tuple[Axis, ...], real: torch.Tensor, tensor: Tensor) -> None:
        sizes, strides = real.shape, real.stride()
        told = f"{layout}", (tuple(sizes), strides)
        self.expect(len(layout) == real.dim(), "layout", *told)
        several = [dim for dim in range(real.dim()) if sizes[dim] > 1]
        for dim in several:
            if layout[dim].repeated:
                self.expect(strides[dim] == 0, "layout", *told)
            else:
                self.expect(layout[dim].place is not None, "layout", *told)
        placed = sorted(
            (d for d in range(real.dim()) if layout[d].place is not None), key=lambda d: layout[d].place or 0
        )
        outer: int | None = None
        filled: bool | None = True
        for dim in [*placed, None]:
            if dim is not None and sizes[dim] == 1:
                filled = True if outer is None else filled and layout[dim].filled
                continue
            if outer is not None:
                span = 1 if dim is None else sizes[dim] * strides[dim]
                inside = True if dim is None else strides[outer] > (sizes[dim] - 1) * strides[dim]
                self.expect(inside, "layout", *told)
                if filled is True:
                    self.expect(strides[outer] == span, "layout", *told)
                elif filled is False and layout[outer].filled is False and self.ordinary(tensor, real):
                    self.expect(strides[outer] != span, "layout", *told)
            outer = dim
            filled = layout[dim].filled if dim is not None else None

    def _dtype(self, dtype: str, real: torch.Tensor) -> None:
        name = str(real.dtype).removeprefix("torch.")
        family = {"float": real.is_floating_point(), "int": not real.is_floating_point() and name != "bool"}
        self.expect(family.get(dtype, dtype == name), "dtype", dtype, name)

    def _scale(self, scale: str, real: torch.Tensor) -> None:
        low, high = float(real.min()), float(real.max())
        bounds = {"probabilities": (0, 1), "unit": (0, 1), "log-probabilities": (float("-inf"), 0)}
        if scale in bounds:
            self.expect(bounds[scale][0] - 1e-5 <= low and high <= bounds[scale][1] + 1e-5, "scale", scale, (low, high))
