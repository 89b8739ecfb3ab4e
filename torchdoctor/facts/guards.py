"""What keeps a piece of code from running on a machine without a GPU: a test, an early exit, a skip, or a user's choice.

A guard *reaches* a node when it stands around it (an ``if``, a ``try``, a skipping decorator), when it leaves the function
or the program before the node is reached (an assertion, an early return), or when it stands at a place that the node's
function is called from. Names count here, and only here, because they count for silence: a flag `args.no_cuda` is a choice
that the program's user can make, wherever it comes from.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import cached_property
from typing import TYPE_CHECKING

import libcst as cst

from torchdoctor.facts.names import dotted
from torchdoctor.facts.tree import children, within

if TYPE_CHECKING:
    from torchdoctor.facts.file import File

_DEPTH = 5
_DEVICE_WORDS = frozenset(
    ["cpu", "device", "devices", "nvidia", "accelerator", "accelerators", "mps", "xpu", "npu", "tpu", "hpu", "xla", "mtia", "rocm", "hip", "rank", "ddp", "distributed", "nccl"]
)
_WORD = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+")
_DEVICE_STRING = re.compile(r"^\s*(?:cuda|gpu|cpu|mps|xpu|npu|nccl|auto)\b", re.IGNORECASE)
_QUERIES = ("torch.cuda.", "torch.backends.", "torch.accelerator.", "torch.version.", "torch.distributed.", "torch.mps.", "torch.xpu.")
_EXITS = frozenset({
    "sys.exit", "builtins.exit", "builtins.quit", "os._exit", "os.abort", "pytest.skip", "pytest.exit", "pytest.fail",
    "pytest.xfail", "unittest.skip",
})  # fmt: skip
_EXIT_METHODS = frozenset({"skipTest", "fail", "error", "exit", "skip"})
_CATCHES = frozenset({
    "builtins.Exception", "builtins.BaseException", "builtins.RuntimeError", "builtins.AssertionError",
    "builtins.AttributeError",
})  # fmt: skip
_GPU_PACKAGE = re.compile(
    r"^(?:triton|cupy|pycuda|numba\.cuda|tensorrt|torch_tensorrt|flash_attn|transformer_engine|vllm|apex|deepspeed|nvtx"
    r"|torch\.utils\.cpp_extension|torch\.cuda\.(?:nvtx|graphs|memory|profiler|nccl))(?:\.|$)"
)
_GPU_CALL = re.compile(
    r"^torch\.cuda\.(?:Stream|ExternalStream|Event|CUDAGraph|MemPool|graph|make_graphed_callables|stream|set_stream"
    r"|current_stream|default_stream|cudart|mem_get_info|memory_\w+|max_memory_\w+|reset_\w+|caching_\w+"
    r"|set_per_process_memory_fraction|(?:nvtx|graphs|memory|profiler|nccl|comm)\.\w+)$"
)
_BEFORE_METHODS = ("__init__", "setUp", "setUpClass", "setup_method", "setup_class", "setup", "__post_init__", "__enter__")


def speaks_of_device(identifier: str) -> bool:
    """Whether an identifier says that it is about devices: `use_cuda`, `n_gpu`, `isCudaAvailable`, `local_rank`."""
    low = identifier.lower()
    return "cuda" in low or "gpu" in low or not _DEVICE_WORDS.isdisjoint(word.lower() for word in _WORD.findall(identifier))


class Guards:
    """The guards of one file."""

    def __init__(self, file: File) -> None:
        self.file = file
        self._functions: dict[cst.CSTNode, cst.CSTNode | None] = {}
        self._checking: set[cst.CSTNode] = set()
        self._answered: dict[cst.CSTNode, bool] = {}

    def of(self, node: cst.CSTNode) -> cst.CSTNode | None:
        """The guard that reaches the node, or None: the test, statement or decorator that decides whether it runs."""
        file, child = self.file, node
        inside_function = False
        for above in file.ancestors(node):
            guard = self._around(above, child) or self._before(above, child, inside_function)
            if guard is None and isinstance(above, (cst.FunctionDef, cst.ClassDef)) and child is above.body:
                guard = self._of_definition(above)
            if guard is not None:
                return guard
            inside_function = inside_function or isinstance(above, cst.FunctionDef)
            child = above
        return None

    @cached_property
    def needs_gpu(self) -> cst.CSTNode | None:
        """What in this file plainly has no meaning without a GPU, and runs unguarded: Triton, streams, NCCL ...; or None."""
        file = self.file
        for statement in (*file.nodes(cst.Import), *file.nodes(cst.ImportFrom)):
            if any(_GPU_PACKAGE.match(name) for name in self._brought(statement)):
                if file.enclosing(statement, cst.Try, cst.If) is None:
                    return statement
        for name, calls in file.calls_by_name.items():
            if _GPU_CALL.match(name):
                for call in calls:
                    if self.of(call) is None:
                        return call
        for string in file.nodes(cst.SimpleString):
            if string.raw_value.lower() == "nccl" and self.of(string) is None and not self._is_offered(string):
                return string
        return None

    def _brought(self, statement: cst.Import | cst.ImportFrom) -> Iterator[str]:
        if isinstance(statement, cst.ImportFrom):
            yield self.file.names.base_of(statement) or ""
        if not isinstance(statement.names, cst.ImportStar):
            for alias in statement.names:
                yield (self.file.names.of_import(alias) if isinstance(statement, cst.ImportFrom) else dotted(alias.name)) or ""

    def _is_offered(self, string: cst.SimpleString) -> bool:
        """One of several values that are compared with or chosen from, not the one that is used."""
        parent = self.file.parent(string)
        return isinstance(parent, (cst.ComparisonTarget, cst.Comparison, cst.Element, cst.DictElement, cst.Param))

    # -- tests --------------------------------------------------------------------------------------------------------

    def asks(self, test: cst.CSTNode, depth: int = _DEPTH) -> bool:
        """Whether the outcome of an expression depends on which devices there are, or on a choice of device."""
        return any(self._asks(node, depth) for node in within(test))

    def _answers(self, value: cst.CSTNode, depth: int) -> bool:
        """As ``asks``, for the value of a flag: what is only computed on a device (`model(x.to(device))`) tells nothing."""
        if value not in self._answered:
            self._answered[value] = False  # cuts recursion: flag = flag and other
            self._answered[value] = any(self._asks(node, depth) for node in _flag_parts(value, self.file))
        return self._answered[value]

    def _asks(self, node: cst.CSTNode, depth: int) -> bool:
        if isinstance(node, (cst.SimpleString, cst.FormattedStringText)):
            text = node.raw_value if isinstance(node, cst.SimpleString) else node.value
            return bool(_DEVICE_STRING.match(text))
        if not isinstance(node, (cst.Name, cst.Attribute)):
            return False
        if speaks_of_device(node.value if isinstance(node, cst.Name) else node.attr.value):
            return True
        name = self.file.name(node)
        if name is not None and name.startswith(_QUERIES):
            return True
        return depth > 0 and any(guards._answers(value, depth - 1) for guards, value in self._origins(node, name))

    def _origins(self, node: cst.Name | cst.Attribute, name: str | None) -> Iterator[tuple[Guards, cst.CSTNode]]:
        """Where a name or attribute gets its value: assignments here, a project function's returns, an imported flag."""
        if isinstance(node, cst.Attribute):
            yield from ((self, value) for value in self._attribute_values.get(node.attr.value, ()))
        else:
            found = self.file.scopes.find(node.value, node)
            yield from ((self, b.value) for b in (found[1] if found else ()) if b.kind == "assign" and b.value is not None)
        if name is not None:
            yield from self._project_origins(name)

    def _project_origins(self, name: str) -> Iterator[tuple[Guards, cst.CSTNode]]:
        definition = self.definition(name)
        if definition is not None and isinstance(definition[1], cst.FunctionDef):
            yield from ((definition[0].guards, value) for value in _returned(definition[1]))
        module, _, attribute = name.rpartition(".")
        neighbours = self.file.neighbours
        other = neighbours.file(module) if neighbours is not None and module else None
        if other is not None and other is not self.file:
            for binding in other.scopes.module.bindings.get(attribute, ()):
                if binding.value is not None:
                    yield other.guards, binding.value

    def definition(self, name: str) -> tuple[File, cst.FunctionDef | cst.ClassDef] | None:
        """The project's function or class of that full name, of this file or another."""
        own = f"{self.file.module_name}."
        if name.startswith(own) and (node := self.file.definition(name[len(own) :].split("."))) is not None:
            return self.file, node
        return self.file.neighbours.definition(name) if self.file.neighbours is not None else None

    @cached_property
    def _attribute_values(self) -> dict[str, list[cst.CSTNode]]:
        """Values assigned to attributes, by the attribute's name: `args.fast = torch.cuda.is_available()`."""
        found: dict[str, list[cst.CSTNode]] = {}
        for assign in self.file.nodes(cst.Assign):
            for target in assign.targets:
                if isinstance(target.target, cst.Attribute):
                    found.setdefault(target.target.attr.value, []).append(assign.value)
        for facts in self.file.classes:
            for name, value in facts.class_body.items():
                if value is not None:
                    found.setdefault(name, []).append(value)
        return found

    # -- around -------------------------------------------------------------------------------------------------------

    def _around(self, above: cst.CSTNode, child: cst.CSTNode) -> cst.CSTNode | None:
        if isinstance(above, (cst.If, cst.IfExp, cst.While)) and child is not above.test:
            return above.test if self.asks(above.test) or self._is_switch(above, child) else None
        if isinstance(above, cst.BooleanOperation) and child is above.right:
            return above.left if self.asks(above.left) else None
        if isinstance(above, cst.Match) and child is not above.subject:
            return above.subject if self.asks(above.subject) else None
        if isinstance(above, (cst.ListComp, cst.SetComp, cst.GeneratorExp, cst.DictComp)):
            tests = [condition.test for condition in above.for_in.ifs]
            return next((test for test in tests if test is not child and self.asks(test)), None)
        if isinstance(above, cst.Try) and child is above.body:
            return next((handler for handler in above.handlers if self._catches(handler)), None)
        if isinstance(above, cst.With) and child is above.body:
            return next((item for item in above.items if self._swallows(item.item)), None)
        return None

    def _is_switch(self, branch: cst.If | cst.IfExp | cst.While, child: cst.CSTNode) -> bool:
        """`if args.fast: model.cuda()`: a bare flag whose arm does nothing but move things is a choice of device."""
        test = branch.test
        while isinstance(test, cst.UnaryOperation) and isinstance(test.operator, cst.Not):
            test = test.expression
        if not isinstance(test, (cst.Name, cst.Attribute)):
            return False
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
                method = call.func.attr.value if isinstance(call, cst.Call) and isinstance(call.func, cst.Attribute) else ""
                if method not in ("cuda", "to", "device"):
                    return False
        return True

    def _catches(self, handler: cst.ExceptHandler) -> bool:
        if handler.type is None:
            return True
        kinds = [e.value for e in handler.type.elements] if isinstance(handler.type, cst.Tuple) else [handler.type]
        return any((self.file.name(kind) or "").startswith("torch.") or self.file.name(kind) in _CATCHES for kind in kinds)

    def _swallows(self, item: cst.BaseExpression) -> bool:
        """contextlib.suppress(...), pytest.raises(...), self.assertRaises(...): what fails inside is expected to."""
        if not isinstance(item, cst.Call):
            return False
        method = item.func.attr.value if isinstance(item.func, cst.Attribute) else ""
        return self.file.name(item.func) in ("contextlib.suppress", "pytest.raises") or method.startswith("assertRaises")

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

    def leaves(self, statement: cst.CSTNode, depth: int = _DEPTH) -> bool:
        """Whether the statement gives up (exit, raise, return, skip, failed assertion) where the device is not there."""
        if isinstance(statement, (cst.FunctionDef, cst.ClassDef)):
            return False
        for node in _own(statement):
            if isinstance(node, cst.Assert) and self.asks(node.test):
                return True
            if isinstance(node, cst.If) and any(self._exits(inner) for inner in _own(node)) and self.asks(node.test):
                return True
            if isinstance(node, cst.Assign) and self._skips_module(node):
                return True
            if isinstance(node, cst.Expr) and isinstance(node.value, cst.Call) and depth > 0:
                if self._is_check(node.value, depth):
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
        return "pytestmark" in names and self.asks(assign.value)

    def _is_check(self, call: cst.Call, depth: int) -> bool:
        """A call, for nothing but its effect, of a project function that leaves: `require_gpu()`."""
        name = self.file.name(call.func)
        definition = self.definition(name) if name is not None else None
        if definition is None or not isinstance(definition[1], cst.FunctionDef):
            return False
        file, function = definition
        return any(file.guards._raises(statement, depth - 1) for statement in function.body.body)

    def _raises(self, statement: cst.CSTNode, depth: int) -> bool:
        """As ``leaves``, but for a caller's sake: a plain return ends only the function itself."""
        if not self.leaves(statement, depth):
            return False
        ends = [node for node in _own(statement) if not isinstance(node, (cst.Return, cst.Continue, cst.Break))]
        return any(isinstance(node, cst.Assert) or self._exits(node) for node in ends) or isinstance(
            statement, cst.SimpleStatementLine
        )

    # -- definitions and those who call them --------------------------------------------------------------------------

    def _of_definition(self, node: cst.FunctionDef | cst.ClassDef) -> cst.CSTNode | None:
        if node in self._functions:
            return self._functions[node]
        if node in self._checking:
            return None
        self._checking.add(node)
        guard = (
            next((d for d in node.decorators if self.asks(d.decorator)), None)
            or (self._of_class(node) if isinstance(node, cst.ClassDef) else None)
            or next((g for reference in self.references(node) if (g := self.of(reference)) is not None), None)
        )
        self._checking.discard(node)
        if not self._checking:  # an answer found while others are cut short may be incomplete
            self._functions[node] = guard
        return guard

    def _of_class(self, node: cst.ClassDef) -> cst.CSTNode | None:
        """A method that runs before the others (`__init__`, `setUp`) and leaves; or a base class that does."""
        facts = self.file.classes.of(node)
        for owner in facts.ancestry if facts is not None else ():
            if owner.node is not node and (guard := next((d for d in owner.node.decorators if owner.file.guards.asks(d)), None)):
                return guard
            for method in _BEFORE_METHODS:
                function = owner.methods.get(method)
                for statement in function.body.body if function is not None else ():
                    if owner.file.guards.leaves(statement):
                        return statement
        return None

    def references(self, node: cst.FunctionDef | cst.ClassDef) -> Iterator[cst.CSTNode]:
        """Where this file calls the function, makes the class, or hands it on."""
        method = isinstance(self.file.enclosing(node, cst.ClassDef, cst.FunctionDef), cst.ClassDef)
        for name in self._names.get(node.name.value, ()):
            parent = self.file.parent(name)
            if isinstance(parent, cst.Attribute) and parent.attr is name:
                if method:
                    yield name
            elif parent is not node and not method and not isinstance(parent, (cst.Param, cst.ImportAlias)):
                found = self.file.scopes.find(name.value, name)
                if found is not None and any(binding.node is node for binding in found[1]):
                    yield name

    @cached_property
    def _names(self) -> dict[str, list[cst.Name]]:
        found: dict[str, list[cst.Name]] = {}
        for name in self.file.nodes(cst.Name):
            found.setdefault(name.value, []).append(name)
        return found


def _own(statement: cst.CSTNode) -> Iterator[cst.CSTNode]:
    """The nodes of a statement without those of functions and classes defined in it."""
    inner: set[cst.CSTNode] = set()
    for node in within(statement):
        if node in inner:
            continue
        if isinstance(node, (cst.FunctionDef, cst.ClassDef, cst.Lambda)):
            inner.update(within(node))
            continue
        yield node


def _returned(function: cst.FunctionDef) -> Iterator[cst.BaseExpression]:
    for node in _own(function.body):
        if isinstance(node, cst.Return) and node.value is not None:
            yield node.value


def _flag_parts(value: cst.CSTNode, file: File) -> Iterator[cst.CSTNode]:
    """The nodes that a flag's value is decided by: not the arguments of calls, other than of bool(), int() and the like."""
    stack = [value]
    while stack:
        node = stack.pop()
        if isinstance(node, cst.Call):
            plain = (file.name(node.func) or "").startswith("builtins.")
            stack.extend(arg.value for arg in node.args if plain)
            stack.append(node.func)
        elif isinstance(node, (cst.Name, cst.Attribute, cst.SimpleString)):
            yield node
        else:
            stack.extend(children(node))
