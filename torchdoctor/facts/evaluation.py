"""Evaluation as flows do it: which calls run in eval mode, with gradients on or off, and who wants these gradients."""

from __future__ import annotations

from typing import TYPE_CHECKING

import libcst as cst

from torchdoctor.facts.derived import uses
from torchdoctor.facts.events import Mode
from torchdoctor.facts.names import dotted
from torchdoctor.facts.origins import calls_of, owner_of_self
from torchdoctor.facts.ownership import related
from torchdoctor.facts.reach import UNNAMED
from torchdoctor.facts.tree import within
from torchdoctor.facts.values import Made, Method, Result, Self, Tensor, Value

if TYPE_CHECKING:
    from torchdoctor.facts.events import Event
    from torchdoctor.facts.file import File
    from torchdoctor.facts.flow import Flow

# Names that stand in code which wants gradients without calling backward where it is seen to.
_GRADIENT_WORDS = (
    "retain_grad", "requires_grad", "requires_grad_", "grad", "register_full_backward_hook", "register_backward_hook",
    "register_full_backward_pre_hook", "create_graph", "jacobian", "hessian", "jvp", "vjp", "jacrev", "jacfwd", "hook",
    "functional_call", "attribute", "saved_tensors_hooks", "double_backward",
)  # fmt: skip
# What is done with an output that nobody will differentiate.
ENDS = frozenset({
    "item", "numpy", "tolist", "argmax", "argmin", "detach", "topk", "max", "sort", "argsort", "cpu", "data", "eq",
    "ge", "gt", "lt", "le", "round", "multinomial",
})  # fmt: skip
_END_CALLS = frozenset({
    "torch.argmax", "torch.argmin", "torch.max", "torch.topk", "torch.argsort", "torch.sort", "torch.round", "torch.eq",
    "torch.multinomial", "torch.bincount", "builtins.float", "builtins.int", "builtins.print", "builtins.bool",
    "numpy.array", "numpy.asarray",
})  # fmt: skip
# Hooks that Lightning runs with gradients off and in eval mode.
_HELD = ("validation_", "test_", "predict_", "on_validation", "on_test", "on_predict", "on_sanity")


def put_in_eval(event: Event) -> cst.CSTNode | None:
    """What put the model into eval mode, where it is surely in eval mode when it is called here; else None."""
    modes = event.modes
    if modes == frozenset((Mode(None),)):  # nothing is said of it on the way here
        modes = event.file.flows.module.end.modes.get(event.on, frozenset())
        if not modes:
            return _constructed_in_eval(event)
    if modes and all(mode.training is False for mode in modes):
        return next(iter(mode.because for mode in modes), None)
    return None


def _constructed_in_eval(event: Event) -> cst.CSTNode | None:
    """What put the model into eval mode when the object was made whose method calls it, and no train() in its class."""
    call, file = event.node, event.file
    facts = file.classes.enclosing(call)
    found = facts.method("__init__") if facts is not None and not facts.is_module else None
    if facts is None or found is None or not isinstance(call, cst.Call) or file.function(call) is found[1]:
        return None
    model = dotted(call.func)
    if any(
        dotted(train.func.value) == model and file.classes.enclosing(train) is facts
        for train in file.calls_by_method.get("train", ())
        if isinstance(train.func, cst.Attribute)
    ):
        return None
    modes = [flow.end.modes.get(event.on, frozenset()) for flow in found[0].file.flows.of(found[1])]
    every = [mode for either in modes for mode in either]
    return every[0].because if every and all(modes) and all(mode.training is False for mode in every) else None


def differentiated(flow: Flow, forward: Event) -> bool:
    """Whether a gradient is taken, or may be, of what this forward gives, before the model changes its mode."""
    for event in flow.of("backward", "autograd_grad"):
        if _may_be_of(event.on, forward.on) and not _parted(flow, forward, event):
            return True
    return any(isinstance(value, Tensor) and _in_graph(value) for value in (*forward.args, *forward.keywords.values()))


def _may_be_of(loss: Value, model: Value) -> bool:
    models = loss.models if isinstance(loss, Tensor) else frozenset()
    return not models or any(related(model, other) for other in models)


def depends_on(flow: Flow, value: Value, model: Value, depth: int = 3) -> bool:
    """Whether a value is known to be computed from what the model gave, through functions that are not known too."""
    if isinstance(value, Tensor) and (value.models or value.of is None):
        return any(related(model, other) for other in value.models)
    made = value.of if isinstance(value, Tensor) else value
    if not isinstance(made, Result) or depth == 0:
        return False
    if isinstance(made.function, Method) and depends_on(flow, made.function.of, model, depth - 1):
        return True
    given = [part for event in flow.of("call", "loss") if event.node is made.call for part in event.args]
    return any(depends_on(flow, part, model, depth - 1) for part in given)


def _in_graph(value: Tensor) -> bool:
    return value.grad is not None and value.grad.value in ("leaf", "attached")


def _parted(flow: Flow, forward: Event, backward: Event) -> bool:
    """Whether the backward belongs to another phase: the model's mode is set anew on the way from the forward to it."""
    events = flow.events
    if backward.index > forward.index:
        between = events[forward.index + 1 : backward.index]
    elif forward.loops and share_turn(forward.loops[-1], forward, backward):
        loop = [event for event in events if share_turn(forward.loops[-1], forward, event)]
        between = [event for event in loop if event.index > forward.index or event.index < backward.index]
    else:
        return True
    if forward.loops and not share_turn(forward.loops[-1], forward, backward) and not _accumulates(flow, forward):
        return True  # each output is gone with its turn of the loop
    return any(event.kind in ("train", "eval") and related(event.on, forward.on) for event in between)


def share_turn(loop: cst.CSTNode, a: Event, b: Event) -> bool:
    """Whether two events happen in one run of a loop, not in the loop of one function that was called twice."""
    if loop not in a.loops or loop not in b.loops:
        return False
    for x, y in zip(a.via, b.via, strict=False):
        if x is not y:
            below = set(within(loop))
            return x in below and y in below
    return True


def _accumulates(flow: Flow, forward: Event) -> bool:
    """Whether the loop around the forward keeps something that depends on it for after the loop."""
    loop = forward.loops[-1]
    return any(
        isinstance(value, Tensor) and any(related(forward.on, model) for model in value.models)
        for event in flow.events
        if event.kind in ("augment", "append") and loop in event.loops
        for value in event.args
    )


def ends(file: File, call: cst.Call) -> bool:
    """Whether the output goes where no gradient can follow: numbers, NumPy, classes, comparisons."""
    for use in uses(file, call):
        parent = file.parent(use)
        if isinstance(parent, cst.Attribute) and parent.value is use and parent.attr.value in ENDS:
            return True
        if isinstance(parent, (cst.Comparison, cst.ComparisonTarget)):
            return True
        if isinstance(parent, cst.Arg):
            taker = file.parent(parent)
            if isinstance(taker, cst.Call) and file.name(taker.func) in _END_CALLS:
                return True
    return False


def measured(flow: Flow, forward: Event) -> bool:
    """Whether a number is taken out of what depends on the model's output: `criterion(model(x), y).item()`."""
    return any(event.index > forward.index and depends_on(flow, event.on, forward.on) for event in flow.of("item"))


def works_with_gradients(file: File, node: cst.CSTNode) -> bool:
    """Whether the function around the node (or the script, outside of functions) handles gradients by itself, or a
    method that calls it does: `output = self.forward(image)`."""
    function = _outermost_function(file, node)
    functions = {function}
    if function is not None and function.name.value in UNNAMED:  # of others the callers' own runs tell
        functions |= {_outermost_function(file, call) for call in calls_of(file, function) if _is_on_self(file, call)}
    for word in _GRADIENT_WORDS:
        for name in file.mentions.get(word, ()):
            if _outermost_function(file, name) in functions and not _is_optional(file, name):
                return True
    return function is not None and _hidden_backward(file, function)


def _is_on_self(file: File, call: cst.Call) -> bool:
    return type(call.func) is cst.Attribute and owner_of_self(file, call.func.value) is not None


def _is_optional(file: File, name: cst.Name) -> bool:
    """`requires_grad` that only filters parameters, `model.zero_grad`: no gradient of an input."""
    parent = file.parent(name)
    return name.value in ("requires_grad", "grad") and not isinstance(parent, (cst.Attribute, cst.Arg))


def _outermost_function(file: File, node: cst.CSTNode) -> cst.FunctionDef | None:
    found = None
    for above in file.ancestors(node):
        if isinstance(above, cst.FunctionDef):
            found = above
    return found


def _hidden_backward(file: File, function: cst.FunctionDef) -> bool:
    """A backward in a function nested in this one: a closure, a hook."""
    return any(
        isinstance(inner, cst.FunctionDef)
        and any(isinstance(n, cst.Name) and n.value == "backward" for n in within(inner))
        for inner in within(function.body)
    )


def held_by_framework(file: File, node: cst.CSTNode) -> bool:
    """Whether a framework calls the code around the node, and keeps mode and grad mode itself."""
    facts, function = file.classes.enclosing(node), file.function(node)
    if facts is None or function is None:
        return False
    if "trainer" in facts.kinds:
        return True
    framework = "lightning" in facts.kinds or any("Callback" in name for name in facts.external)
    return framework and function.name.value.startswith(_HELD)


def own_call(event: Event, file: File) -> cst.Call | None:
    """The event's call, where it stands in this file and outside of any module's own forward."""
    call = event.node
    if event.file is not file or not isinstance(call, cst.Call):
        return None
    function, facts = file.function(call), file.classes.enclosing(call)
    if facts is not None and facts.is_module and function is not None:
        if not isinstance(event.on, (Self, Made)) or function.name.value in ("forward", "__call__", "training_step"):
            return None
    return call


def mode_words(file: File) -> frozenset[str]:
    """The names of methods that put something into eval mode in this file: `eval`, and `train` with an argument."""
    found = {"eval"} if any(not call.args for call in file.calls_by_method.get("eval", ())) else set()
    if any(call.args and not _hands_mode_on(call) for call in file.calls_by_method.get("train", ())):
        found.add("train")
    return frozenset(found)


def _hands_mode_on(call: cst.Call) -> bool:
    """`super().train(mode)`, `self.head.train(self.training)`: the mode is the whole module's."""
    given = call.args[0].value
    if isinstance(given, cst.Attribute) and given.attr.value == "training":
        return True
    return isinstance(call.func, cst.Attribute) and isinstance(call.func.value, cst.Call)


def words(file: File) -> frozenset[str]:
    """The names that lead to functions which evaluate: these, and what a script or a constructor puts there."""
    found = set(mode_words(file))
    for setting in file.calls_by_method.get("eval", ()):
        function = file.function(setting)
        model = setting.func.value if isinstance(setting.func, cst.Attribute) else None
        if function is None and isinstance(model, cst.Name):
            found.add(model.value)
        elif function is not None and function.name.value == "__init__" and isinstance(model, cst.Attribute):
            found.add(model.attr.value)
    return frozenset(found)
