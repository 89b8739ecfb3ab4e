"""Finds tensors of several elements that are asked whether they are true: in `if`, `while`, `assert`, `and`, `not`.

Silent where a size is not known, and for one element.
"""

from __future__ import annotations

from collections.abc import Iterator

import libcst as cst

from torchdoctor.check import Found, on_file
from torchdoctor.facts.expected import may_fail
from torchdoctor.facts.file import File
from torchdoctor.facts.layout import short
from torchdoctor.facts.refusal import shape_text
from torchdoctor.facts.torch_api.wanted_dtypes import FLOAT_WORDS, INTEGER_WORDS
from torchdoctor.facts.truth import MayBeTensor, asked
from torchdoctor.facts.values import Element, Size, Tensor

_KINDS = (cst.Name, cst.Comparison, cst.Call, cst.Subscript, cst.Attribute, cst.BinaryOperation)


@on_file(words=("if", "while", "assert", "and", "or", "not"))
def check(file: File, _: File) -> Iterator[Found]:
    if not (FLOAT_WORDS | INTEGER_WORDS) & file.mentions.keys():
        return
    may_be_tensor = MayBeTensor(file)
    tests = [node for node in asked(file) if isinstance(node, _KINDS) and may_be_tensor(node)]
    tests = [node for node in tests if not may_fail(file, node)]
    told = set()
    for flow in file.flows.running(file.function(node) or file.module for node in tests):
        for node in tests:
            value = flow.values.get(node)
            if node in told or not isinstance(value, Tensor) or not _has_several(value):
                continue
            told.add(node)
            assert value.shape is not None
            yield Found(
                node,
                f"`{short(file, node)}` has the shape {shape_text(value.shape.value)} and is asked whether it is true",
            )


def _has_several(tensor: Tensor) -> bool:
    """Whether there is more than one element: by the numbers, or in a batch."""
    dims = tensor.shape.value if tensor.shape is not None else ()
    if 0 in dims or None in dims:
        return False
    return any(
        (isinstance(dim, int) and dim > 1) or (isinstance(dim, Size) and isinstance(dim.of, Element)) for dim in dims
    )
