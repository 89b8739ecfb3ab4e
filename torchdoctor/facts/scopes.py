"""Which binding a name reads: Python's scopes, built in one pass over the index."""

from __future__ import annotations

from dataclasses import dataclass, field

import libcst as cst

from torchdoctor.facts.tree import Tree

COMPREHENSIONS = (cst.ListComp, cst.SetComp, cst.DictComp, cst.GeneratorExp)
SCOPES = (cst.Module, cst.FunctionDef, cst.Lambda, cst.ClassDef, *COMPREHENSIONS)
_SCOPE_KINDS = frozenset(SCOPES)  # isinstance is ten times slower: the nodes' classes are abstract ones


@dataclass(frozen=True, slots=True, eq=False)
class Binding:
    """One place that gives a name a value.

    ``kind`` is one of import, parameter, assign, augment, loop, with, except, function, class, delete, match.
    ``node`` is what binds (ImportAlias, Param, AssignTarget, For, WithItem, FunctionDef ...); ``value`` is the
    expression assigned where the whole value goes to the name (None when unpacked or otherwise not known).
    """

    name: str
    kind: str
    node: cst.CSTNode
    value: cst.BaseExpression | None = None


@dataclass(slots=True, eq=False)
class Scope:
    """What one module, function, class, lambda or comprehension binds; the bindings of a name in source order."""

    node: cst.CSTNode
    outer: Scope | None
    bindings: dict[str, list[Binding]] = field(default_factory=dict)
    globals: set[str] = field(default_factory=set)
    nonlocals: set[str] = field(default_factory=set)


class Scopes:
    """All scopes of one file."""

    def __init__(self, tree: Tree) -> None:
        self.tree = tree
        self._scopes: dict[cst.CSTNode, Scope] = {}
        self._of: dict[cst.CSTNode, Scope] = {}  # of statements and blocks: whatever is in one and in no scope
        self._nonlocal: list[tuple[Scope, Binding]] = []
        self._build()

    @property
    def module(self) -> Scope:
        return self._scopes[self.tree.module]

    def of(self, node: cst.CSTNode) -> Scope:
        """The scope that the node's names are looked up in.

        Defaults, decorators, annotations and bases belong to the scope around the function or class; so does what the
        first `for` of a comprehension goes over.
        """
        parents = self.tree.parents
        below, child, above = node, node, parents.get(node)
        passed: list[cst.CSTNode] = []
        found: Scope | None = None
        while found is None and above is not None:
            kind = type(above)
            if kind is cst.SimpleStatementLine or kind is cst.IndentedBlock:
                found = self._of.get(above)
                if found is None:
                    passed.append(above)
            elif kind in _SCOPE_KINDS and self._inside(above, child, below):
                found = self._scope(above)
            below, child, above = child, above, parents.get(above)
        if found is None:
            found = self.module
        for around in passed:
            self._of[around] = found
        return found

    def inner(self, node: cst.CSTNode) -> Scope:
        """The scope that a function, class, lambda, comprehension or module opens."""
        return self._scope(node)

    def find(self, name: str, at: cst.CSTNode) -> tuple[Scope, list[Binding]] | None:
        """The scope that binds ``name`` for a read at ``at``, and all its bindings there; None where nothing does."""
        scope: Scope | None = self.of(at)
        first = True
        while scope is not None:
            if name in scope.globals:
                bindings = self.module.bindings.get(name)
                return (self.module, bindings) if bindings else None
            # A class body's names are not seen from the functions inside it.
            if (first or type(scope.node) is not cst.ClassDef) and name not in scope.nonlocals:
                bindings = scope.bindings.get(name)
                if bindings:
                    return scope, bindings
            first = False
            scope = scope.outer
        return None

    def values(self, name: cst.Name) -> list[cst.BaseExpression]:
        """What the name is given wherever it is bound, in source order; bindings of which that is not written (a loop,
        an unpacking, a parameter) are left out, as ``origins.assigned`` does not."""
        found = self.find(name.value, name)
        return [binding.value for binding in found[1] if binding.value is not None] if found is not None else []

    def _scope(self, node: cst.CSTNode) -> Scope:
        scope = self._scopes.get(node)
        if scope is None:
            outer = self.of(node) if type(node) is not cst.Module else None
            scope = self._scopes[node] = Scope(node, outer)
        return scope

    @staticmethod
    def _inside(scope: cst.CSTNode, child: cst.CSTNode, below: cst.CSTNode) -> bool:
        """Whether names are looked up in ``scope`` when the way up to it leads through ``below`` and ``child``."""
        if type(scope) is cst.FunctionDef or type(scope) is cst.ClassDef or type(scope) is cst.Lambda:
            return child is scope.body
        if isinstance(scope, COMPREHENSIONS):
            return child is not scope.for_in or below is not scope.for_in.iter
        return True

    def _build(self) -> None:
        tree = self.tree
        self._scopes[tree.module] = Scope(tree.module, None)
        for shared in tree.nodes(cst.Global):
            self.of(shared).globals.update(item.name.value for item in shared.names)
        for closed_over in tree.nodes(cst.Nonlocal):
            self.of(closed_over).nonlocals.update(item.name.value for item in closed_over.names)
        for function in tree.nodes(cst.FunctionDef):
            self._add(self.of(function), Binding(function.name.value, "function", function))
            self._parameters(self._scope(function), function.params)
        for unnamed in tree.nodes(cst.Lambda):
            self._parameters(self._scope(unnamed), unnamed.params)
        for klass in tree.nodes(cst.ClassDef):
            self._add(self.of(klass), Binding(klass.name.value, "class", klass))
        self._imports()
        self._assignments()
        self._patterns()
        for scope, binding in self._nonlocal:  # only now is it known which scope around binds the name
            self._around(scope, binding.name).bindings.setdefault(binding.name, []).append(binding)
        for scope in self._scopes.values():
            for bindings in scope.bindings.values():
                if len(bindings) > 1:
                    bindings.sort(key=lambda binding: tree.order[binding.node])

    def _parameters(self, scope: Scope, params: cst.Parameters) -> None:
        for param in (
            *params.posonly_params,
            *params.params,
            *params.kwonly_params,
            params.star_arg,
            params.star_kwarg,
        ):
            if type(param) is cst.Param:
                self._add(scope, Binding(param.name.value, "parameter", param))

    def _imports(self) -> None:
        statements: list[cst.Import | cst.ImportFrom] = [*self.tree.nodes(cst.Import), *self.tree.nodes(cst.ImportFrom)]
        for statement in statements:
            if isinstance(statement.names, cst.ImportStar):
                self._add(self.of(statement), Binding("*", "import", statement))
                continue
            for alias in statement.names:
                first: cst.BaseExpression = alias.asname.name if alias.asname is not None else alias.name
                while type(first) is cst.Attribute:
                    first = first.value
                if type(first) is cst.Name:
                    self._add(self.of(statement), Binding(first.value, "import", alias))

    def _assignments(self) -> None:
        tree = self.tree
        for assign in tree.nodes(cst.Assign):
            for target in assign.targets:
                self._target(target.target, "assign", target, assign.value)
        for annotated in tree.nodes(cst.AnnAssign):
            self._target(annotated.target, "assign", annotated, annotated.value)
        for augmented in tree.nodes(cst.AugAssign):
            self._target(augmented.target, "augment", augmented, None)
        for named in tree.nodes(cst.NamedExpr):
            self._named(named)
        loops: list[cst.For | cst.CompFor] = [*tree.nodes(cst.For), *tree.nodes(cst.CompFor)]
        for loop in loops:
            self._target(loop.target, "loop", loop, None)
        for item in tree.nodes(cst.WithItem):
            if item.asname is not None:
                self._target(item.asname.name, "with", item, item.item)
        handlers: list[cst.ExceptHandler | cst.ExceptStarHandler]
        handlers = [*tree.nodes(cst.ExceptHandler), *tree.nodes(cst.ExceptStarHandler)]
        for handler in handlers:
            if handler.name is not None:
                self._target(handler.name.name, "except", handler, None)
        for deletion in tree.nodes(cst.Del):
            self._target(deletion.target, "delete", deletion, None)
        for alias in tree.nodes(cst.TypeAlias):
            self._target(alias.name, "assign", alias, None)

    def _patterns(self) -> None:
        captures: list[cst.MatchAs | cst.MatchStar] = [*self.tree.nodes(cst.MatchAs), *self.tree.nodes(cst.MatchStar)]
        for capture in captures:
            if capture.name is not None:
                self._target(capture.name, "match", capture, None)
        for mapping in self.tree.nodes(cst.MatchMapping):
            if mapping.rest is not None:
                self._target(mapping.rest, "match", mapping, None)

    def _named(self, named: cst.NamedExpr) -> None:
        """A walrus inside a comprehension binds in the function around it."""
        scope: Scope | None = self.of(named)
        while scope is not None and isinstance(scope.node, COMPREHENSIONS):
            scope = scope.outer
        if type(named.target) is cst.Name and scope is not None:
            self._add(scope, Binding(named.target.value, "assign", named, named.value))

    def _target(self, target: cst.CSTNode, kind: str, node: cst.CSTNode, value: cst.BaseExpression | None) -> None:
        if type(target) is cst.Name:
            self._add(self.of(target), Binding(target.value, kind, node, value))
        elif isinstance(target, (cst.Tuple, cst.List)):
            for element in target.elements:
                self._target(element.value, kind, node, None)

    def _add(self, scope: Scope, binding: Binding) -> None:
        if binding.name in scope.globals:
            scope = self.module
        elif binding.name in scope.nonlocals:
            self._nonlocal.append((scope, binding))
            return
        scope.bindings.setdefault(binding.name, []).append(binding)

    @staticmethod
    def _around(scope: Scope, name: str) -> Scope:
        """The function around ``scope`` that binds a name which is nonlocal in it."""
        above = scope.outer
        while above is not None:
            if name in above.bindings and type(above.node) is cst.FunctionDef:
                return above
            above = above.outer
        return scope  # Python refuses such a text
