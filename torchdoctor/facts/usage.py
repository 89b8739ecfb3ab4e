"""What an unknown thing is, from what is done with it: a thing with zero_grad() and step() is an optimizer."""

from __future__ import annotations

from typing import TYPE_CHECKING

import libcst as cst

from torchdoctor.facts.classes import receiver_name
from torchdoctor.facts.names import dotted

if TYPE_CHECKING:
    from torchdoctor.facts.file import File

# Methods that only a module has (eval and train also belong to other things, so they need no arguments and company).
_MODULE = frozenset({
    "parameters", "named_parameters", "named_modules", "modules", "children", "named_children",
    "register_forward_hook", "register_forward_pre_hook", "register_full_backward_hook", "load_state_dict_and_eval",
})  # fmt: skip


class Usage:
    """Methods called on each dotted name, function by function (names on self: class by class)."""

    def __init__(self, file: File) -> None:
        self.file = file
        self._methods: dict[tuple[cst.CSTNode | None, str], set[str]] = {}
        # What was not yet looked at, by what may be asked for: all of the name, and what follows `self.`
        self._calls: dict[str, list[tuple[str, str, cst.Call]]] = {}
        for method, calls in file.calls_by_method.items():
            for call in calls:
                assert type(call.func) is cst.Attribute
                whole = dotted(call.func.value)
                if whole is not None:
                    self._calls.setdefault(whole, []).append((method, whole, call))
                    if rest := whole.partition(".")[2]:
                        self._calls.setdefault(rest, []).append((method, whole, call))

    def kind(self, owner: cst.CSTNode | None, text: str) -> str | None:
        """The kind of thing that ``text`` must be in that function, class or module; None where use does not tell."""
        for method, whole, call in self._calls.pop(text, ()):
            key = self._owner(call, whole)
            if key[1] == text:
                bare = method if not call.args else f"{method}(...)"
                self._methods.setdefault(key, set()).update((bare, method))
        methods = self._methods.get((owner, text))
        return None if methods is None else kind_by_methods(methods)

    def _owner(self, call: cst.Call, text: str) -> tuple[cst.CSTNode | None, str]:
        root, _, rest = text.partition(".")
        found = self.file.scopes.find(root, call)
        if found is None:
            return None, text
        scope, bindings = found
        if rest and isinstance(scope.node, cst.FunctionDef) and bindings[0].kind == "parameter":
            if receiver_name(scope.node) == root:
                owner = self.file.enclosing(scope.node, cst.ClassDef)
                if owner is not None:
                    return owner, rest
        return scope.node, text


def kind_by_methods(methods: set[str]) -> str | None:
    """The kind of thing that has all these methods called on it."""
    if methods & _MODULE or ("eval" in methods and "eval(...)" not in methods):
        return "module"
    if "add_param_group" in methods or ("zero_grad" in methods and "step" in methods):
        return "optimizer"
    if "unscale_" in methods or ("scale" in methods and "update" in methods and "step" in methods):
        return "scaler"
    if "get_last_lr" in methods:
        return "scheduler"
    return None
