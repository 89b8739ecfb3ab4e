"""Which binding a name reads: Python's scopes, built in one pass over the index."""

from __future__ import annotations

from dataclasses import dataclass, field

import libcst as cst

from torchdoctor.facts.tree import Tree

ScopeNode = (
    cst.Module
    | cst.FunctionDef
    | cst.Lambda
    | cst.ClassDef
    | cst.ListComp
    | cst.SetComp
    | cst.DictComp
    | cst.GeneratorExp
)
SCOPES = (
    cst.Module, cst.FunctionDef, cst.Lambda, cst.ClassDef, cst.ListComp, cst.SetComp, cst.DictComp, cst.GeneratorExp,
)  # fmt: skip


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
        self._home: dict[cst.CSTNode, Scope] = {}
        self._build()

    @property
    def module(self) -> Scope:
        return self._scopes[self.tree.module]

    def of(self, node: cst.CSTNode) -> Scope:
        """The scope that the node's names are looked up in.

        Defaults, decorators, annotations and bases belong to the scope around the function or class.
        """
        parents = self.tree.parents
        child, above = node, parents.get(node)
        while above is not None:
            if isinstance(above, SCOPES) and self._inside(above, child):
                return self._scope(above)
            child, above = above, parents.get(above)
        return self.module

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
            if (first or not isinstance(scope.node, cst.ClassDef)) and name not in scope.nonlocals:
                bindings = scope.bindings.get(name)
                if bindings:
                    return scope, bindings
            first = False
            scope = scope.outer
        return None

    def _scope(self, node: cst.CSTNode) -> Scope:
        scope = self._scopes.get(node)
        if scope is None:
            outer = self.of(node) if not isinstance(node, cst.Module) else None
            scope = self._scopes[node] = Scope(node, outer)
        return scope

    @staticmethod
    def _inside(scope: cst.CSTNode, child: cst.CSTNode) -> bool:
        if isinstance(scope, (cst.FunctionDef, cst.ClassDef)):
            if child is scope.body:
                return True
            return isinstance(child, cst.Parameters) and False
        if isinstance(scope, cst.Lambda):
            return child is scope.body
        return True

    def _build(self) -> None:
        tree = self.tree
        self._scopes[tree.module] = Scope(tree.module, None)
        for statement in tree.nodes(cst.Global):
            self.of(statement).globals.update(item.name.value for item in statement.names)
        for statement in tree.nodes(cst.Nonlocal):
            self.of(statement).nonlocals.update(item.name.value for item in statement.names)
        for function in tree.nodes(cst.FunctionDef):
            self._add(self.of(function), Binding(function.name.value, "function", function))
            self._parameters(self._scope(function), function.params)
        for function in tree.nodes(cst.Lambda):
            self._parameters(self._scope(function), function.params)
        for klass in tree.nodes(cst.ClassDef):
            self._add(self.of(klass), Binding(klass.name.value, "class", klass))
        self._imports()
        self._assignments()

    def _parameters(self, scope: Scope, params: cst.Parameters) -> None:
        for param in (
            *params.posonly_params,
            *params.params,
            *params.kwonly_params,
            params.star_arg,
            params.star_kwarg,
        ):
            if isinstance(param, cst.Param):
                self._add(scope, Binding(param.name.value, "parameter", param))

    def _imports(self) -> None:
        for kind in (cst.Import, cst.ImportFrom):
            for statement in self.tree.nodes(kind):
                if isinstance(statement.names, cst.ImportStar):
                    self._add(self.of(statement), Binding("*", "import", statement))
                    continue
                for alias in statement.names:
                    if alias.asname is not None and isinstance(alias.asname.name, cst.Name):
                        name = alias.asname.name.value
                    else:
                        first: cst.BaseExpression = alias.name
                        while isinstance(first, cst.Attribute):
                            first = first.value
                        name = first.value if isinstance(first, cst.Name) else ""
                    self._add(self.of(statement), Binding(name, "import", alias))

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
        for loop in (*tree.nodes(cst.For), *tree.nodes(cst.CompFor)):
            self._target(loop.target, "loop", loop, None)
        for item in tree.nodes(cst.WithItem):
            if item.asname is not None:
                self._target(item.asname.name, "with", item, item.item)
        for handler in (*tree.nodes(cst.ExceptHandler), *tree.nodes(cst.ExceptStarHandler)):
            if handler.name is not None:
                self._target(handler.name.name, "except", handler, None)
        for deletion in tree.nodes(cst.Del):
            self._target(deletion.target, "delete", deletion, None)
        for pattern in (*tree.nodes(cst.MatchAs), *tree.nodes(cst.MatchStar)):
            if pattern.name is not None:
                self._add(self.of(pattern), Binding(pattern.name.value, "match", pattern))

    def _named(self, named: cst.NamedExpr) -> None:
        """A walrus inside a comprehension binds in the function around it."""
        scope: Scope | None = self.of(named)
        while scope is not None and isinstance(scope.node, (cst.ListComp, cst.SetComp, cst.DictComp, cst.GeneratorExp)):
            scope = scope.outer
        if isinstance(named.target, cst.Name) and scope is not None:
            self._add(scope, Binding(named.target.value, "assign", named, named.value))

    def _target(self, target: cst.CSTNode, kind: str, node: cst.CSTNode, value: cst.BaseExpression | None) -> None:
        if isinstance(target, cst.Name):
            self._add(self.of(target), Binding(target.value, kind, node, value))
        elif isinstance(target, (cst.Tuple, cst.List)):
            for element in target.elements:
                self._target(element.value, kind, node, None)

    def _add(self, scope: Scope, binding: Binding) -> None:
        if binding.name in scope.globals:
            scope = self.module
        elif binding.name in scope.nonlocals:
            above = scope.outer
            while above is not None and binding.name not in above.bindings and above.outer is not None:
                above = above.outer
            scope = above or scope
        scope.bindings.setdefault(binding.name, []).append(binding)
