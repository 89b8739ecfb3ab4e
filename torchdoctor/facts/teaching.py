"""Whether stepping into a function once more can teach anything.

The same function is called in many ways, and most of them differ in nothing that any fact hangs on: another name,
another configuration. So after a few contexts it is stepped into only for what is known of its arguments (sizes, a cut
graph, a function that it will call), and where it trains or makes modules. The farther it lies from the file that
everything began in, the fewer.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

import libcst as cst

from torchdoctor.facts.defined import defined
from torchdoctor.facts.fixed import fixed
from torchdoctor.facts.kinds import kinds_of
from torchdoctor.facts.reach import calling
from torchdoctor.facts.remembered import remembered
from torchdoctor.facts.values import Const, Function, Made, Method, OneOf, Scaled, Sequence, Tensor, Value

if TYPE_CHECKING:
    from torchdoctor.facts.file import File
    from torchdoctor.facts.run import Run

# Contexts in which a function is looked at, whatever it is called with: one of the file that everything began in, one
# that this file calls in another, and one that others call.
_OWN, _CALLED, _FARTHER = 4, 2, 1
_MOST = 16  # whatever is known of the arguments
_TRAINING = (
    "backward", "step", "zero_grad", "train", "eval", "unscale_", "clip_grad_norm_", "clip_grad_value_",
    "requires_grad_", "no_grad", "inference_mode", "set_grad_enabled",
)  # fmt: skip
_MADE = frozenset({"module", "criterion", "optimizer", "scheduler", "scaler", "loader", "dataset", "sampler"})
_DEEP = 4  # containers inside each other that are looked into


@fixed
class Role:
    """What a function does, with all of the project that it calls: takes part in training, makes modules and such."""

    trains: bool
    makes: bool


def teaches(run: Run, file: File, function: cst.FunctionDef | cst.Lambda, names: dict[str, Value]) -> bool:
    """Whether a run should step into the function with these arguments, after the contexts that it was seen in."""
    here, seen = run.root.file, run.root.seen(function)
    if seen >= _MOST:
        return False
    if isinstance(function, cst.Lambda) or seen < (_OWN if file is here else _CALLED if run.file is here else 0):
        return True
    role = role_of(file, function)
    if (role.trains and file is here) or ((role.trains or role.makes) and seen < _FARTHER):
        return True
    return any(_is_telling(value, numbers=role.makes) for value in names.values())


def _is_telling(value: Value, numbers: bool, depth: int = 0) -> bool:
    """Whether facts may hang on this argument; ``numbers``: on a plain number too."""
    if isinstance(value, Tensor):
        return _is_known(value)
    if isinstance(value, Const):
        return numbers and type(value.value) in (int, float) and not value.assumed
    if isinstance(value, (Scaled, Function, Method)):
        return True
    # An object that was made with numbers is one of known sizes.
    numbers = numbers or (isinstance(value, Made) and not value.name.startswith("builtins."))
    return depth < _DEEP and any(_is_telling(part, numbers, depth + 1) for part in _parts(value))


def _parts(value: Value) -> Iterable[Value]:
    if isinstance(value, Sequence):
        return value.items
    if isinstance(value, OneOf):
        return value.options
    return (*value.args, *(item for _, item in value.keywords)) if isinstance(value, Made) else ()


def _is_known(tensor: Tensor) -> bool:
    """Whether more is known of a tensor than that it is one, and comes out of a model."""
    dims = (*(tensor.shape.value if tensor.shape else ()), *(tensor.tail.value if tensor.tail else ()))
    return (
        any(isinstance(dim, int) for dim in dims)
        or tensor.scale is not None
        or (tensor.grad is not None and tensor.grad.value != "attached")
        or (tensor.contiguous is not None and not tensor.contiguous.value)
    )


# -- what functions do, by their text ---------------------------------------------------------------------------------


@fixed
class _Body:
    """What the text of one function tells: whether it makes modules, and whom it calls."""

    makes: bool
    callees: tuple[tuple[File, cst.FunctionDef], ...]


def role_of(file: File, function: cst.FunctionDef) -> Role:
    """What the function does, itself or by what it calls, as far as names tell."""
    known: dict[cst.FunctionDef, Role] = remembered(file, "roles")
    if function not in known:
        known[function] = _role(file, function)
    return known[function]


def _role(file: File, function: cst.FunctionDef) -> Role:
    seen: set[cst.FunctionDef] = set()
    todo = [(file, function)]
    trains = makes = False
    while todo and not (trains and makes):
        home, at = todo.pop()
        if at in seen:
            continue
        seen.add(at)
        known: Role | None = remembered(home, "roles").get(at)
        if known is not None:
            trains, makes = trains or known.trains, makes or known.makes
            continue
        body = _body(home, at)
        trains = trains or at in _trainers(home)
        makes = makes or body.makes
        todo += body.callees
    return Role(trains, makes)


def _trainers(file: File) -> set[cst.FunctionDef]:
    """The functions of a file in whose own bodies something of training is called."""
    known = remembered(file, "trainers")
    if None not in known:
        known[None] = calling(file, _TRAINING)
    return known[None]  # type: ignore[no-any-return]


def _body(file: File, function: cst.FunctionDef) -> _Body:
    known: dict[cst.FunctionDef, _Body] = remembered(file, "bodies")
    found = known.get(function)
    if found is None:
        calls = [(call, file.name(call.func)) for call in file.below(function.body, cst.Call)]
        made = (call for call, name in calls if name is not None and _is_made(file, name))
        makes = any(file.function(call) is function for call in made)
        found = known[function] = _Body(makes, tuple(_callees(file, function, calls)))
    return found


def _is_made(file: File, name: str) -> bool:
    """Whether the name is that of a module, an optimizer, a loader or such."""
    if not name.rpartition(".")[2][:1].isupper():
        return False
    facts = file.classes.named(name)
    return bool((facts.kinds if facts is not None else kinds_of(name)) & _MADE)


def _callees(
    file: File, function: cst.FunctionDef, calls: list[tuple[cst.Call, str | None]]
) -> Iterator[tuple[File, cst.FunctionDef]]:
    """The functions of the project that a function names as called, methods of its own class among them; ``calls``
    with their full names."""
    owner = file.classes.enclosing(function)
    for call, name in calls:
        if name is not None:
            yield from _named(file, name)
        elif owner is not None and type(call.func) is cst.Attribute and type(call.func.value) is cst.Name:
            if (found := owner.method(call.func.attr.value)) is not None:
                yield found[0].file, found[1]


def _named(file: File, name: str) -> Iterator[tuple[File, cst.FunctionDef]]:
    home, node = defined(file, name) or (file, None)
    if type(node) is cst.FunctionDef:
        yield home, node
    elif type(node) is cst.ClassDef and (init := home.classes.of(node).method("__init__")) is not None:
        yield init[0].file, init[1]
