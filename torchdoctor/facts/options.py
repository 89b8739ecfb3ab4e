"""The numbers that a program runs with when its user says nothing: defaults of options and parameters."""

from __future__ import annotations

import libcst as cst

from torchdoctor.facts.file import File
from torchdoctor.facts.values import Attr, Const, Param, Result, Value


def default_number(file: File, value: Value) -> int | None:
    """The whole number that a value is: a constant, or the default of a parameter or of an option of argparse."""
    if isinstance(value, Const):
        return value.value if isinstance(value.value, int) and not isinstance(value.value, bool) else None
    found: object = None
    if isinstance(value, Param) and isinstance(value.function, cst.FunctionDef):
        params = value.function.params
        for param in (*params.posonly_params, *params.params, *params.kwonly_params):
            if param.name.value == value.name and param.default is not None:
                found = file.constant(param.default)
    elif isinstance(value, Attr) and isinstance(value.of, Result) and isinstance(value.of.function, Attr):
        if value.of.function.name in ("parse_args", "parse_known_args"):
            found = _option(file, value.name)
    return found if isinstance(found, int) and not isinstance(found, bool) else None


def _option(file: File, name: str) -> object:
    for call in file.calls_by_method.get("add_argument", ()):
        flags = [file.constant(arg.value) for arg in call.args if arg.keyword is None]
        if any(isinstance(flag, str) and flag.lstrip("-").replace("-", "_") == name for flag in flags):
            return file.constant(file.argument(call, None, "default"))
    return None
