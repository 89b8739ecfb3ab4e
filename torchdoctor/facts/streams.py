"""Iterable datasets: what their `__iter__` reads, and whether the workers of a loader divide it among themselves."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import libcst as cst

from torchdoctor.facts.division import speaks_of_shards
from torchdoctor.facts.events import Event
from torchdoctor.facts.origins import called_function
from torchdoctor.facts.ownership import arguments
from torchdoctor.facts.ranks import speaks_of_ranks
from torchdoctor.facts.state import State
from torchdoctor.facts.tree import within
from torchdoctor.facts.values import (
    Attr,
    Const,
    Element,
    Item,
    Made,
    Named,
    OneOf,
    Param,
    Result,
    Sequence,
    Tensor,
    Value,
)

if TYPE_CHECKING:
    from torchdoctor.facts.classes import ClassFacts
    from torchdoctor.facts.file import File
    from torchdoctor.facts.flow import Flow

# What gives back data that is there for each worker in full: files, tables, arrays, Python's own containers.
_DATA = (
    "builtins.", "csv.", "json.", "glob.", "os.", "gzip.", "bz2.", "lzma.", "itertools.", "numpy.", "torch.", "pandas.",
    "pickle.", "h5py.", "io.", "re.", "collections.", "random.", "sqlite3.", "pathlib.", "zipfile.", "tarfile.", "PIL.",
)  # fmt: skip
_OPENERS = (
    "builtins.open",
    "csv.",
    "gzip.",
    "bz2.",
    "lzma.",
    "json.",
    "h5py.",
    "pandas.",
    "numpy.load",
    "io.",
    "torch.load",
)
_READING = frozenset({
    "readlines", "splitlines", "glob", "rglob", "iterdir", "iterrows", "itertuples", "read_text", "open", "split",
})  # fmt: skip
_BIT_BY_BIT = frozenset({"read", "readline", "readinto", "fetchone", "fetchmany"})
_THROUGH = frozenset({
    "builtins.enumerate", "builtins.zip", "builtins.map", "builtins.filter", "builtins.iter", "builtins.reversed",
    "builtins.list", "builtins.sorted", "builtins.tuple", "itertools.chain", "itertools.cycle", "itertools.islice",
    "itertools.chain.from_iterable", "tqdm.tqdm", "tqdm.auto.tqdm",
})  # fmt: skip
_RANDOM = ("random.", "numpy.random.", "torch.rand", "torch.normal", "torch.multinomial", "torch.bernoulli")
_DRAWS = frozenset({
    "random", "randint", "randrange", "choice", "choices", "normal", "uniform", "integers", "standard_normal", "sample",
    "shuffle", "permutation", "randn", "rand", "gauss",
})  # fmt: skip
_PLAIN_TYPES = frozenset(
    {"list", "tuple", "Sequence", "List", "Tuple", "dict", "Dict", "str", "Path", "ndarray", "Tensor"}
)
_GENERATOR = Named("generator")  # of the project: what it reads is seen where it does
_DEPTH = 3


class Stream:
    """What iterating one object of an iterable dataset's class does."""

    def __init__(self, facts: ClassFacts, made: Made, begin: tuple[ClassFacts, cst.FunctionDef]) -> None:
        self.facts = facts
        self.home, self.begin = begin
        receiver = self.begin.params.params[0].name.value if self.begin.params.params else "self"
        file = self.home.file
        self.flow: Flow = file.flows.run(self.begin, State({receiver: made}), aside=True)

    def repeats(self) -> bool:
        """Whether each worker surely yields the same items: all that it reads is there for every worker in full."""
        if self._may_divide() or (self._draws() and (self._is_endless() or self._reads_only_numbers())):
            return False
        reads = list(self._reads())
        if any(_is_opened(self.flow, value) for value, _ in reads) or any(map(self._reads_on, self.flow.of("call"))):
            return True
        outermost = [value for value, outer in reads if outer]
        if outermost:
            return all(_is_data(self.flow, value) for value in outermost)
        return bool(self.home.file.nodes(cst.While)) and all(map(self._is_plain, self.flow.of("call")))

    def _reads(self) -> Iterator[tuple[Value, bool]]:
        """What is iterated, and whether no other loop is around it."""
        for event in self.flow.of("iterate"):
            if not (isinstance(event.on, Result) and event.on.function == _GENERATOR):
                yield event.on, not event.loops
        for event in self.flow.of("return"):
            if isinstance(event.on, Result) and event.on.function != _GENERATOR:
                yield event.on, True

    def _reads_on(self, event: Event) -> bool:
        """`while chunk := file.read(1024)`: a file that is read bit by bit, in a loop."""
        on = event.on
        return isinstance(on, Attr) and on.name in _BIT_BY_BIT and bool(event.loops) and _is_opened(self.flow, on.of)

    def _is_plain(self, event: Event) -> bool:
        callee = event.on
        if isinstance(callee, Named):
            return callee.name.startswith((*_DATA, "math."))
        return isinstance(callee, Attr) and _is_data(self.flow, callee.of)

    # -- the code -------------------------------------------------------------------------------------------------

    def _code(self) -> Iterator[tuple[File, cst.CSTNode]]:
        """All nodes of the class, its bases in the project, and the functions that these call."""
        for owner in self.facts.ancestry:
            yield from _with_called(owner.file, owner.node, _DEPTH)

    def _may_divide(self) -> bool:
        """Whether anything in the class is about workers, ranks or shards, or takes every nth item."""
        return any(_divides(file, node) for file, node in self._code())

    def _draws(self) -> bool:
        for file, node in self._code():
            if isinstance(node, cst.Call):
                method = node.func.attr.value if isinstance(node.func, cst.Attribute) else ""
                if method in _DRAWS or (file.name(node.func) or "").startswith(_RANDOM):
                    return True
        return False

    def _is_endless(self) -> bool:
        for file, node in self._code():
            if isinstance(node, cst.While) and file.constant(node.test) in (True, 1):
                return True
            if isinstance(node, cst.Call) and file.name(node.func) in ("itertools.count", "itertools.cycle"):
                return True
        return False

    def _reads_only_numbers(self) -> bool:
        """`for _ in range(n)`: the items come from what is drawn, not from what is read."""
        numbers = (Named("builtins.range"), Named("itertools.count"), Named("itertools.repeat"))
        return all(isinstance(value, Result) and value.function in numbers for value, _ in self._reads())


def _with_called(file: File, node: cst.CSTNode, depth: int) -> Iterator[tuple[File, cst.CSTNode]]:
    for part in within(node):
        yield file, part
        if depth and isinstance(part, cst.Call) and not isinstance(part.func, cst.Attribute):
            target = called_function(file, part)
            if target is not None:
                yield from _with_called(*target, depth - 1)


def _divides(file: File, node: cst.CSTNode) -> bool:
    if isinstance(node, cst.Name):
        low = node.value.lower()
        return "worker" in low or speaks_of_ranks(node.value) or speaks_of_shards(node.value)
    if isinstance(node, cst.Slice):
        return node.step is not None and not isinstance(file.constant(node.step), int)
    return isinstance(node, cst.Call) and file.name(node.func) == "itertools.islice" and len(node.args) > 3


def _is_opened(flow: Flow, value: Value, depth: int = 5) -> bool:
    """Whether a value is a file or table that the dataset itself opens, or a part of one."""
    if depth == 0:
        return False
    if isinstance(value, Result):
        if isinstance(value.function, Named):
            name = value.function.name
            through = name in _THROUGH and any(_is_opened(flow, arg, depth - 1) for arg in arguments(flow, value))
            return through or name.startswith(_OPENERS)
        return _is_opened(flow, value.function, depth - 1)
    if isinstance(value, Made):
        return value.name.startswith(_OPENERS)
    return isinstance(value, (Attr, Item, Element)) and _is_opened(flow, value.of, depth - 1)


def _is_data(flow: Flow, value: Value, depth: int = 6) -> bool:
    """Whether a value is known to be data that does not divide itself."""
    if depth == 0:
        return False
    if isinstance(value, Made):
        facts = flow.file.classes.named(value.name)
        if facts is not None:
            return facts.method("__getitem__") is not None and "iterable_dataset" not in facts.kinds
        return value.name.startswith(_DATA) and flow.kind(value) not in ("loader", "sampler", "distributed_sampler")
    if isinstance(value, Result):
        return _is_made_of_data(flow, value, depth - 1)
    if isinstance(value, Param):
        return _is_annotated_plain(value)
    if isinstance(value, (Attr, Item, Element)):
        return _is_data(flow, value.of, depth - 1)
    if isinstance(value, OneOf):
        return all(_is_data(flow, option, depth - 1) for option in value.options)
    return isinstance(value, (Sequence, Tensor, Const))


def _is_made_of_data(flow: Flow, value: Result, depth: int) -> bool:
    function = value.function
    if isinstance(function, Named):
        if function.name in _THROUGH:
            given = arguments(flow, value)
            given = given[1:] if function.name in ("builtins.map", "builtins.filter") else given
            return bool(given) and all(_is_data(flow, arg, depth) for arg in given)
        return function.name.startswith(_DATA) or function == _GENERATOR
    if isinstance(function, Attr):
        return function.name in _READING or _is_data(flow, function.of, depth)
    return isinstance(function, Result) and _is_data(flow, function, depth)


def _is_annotated_plain(value: Param) -> bool:
    """Whether a parameter is annotated as a list, a path, an array or the like."""
    if not isinstance(value.function, cst.FunctionDef):
        return False
    for param in (*value.function.params.params, *value.function.params.kwonly_params):
        if param.name.value == value.name and param.annotation is not None:
            words = {node.value for node in within(param.annotation) if isinstance(node, cst.Name)}
            return bool(words & _PLAIN_TYPES)
    return False
