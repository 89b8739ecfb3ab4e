"""Words that several signs share."""

from __future__ import annotations

import ast

from torchdoctor.record import Failure, ModuleRecord, ValueRecord
from torchdoctor.sign import Root


def code_of(failure: Failure, value: ValueRecord | None, otherwise: str) -> str:
    """What a cure calls a value: the user's own code for it, where that is short enough to be written out."""
    name = failure.name_of(value, "").strip("`")
    return operand(name) if name and not name.endswith("...") else otherwise


def operand(code: str) -> str:
    """Code that a method or `~` may be written at: in parentheses where it is an operation."""
    try:
        node = ast.parse(code, mode="eval").body
    except SyntaxError:
        return code
    whole = (ast.Name, ast.Attribute, ast.Call, ast.Subscript, ast.Tuple, ast.List, ast.Dict, ast.Constant)
    return code if isinstance(node, whole) else f"({code})"


def built(layer: ModuleRecord | None, text: str) -> tuple[Root, ...]:
    """The place where a layer is built, where there is a layer."""
    return (Root(layer, text),) if layer is not None else ()


def made(value: ValueRecord | None, text: str, aspect: str) -> tuple[Root, ...]:
    """The place where a value got an aspect, where there is a value."""
    return (Root(value, text, aspect),) if value is not None else ()


def a(noun: str) -> str:
    """A noun with its article: "a list", "an int"."""
    return f"{'an' if noun[:1] in 'aeiouAEIO' else 'a'} {noun}"


def count(number: int, noun: str) -> str:
    """A number with its noun: "1 row", "3 rows"."""
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


_DTYPES = {
    "Byte": "uint8", "Char": "int8", "Short": "int16", "Int": "int32", "Long": "int64", "Half": "float16",
    "Float": "float32", "Double": "float64", "BFloat16": "bfloat16", "Bool": "bool", "ComplexFloat": "complex64",
    "ComplexDouble": "complex128", "ComplexHalf": "complex32", "UInt16": "uint16", "UInt32": "uint32",
    "UInt64": "uint64", "c10::Half": "float16", "c10::BFloat16": "bfloat16", "float": "float32", "double": "float64",
    "long int": "int64", "long": "int64", "int": "int32", "short int": "int16", "short": "int16",
    "unsigned char": "uint8", "unsigned": "uint8",
    "signed char": "int8", "signed": "int8", "uint8_t": "uint8", "int8_t": "int8", "bool": "bool",
    "at::Half": "float16",
}  # fmt: skip
_CASTS = {"float32": "float", "float64": "double", "float16": "half", "bfloat16": "bfloat16", "int64": "long"}


def dtype_of(said: str | None) -> str:
    """The dtype that torch's C++ means: "Half" and "c10::Half" are float16."""
    word = (said or "").removeprefix("torch.").strip(",.'\"")
    return _DTYPES.get(word, word.lower())


def cast(code: str, dtype: str) -> str:
    """The code that converts: "x.float()", "x.to(torch.int32)"."""
    return f"{code}.{_CASTS[dtype]}()" if dtype in _CASTS else f"{code}.to(torch.{dtype})"
