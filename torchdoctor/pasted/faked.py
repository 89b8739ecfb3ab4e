"""The call that torch.compile could not trace, with the sizes of what it got: the message has both.

``call_function <built-in function linear>(*(FakeTensor(..., size=(4, 20)), Parameter(FakeTensor(..., size=(16, 16),
requires_grad=True))), **{})``: fake tensors are written without what is usual (float32, the CPU).
"""

from __future__ import annotations

import operator
import re
from collections.abc import Iterator

from torchdoctor.record import ExpressionRecord, TensorRecord, ValueRecord

_CALL = re.compile(
    r"call_(?P<kind>function|method) (?P<name><[^<>]*>|[\w.]+)\(\*\((?P<args>.*?),?\), \*\*\{(?P<kwargs>.*?)\}\)",
    re.DOTALL,
)
_TENSOR = re.compile(r"^(?P<own>Parameter\()?FakeTensor\(\.\.\., (?P<facts>.*)\)(?(own)\))$", re.DOTALL)
_SIZES = re.compile(r"size=\((?P<sizes>[\d, ]*)\)")
_DTYPE = re.compile(r"dtype=torch\.(\w+)")
_DEVICE = re.compile(r"device='([\w:]+)'")
_NODE = re.compile(r"grad_fn=<(\w+)>")
_KEYWORD = re.compile(r"^'(\w+)': (.*)$", re.DOTALL)
_SYMBOLS = {
    "add": "+", "sub": "-", "mul": "*", "truediv": "/", "floordiv": "//", "mod": "%", "pow": "**", "matmul": "@",
    "and_": "&", "or_": "|", "xor": "^", "eq": "==", "ne": "!=", "lt": "<", "le": "<=", "gt": ">", "ge": ">=",
}  # fmt: skip
_CONVOLUTION = ("input", "weight", "bias", "stride", "padding", "dilation", "groups")
_ROLES = {
    "linear": ("input", "weight", "bias"),
    "layer_norm": ("input", "normalized_shape", "weight", "bias", "eps"),
    "batch_norm": ("input", "running_mean", "running_var", "weight", "bias"),
    "group_norm": ("input", "num_groups", "weight", "bias"),
    "embedding": ("input", "weight"),
    "cat": ("tensors", "dim"),
    "stack": ("tensors", "dim"),
    "gather": ("input", "dim", "index"),
    **dict.fromkeys(("cross_entropy", "nll_loss", "mse_loss", "l1_loss"), ("input", "target")),
    **{f"binary_cross_entropy{rest}": ("input", "target") for rest in ("", "_with_logits")},
}
_DEEPEST = 3


def faked(message: str) -> ExpressionRecord | None:
    """What was called and with what; None where the message tells of no such call. It has no code of the user's."""
    found = _CALL.search(message)
    if found is None:
        return None
    kind, name = _named(found["name"], method=found["kind"] == "method")
    last = name.rpartition(".")[2]
    roles = _CONVOLUTION if last.startswith("conv") else _ROLES.get(last, ())
    roles = ("left", "right") if kind == "operator" else ("self",) if found["kind"] == "method" else roles
    values = [
        _value(text, roles[index] if index < len(roles) else "", index + 1)
        for index, text in enumerate(_parts(found["args"]))
    ]
    for index, text in enumerate(_parts(found["kwargs"])):
        if keyword := _KEYWORD.match(text):
            values.append(_value(keyword[2], keyword[1], 100 + index))
    return ExpressionRecord("", kind, name, tuple(values))


def _named(said: str, *, method: bool) -> tuple[str, str]:
    if method:
        return "call", f"torch.Tensor.{said}"
    word = re.search(r"(?:function|method) ([\w.]+)", said)
    name = (word[1] if word is not None else said).rpartition(".")[2]
    plain = name[1:] if name.startswith("i") and name[1:] in _SYMBOLS else name
    if said.startswith("<built-in function") and hasattr(operator, name) and plain in _SYMBOLS:
        return "operator", _SYMBOLS[plain] + "=" * (plain != name)
    of_torch = said.startswith("<built-in method") and not name.startswith("conv")
    return "call", f"torch.{name}" if of_torch or name == "einsum" else f"torch.nn.functional.{name}"


def _parts(text: str) -> Iterator[str]:
    """The pieces between the commas that stand in no brackets and no quotes."""
    depth, start, quote = 0, 0, ""
    for index, sign in enumerate(text):
        if quote or sign in "'\"":
            quote = "" if sign == quote else quote or sign
        elif sign in "([{":
            depth += 1
        elif sign in ")]}":
            depth -= 1
        elif sign == "," and depth == 0:
            yield text[start:index].strip()
            start = index + 1
    if text[start:].strip():
        yield text[start:].strip()


def _value(text: str, role: str, number: int, depth: int = _DEEPEST) -> ValueRecord:
    if (tensor := _TENSOR.match(text)) is not None:
        kind = "Parameter" if text.startswith("Parameter") else "Tensor"
        return ValueRecord(role=role, type=kind, identity=-number, tensor=_tensor(tensor["facts"], kind))
    if text[:1] in "[(" and "FakeTensor" in text and depth > 0:
        kind = "list" if text.startswith("[") else "tuple"
        items = [
            _value(part, str(index), 1000 * number + index, depth - 1) for index, part in enumerate(_parts(text[1:-1]))
        ]
        return ValueRecord(role=role, type=kind, identity=-number, items=tuple(items), length=len(items))
    return ValueRecord(role=role, type=_type(text), text=text)


def _type(text: str) -> str:
    """Of a plain value as Python writes it; "" for what cannot be told."""
    kinds = {"None": "NoneType", "True": "bool", "False": "bool"}
    if text in kinds:
        return kinds[text]
    if re.fullmatch(r"-?\d+", text):
        return "int"
    if re.fullmatch(r"-?\d[\d.]*(?:e[-+]?\d+)?", text):
        return "float"
    return {"'": "str", '"': "str", "(": "tuple", "[": "list"}.get(text[:1], "")


def _tensor(facts: str, kind: str) -> TensorRecord:
    sizes, dtype, device, node = (one.search(facts) for one in (_SIZES, _DTYPE, _DEVICE, _NODE))
    learns = "requires_grad=True" in facts or node is not None
    return TensorRecord(
        shape=tuple(int(size) for size in re.findall(r"\d+", sizes["sizes"])) if sizes is not None else None,
        dtype=dtype[1] if dtype is not None else "float32",
        device=device[1] if device is not None else "cpu",
        requires_grad=learns,
        leaf=node is None,
        grad_fn=node[1] if node is not None else None,
        kind=kind,
    )
