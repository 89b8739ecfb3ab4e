"""Numbers that come from a configuration: argparse's defaults, fields of dataclasses, constants of classes and files.

What argparse gives where the user asks for nothing is taken for sizes alone. What may be set to something else is
marked as assumed, and decides no branch.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import libcst as cst

from torchdoctor.facts.classes import ClassFacts
from torchdoctor.facts.literals import MISSING, literal
from torchdoctor.facts.modules import ELSEWHERE
from torchdoctor.facts.values import Attr, Const, Made, Method, Named, Result, Sequence, Value, const

if TYPE_CHECKING:
    from torchdoctor.facts.file import File

PARTIAL = "functools.partial"
_PARSER = Named("argparse.ArgumentParser")
_PARSING = frozenset({"parse_args", "parse_known_args"})
_PLAIN = (int, float, str, bool, type(None))
# Smaller numbers are switches as often as sizes: `--local-rank -1`, `--workers 0`, `--world-size 1`.
_LEAST = 2


def parsed_default(of: Value, name: str, file: File) -> Const | None:
    """What `args.name` is where the command line does not say; only for whole numbers that may be a size."""
    if not isinstance(of, Result) or not isinstance(of.function, (Attr, Method)) or of.place > 0:
        return None
    parser = of.function.of
    if of.function.name not in _PARSING or not isinstance(parser, Result) or parser.function != _PARSER:
        return None
    owner = next((one for one in (file, *_loaded(file)) if one.holds(parser.call)), None)
    if owner is None or "set_defaults" in owner.mentions:
        return None
    found = [default for dest, default in _arguments(owner) if dest == name]
    if len(found) != 1 or type(found[0]) is not int or found[0] < _LEAST:
        return None
    return Const(found[0], int, assumed=True)


def _loaded(file: File) -> list[File]:
    return file.neighbours.loaded if file.neighbours is not None else []


def _arguments(file: File) -> Iterator[tuple[str, object]]:
    """Each argument that the file's parsers know: the attribute that it sets, and its default."""
    for call in file.calls_by_method.get("add_argument", ()):
        flags = [literal(arg.value) for arg in call.args if arg.keyword is None and not arg.star]
        names = [flag for flag in flags if isinstance(flag, str)]
        dest = file.argument(call, None, "dest")
        long = next((name for name in names if name.startswith("--")), names[0] if names else "")
        given = literal(dest) if dest is not None else long.lstrip("-").replace("-", "_")
        default = file.argument(call, None, "default")
        if isinstance(given, str) and file.argument(call, None, "action") is None:
            yield given, literal(default) if default is not None else None


def project_constant(full: str, file: File) -> Const | None:
    """A number or text that stands in a class body (`CFG.hidden`) or at the top of another file (`config.HIDDEN`).

    Somebody may set it to something else before: it is assumed.
    """
    owner, _, name = full.rpartition(".")
    of_class = owner.rpartition(".")[2][:1].isupper()
    if not (of_class or name.isupper()) or not owner or owner.partition(".")[0] in ELSEWHERE:
        return None
    facts = file.classes.named(owner) if of_class else None
    node: cst.BaseExpression | None = None
    if facts is not None:
        node = next((a.class_body[name] for a in facts.ancestry if name in a.class_body), None)
    elif file.neighbours is not None and name.isupper() and owner != file.module_name:
        other = file.neighbours.file(owner)
        bindings = other.scopes.module.bindings.get(name, ()) if other is not None else ()
        node = bindings[0].value if len(bindings) == 1 and bindings[0].kind == "assign" else None
    plain = literal(node) if node is not None else _PLAIN
    return Const(plain, type(plain), assumed=True) if isinstance(plain, _PLAIN) else None


def is_dataclass(facts: ClassFacts) -> bool:
    """Whether a class is a dataclass, or a NamedTuple: its constructor is made from its annotated fields."""
    for decorator in facts.node.decorators:
        node = decorator.decorator
        if facts.file.name(node.func if type(node) is cst.Call else node) == "dataclasses.dataclass":
            return True
    return "typing.NamedTuple" in facts.external


def field_of(facts: ClassFacts, of: Value, name: str) -> Value | None:
    """A field of an object of a dataclass: as it was constructed, or its default. None where neither is known."""
    if not isinstance(of, Made) or type(of.call) is not cst.Call or any(arg.star for arg in of.call.args):
        return None
    fields = [field for ancestor in reversed(facts.ancestry) for field in _fields(ancestor)]
    order = list(dict.fromkeys(field for field, _ in fields))
    if name not in order:
        return None
    given = of.argument(order.index(name), name)
    if given is not None:
        return given
    default = dict(fields)[name]
    plain = literal(default) if default is not None else _PLAIN
    return const(plain) if isinstance(plain, _PLAIN) else None


def _fields(facts: ClassFacts) -> Iterator[tuple[str, cst.BaseExpression | None]]:
    """The annotated fields of a class body, with the expressions of their defaults."""
    for statement in facts.node.body.body:
        for small in statement.body if type(statement) is cst.SimpleStatementLine else ():
            if type(small) is cst.AnnAssign and type(small.target) is cst.Name:
                default = small.value
                if type(default) is cst.Call and facts.file.name(default.func) == "dataclasses.field":
                    default = facts.file.argument(default, None, "default")
                yield small.target.value, default


def default_value(node: cst.BaseExpression, file: File) -> Value | None:
    """What a parameter holds that is not given: a constant or several, written there or where the file names them; a
    class or function of torch, perhaps with some of its arguments (`partial(nn.LayerNorm, eps=1e-6)`)."""
    plain = file.constant(node, MISSING) if type(node) is cst.Name else literal(node)
    if isinstance(plain, tuple) and all(isinstance(one, (int, float, str)) for one in plain):
        return Sequence(tuple(map(const, plain)))
    if plain is None or isinstance(plain, (int, float, str, bool)):
        return const(plain)
    if type(node) is cst.Attribute:
        name = file.name(node)
        return Named(name) if name is not None and name.startswith("torch.nn.") else None
    return _partial(node, file) if type(node) is cst.Call else None


def _partial(node: cst.Call, file: File) -> Made | None:
    if not node.args or file.name(node.func) != PARTIAL or not all(arg.keyword for arg in node.args[1:]):
        return None
    values = [default_value(arg.value, file) for arg in node.args]
    names = (arg.keyword.value for arg in node.args[1:] if arg.keyword is not None)
    known = [value for value in values if value is not None]
    if len(known) < len(values):
        return None
    return Made(PARTIAL, node, (known[0],), tuple(zip(names, known[1:], strict=True)))
