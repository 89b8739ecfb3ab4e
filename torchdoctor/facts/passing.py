"""What a call gives to the parameters of a function of the project."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import libcst as cst

from torchdoctor.facts.configured import default_value
from torchdoctor.facts.values import Made, Param, Sequence, Unknown, Value

if TYPE_CHECKING:
    from torchdoctor.facts.file import File
    from torchdoctor.facts.state import Heap

Keywords = Mapping[str, Value]


def bound(
    file: File,
    function: cst.FunctionDef,
    args: tuple[Value, ...],
    keywords: Keywords,
    starred: bool,
    node: cst.CSTNode | None = None,
) -> dict[str, Value]:
    """The function's parameters with what the call gives them; one that is given nothing known is a Param."""
    params = function.params
    positional = (*params.posonly_params, *params.params)
    names: dict[str, Value] = {}
    for index, param in enumerate((*positional, *params.kwonly_params)):
        name = param.name.value
        value: Value | None = keywords.get(name)
        if value is None and index < len(positional) and index < len(args):
            value = args[index]
        if value is None and not starred and param.default is not None:
            value = default_value(param.default, file)
        if value is None or isinstance(value, Unknown):
            value = Param(function, name, node if value is not None else None)
        names[name] = value
    rest = {name: value for name, value in keywords.items() if name not in names}
    for extra in (params.star_arg, params.star_kwarg):
        if isinstance(extra, cst.Param):
            names[extra.name.value] = Param(function, extra.name.value)
    if node is not None and not starred:
        if type(params.star_arg) is cst.Param:
            names[params.star_arg.name.value] = Sequence(args[len(positional) :])
        if params.star_kwarg is not None:
            names[params.star_kwarg.name.value] = Made("builtins.dict", node, keywords=tuple(rest.items()))
    return names


def is_starred(made: Made) -> bool:
    """Whether the call that made it passes *args or **kwargs."""
    return isinstance(made.call, cst.Call) and any(arg.star for arg in made.call.args)


def spread(value: Value, heap: Heap) -> dict[str, Value] | None:
    """The keywords that `**value` passes, where it is a dict whose items are all known; else None."""
    if not (isinstance(value, Made) and value.name == "builtins.dict" and type(value.call) is cst.Dict):
        return None
    plain = all(type(e) is cst.DictElement and type(e.key) is cst.SimpleString for e in value.call.elements)
    return dict(value.keywords) if plain and all(of != value for of, _ in heap) else None
