"""Which processes of a distributed job take a branch: what a process's rank is, and tests that only some ranks pass.

Names count only where they are an interface of the launcher or of a framework: `os.environ["RANK"]`, `--local_rank`,
`accelerator.is_main_process`. Everything else is followed to what makes it.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import libcst as cst

from torchdoctor.facts.literals import literal
from torchdoctor.facts.origins import Origin, called_function, origins
from torchdoctor.facts.remembered import remembered

if TYPE_CHECKING:
    from torchdoctor.facts.file import File

_RANKS = frozenset({
    "torch.distributed.get_rank", "torch.distributed.get_node_local_rank", "horovod.torch.rank",
    "horovod.torch.local_rank",
})  # fmt: skip
_VARIABLES = frozenset({
    "RANK", "LOCAL_RANK", "SLURM_PROCID", "SLURM_LOCALID", "OMPI_COMM_WORLD_RANK", "OMPI_COMM_WORLD_LOCAL_RANK",
    "GROUP_RANK", "PMI_RANK",
})  # fmt: skip
# Attributes by which the frameworks tell a process's number, and whether it is the first one.
_RANK_ATTRIBUTES = frozenset({"global_rank", "process_index", "local_process_index", "node_rank"})
_FIRST_ATTRIBUTES = frozenset({
    "is_main_process", "is_local_main_process", "is_global_zero", "is_world_process_zero", "is_local_process_zero",
})  # fmt: skip
_OPTION = re.compile(r"^--?(?:local[-_]|global[-_]|node[-_])?rank$")
_SPAWNERS = frozenset({
    "torch.multiprocessing.spawn", "torch.multiprocessing.spawn.spawn", "torch.multiprocessing.start_processes",
})  # fmt: skip
_TAKERS = (
    "torch.distributed.init_process_group", "torch.nn.parallel.DistributedDataParallel",
    "torch.utils.data.DistributedSampler",
)  # fmt: skip
_SPEAKING = frozenset({"rank", "ranks", "replicas"})
_WORD = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+")
_DEPTH = 5


def speaks_of_ranks(identifier: str) -> bool:
    """Whether an identifier says that it is about the processes of a job: `local_rank`, `world_size`, `numReplicas`."""
    low = identifier.lower()
    words = {word.lower() for word in _WORD.findall(identifier)}
    return "worldsize" in low.replace("_", "") or bool(words & _SPEAKING) or "distributed" in words


def is_rank(file: File, node: cst.BaseExpression, depth: int = _DEPTH) -> bool:
    """Whether an expression is the number of the process: it, or else a constant where nothing is distributed."""
    return depth > 0 and _is_made_of_ranks(file, node, origins(file, node), depth)


def _is_made_of_ranks(file: File, node: cst.BaseExpression, made: list[Origin], depth: int) -> bool:
    if isinstance(node, cst.Name) and _is_parameter(file, node, depth):
        return True
    found = [origin for origin in made if not _is_constant(origin.node)]
    return bool(found) and all(_is_rank(origin.file, origin.node, depth) for origin in found)


def side(file: File, test: cst.BaseExpression, depth: int = _DEPTH) -> str | None:
    """Which processes pass a test: "one" (`rank == 0`), "rest" (`rank != 0`), or None: all or none, for all we know."""
    if depth == 0:
        return None
    if isinstance(test, cst.UnaryOperation) and isinstance(test.operator, cst.Not):
        return other_side(side(file, test.expression, depth))
    if isinstance(test, cst.BooleanOperation):
        return side(file, test.left, depth) or side(file, test.right, depth)
    if isinstance(test, cst.Comparison):
        return _compared(file, test) if len(test.comparisons) == 1 else None
    made = origins(file, test)
    if depth > 1 and _is_made_of_ranks(file, test, made, depth - 1):
        return "rest"
    if (isinstance(test, cst.Attribute) and test.attr.value in _FIRST_ATTRIBUTES) or _asks_first(test):
        return "one"
    found = {side(origin.file, origin.node, depth - 1) for origin in made if origin.node is not test} - {None}
    return found.pop() if len(found) == 1 else None


def other_side(known: str | None) -> str | None:
    """Which processes fail the test that these pass."""
    return None if known is None else "rest" if known == "one" else "one"


def _asks_first(test: cst.BaseExpression) -> bool:
    """`trainer.is_world_process_zero()`."""
    called = test.func if isinstance(test, cst.Call) else None
    return isinstance(called, cst.Attribute) and called.attr.value in _FIRST_ATTRIBUTES


def _compared(file: File, test: cst.Comparison) -> str | None:
    (part,) = test.comparisons
    operator, other = part.operator, part.comparator
    if isinstance(operator, (cst.Is, cst.IsNot)):
        return None
    if not is_rank(file, test.left):
        if not isinstance(operator, (cst.Equal, cst.NotEqual)) or not is_rank(file, other):
            return None
        other = test.left
    number = literal(other)
    if isinstance(number, int) and number < 0:
        return None  # `local_rank != -1`: whether anything is distributed
    if isinstance(operator, (cst.Equal, cst.In)):
        return "one"
    if isinstance(operator, (cst.NotEqual, cst.NotIn)):
        return "rest"
    if isinstance(operator, (cst.GreaterThan, cst.GreaterThanEqual)):
        return "rest" if isinstance(operator, cst.GreaterThan) or number != 0 else None
    return "one" if isinstance(operator, (cst.LessThan, cst.LessThanEqual)) and isinstance(number, int) else None


def _is_constant(node: cst.BaseExpression) -> bool:
    return isinstance(literal(node), (int, str)) or (isinstance(node, cst.Name) and node.value == "None")


def _is_rank(file: File, node: cst.BaseExpression, depth: int) -> bool:
    if isinstance(node, cst.Call):
        name = file.name(node.func)
        if name in _RANKS:
            return not node.args  # the rank in a group of its own says nothing of all
        if name in ("builtins.int", "builtins.str") and len(node.args) == 1:
            return is_rank(file, node.args[0].value, depth - 1)
        return name in ("os.environ.get", "os.getenv") and bool(node.args) and _is_variable(file, node.args[0].value)
    if isinstance(node, cst.Subscript):
        key = node.slice[0].slice
        return file.name(node.value) == "os.environ" and isinstance(key, cst.Index) and _is_variable(file, key.value)
    if isinstance(node, cst.BinaryOperation) and isinstance(node.operator, (cst.Modulo, cst.Add, cst.FloorDivide)):
        return is_rank(file, node.left, depth - 1) or is_rank(file, node.right, depth - 1)
    if isinstance(node, cst.Attribute):
        return node.attr.value in _RANK_ATTRIBUTES or _is_option(file, node) or _is_used_as_rank(file, node)
    return isinstance(node, cst.Name) and _is_parameter(file, node, depth)


def _is_variable(file: File, node: cst.BaseExpression) -> bool:
    return file.constant(node) in _VARIABLES


def _is_option(file: File, node: cst.Attribute) -> bool:
    """`args.local_rank`: an option that the launcher gives, or that is set from the rank: `args.rank = get_rank()`."""
    attribute = node.attr.value
    for call in file.calls_by_method.get("add_argument", ()):
        names = [file.constant(arg.value) for arg in call.args if arg.keyword is None]
        options = [name for name in names if isinstance(name, str) and _OPTION.match(name)]
        if any(name.lstrip("-").replace("-", "_") == attribute for name in options):
            return True
    answers: dict[str, bool] = remembered(file, "attributes that are ranks")
    if attribute not in answers:  # of twenty classes with `self.n = config.n`, each would ask all others
        answers[attribute] = False  # cuts recursion
        answers[attribute] = any(
            isinstance(target.target, cst.Attribute)
            and target.target.attr.value == attribute
            and is_rank(file, assign.value)
            for assign in file.nodes(cst.Assign)
            for target in assign.targets
        )
    return answers[attribute]


def _is_parameter(file: File, node: cst.Name, depth: int) -> bool:
    """A parameter that spawn gives the rank, or that is handed on as the rank."""
    found = file.scopes.find(node.value, node)
    if found is None or len(found[1]) != 1 or found[1][0].kind != "parameter":
        return False
    function, param = found[0].node, found[1][0].node
    if not isinstance(function, cst.FunctionDef):
        return False
    answers: dict[cst.CSTNode, bool] = remembered(file, "parameters that are ranks")
    if param not in answers:
        answers[param] = False  # cuts recursion: a function that calls itself
        answers[param] = (
            _is_used_as_rank(file, node, function)
            or _is_spawned_with(file, function, node.value)
            or _is_handed_on(file, function, node.value, depth)
        )
    return answers[param]


def _is_used_as_rank(file: File, node: cst.BaseExpression, function: cst.FunctionDef | None = None) -> bool:
    """Whether torch is given the same expression as the rank, or as this process's one device."""
    for call in file.calls(*_TAKERS):
        for arg in call.args:
            value = arg.value
            if arg.keyword is None or arg.keyword.value not in ("rank", "device_ids"):
                continue
            if isinstance(value, cst.List) and len(value.elements) == 1:
                value = value.elements[0].value
            if value.deep_equals(node) and (function is None or file.function(call) is function):
                return True
    return False


def _is_spawned_with(file: File, function: cst.FunctionDef, name: str) -> bool:
    """Whether it is the first parameter of a function that spawn starts: spawn gives the process's number there."""
    if _place(function, name) != 0:
        return False
    own = file.names.own(function)
    started = (file.argument(call, 0, "fn") for call in file.calls(*_SPAWNERS))
    return any(file.name(target) == own for target in started if target is not None)


def _is_handed_on(file: File, function: cst.FunctionDef, name: str, depth: int) -> bool:
    """`setup(rank, world_size)`, which joins the group with it."""
    for call in file.below(function.body, cst.Call) if depth else ():
        given = [i for i, arg in enumerate(call.args) if isinstance(arg.value, cst.Name) and arg.value.value == name]
        target = called_function(file, call) if given else None
        if target is None or (target[0] is file and target[1] is function):
            continue
        keyword = call.args[given[0]].keyword
        params = _params(target[1])
        param = keyword.value if keyword is not None else params[given[0]] if given[0] < len(params) else None
        if param is not None and _is_used_as_rank(target[0], cst.Name(param), target[1]):
            return True
    return False


def _params(function: cst.FunctionDef) -> list[str]:
    return [param.name.value for param in (*function.params.posonly_params, *function.params.params)]


def _place(function: cst.FunctionDef, name: str) -> int | None:
    params = _params(function)
    return params.index(name) if name in params else None
