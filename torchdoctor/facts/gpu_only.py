"""Code that has no meaning without a GPU: Triton, CUDA extensions, streams and events, NCCL, CUDA memory statistics."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import TYPE_CHECKING

import libcst as cst

from torchdoctor.facts.names import dotted

if TYPE_CHECKING:
    from torchdoctor.facts.file import File

_GPU_PACKAGE = re.compile(
    r"^(?:triton|cupy|pycuda|numba\.cuda|tensorrt|torch_tensorrt|flash_attn|transformer_engine|vllm|deepspeed|nvtx"
    r"|torch\.utils\.cpp_extension|torch\.cuda\.(?:nvtx|graphs|memory|profiler|nccl))(?:\.|$)"
)
_GPU_CALL = re.compile(
    r"^torch\.cuda\.(?:Stream|ExternalStream|Event|CUDAGraph|MemPool|graph|make_graphed_callables|stream|set_stream"
    r"|current_stream|default_stream|cudart|mem_get_info|memory_\w+|max_memory_\w+|reset_\w+|caching_\w+"
    r"|set_per_process_memory_fraction|(?:nvtx|graphs|memory|profiler|nccl|comm)\.\w+)$"
)


def gpu_only(file: File) -> cst.CSTNode | None:
    """What in this file plainly needs a GPU and runs unguarded; None where nothing does."""
    for statement in _imports(file):
        if any(_GPU_PACKAGE.match(name) for name in _brought(file, statement)):
            if file.enclosing(statement, cst.If) is None:
                return statement
    for name, calls in file.calls_by_name.items():
        if _GPU_CALL.match(name):
            for call in calls:
                if file.guards.of(call) is None:
                    return call
    for string in file.nodes(cst.SimpleString):
        if string.raw_value.lower() == "nccl" and file.guards.of(string) is None and not _is_offered(file, string):
            return string
    return None


def in_gpu_branch(file: File, node: cst.CSTNode) -> bool:
    """Whether the node stands in a branch that imports what needs a GPU: `else: import triton`."""
    branches = [above for above in file.ancestors(node) if isinstance(above, (cst.If, cst.Else))]
    return any(
        any(_GPU_PACKAGE.match(name) for name in _brought(file, statement))
        for statement in (_imports(file) if branches else ())
        if file.enclosing(statement, cst.If, cst.Else) in branches
    )


def _imports(file: File) -> Iterator[cst.Import | cst.ImportFrom]:
    yield from file.nodes(cst.Import)
    yield from file.nodes(cst.ImportFrom)


def _brought(file: File, statement: cst.Import | cst.ImportFrom) -> Iterator[str]:
    if isinstance(statement, cst.ImportFrom):
        yield file.names.base_of(statement) or ""
    for alias in () if isinstance(statement.names, cst.ImportStar) else statement.names:
        name = dotted(alias.name) if isinstance(statement, cst.Import) else file.names.of_import(alias)
        yield name or ""


def _is_offered(file: File, string: cst.SimpleString) -> bool:
    """One of several values that are compared with or chosen from, not the one that is used."""
    parent = file.parent(string)
    return isinstance(parent, (cst.ComparisonTarget, cst.Comparison, cst.Element, cst.DictElement, cst.Param))
