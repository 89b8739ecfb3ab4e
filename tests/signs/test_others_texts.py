"""Texts that resemble torch's and are others': nothing is told of them, pasted or live."""

from __future__ import annotations

import pytest

from torchdoctor.diagnose import diagnose
from torchdoctor.record import ExceptionRecord, Failure

OTHERS = [
    ("TypeError", "unsupported operand type(s) for +: 'int' and 'NoneType'"),
    ("TypeError", "unsupported operand type(s) for -: 'numpy.ndarray' and 'str'"),
    ("TypeError", "unsupported operand type(s) for /: 'list' and 'int'"),
    ("TypeError", 'can only concatenate str (not "float") to str'),
    ("TypeError", "'int' object is not callable"),
    ("TypeError", "'method' object is not subscriptable"),
    ("TypeError", "'float' object is not iterable"),
    ("TypeError", "object of type 'float' has no len()"),
    ("TypeError", "'float' object cannot be interpreted as an integer"),
    ("TypeError", "read_csv() got an unexpected keyword argument 'dimension'"),
    ("TypeError", "fit() missing 1 required positional argument: 'y'"),
    ("TypeError", "not a sequence"),
    ("AttributeError", "'NoneType' object has no attribute 'group'"),
    ("AttributeError", "'NoneType' object has no attribute 'shape'"),
    ("AttributeError", "'list' object has no attribute 'split'"),
    ("AttributeError", "'dict' object has no attribute 'iteritems'"),
    ("AttributeError", "'DataFrame' object has no attribute 'append'"),
    ("AttributeError", "'Tensor' object has no attribute 'numpy'"),
    ("AttributeError", "'Tensor' object has no attribute '_keras_history'"),
    ("AttributeError", "'Config' object has no attribute 'hidden_size'"),
    ("ValueError", "setting an array element with a sequence. The requested array has an inhomogeneous shape"),
    ("ValueError", "could not convert string to float: 'cat'"),
    ("ValueError", "The truth value of an array with more than one element is ambiguous. Use a.any() or a.all()"),
    ("ValueError", "operands could not be broadcast together with shapes (3,) (4,)"),
    (
        "IndexError",
        "only integers, slices (`:`), ellipsis (`...`), numpy.newaxis (`None`) and integer arrays are valid",
    ),
    ("IndexError", "list index out of range"),
    ("KeyError", "'label'"),
    ("RuntimeError", "invalid device"),
    ("UserWarning", "Boolean Series key will be reindexed to match DataFrame index."),
]


@pytest.mark.parametrize(("kind", "text"), OTHERS)
def test_nothing_is_told(kind: str, text: str) -> None:
    for origin in ("text", "live"):
        found = diagnose(Failure(ExceptionRecord(kind, text, ("Exception",)), origin=origin))
        assert not found, [(one.rule, one.message) for one in found]


TORCHS = [
    ("AttributeError", "'float' object has no attribute 'backward'", "python-values-for-tensor"),
    ("AttributeError", "'list' object has no attribute 'cuda'", "python-values-for-tensor"),
    ("AttributeError", "'NoneType' object has no attribute 'zero_'", "none-for-tensor"),
    ("AttributeError", "'numpy.ndarray' object has no attribute 'unsqueeze'", "array-for-tensor"),
    ("AttributeError", "'DistributedDataParallel' object has no attribute 'encode'", "missing-attribute"),
    ("AttributeError", "module 'torch.nn' has no attribute 'Conv2D'", "name-not-in-torch"),
    ("TypeError", "linear(): argument 'input' (position 1) must be Tensor, not Flatten", "module-for-tensor"),
    (
        "TypeError",
        "relu(): argument 'input' (position 1) must be Tensor, not torch.return_types.max",
        "tuple-for-tensor",
    ),
    ("TypeError", "unsupported operand type(s) for +: 'Tensor' and 'NoneType'", "none-for-tensor"),
    ("TypeError", "hidden_size should be of type int, got: float", "float-size"),
    ("RuntimeError", "expected scalar type Float but found Double", "operands-of-two-dtypes"),
]


@pytest.mark.parametrize(("kind", "text", "rule"), TORCHS)
def test_the_text_alone_tells(kind: str, text: str, rule: str) -> None:
    found = diagnose(Failure(ExceptionRecord(kind, text, ("Exception",))))
    assert [one.rule for one in found] == [rule]
