"""What keeps code from running on a machine without a GPU: a test, an early exit, a skip, or a user's choice.

A guard *reaches* a node when it stands around it (an ``if``, a ``try``, a skipping decorator), when it leaves the
function or the program before the node is reached (an assertion, an early return), or when it stands at a place that
the node's function is called from.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import libcst as cst

from torchdoctor.facts.defined import defined
from torchdoctor.facts.device_questions import DeviceQuestions
from torchdoctor.facts.tree import own_nodes, within

if TYPE_CHECKING:
    from torchdoctor.facts.file import File

Definition = cst.FunctionDef | cst.ClassDef
_MOST_DEFINITIONS = 100  # that are climbed through on the way to callers
_CALLING_FILES = 8  # that are read to learn how a function is called
_EXITS = frozenset({
    "sys.exit", "builtins.exit", "builtins.quit", "os._exit", "os.abort", "pytest.skip", "pytest.exit", "pytest.fail",
    "pytest.xfail", "unittest.skip",
})  # fmt: skip
_EXIT_METHODS = frozenset({"skipTest", "fail", "error", "exit", "skip"})
_CATCHES = frozenset({
    "builtins.Exception", "builtins.BaseException", "builtins.RuntimeError", "builtins.AssertionError",
    "builtins.AttributeError",
})  # fmt: skip
_BEFORE_METHODS = (
    "__init__", "setUp", "setUpClass", "setup_method", "setup_class", "setup", "__post_init__", "__enter__",
)  # fmt: skip


class Guards:
    """The guards of one file."""

    def __init__(self, file: File) -> None:
        self.file = file
        self.questions = DeviceQuestions(file)
        self._leaves: dict[cst.CSTNode, bool] = {}
        self._climbed: dict[cst.CSTNode, tuple[cst.CSTNode | None, list[Definition]]] = {}

    def of(self, node: cst.CSTNode) -> cst.CSTNode | None:
        """The guard that reaches the node, or None: the test, statement or decorator that decides whether it runs."""
        guard, reached = self._within_file(node)
        for definition in reached if guard is None else ():
            guard = guard or self._elsewhere(definition)
        return guard

    def _within_file(self, node: cst.CSTNode) -> tuple[cst.CSTNode | None, list[Definition]]:
        """The guard in this file, and the functions and classes that were left on the way to their callers."""
        reached: dict[Definition, None] = {}
        places = [node]
        while places and len(reached) < _MOST_DEFINITIONS:
            guard, definitions = self._climb(places.pop(0))
            if guard is not None:
                return guard, list(reached)
            for definition in definitions:
                if definition not in reached:
                    reached[definition] = None
                    places.extend(self.references(definition))
        return None, list(reached)

    def _climb(self, node: cst.CSTNode) -> tuple[cst.CSTNode | None, list[Definition]]:
        """From a node outwards: the first guard, or else the functions and classes that the node stands in."""
        if node in self._climbed:
            return self._climbed[node]
        guard: cst.CSTNode | None = None
        definitions: list[Definition] = []
        child = node
        for above in self.file.ancestors(node):
            inside_function = any(isinstance(definition, cst.FunctionDef) for definition in definitions)
            guard = self._around(above, child) or self._before(above, child, inside_function)
            if isinstance(above, (cst.FunctionDef, cst.ClassDef)) and child is above.body:
                definitions.append(above)
                guard = guard or self._of_definition(above)
            if guard is not None:
                break
            child = above
        self._climbed[node] = guard, definitions
        return guard, definitions

    # -- around -------------------------------------------------------------------------------------------------------

    def _around(self, above: cst.CSTNode, child: cst.CSTNode) -> cst.CSTNode | None:
        if isinstance(above, (cst.If, cst.IfExp, cst.While)) and child is not above.test:
            return above.test if self.questions.asks(above.test) or self._is_switch(above, child) else None
        if isinstance(above, cst.For) and child is above.body:
            return above.iter if self.questions.asks(above.iter) and self._counts(above.iter) else None
        if isinstance(above, cst.BooleanOperation) and child is above.right:
            return above.left if self.questions.asks(above.left) else None
        if isinstance(above, cst.Match) and child is not above.subject:
            return above.subject if self.questions.asks(above.subject) else None
        if isinstance(above, (cst.ListComp, cst.SetComp, cst.GeneratorExp, cst.DictComp)):
            tests = [condition.test for condition in above.for_in.ifs]
            return next((test for test in tests if test is not child and self.questions.asks(test)), None)
        if isinstance(above, cst.Try) and child is above.body:
            return next((handler for handler in above.handlers if self._catches(handler)), None)
        if isinstance(above, cst.With) and child is above.body:
            return next((item for item in above.items if self._swallows(item.item)), None)
        return None

    def _counts(self, iterable: cst.BaseExpression) -> bool:
        """`for gpu in range(torch.cuda.device_count())`: no turn where there is none."""
        return isinstance(iterable, cst.Call) and self.file.name(iterable.func) == "builtins.range"

    def _is_switch(self, branch: cst.If | cst.IfExp | cst.While, child: cst.CSTNode) -> bool:
        """`if args.fast: model.cuda()`: a bare flag whose arm does nothing but move things is a choice of device."""
        test = branch.test
        while isinstance(test, cst.UnaryOperation) and isinstance(test.operator, cst.Not):
            test = test.expression
        if not isinstance(test, (cst.Name, cst.Attribute)) or any(node.deep_equals(test) for node in within(child)):
            return False  # `if ema: ema.cuda()` asks whether there is such a model
        if isinstance(branch, cst.IfExp):
            return True
        body = child.body if isinstance(child, (cst.Else, cst.IndentedBlock)) else ()
        statements = list(body.body if isinstance(body, cst.BaseSuite) else body)
        return bool(statements) and all(self._only_moves(statement) for statement in statements)

    @staticmethod
    def _only_moves(statement: cst.CSTNode) -> bool:
        if not isinstance(statement, cst.SimpleStatementLine):
            return False
        for small in statement.body:
            if not isinstance(small, (cst.Assign, cst.Expr)):
                return False
            values = small.value.elements if isinstance(small.value, cst.Tuple) else (small,)
            for value in values:
                call = value.value
                method = (
                    call.func.attr.value if isinstance(call, cst.Call) and isinstance(call.func, cst.Attribute) else ""
                )
                if method not in ("cuda", "to", "device"):
                    return False
        return True

    def _catches(self, handler: cst.ExceptHandler) -> bool:
        if handler.type is None:
            return True
        kinds = [e.value for e in handler.type.elements] if isinstance(handler.type, cst.Tuple) else [handler.type]
        return any(
            (self.file.name(kind) or "").startswith("torch.") or self.file.name(kind) in _CATCHES for kind in kinds
        )

    def _swallows(self, item: cst.BaseExpression) -> bool:
        """contextlib.suppress(...), pytest.raises(...), self.assertRaises(...): what fails inside is expected to."""
        if not isinstance(item, cst.Call):
            return False
        method = item.func.attr.value if isinstance(item.func, cst.Attribute) else ""
        return self.file.name(item.func) in ("contextlib.suppress", "pytest.raises") or method.startswith(
            "assertRaises"
        )

    # -- before -------------------------------------------------------------------------------------------------------

    def _before(self, above: cst.CSTNode, child: cst.CSTNode, inside_function: bool) -> cst.CSTNode | None:
        """A statement of the block that ends the run, or the function, before the child is reached.

        The module's own statements have all run, in either order, before one of its functions is called from outside.
        """
        if not isinstance(above, (cst.IndentedBlock, cst.Module)):
            return None
        everything = inside_function and isinstance(above, cst.Module)
        for statement in above.body:
            if statement is child:
                if not everything:
                    return None
            elif self.leaves(statement):
                return statement
        return None

    def leaves(self, statement: cst.CSTNode) -> bool:
        """Whether the statement gives up (exit, raise, return, skip, assertion) where the device is not there."""
        if statement not in self._leaves:
            self._leaves[statement] = False  # cuts recursion
            self._leaves[statement] = self._may_leave(statement)
        return self._leaves[statement]

    def _may_leave(self, statement: cst.CSTNode) -> bool:
        if isinstance(statement, (cst.FunctionDef, cst.ClassDef)):
            return False
        for node in own_nodes(statement):
            if isinstance(node, cst.Assert) and self.questions.asks(node.test):
                return True
            if (
                isinstance(node, cst.If)
                and any(self._exits(inner) for inner in own_nodes(node))
                and self.questions.asks(node.test)
            ):
                return True
            if isinstance(node, cst.BooleanOperation) and self._exits(node.right) and self.questions.asks(node.left):
                return True
            if isinstance(node, cst.Assign) and self._skips_module(node):
                return True
            if isinstance(node, cst.Expr) and isinstance(node.value, cst.Call) and self._is_check(node.value):
                return True
        return False

    def _exits(self, node: cst.CSTNode) -> bool:
        if isinstance(node, (cst.Return, cst.Raise, cst.Continue, cst.Break)):
            return True
        if not isinstance(node, cst.Call):
            return False
        return self.file.name(node.func) in _EXITS or (
            isinstance(node.func, cst.Attribute) and node.func.attr.value in _EXIT_METHODS
        )

    def _skips_module(self, assign: cst.Assign) -> bool:
        names = [t.target.value for t in assign.targets if isinstance(t.target, cst.Name)]
        return "pytestmark" in names and self.questions.asks(assign.value)

    def _is_check(self, call: cst.Call) -> bool:
        """A call, for nothing but its effect, of a project function that leaves: `require_gpu()`."""
        name = self.file.name(call.func)
        definition = defined(self.file, name) if name is not None else None
        if definition is None or not isinstance(definition[1], cst.FunctionDef):
            return False
        file, function = definition
        return any(file.guards._raises(statement) for statement in function.body.body)

    def _raises(self, statement: cst.CSTNode) -> bool:
        """As ``leaves``, but for a caller's sake: a plain return ends only the function itself."""
        if not self.leaves(statement):
            return False
        ends = [node for node in own_nodes(statement) if not isinstance(node, (cst.Return, cst.Continue, cst.Break))]
        return any(isinstance(node, cst.Assert) or self._exits(node) for node in ends) or isinstance(
            statement, cst.SimpleStatementLine
        )

    # -- definitions and those who call them --------------------------------------------------------------------------

    def _of_definition(self, node: Definition) -> cst.CSTNode | None:
        """A decorator that skips, or what runs before the methods of a class."""
        skipping = (d for d in node.decorators if self.questions.asks(d.decorator))
        return next(skipping, None) or (self._of_class(node) if isinstance(node, cst.ClassDef) else None)

    def _elsewhere(self, node: Definition) -> cst.CSTNode | None:
        """A guard around a call in another file of the project."""
        name, neighbours = self.file.names.own(node), self.file.neighbours
        files = neighbours.calling(node.name.value, _CALLING_FILES) if neighbours is not None else None
        for other in files or ():
            if other.path != self.file.path:
                for call in other.calls(name):
                    if (guard := other.guards._within_file(call)[0]) is not None:
                        return guard
        return None

    def _of_class(self, node: cst.ClassDef) -> cst.CSTNode | None:
        """A method that runs before the others (`__init__`, `setUp`) and leaves; or a base class that does."""
        facts = self.file.classes.of(node)
        for owner in facts.ancestry if facts is not None else ():
            if owner.node is not node and (
                guard := next((d for d in owner.node.decorators if owner.file.guards.questions.asks(d)), None)
            ):
                return guard
            for method in _BEFORE_METHODS:
                function = owner.methods.get(method)
                for statement in function.body.body if function is not None else ():
                    if owner.file.guards.leaves(statement):
                        return statement
        return None

    def references(self, node: Definition) -> Iterator[cst.CSTNode]:
        """Where this file calls the function, makes the class, or hands it on."""
        method = isinstance(self.file.enclosing(node, cst.ClassDef, cst.FunctionDef), cst.ClassDef)
        for name in self.file.mentions.get(node.name.value, ()):
            parent = self.file.parent(name)
            if self.file.function(name) is node:
                continue  # recursion is no caller
            if isinstance(parent, cst.Attribute) and parent.attr is name:
                if method:
                    yield name
            elif parent is not node and not method and not isinstance(parent, (cst.Param, cst.ImportAlias)):
                found = self.file.scopes.find(name.value, name)
                if found is not None and any(binding.node is node for binding in found[1]):
                    yield name
