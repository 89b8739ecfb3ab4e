"""A row of the table of modules: what a class is made with and called with, and what its instances do."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import libcst as cst

from torchdoctor.facts.torch_api.arguments import Arguments, Use
from torchdoctor.facts.torch_api.gradients import GradRule, parametric
from torchdoctor.facts.torch_api.memory import MemoryRule, fresh_if_input_contiguous
from torchdoctor.facts.torch_api.rows import Effect, Row, row
from torchdoctor.facts.torch_api.rules import NameRule, ShapeRule, floating, same
from torchdoctor.facts.values import Made, const


@dataclass(frozen=True, slots=True)
class ModuleRow:
    """``names`` are full names of classes; ``made_with`` and ``called_with`` are the parameters of the two calls.

    ``defaults`` are the constructor's where the function of the same effect has others.
    """

    names: tuple[str, ...]
    made_with: tuple[str, ...]
    called_with: tuple[str, ...]
    effect: Effect
    defaults: tuple[tuple[str, Any], ...] = ()

    def use(self, made: Made, arguments: Arguments) -> Use:
        """Both calls' arguments by name."""
        written = made.call.args if isinstance(made.call, cst.Call) else ()
        starred = arguments.starred or any(arg.star for arg in written)
        nodes = tuple(arg.value for arg in written)
        use = Use(arguments.of_module(starred, nodes), self.called_with, made)
        use.bind(self.made_with, made.args, dict(made.keywords))
        if not starred:
            use.bind((), (), {name: const(value) for name, value in self.defaults})
        return use


def module(names: str, made_with: str, effect: Effect | Row, called_with: str = "input", **defaults: Any) -> ModuleRow:
    """A row; the names stand for classes of torch.nn."""
    return ModuleRow(
        tuple(f"torch.nn.{name}" for name in names.split()),
        tuple(made_with.split()),
        tuple(called_with.split()),
        effect.effect if isinstance(effect, Row) else effect,
        tuple(defaults.items()),
    )


def layer(
    names: str,
    made_with: str,
    *,
    shape: ShapeRule = same,
    memory: MemoryRule = fresh_if_input_contiguous,
    grad: GradRule = parametric,
    dtype: NameRule | None = floating,
    scale: NameRule | None = None,
    called_with: str = "input",
) -> ModuleRow:
    """A module with parameters of its own."""
    plain = row("", shape=shape, memory=memory, grad=grad, dtype=dtype, scale=scale)
    return module(names, made_with, plain, called_with)
