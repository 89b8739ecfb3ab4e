"""What stood in the failing code: tensors, modules and other values as plain data.

They are parts of a failure's record: import them from ``torchdoctor.record``.
"""

from __future__ import annotations

import ast
from dataclasses import dataclass, field
from typing import Any

from torchdoctor.map_record import MapRecord


@dataclass(frozen=True, slots=True)
class TensorRecord:
    """What a tensor was when the run failed.

    ``dtype`` and ``device`` are as torch writes them, less the "torch.": "float32", "cuda:0". ``least``, ``most`` and
    ``nans`` tell of the values, where reading them was cheap and safe: on CPU, and not too many. ``whole`` says
    whether a floating tensor holds only whole numbers, ``repeated`` whether stride 0 lets one place stand for many.
    ``worked_out`` is True of a tensor that nobody holds any more (an operand that was written out in the expression):
    its sizes, dtype and strides were worked out from what went into it. ``flattened`` is the map that lies flat in it.
    """

    shape: tuple[int, ...] | None
    dtype: str
    device: str = "cpu"
    strides: tuple[int, ...] | None = None
    contiguous: bool | None = None
    requires_grad: bool = False
    leaf: bool = True
    grad_fn: str | None = None
    version: int | None = None
    kind: str = "Tensor"
    layout: str = "strided"
    inference: bool = False
    has_grad: bool | None = None
    least: float | None = None
    most: float | None = None
    nans: int | None = None
    whole: bool | None = None
    worked_out: bool = False
    flattened: MapRecord | None = None

    @property
    def rank(self) -> int | None:
        """How many dimensions."""
        return None if self.shape is None else len(self.shape)

    @property
    def numel(self) -> int | None:
        """How many elements."""
        if self.shape is None:
            return None
        product = 1
        for size in self.shape:
            product *= size
        return product

    @property
    def floating(self) -> bool:
        return self.dtype.startswith(("float", "bfloat", "complex"))

    @property
    def repeated(self) -> bool:
        return any(stride == 0 and size > 1 for stride, size in zip(self.strides or (), self.shape or (), strict=False))

    @property
    def size_text(self) -> str:
        """The shape in words: "(32, 784)"; "(?)" where it is not known."""
        return "(?)" if self.shape is None else shape_text(self.shape)


def shape_text(shape: tuple[int, ...]) -> str:
    """A shape in words: "(32, 784)", "(3,)"."""
    return f"({shape[0]},)" if len(shape) == 1 else f"({', '.join(map(str, shape))})"


@dataclass(frozen=True, slots=True)
class ModuleRecord:
    """An nn.Module on the way to the failure, or among the operands.

    ``name`` is the dotted name below the outermost module that was seen ("encoder.layers.3.fc1"; "" for itself).
    ``type`` is the class's name and ``qualified`` its full one. ``facts`` are the plain values that the module holds:
    in_features, kernel_size, p. ``holder`` is the class whose code has made it, in the file ``holder_path``, under the
    attribute ``attribute`` ("head.1" is the second layer of a Sequential); where ``holder`` is "", ``attribute`` is a
    variable of that file. ``parameters`` counts the elements of its parameters
    and of those below it, ``trainable`` those of them that learn.
    """

    name: str
    type: str
    qualified: str
    root: str = ""
    training: bool | None = None
    facts: dict[str, Any] = field(default_factory=dict)
    holder: str = ""
    holder_path: str = ""
    attribute: str = ""
    parameters: int | None = None
    trainable: int | None = None
    children: tuple[str, ...] = ()
    own: tuple[str, ...] = ()

    @property
    def from_torch(self) -> bool:
        return self.qualified.startswith("torch.")

    @property
    def words(self) -> str:
        """The module in the user's words, in backticks: its dotted name below the outermost one, else its class."""
        dotted = ".".join(part for part in (self.root, self.name) if part)
        return f"`{dotted or self.type}`"

    @property
    def traced(self) -> bool:
        """Whether torch.compile or torch.fx has made it of a program: a module, and none that the user knows."""
        return self.type == "GraphModule"


@dataclass(frozen=True, slots=True)
class FunctionRecord:
    """A function: its full name ("Encoder.forward"), its file and first line, the module that it is the forward of."""

    name: str
    path: str
    line: int
    module: ModuleRecord | None = None


@dataclass(frozen=True, slots=True)
class ValueRecord:
    """A value: what stands in the code for it, and what it was.

    ``code`` is the source text ("self.fc1.weight"). ``role`` is the parameter that it was passed as ("input"), or
    "self" for what a method is called on, "left" and "right" of an operator, "value" and "index" of a subscript.
    ``type`` is the class's name, "" where the value is not known. ``text`` is the value itself for numbers, short
    texts, None and the like. ``identity`` is the same number for the same object within one failure. ``items`` are
    the first items of a list, tuple or dict (their roles are the keys), of ``length`` in all. ``given_by`` is the
    function or module that has returned it: of a tensor that is written as a call, and of a None; of a value that is
    not known, the module that is called there.
    """

    code: str = ""
    role: str = ""
    type: str = ""
    identity: int = 0
    text: str = ""
    tensor: TensorRecord | None = None
    module: ModuleRecord | None = None
    items: tuple[ValueRecord, ...] = ()
    length: int | None = None
    package: str = ""
    given_by: FunctionRecord | None = None

    @property
    def known(self) -> bool:
        return bool(self.type)

    @property
    def literal(self) -> Any:
        """The Python value, where ``text`` holds one; else None."""
        try:
            return ast.literal_eval(self.text) if self.text else None
        except (ValueError, SyntaxError):
            return None


@dataclass(frozen=True, slots=True)
class ExpressionRecord:
    """The expression that failed, and what stood in it.

    ``kind`` is call, operator, subscript, attribute, unpack, iteration, raise, assert or other. ``name`` is the full
    name of what was called ("torch.nn.functional.linear", "torch.Tensor.view", for a module its class), or the
    operator ("@"), or the attribute. ``result`` is what it would have made, where there was no memory for that.
    """

    code: str
    kind: str
    name: str = ""
    operands: tuple[ValueRecord, ...] = ()
    callee: ValueRecord | None = None
    result: TensorRecord | None = None

    def operand(self, *keys: str | int) -> ValueRecord | None:
        """The operand of one of these roles or positions (what a method is called on is no position)."""
        placed = [value for value in self.operands if value.role != "self"]
        for key in keys:
            for index, value in enumerate(placed):
                if value.role == key or (isinstance(key, int) and index == key):
                    return value
            if key == "self":
                return next((value for value in self.operands if value.role == "self"), None)
        return None


LONG = 60


def short(code: str) -> str:
    """Source text in one line that fits into a message."""
    flat = " ".join(code.split())
    return flat if len(flat) <= LONG else f"{flat[: LONG - 3]}..."
