"""What is claimed of NumPy's arrays is what NumPy makes."""

from __future__ import annotations

import libcst as cst
import pytest

from torchdoctor.facts.file import File
from torchdoctor.facts.values import Array, Named, Result, Sequence, Value

np = pytest.importorskip("numpy")

KNOWN = [
    "np.zeros((3, 4))",
    "np.zeros(5, dtype=np.float32)",
    "np.ones([2, 3], 'int64')",
    "np.empty(shape=(2, 2))",
    "np.full((2, 3), 7, dtype=float)",
    "np.linspace(0, 1, 7)",
    "np.linspace(0, 1)",
    "np.arange(9)",
    "np.random.rand(3, 4)",
    "np.random.randn(5)",
    "np.random.random((2, 3))",
    "np.random.normal(0, 1, (2, 3))",
    "np.random.normal(size=4)",
    "np.random.uniform(-1, 1, size=(2, 2))",
    "np.random.randint(0, 3, size=(2, 2))",
    "np.random.randint(5, size=3)",
    "np.random.randn(500, 12).astype('float32')",
    "np.random.randn(6, 4).astype(np.float32).copy()",
    "np.arange(12).reshape(3, 4)",
    "np.arange(12).reshape((3, -1))",
    "np.random.randn(6, 4)[:, 0]",
    "np.random.randn(6, 4)[:5]",
    "np.random.randn(6, 4)[:, 1:3]",
    "np.sin(np.linspace(0, 1, 7))",
    "3 * np.random.randn(6, 4) + 1",
    "np.random.randn(6, 4) + np.random.randn(4)",
    "-np.random.randn(6, 1) ** 2",
]
UNKNOWN = [
    "np.arange(0, 1, 0.1)",
    "np.arange(2.5)",
    "np.random.normal(means)",
    "np.random.rand(*sizes)",
    "np.zeros(sizes)",
    "np.random.randn(6, 4) * others",
    "np.random.randn(6, 4)[rows]",
    "np.random.randn(6, 4).mean(0)",
]


def value_of(expression: str, before: str = "") -> Value:
    file = File(
        f"import numpy as np\n\ndef f(means, sizes, others, rows):\n    {before or 'pass'}\n    x = {expression}\n"
    )
    function = file.nodes(cst.FunctionDef)[0]
    (flow,) = file.flows.of(function)
    return flow.end.names["x"]


@pytest.mark.parametrize("expression", KNOWN)
def test_sizes_and_dtype_are_those_that_numpy_gives(expression: str) -> None:
    array = eval(expression, {"np": np})
    known = value_of(expression)
    assert isinstance(known, Array)
    assert known.shape == array.shape
    assert known.dtype in (None, str(array.dtype))


@pytest.mark.parametrize("expression", UNKNOWN)
def test_what_hangs_on_values_is_not_claimed(expression: str) -> None:
    known = value_of(expression)
    assert not isinstance(known, Array) or known.shape in (None, (None,))


def test_a_data_set_is_split_by_rows() -> None:
    lines = "from sklearn.datasets import make_classification; from sklearn.model_selection import train_test_split"
    known = value_of("train_test_split(*make_classification(n_samples=50, n_features=7), test_size=0.2)", lines)
    assert isinstance(known, Sequence)
    assert [part.shape for part in known.items if isinstance(part, Array)] == [(None, 7), (None, 7), (None,), (None,)]


def test_a_data_set_of_another_form_is_not_known() -> None:
    known = value_of("make_regression(n_targets=3)", "from sklearn.datasets import make_regression")
    assert isinstance(known, Result)
    assert known.function == Named("sklearn.datasets.make_regression")
