"""Names of dtypes and devices."""

from __future__ import annotations

from torchdoctor.facts.values import Const, Made, Named, Value

_ALIASES = {
    "float": "float32", "double": "float64", "half": "float16", "long": "int64", "int": "int32", "short": "int16",
}  # fmt: skip
NAMES = frozenset({
    "float16", "bfloat16", "float32", "float64", "uint8", "int8", "int16", "int32", "int64", "bool", "complex64",
    "complex128",
})  # fmt: skip
# Methods that cast, and the legacy classes of tensors.
CASTS = {
    "float": "float32", "double": "float64", "half": "float16", "bfloat16": "bfloat16", "long": "int64", "int": "int32",
    "short": "int16", "char": "int8", "byte": "uint8", "bool": "bool",
}  # fmt: skip
TENSOR_CLASSES = {
    "FloatTensor": "float32", "DoubleTensor": "float64", "HalfTensor": "float16", "BFloat16Tensor": "bfloat16",
    "LongTensor": "int64", "IntTensor": "int32", "ShortTensor": "int16", "CharTensor": "int8", "ByteTensor": "uint8",
    "BoolTensor": "bool",
}  # fmt: skip


def dtype_of(value: Value | None) -> str | None:
    """The dtype that a value names: torch.float, builtins.int ..."""
    if not isinstance(value, Named):
        return None
    if value.name in ("builtins.float", "builtins.int", "builtins.bool"):
        return {"float": "float64", "int": "int64", "bool": "bool"}[value.name.rpartition(".")[2]]
    module, _, name = value.name.rpartition(".")
    name = _ALIASES.get(name, name)
    return name if module == "torch" and name in NAMES else None


def device_of(value: Value | None) -> str | None:
    """The kind of device that a value names: "cuda" of `"cuda:0"`, of `torch.device("cuda", 1)` and of 0."""
    if isinstance(value, Made) and value.name == "torch.device":
        value = value.args[0] if value.args else dict(value.keywords).get("device", dict(value.keywords).get("type"))
    if not isinstance(value, Const) or value.kind not in (str, int):
        return None
    kind = "cuda" if value.kind is int else str(value.value).partition(":")[0]
    return kind if kind in ("cpu", "cuda", "meta", "mps", "xpu") else None


def legacy_dtype_of(value: Value | None) -> str | None:
    """The dtype of a legacy tensor class, by itself or by name: torch.LongTensor, "torch.cuda.FloatTensor"."""
    name = value.name if isinstance(value, Named) else value.value if isinstance(value, Const) else None
    return TENSOR_CLASSES.get(name.rpartition(".")[2]) if isinstance(name, str) else None
