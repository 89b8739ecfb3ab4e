"""Which calls torch refuses for their sizes: the rules by what is called, and how they are asked.

A rule takes a use and gives a Refusal where torch surely raises; None, or NotKnown, where it may not. What it says is
proven against torch as the rows are: by the tests.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable
from functools import lru_cache

import libcst as cst

from torchdoctor.facts.refusal import Refusal, shape_text, sizes_of
from torchdoctor.facts.torch_api.arguments import Arguments, NotKnown, Use
from torchdoctor.facts.values import Made, Tensor, Value

Rule = Callable[[Use], Refusal | None]
# The modules that hold rules: FUNCTIONS by full name or method name after a dot, MODULES and CONSTRUCTORS by class.
_PARTS = ("refused_layers", "refused_norms", "refused_dims", "refused_products", "refused_elements", "refused_losses")


def ask(rule: Rule | None, use: Use) -> bool:
    """Tell whoever called what a rule says of the use; returns whether torch refuses it."""
    if rule is None or use.arguments.refuse is None:
        return False
    try:
        found = rule(use)
    except NotKnown:
        return False
    if found is not None:
        use.arguments.refuse(found)
    return found is not None


def ask_constructor(made: Made, refuse: Callable[[Refusal], None]) -> None:
    """Tell ``refuse`` what the rules say of making a module with these arguments."""
    rule = constructors().get(made.name)
    if rule is not None and isinstance(made.call, cst.Call) and not any(arg.star for arg in made.call.args):
        nodes = tuple(arg.value for arg in made.call.args)
        arguments = Arguments(made.call, made.args, dict(made.keywords), nodes=nodes, refuse=refuse)
        ask(rule[1], Use(arguments, rule[0]))


def overflowing(target: Tensor, result: Value | None) -> Refusal | None:
    """`target += other`: the result has to have the target's own shape."""
    if target.shape is None or not isinstance(result, Tensor) or result.shape is None:
        return None
    old, new = target.shape.value, result.shape.value
    larger = any(isinstance(b, int) and a == 1 and b > 1 for a, b in zip(reversed(old), reversed(new), strict=False))
    if len(new) <= len(old) and not larger:
        return None
    says = f"writes what has the shape {shape_text(new)} into a tensor of the shape {shape_text(old)}"
    return Refusal("operands-do-not-broadcast", says, sizes_of(target, f"the shape {shape_text(old)} comes from here"))


@lru_cache(maxsize=1)
def functions() -> dict[str, Rule]:
    """The rules for functions and methods, operators among them."""
    return _all("FUNCTIONS")


@lru_cache(maxsize=1)
def modules() -> dict[str, Rule]:
    """The rules for calling modules of torch.nn."""
    return _all("MODULES")


@lru_cache(maxsize=1)
def constructors() -> dict[str, tuple[tuple[str, ...], Rule]]:
    """The rules for making modules, each with the constructor's parameters."""
    from torchdoctor.facts.torch_api.table import table

    return {name: (table().modules[name].made_with, rule) for name, rule in _all("CONSTRUCTORS").items()}


def _all(kind: str) -> dict[str, Rule]:
    found: dict[str, Rule] = {}
    for part in _PARTS:
        found.update(getattr(importlib.import_module(f"torchdoctor.facts.torch_api.{part}"), kind, {}))
    return found
