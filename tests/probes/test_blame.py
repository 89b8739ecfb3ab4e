"""Failures that are not torch's get no explanation, however much their words resemble torch's."""

from __future__ import annotations

import textwrap
from typing import Any

import pytest

from torchdoctor.faces.python import explain
from torchdoctor.probes.failure import failure_of

pytest.importorskip("torch")  # the programs import it first

INNOCENT = {
    "a key that is not there": "d = {'a': x}\nd['b']",
    "a key of a config": "config = {'lr': 0.1}\nconfig['batch_size']",
    "an assertion": "assert x.shape == (3, 3), 'shapes do not match'",
    "an assertion about a tensor": "assert x.requires_grad",
    "a file": "open('nowhere/data.csv')",
    "an own error in torch's words": "raise RuntimeError('mat1 and mat2 shapes cannot be multiplied (2x3 and 4x5)')",
    "an own ValueError": "raise ValueError('Target 10 is out of bounds.')",
    "an own IndexError": "raise IndexError('index out of range in self')",
    "an own device error": "raise RuntimeError('Expected all tensors to be on the same device')",
    "an own checkpoint error": "raise RuntimeError('Error(s) in loading state_dict for Net: nothing')",
    "numpy's product": "import numpy as np\nnp.ones((2, 3)) @ np.ones((2, 3))",
    "numpy's broadcast": "import numpy as np\nnp.ones((2, 3)) + np.ones(4)",
    "numpy's reshape": "import numpy as np\nnp.ones((2, 3)).reshape(7)",
    "numpy's concatenate": "import numpy as np\nnp.concatenate([np.ones((2, 3)), np.ones((2, 4))])",
    "numpy's stack": "import numpy as np\nnp.stack([np.ones(3), np.ones(4)])",
    "numpy's index": "import numpy as np\nnp.ones(3)[5]",
    "a list's index": "[1, 2, 3][7]",
    "a list of tensors": "[x, x][2]",
    "unpacking a list": "a, b = [1, 2, 3]",
    "an int of a word": "int('ten')",
    "a float of a list": "float([1.0])",
    "a sum of words": "'a' + 1",
    "None": "None.shape",
    "None called": "f = None\nf(x)",
    "a misspelt name": "y = xx + 1",
    "a module that is not there": "import torch_no_such_module",
    "a function's arguments": "def f(a, b):\n    return a\nf(1)",
    "division": "1 / 0",
    "JSON": "import json\njson.loads('{')",
    "a timeout": "raise TimeoutError('DataLoader timed out after 5 seconds')",
    "memory, by hand": "raise MemoryError('CUDA out of memory, said the user')",
    "an attribute of a plain object": "class A:\n    pass\nA().weight",
    "a string method": "'abc'.view(3)",
    "a dictionary's method": "{'a': x}.iteritems()",
    "a recursion": "def f(n):\n    return f(n + 1)\nf(0)",
    "a stop": "next(iter([]))",
    "a generator's end": "next(i for i in ())",
    "an own exception": "class Stop(Exception):\n    pass\nraise Stop('early stopping: element 0 of tensors')",
    "a keyboard's name": "raise OSError('Too many open files')",
    "encoding": "b'\\xff'.decode()",
}


def run(text: str) -> BaseException:
    space: dict[str, Any] = {"__name__": "script"}
    try:
        exec(compile("import torch\nx = torch.ones(2, 3)\n" + textwrap.dedent(text), "<script>", "exec"), space)
    except Exception as error:
        return error
    raise AssertionError("it did not fail")


@pytest.mark.parametrize("what", INNOCENT)
def test_no_explanation(what: str, tmp_path: Any) -> None:
    import linecache

    path = tmp_path / "script.py"
    path.write_text("import torch\nx = torch.ones(2, 3)\n" + INNOCENT[what] + "\n")
    linecache.checkcache(str(path))
    try:
        exec(compile(path.read_text(), str(path), "exec"), {"__name__": "script"})
    except Exception as error:
        found = explain(error)
        told = [(finding.rule, finding.message) for finding in found]
        assert not told, (failure_of(error).blame, told)
    else:
        raise AssertionError("it did not fail")


@pytest.mark.parametrize("what", ["numpy's product", "a key that is not there", "an own error in torch's words"])
def test_no_explanation_without_source(what: str) -> None:
    assert explain(run(INNOCENT[what])) == []


def test_what_was_raised_from_torchs_error_is_explained() -> None:
    text = """
    try:
        x @ x
    except RuntimeError as error:
        raise ValueError("training failed") from error
    """
    failure = failure_of(run(text))
    assert failure.blame == "other" and "mat1 and mat2" in failure.causes[0].message
