"""A file and what is known about it. Parsed once, walked once; every other fact is worked out when asked for."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar, cast

import libcst as cst

from torchdoctor.facts.literals import MISSING, literal
from torchdoctor.facts.names import Names, dotted
from torchdoctor.facts.neighbours import Neighbours
from torchdoctor.facts.positions import in_text, locate
from torchdoctor.facts.remembered import Remembering
from torchdoctor.facts.scopes import Scopes
from torchdoctor.facts.tree import Tree, is_kind
from torchdoctor.finding import Span

if TYPE_CHECKING:
    from torchdoctor.facts.classes import Classes
    from torchdoctor.facts.flows import Flows
    from torchdoctor.facts.guards import Guards
    from torchdoctor.facts.refused import Refusals

N = TypeVar("N", bound=cst.CSTNode)
Function = cst.FunctionDef | cst.Lambda
_STATEMENTS = (cst.SimpleStatementLine, cst.BaseCompoundStatement)
_HOPS = 8  # from name to name, until a constant is reached: X = Y; Y = X has no end


class File(Remembering):
    """The facts of one source file.

    ``path`` is what findings show; ``module_name`` is the dotted name that other files import it by. Raises
    libcst.ParserSyntaxError where the text is not Python.
    """

    def __init__(
        self,
        text: str,
        path: str = "<string>",
        *,
        module_name: str | None = None,
        neighbours: Neighbours | None = None,
        twin: File | None = None,
    ) -> None:
        self.text = text
        self.path = path
        self.module_name = module_name or Path(path).stem.strip("<>") or "module"
        self.is_package = Path(path).name == "__init__.py"
        self.neighbours = neighbours
        self.module: cst.Module = cst.parse_module(text) if twin is None else twin.module
        if twin is not None:
            self.tree = twin.tree
        self.answers: dict[str, dict[Any, Any]] = {}  # of facts that are plain functions, see remembered.remembered

    def forget(self) -> None:
        """Forget all but what rests on the text alone, and takes long to make again: facts grow."""
        self.let_go("tree", "scopes")

    def let_go(self, *but: str) -> None:
        super().let_go(*but)
        self.answers.clear()

    # -- structure ------------------------------------------------------------------------------------------------

    @cached_property
    def tree(self) -> Tree:
        return Tree(self.module)

    def nodes(self, kind: type[N]) -> list[N]:
        """All nodes of exactly this class, in source order."""
        return self.tree.nodes(kind)

    def below(self, node: cst.CSTNode, kind: type[N]) -> list[N]:
        """The nodes of exactly this class in the node and below it, in source order."""
        return self.tree.below(node, kind)

    def parent(self, node: cst.CSTNode) -> cst.CSTNode | None:
        return self.tree.parent(node)

    def ancestors(self, node: cst.CSTNode) -> Iterator[cst.CSTNode]:
        return self.tree.ancestors(node)

    def enclosing(self, node: cst.CSTNode, *kinds: type[N]) -> N | None:
        """The nearest ancestor of one of these classes."""
        return self.tree.enclosing(node, *kinds)

    def function(self, node: cst.CSTNode) -> cst.FunctionDef | None:
        """The function whose body (not header) holds the node."""
        child = node
        for above in self.ancestors(node):
            if type(above) is cst.FunctionDef and child is above.body:
                return above
            child = above
        return None

    def statement(self, node: cst.CSTNode) -> cst.SimpleStatementLine | cst.BaseCompoundStatement | None:
        """The statement that the node stands in (for a header: the compound statement)."""
        if is_kind(type(node), _STATEMENTS):
            return cast("cst.SimpleStatementLine | cst.BaseCompoundStatement", node)
        found = (above for above in self.ancestors(node) if is_kind(type(above), _STATEMENTS))
        return cast("cst.SimpleStatementLine | cst.BaseCompoundStatement | None", next(found, None))

    def holds(self, node: cst.CSTNode) -> bool:
        """Whether the node is part of this file."""
        return node in self.tree.order

    def code(self, node: cst.CSTNode) -> str:
        """The node's own source text."""
        return self.module.code_for_node(node).strip()

    def locate(self, nodes: Sequence[cst.CSTNode]) -> dict[cst.CSTNode, Span]:
        """Spans of these nodes; ask once for all that are wanted."""
        return in_text(locate(self.module, nodes, self.path), self.module, self.text)

    # -- names ----------------------------------------------------------------------------------------------------

    @cached_property
    def scopes(self) -> Scopes:
        return Scopes(self.tree)

    @cached_property
    def names(self) -> Names:
        return Names(self)

    def name(self, node: cst.CSTNode | None) -> str | None:
        """The canonical full name that an expression names ("torch.nn.Linear"), or None."""
        return None if node is None else self.names.full(node)

    @cached_property
    def calls_by_name(self) -> dict[str, list[cst.Call]]:
        """Calls by the full name of what is called."""
        table: dict[str, list[cst.Call]] = {}
        for call in self.nodes(cst.Call):
            if (name := self.name(call.func)) is not None:
                table.setdefault(name, []).append(call)
        return table

    @cached_property
    def calls_by_method(self) -> dict[str, list[cst.Call]]:
        """Calls `anything.method(...)` by the method's name, whatever stands before the dot."""
        table: dict[str, list[cst.Call]] = {}
        for call in self.nodes(cst.Call):
            if type(call.func) is cst.Attribute:
                table.setdefault(call.func.attr.value, []).append(call)
        return table

    def calls(self, *names: str) -> Iterator[cst.Call]:
        """The calls of these full names."""
        for name in names:
            yield from self.calls_by_name.get(name, ())

    def imports(self, package: str) -> bool:
        """Whether the file imports this package or something from it, anywhere."""
        return any(name == package or name.startswith(f"{package}.") for name in self.imported)

    @cached_property
    def imported(self) -> frozenset[str]:
        """Full names of all that the file imports."""
        found = set()
        statements: list[cst.Import | cst.ImportFrom] = [*self.nodes(cst.Import), *self.nodes(cst.ImportFrom)]
        for statement in statements:
            if type(statement) is cst.ImportFrom and (base := self.names.base_of(statement)):
                found.add(base)
            if not isinstance(statement.names, cst.ImportStar):
                for alias in statement.names:
                    if type(statement) is cst.Import:
                        found.add(dotted(alias.name) or "")
                    elif name := self.names.of_import(alias):
                        found.add(name)
        return frozenset(found)

    def exports(self, module: str, name: str) -> bool:
        """Whether `from module import *` brings this name."""
        from torchdoctor.torch_exports import EXPORTS

        if module in EXPORTS:
            return name in EXPORTS[module]
        other = self.neighbours.file(module) if self.neighbours is not None else None
        return other is not None and other.brings(name)

    def brings(self, name: str) -> bool:
        """Whether a star import of this file brings this name."""
        if self.declared is not None:
            return name in self.declared
        if name.startswith("_") or name in self._bringing:
            return False
        if name in self.scopes.module.bindings:
            return True
        self._bringing.add(name)  # files that import each other's stars go round in a circle
        try:
            return self.names.through_star(name) is not None
        finally:
            self._bringing.discard(name)

    @cached_property
    def _bringing(self) -> set[str]:
        return set()

    @cached_property
    def declared(self) -> frozenset[str] | None:
        """The names in `__all__`, where it is one literal; None where there is none, or it is put together."""
        bindings = self.scopes.module.bindings.get("__all__", ())
        value = literal(bindings[0].value) if len(bindings) == 1 and bindings[0].value is not None else None
        if isinstance(value, (list, tuple)) and all(isinstance(name, str) for name in value):
            return frozenset(value)
        return None

    def definition(self, parts: Sequence[str]) -> cst.FunctionDef | cst.ClassDef | None:
        """The function or class of this file at that path of names: ("Class", "method")."""
        scope = self.scopes.module
        node: cst.FunctionDef | cst.ClassDef | None = None
        for part in parts:
            bindings = [b for b in scope.bindings.get(part, ()) if b.kind in ("function", "class")]
            if not bindings:
                return None
            found = bindings[-1].node
            assert type(found) is cst.FunctionDef or type(found) is cst.ClassDef
            node, scope = found, self.scopes.inner(found)
        return node

    # -- arguments and constants ----------------------------------------------------------------------------------

    @cached_property
    def mentions(self) -> dict[str, list[cst.Name]]:
        """Every place where an identifier stands, by identifier."""
        found: dict[str, list[cst.Name]] = {}
        for name in self.nodes(cst.Name):
            found.setdefault(name.value, []).append(name)
        return found

    @staticmethod
    def argument(call: cst.Call, position: int | None, *keywords: str) -> cst.BaseExpression | None:
        """The argument at that position (counting from 0; None for keyword-only) or of one of these keywords.

        None where it is not given, or where a star argument before it makes the position unknown.
        """
        for index, arg in enumerate(call.args):
            if arg.keyword is not None:
                if arg.keyword.value in keywords:
                    return arg.value
            elif arg.star:
                position = None
            elif index == position:
                return arg.value
        return None

    @staticmethod
    def has_star(call: cst.Call) -> bool:
        """Whether the call passes *args or **kwargs: then an argument that is not seen may be there all the same."""
        return any(arg.star for arg in call.args)

    def constant(self, node: cst.CSTNode | None, default: Any = None) -> Any:
        """The value of a literal, or of a name that is bound once, at module level, to a literal; else ``default``."""
        for _ in range(_HOPS):
            if type(node) is not cst.Name or node.value in ("None", "True", "False"):
                break
            found = self.scopes.find(node.value, node)
            if found is None or len(found[1]) != 1 or found[0] is not self.scopes.module:
                return default
            node = found[1][0].value
        value = MISSING if node is None else literal(node)
        return default if value is MISSING else value

    # -- deeper facts ---------------------------------------------------------------------------------------------

    @cached_property
    def classes(self) -> Classes:
        """What each class of this file is: a Module, a Dataset, ...; its attributes, methods and bases."""
        from torchdoctor.facts.classes import Classes

        return Classes(self)

    @cached_property
    def guards(self) -> Guards:
        """What keeps a piece of code from running on a machine without a GPU."""
        from torchdoctor.facts.guards import Guards

        return Guards(self)

    @cached_property
    def refusals(self) -> Refusals:
        """What torch refuses in this file for the sizes of tensors and layers."""
        from torchdoctor.facts.refused import Refusals

        return Refusals(self)

    @cached_property
    def flows(self) -> Flows:
        """What happens in each function: values at each expression, and the order of what is called."""
        from torchdoctor.facts.flows import Flows

        return Flows(self)
