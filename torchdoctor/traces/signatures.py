"""What the arguments of an operator's event tell: the number format that it computes in, and the sizes."""

from __future__ import annotations

from typing import Any

_DTYPES = {
    "float": "float32",
    "double": "float64",
    "c10::Half": "float16",
    "c10::BFloat16": "bfloat16",
    "long": "int64",
    "long int": "int64",
    "int": "int32",
    "unsigned char": "uint8",
    "signed char": "int8",
    "c10::complex<float>": "complex64",
}
_WIDEST = ("float64", "complex64", "float32", "bfloat16", "float16")
_COPIES = ("aten::copy_", "aten::_to_copy")


def signature(name: str, arguments: dict[str, Any]) -> tuple[str, str]:
    """The number format and the sizes, ("", "") where the trace was taken without them.

    Of a copy, the format says what it is for: "cast float32 to bfloat16", "layout float32", "plain float32".
    """
    types, sizes = arguments.get("Input type"), arguments.get("Input Dims")
    if not isinstance(types, list) or not isinstance(sizes, list):
        types = arguments.get("Input types", arguments.get("Input Type"))
        sizes = arguments.get("Input dims", sizes)
        if not isinstance(types, list) or not isinstance(sizes, list):
            return "", ""
    tensors = [
        (_DTYPES.get(kind, kind), size)
        for kind, size in zip(types, sizes, strict=False)
        if isinstance(size, list) and isinstance(kind, str) and kind and not kind.startswith(("Scalar", "TensorList"))
    ]
    shapes = " ".join(f"[{', '.join(map(str, size))}]" for _, size in tensors[:3] if size)
    if name in _COPIES and len(tensors) >= 2:
        return _copied(tensors, arguments.get("Input Strides")), shapes
    kinds = {kind for kind, size in tensors if size} or {kind for kind, _ in tensors[:1]}
    return next((one for one in _WIDEST if one in kinds), next(iter(sorted(kinds)), "")), shapes


def _copied(tensors: list[tuple[str, Any]], strides: Any) -> str:
    (into, _), (of, _) = tensors[:2]
    if into != of:
        return f"cast {of} to {into}"
    moved = isinstance(strides, list) and len(strides) >= 2 and strides[0] != strides[1]
    if moved and isinstance(strides[1], list) and 0 in strides[1]:
        moved = False  # it is expanded, not laid out anew
    return f"{'layout' if moved else 'plain'} {into}"
