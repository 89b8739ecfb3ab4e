"""Sizes that do not meet, in the words of the fake kernels under torch.compile: another dialect for the same faults."""

from __future__ import annotations

import pytest

from torchdoctor.diagnose import diagnose
from torchdoctor.pasted import failures_in
from torchdoctor.record import ExceptionRecord, Failure

# What torch 2.13 says of each with torch.compile(backend="eager"), and what has to be told of it.
TRACED = [
    ("a and b must have same reduction dim, but got [2, 5] X [3, 4].", "linear-size-mismatch", "3 features and gets 5"),
    (
        "Attempting to broadcast a dimension of length 7 at -1! Mismatching argument at index 1 had torch.Size([7]); "
        "but expected shape should be broadcastable to [2, 4]",
        "operands-do-not-broadcast",
        "dim -1: 7",
    ),
    (
        "Sizes of tensors must match except in dimension 1. Expected 2 in dimension 0 but got 3 for tensor number 1 in "
        "the list",
        "cat-size-mismatch",
        "number 1 has 3",
    ),
    (
        "stack expects each tensor to be equal size, but got torch.Size([2, 3]) at entry 0 ",
        "cat-size-mismatch",
        "(2, 3) and others",
    ),
    (
        "Given normalized_shape=[9], expected input with shape [9], but got input of size torch.Size([2, 4])",
        "norm-size-mismatch",
        "wants 9 in its last dimension: the input is (2, 4)",
    ),
    ("size mismatch, got input (2x4), vec (9)", "matmul-size-mismatch", "4 elements on the left and 9"),
    (
        "inconsistent tensor size, expected tensor [4] and src [9] to have thesame number of elements, but got 4 and 9",
        "matmul-size-mismatch",
        "4 elements on the left and 9",
    ),
    (
        "output with shape torch.Size([4]) doesn't match the broadcast shape (2, 4)",
        "inplace-broadcast-too-large",
        "(4,) is written in place, and the result is (2, 4)",
    ),
    ("expand: attempting to expand a dimension of length 2 -> 4!", "expand-size-mismatch", "of 2 cannot be expanded"),
    (
        "Split sizes add up to 2 but got the tensor's size of 3",
        "split-sizes-mismatch",
        "3 elements is split into parts",
    ),
    ("k not in range for dimension", "topk-beyond-size", "more elements than the dimension has"),
    (
        "Number of indices (2) should be equal to tensor.size(dim) (1), for dim=0",
        "index-add-mismatch",
        "2 indices in the index, and a source of 1 rows",
    ),
    (
        "Expected index torch.Size([9, 1]) to be no larger than self torch.Size([2, 4]) apart from dimension 1",
        "gather-index-mismatch",
        "(9, 1) is larger than the tensor (2, 4) in dim 0",
    ),
    (
        "Argument #4: Padding size should be less than the corresponding input dimension, but got: padding (9, 9) at "
        "dimension 2 of input torch.Size([1, 2, 3])",
        "padding-too-large",
        "reflects 9 elements at the edge of dim 2, which has 3",
    ),
]


@pytest.mark.parametrize(("text", "rule", "told"), TRACED, ids=[rule for _, rule, _ in TRACED])
def test_the_traced_words_are_known(text: str, rule: str, told: str) -> None:
    wrapped = (
        "RuntimeError when making fake tensor call\n  Explanation: Dynamo failed to run FX node with fake tensors: "
        f"call_function f(*(...)): got RuntimeError({text!r})\n"
    )
    for message in (text, wrapped):
        found = diagnose(Failure(ExceptionRecord("TorchRuntimeError", message, ("RuntimeError", "Exception"))))
        assert found and found[0].rule == rule, [(one.rule, one.message) for one in found]
        assert told in found[0].message


# The same words from elsewhere: NumPy's arrays, Python's own tuples.
OTHERS = [
    ("IndexError", "index 5 is out of bounds for axis 0 with size 3"),
    ("IndexError", "too many indices for array: array is 2-dimensional, but 3 were indexed"),
    ("IndexError", "tuple index out of range"),
    ("IndexError", "list index out of range"),
    ("ValueError", "not enough values to unpack (expected 2, got 1)"),
    ("ValueError", "cannot reshape array of size 3 into shape (2,2)"),
    ("ValueError", "operands could not be broadcast together with shapes (3,) (4,) "),
    ("ValueError", "need at least one array to concatenate"),
    ("ValueError", "image must be a 3D tensor"),
]


@pytest.mark.parametrize(("kind", "text"), OTHERS)
def test_what_others_say_is_left_alone(kind: str, text: str) -> None:
    assert not diagnose(Failure(ExceptionRecord(kind, text)))


PASTED = """Traceback (most recent call last):
  File "train.py", line 12, in <module>
    net(x)
  File "/usr/lib/python3/site-packages/torch/nn/modules/{file}", line 125, in forward
    return {code}
RuntimeError: mat1 and mat2 shapes cannot be multiplied (32x288 and 128x10)
"""


def test_a_pasted_traceback_that_ends_in_the_layer_s_code_is_certain() -> None:
    for file, code, certain in (
        ("linear.py", "F.linear(input, self.weight, self.bias)", True),
        ("rnn.py", "torch.addmm(b, x, w)", False),
    ):
        (failure,) = failures_in(PASTED.format(file=file, code=code))
        found = {finding.rule: finding.message for finding in diagnose(failure)}
        message = found["linear-size-mismatch"]
        assert message.startswith("a linear layer takes 128 features and gets 288")
        assert ("or a product" not in message) is certain
        assert not certain or len(found) == 1
