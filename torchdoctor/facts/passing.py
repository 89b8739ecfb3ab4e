"""What a call gives to the parameters of a function of the project."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import libcst as cst

from torchdoctor.facts.configured import default_value
from torchdoctor.facts.values import UNKNOWN, Const, Made, Param, Sequence, Unknown, Value, const

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
        if type(extra) is cst.Param:
            names[extra.name.value] = Param(function, extra.name.value)
    if node is not None and not starred:
        if type(params.star_arg) is cst.Param:
            names[params.star_arg.name.value] = Sequence(args[len(positional) :])
        if params.star_kwarg is not None:
            names[params.star_kwarg.name.value] = Made("builtins.dict", node, keywords=tuple(rest.items()))
    return names


def extended(args: list[Value], given: Sequence) -> bool:
    """Add what `*given` passes to the arguments, up to one that may stand for several, as in `(1, 3, *size)`; whether
    there is such a one."""
    several = UNKNOWN in given.items
    args.extend(given.items[: given.items.index(UNKNOWN)] if several else given.items)
    return several


def is_starred(made: Made) -> bool:
    """Whether the call that made it passes *args or **kwargs."""
    return type(made.call) is cst.Call and any(arg.star for arg in made.call.args)


def spread(value: Value, heap: Heap) -> dict[str, Value] | None:
    """The keywords that `**value` passes, where it is a dict whose items are all known; else None."""
    if not isinstance(value, Made) or value.name != "builtins.dict" or not _is_complete(value):
        return None
    return dict(value.keywords) if not heap.has_any(value) else None


def got(options: Value, args: tuple[Value, ...], heap: Heap) -> Value | None:
    """`options.get("width", 64)` of a dict whose items are all known; else None."""
    if not args or not isinstance(args[0], Const) or (known := spread(options, heap)) is None:
        return None
    return known.get(str(args[0].value), args[1] if len(args) > 1 else const(None))


def _is_complete(made: Made) -> bool:
    """Whether all items of a dict stand where it is made: `{"a": 1}`, `dict(a=1)`, the `**options` of a call."""
    if type(made.call) is cst.Dict:
        return all(type(e) is cst.DictElement and type(e.key) is cst.SimpleString for e in made.call.elements)
    return type(made.call) is cst.Call and not made.args and not is_starred(made)
