"""What a program does with a file that it loads: state for a module, a whole module, or something else."""

from __future__ import annotations

from typing import TYPE_CHECKING

import libcst as cst

from torchdoctor.facts.derived import uses

if TYPE_CHECKING:
    from torchdoctor.facts.file import File

_MODULE_METHODS = frozenset({"eval", "train", "parameters", "named_parameters", "state_dict", "modules", "children"})
_PLAIN = (
    cst.Expr, cst.FormattedStringExpression, cst.Comparison, cst.ComparisonTarget, cst.Index, cst.If, cst.Assert,
    cst.Del, cst.UnaryOperation, cst.While,
)  # fmt: skip
_LOGS = frozenset({"info", "debug", "warning", "error", "format"})
_PLAIN_CALLS = frozenset({
    "builtins.print", "builtins.len", "builtins.range", "builtins.int", "builtins.float", "builtins.str",
    "builtins.bool", "builtins.set", "builtins.isinstance", "builtins.max", "builtins.min",
})  # fmt: skip


class Loaded:
    """The uses of what one call of torch.load gives back."""

    def __init__(self, file: File, call: cst.Call) -> None:
        self.file = file
        self.uses = uses(file, call)

    @property
    def state(self) -> cst.Call | None:
        """The `load_state_dict` call that takes it, or a part of it; None where there is none."""
        return next((call for use in self.uses if (call := self._loading(use)) is not None), None)

    @property
    def module(self) -> cst.Call | None:
        """The call that uses it as a module: `loaded(x)`, `loaded["model"].eval()`."""
        for use in self.uses:
            called = self.file.parent(use)
            if isinstance(called, cst.Call) and called.func is use and not isinstance(use, cst.Attribute):
                return called
            attribute = self.file.parent(use)
            if (
                isinstance(attribute, cst.Attribute)
                and attribute.value is use
                and attribute.attr.value in _MODULE_METHODS
            ):
                call = self.file.parent(attribute)
                if isinstance(call, cst.Call) and call.func is attribute:
                    return call
        return None

    @property
    def only_state(self) -> bool:
        """Whether nothing comes of it but state for modules and optimizers, and plain numbers and names."""
        return all(self._harmless(use) for use in self.uses)

    def _loading(self, use: cst.CSTNode) -> cst.Call | None:
        arg = self.file.parent(use)
        call = self.file.parent(arg) if isinstance(arg, cst.Arg) else None
        if not isinstance(call, cst.Call):
            return None
        name = call.func.attr if isinstance(call.func, cst.Attribute) else call.func
        return call if isinstance(name, cst.Name) and name.value == "load_state_dict" else None

    def _harmless(self, use: cst.CSTNode) -> bool:
        """Whether what is done with the value right here cannot depend on the device it lies on."""
        if self._loading(use) is not None:
            return True
        parent = self.file.parent(use)
        if isinstance(parent, cst.Arg):
            call = self.file.parent(parent)
            if not isinstance(call, cst.Call):
                return False
            return self.file.name(call.func) in _PLAIN_CALLS or call in self.uses or self._is_log(call)
        if isinstance(parent, cst.BinaryOperation):
            return isinstance(parent.left, cst.Integer) or isinstance(parent.right, cst.Integer)
        if isinstance(parent, (cst.Assign, cst.AnnAssign)) and isinstance(use, cst.Call) and use is self.uses[0]:
            return not any(isinstance(t.target, cst.Attribute) for t in getattr(parent, "targets", ()))
        passes = (*_PLAIN, cst.Assign, cst.AnnAssign, cst.For, cst.CompFor, cst.Call)
        return not isinstance(parent, (cst.Return, cst.Yield)) and (parent in self.uses or isinstance(parent, passes))

    @staticmethod
    def _is_log(call: cst.Call) -> bool:
        return isinstance(call.func, cst.Attribute) and call.func.attr.value in _LOGS
