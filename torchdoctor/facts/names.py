"""What a name means: "torch.nn.functional.relu", whatever the alias, the import form or the detour."""

from __future__ import annotations

import builtins
import re
from functools import lru_cache
from typing import TYPE_CHECKING

import libcst as cst

from torchdoctor.facts.scopes import Binding, Scope

if TYPE_CHECKING:
    from torchdoctor.facts.file import File

_BUILTINS = frozenset(dir(builtins))
_DEPTH = 8
_UNKNOWN = "?"  # of what was not asked for yet

# Where torch's own modules define what users import from a shorter place: (pattern, replacement), first match wins.
_CANONICAL = tuple(
    (re.compile(pattern), short)
    for pattern, short in (
        (r"^torch\.nn\.modules\.(?:[a-z_0-9]+\.)?([A-Z]\w*)$", r"torch.nn.\1"),
        (r"^torch\.nn\.modules\.module\.(\w+)$", r"torch.nn.\1"),
        (r"^torch\.nn\.parameter\.(\w+)$", r"torch.nn.\1"),
        (r"^torch\.nn\.parallel\.(?:distributed|data_parallel)\.(\w+)$", r"torch.nn.parallel.\1"),
        (r"^torch\.nn\.DataParallel$", "torch.nn.parallel.DataParallel"),
        (r"^torch\.nn\.parallel\.(?:parallel_apply|replicate|scatter_gather|comm)\.(\w+)$", r"torch.nn.parallel.\1"),
        (
            r"^torch\.nn\.utils\.(?:clip_grad|convert_parameters|fusion|init|memory_format|spectral_norm|weight_norm)"
            r"\.(\w+)$",
            r"torch.nn.utils.\1",
        ),
        (r"^torch\.optim\.(?!lr_scheduler|swa_utils)[a-z_0-9]+\.([A-Z]\w*)$", r"torch.optim.\1"),
        (
            r"^torch\.utils\.data\.(?:dataloader|dataset|sampler|distributed|datapipes\.datapipe)\.(\w+)$",
            r"torch.utils.data.\1",
        ),
        (r"^torch\.autograd\.(?:grad_mode\.)?(no_grad|enable_grad|inference_mode|set_grad_enabled)$", r"torch.\1"),
        (r"^torch\.autograd\.grad_mode\.(\w+)$", r"torch.autograd.\1"),
        (r"^torch\.autograd\.(?:variable|function|gradcheck|anomaly_mode)\.(\w+)$", r"torch.autograd.\1"),
        (r"^torch\.(?:functional|_C|_C\._VariableFunctions)\.(\w+)$", r"torch.\1"),
        (r"^torch\._tensor\.Tensor$", "torch.Tensor"),
        (r"^torch\.(?:cuda\.amp|cpu\.amp|amp)\.(?:autocast_mode|grad_scaler)\.(\w+)$", r"torch.amp.\1"),
        (r"^torch\.(?:cuda\.amp\.|cpu\.amp\.)?(autocast|GradScaler|custom_fwd|custom_bwd)$", r"torch.amp.\1"),
        (r"^torch\.autocast$", "torch.amp.autocast"),
        (r"^torch\.distributed\.distributed_c10d\.(\w+)$", r"torch.distributed.\1"),
        (r"^torch\.utils\.checkpoint\.checkpoint\.(\w+)$", r"torch.utils.checkpoint.\1"),
        (r"^(?:pytorch_lightning|lightning\.pytorch|lightning)\.(?:[a-z_]+\.)*([A-Z]\w*)$", r"lightning.\1"),
        (r"^numpy\.core\.(?:\w+\.)*(\w+)$", r"numpy.\1"),
    )
)


_RENAMED = ("torch.", "pytorch_lightning.", "lightning.", "numpy.core.")  # what all of them begin with


@lru_cache(maxsize=16384)
def canonical(name: str) -> str:
    """The name that the documentation uses for what stands at this name."""
    if not name.startswith(_RENAMED):
        return name
    for pattern, short in _CANONICAL:
        replaced, count = pattern.subn(short, name)
        if count:
            return replaced
    return name


def dotted(node: cst.CSTNode) -> str | None:
    """The text of a chain of names, "a.b.c"; None for anything else."""
    parts = []
    while type(node) is cst.Attribute:
        parts.append(node.attr.value)
        node = node.value
    if type(node) is not cst.Name:
        return None
    parts.append(node.value)
    return ".".join(reversed(parts))


class Names:
    """Full names in one file, each worked out once."""

    def __init__(self, file: File) -> None:
        self.file = file
        self._memo: dict[cst.CSTNode, str | None] = {}
        self._imports: dict[tuple[Scope, str], str | None] = {}

    def full(self, node: cst.CSTNode, depth: int = 0) -> str | None:
        """The canonical full name of what an expression names, or None.

        Names of this file's own functions and classes begin with the file's module name; builtins with "builtins.".
        A name that may hold different things at different times has no full name.
        """
        known = self._memo.get(node, _UNKNOWN)
        if known is not _UNKNOWN:
            return known
        kind = type(node)
        if (kind is not cst.Name and kind is not cst.Attribute) or depth > _DEPTH:
            return None
        self._memo[node] = None  # cuts recursion: x = x
        result: str | None = None
        if type(node) is cst.Name:
            result = self._name(node.value, node, depth)
        elif type(node) is cst.Attribute and (left := self.full(node.value, depth)) is not None:
            result = self.member(left, node.attr.value)
        if depth == 0 or result is not None:
            self._memo[node] = result
        else:
            del self._memo[node]
        return result

    def member(self, left: str, attribute: str) -> str | None:
        """The full name of an attribute of what ``left`` names, through re-exports inside the project."""
        name = canonical(f"{left}.{attribute}")
        if self.file.neighbours is not None:
            return self.file.neighbours.origin(name) or name
        return name

    def _name(self, name: str, at: cst.CSTNode, depth: int) -> str | None:
        found = self.file.scopes.find(name, at)
        if found is None:
            return self._unbound(name)
        scope, bindings = found
        key = scope, name
        if key in self._imports:
            return self._imports[key]
        if len(bindings) == 1 and bindings[0].kind != "import":
            return self._single(bindings[0], scope, depth)
        live = [b for b in bindings if b.kind != "delete"]
        imports = [b for b in live if b.kind == "import"]
        if imports and len(imports) == len(live):
            full = self._imports[key] = self._imported(imports)
            return full
        if imports and all(b.kind in ("import", "assign", "class", "function") for b in live) and self._fallback(live):
            return self._imported(imports)
        if len(live) != 1:
            return None
        return self._single(live[0], scope, depth)

    def _imported(self, imports: list[Binding]) -> str | None:
        """try: from a import X / except ImportError: from b import X  means the torch one, else the first."""
        names = [name for b in imports if (name := self.of_import(b.node)) is not None]
        if not names:
            return None
        return next((name for name in names if name.startswith("torch")), names[0])

    @staticmethod
    def _fallback(bindings: list[Binding]) -> bool:
        """An import with a stand-in for when it fails (`X = None`)."""
        others = [b for b in bindings if b.kind != "import"]
        return all(isinstance(b.value, cst.Name) and b.value.value in ("None", "False", "True") for b in others)

    def _single(self, binding: Binding, scope: Scope, depth: int) -> str | None:
        if binding.kind in ("function", "class"):
            return self.own(binding.node)
        if binding.kind == "assign" and isinstance(binding.value, (cst.Name, cst.Attribute)):
            if dotted(binding.value) is not None:
                return self.full(binding.value, depth + 1)
        return None

    def _unbound(self, name: str) -> str | None:
        return self.through_star(name) or (f"builtins.{name}" if name in _BUILTINS else None)

    def through_star(self, name: str) -> str | None:
        """The full name of what one of this file's star imports brings under this name."""
        for star in self.file.scopes.module.bindings.get("*", ()):
            module = self.of_import(star.node)
            if module is not None and self.file.exports(module, name):
                return self.member(module, name)
        return None

    def own(self, node: cst.CSTNode) -> str:
        """The full name of a function or class of this file: "package.module.Class.method"."""
        parts = []
        at: cst.CSTNode | None = node
        while at is not None:
            if type(at) is cst.FunctionDef or type(at) is cst.ClassDef:
                parts.append(at.name.value)
            at = self.file.tree.parent(at)
        return ".".join([self.file.module_name, *reversed(parts)])

    def of_import(self, node: cst.CSTNode) -> str | None:
        """The full name that an import alias (or a star import) brings."""
        statement = node if isinstance(node, cst.ImportFrom) else self.file.tree.parent(node)
        if isinstance(statement, cst.ImportFrom):
            base = self.base_of(statement)
            if base is None or not isinstance(node, cst.ImportAlias):
                return base
            return self.member(base, dotted(node.name) or "") if base else dotted(node.name)
        if isinstance(node, cst.ImportAlias):
            name = dotted(node.name)
            if name is not None and node.asname is None:
                name = name.partition(".")[0]
            return canonical(name) if name else None
        return None

    def base_of(self, statement: cst.ImportFrom) -> str | None:
        """The module that `from ... import` reads, with leading dots resolved against this file."""
        module = dotted(statement.module) if statement.module is not None else ""
        if not statement.relative:
            return module
        package = self.file.module_name.split(".")
        up = len(statement.relative) - (1 if self.file.is_package else 0)
        if up > len(package):
            return None
        return ".".join([*package[: len(package) - up], *([module] if module else [])])
