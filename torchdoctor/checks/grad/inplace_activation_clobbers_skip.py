"""Finds in-place activations on a tensor that is read again under a name that stands for what it was before.

Silent where the name is rebound to the result, where the call stands as a statement (whoever writes so wants the
change), where the second application changes nothing, and where it is not known to work in place.
"""

from __future__ import annotations

from collections.abc import Iterator

import libcst as cst

from torchdoctor.check import Found, Swap, on_file
from torchdoctor.facts.aliasing import Aliasing
from torchdoctor.facts.file import File
from torchdoctor.facts.inplace import Write, input_of, writes_into_input


@on_file(words=("inplace", "relu_", "sigmoid_", "tanh_", "forward"))
def check(file: File, _: File) -> Iterator[Found]:
    calls = [call for call in file.nodes(cst.Call) if call.args or isinstance(call.func, cst.Attribute)]
    functions = {file.function(call): None for call in calls if writes_into_input(file, call) is not None}
    for function in functions:
        if function is not None:
            yield from _in_function(file, function)


def _in_function(file: File, function: cst.FunctionDef) -> Iterator[Found]:
    first: dict[cst.Call, tuple[cst.CSTNode, Write]] = {}
    for read, write in Aliasing(file, function).stale.items():
        first.setdefault(write.call, (read, write))
    for call, (read, write) in first.items():
        given = input_of(file, call)
        if given is None or not file.holds(read):
            continue
        yield Found(
            call,
            f"`{_short(file, call)}` writes its result into `{_short(file, given)}`, "
            f"which is read again as `{_short(file, read)}`",
            marks=_marks(file, read, write),
            swaps=_out_of_place(file, write),
        )


def _short(file: File, node: cst.CSTNode) -> str:
    code = " ".join(file.code(node).split())
    return code if len(code) < 50 else f"{code[:46]}..."


def _marks(file: File, read: cst.CSTNode, write: Write) -> tuple[tuple[cst.CSTNode, str, File], ...]:
    return (
        (read, "read here after it was overwritten", file),
        (write.how.node, "works in place", write.how.file),
    )


def _out_of_place(file: File, write: Write) -> tuple[Swap, ...]:
    """`inplace=False`, or the function without its underscore: in this file only."""
    node = write.how.node
    if write.how.file is not file:
        return ()
    if isinstance(node, cst.Name) and node.value == "True":
        return (Swap(node, "False"),)
    code = file.code(node)
    return (Swap(node, code[:-1]),) if code.endswith("_") and "\n" not in code else ()
