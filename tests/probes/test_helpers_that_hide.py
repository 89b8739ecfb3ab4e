"""A function with ``__tracebackhide__`` is a helper: its caller is blamed, while there is one."""

from __future__ import annotations

from typing import Any

import pytest

torch = pytest.importorskip("torch")

from torchdoctor.probes.failure import failure_of  # noqa: E402


def test_the_caller_is_blamed() -> None:
    def helper(layer: Any, x: Any) -> object:
        __tracebackhide__ = True
        return layer(x)

    def caller() -> None:
        helper(torch.nn.Linear(3, 4), torch.zeros(2, 5))

    with pytest.raises(RuntimeError) as caught:
        caller()
    failure = failure_of(caught.value)
    assert failure.user is not None and failure.user.function.endswith("caller") and failure.blame == "torch"


def test_a_helper_that_stands_alone_is_the_users_own() -> None:
    code = "import torch\n__tracebackhide__ = True\ntorch.zeros(2).view(3)\n"
    with pytest.raises(RuntimeError) as caught:
        exec(compile(code, "alone.py", "exec"), {})
    error = caught.value.with_traceback(caught.value.__traceback__.tb_next)  # type: ignore[union-attr]
    failure = failure_of(error)
    assert failure.user is not None and failure.user.path == "alone.py"


def test_a_name_that_says_no_hides_nothing() -> None:
    def shown(x: Any) -> object:
        __tracebackhide__ = False
        return x.view(3)

    with pytest.raises(RuntimeError) as caught:
        shown(torch.zeros(2))
    failure = failure_of(caught.value)
    assert failure.user is not None and failure.user.function.endswith("shown")
