"""Marks and the ini file hold tests to limits; a test that fails by itself keeps its own failure."""

from __future__ import annotations

import json
import re
import subprocess
import textwrap
from typing import Any

import pytest

from tests.faces.pytest_plugin.conftest import Suite

HEAD = """
import unittest
import pytest, torch
from torch import nn

guarded = pytest.mark.torchdoctor
"""


def run(suite: Suite, text: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    suite.write({"test_it.py": HEAD + textwrap.dedent(text)})
    return suite.run("-p", "no:cacheprovider", "--torchdoctor", *arguments)


def outcomes(done: subprocess.CompletedProcess[str]) -> dict[str, int]:
    """ "2 failed, 1 passed in 0.1s", as pytest says it last."""
    last = done.stdout.strip().splitlines()[-1]
    return {word: int(number) for number, word in re.findall(r"(\d+) (failed|passed|errors?|xfailed|skipped)", last)}


def told(suite: Suite, text: str, *arguments: str) -> list[tuple[str, str, str]]:
    """Rule, line's text and test of all findings."""
    done = run(suite, text, "--torchdoctor-report", "report.json", *arguments)
    path = suite.folder / "report.json"
    assert path.is_file(), done.stdout + done.stderr
    lines = (suite.folder / "test_it.py").read_text().splitlines()
    found: list[dict[str, Any]] = json.loads(path.read_text())["findings"]
    return [(one["rule"], lines[one["line"] - 1].strip(), one["test"].rpartition("::")[2]) for one in found]


def test_memory_is_held_to_its_limit(suite: Suite) -> None:
    text = """
    def pairs(n):
        x = torch.randn(n, 1, 4)
        return (x - x.transpose(0, 1)).sum()

    @guarded(max_memory="1 MB")
    @pytest.mark.parametrize("n", [50, 500])
    def test_pairs(n):
        pairs(n)

    @guarded(max_memory=100)
    def test_freed():
        for _ in range(10):
            torch.ones(20)
    """
    found = told(suite, text)
    assert found == [("peak-above-limit", "return (x - x.transpose(0, 1)).sum()", "test_pairs[500]")]


def test_the_peak_is_the_peak(suite: Suite) -> None:
    """Two tensors of 4000 bytes at once, whatever was made before and after; a view takes nothing."""
    text = """
    before = torch.ones(100_000)

    @guarded(max_memory=8000)
    def test_at_the_limit():
        for _ in range(5):
            x = torch.ones(1000)
            y = x.view(10, 100) * 2
            before.mul_(1.0)
            del x, y

    @guarded(max_memory=7999)
    def test_beyond():
        x = torch.ones(1000)
        y = x * 2
    """
    assert [(rule, test) for rule, _, test in told(suite, text)] == [("peak-above-limit", "test_beyond")]


def test_what_is_left_behind(suite: Suite) -> None:
    text = """
    kept = []
    net = nn.Linear(2, 2)

    @guarded(no_leaks=True)
    def test_tensor():
        kept.append(net(torch.ones(1, 2)).sum())

    @guarded(no_leaks=True)
    def test_hook():
        net.register_forward_hook(lambda *_: None)

    @guarded(no_leaks=True)
    def test_setting():
        torch.set_default_dtype(torch.float64)

    def test_back():
        torch.set_default_dtype(torch.float32)

    @guarded(no_leaks=True)
    def test_fixture(model):
        model(torch.ones(1, 2)).sum().backward()
        handle = net.register_forward_hook(lambda *_: None)
        handle.remove()

    @pytest.fixture
    def model():
        return nn.Linear(2, 2)
    """
    found = told(suite, text)
    assert {test for _, _, test in found} == {"test_tensor", "test_hook", "test_setting"}
    assert ("left-behind", "kept.append(net(torch.ones(1, 2)).sum())", "test_tensor") in found


def test_what_a_test_puts_into_its_own_instance_goes_with_it(suite: Suite) -> None:
    text = """
    @guarded(no_leaks=True)
    class TestNet:
        shared = []

        def setup_method(self):
            self.net = nn.Linear(2, 2)
            self.optimizer = torch.optim.Adam(self.net.parameters())

        def test_step(self):
            self.loss = self.net(torch.ones(1, 2)).sum()
            self.loss.backward()
            self.optimizer.step()

        def test_class(self):
            self.shared.append(self.net(torch.ones(1, 2)))
    """
    assert [test for _, _, test in told(suite, text)] == ["test_class"]


def test_growth_leaves_caches_alone(suite: Suite) -> None:
    text = """
    kept, cache = [], {}

    @guarded(no_growth=True)
    def test_cache():
        cache.setdefault("mask", torch.ones(3))

    @guarded(no_growth=True)
    def test_growth():
        kept.append(torch.ones(3))
    """
    assert [test for _, _, test in told(suite, text)] == ["test_growth"]


def test_the_first_nan_is_told(suite: Suite) -> None:
    text = """
    @guarded(no_nan=True)
    @pytest.mark.parametrize("value", [1.0, 0.0, -1.0])
    def test_log(value):
        logarithm = torch.tensor(value).log()
        logarithm.exp() + 1

    @guarded(no_nan=True)
    def test_backward():
        x = torch.zeros(2, requires_grad=True)
        root = x.sqrt()
        (root * 0).sum().backward()

    @guarded(no_nan=True)
    def test_memory_that_is_not_set():
        torch.empty(1000).zero_()

    @guarded(no_nan=True)
    def test_masks():
        scores = torch.zeros(3).masked_fill(torch.tensor([True, False, False]), float("-inf"))
        scores.softmax(0)
    """
    assert sorted(told(suite, text)) == [
        ("nan-appears", "logarithm = torch.tensor(value).log()", "test_log[-1.0]"),
        ("nan-appears", "root = x.sqrt()", "test_backward"),
    ]


def test_syncs_are_found_without_a_gpu(suite: Suite) -> None:
    text = """
    @guarded(no_sync=True)
    def test_sync():
        x = torch.ones(4)
        x.sum().item()
        if x.sum() > 3:
            pass
        x[x > 0]
        f"{x.sum():.2f}"
        x.cpu()
        x.to("cpu")
        print(x)
        x.nonzero()
        x.tolist()

    @guarded(no_sync=True)
    def test_none():
        net = nn.Linear(4, 2)
        optimizer = torch.optim.Adam(net.parameters())
        for _ in range(2):
            optimizer.zero_grad()
            net(torch.ones(3, 4)).sum().backward()
            torch.nn.utils.clip_grad_norm_(net.parameters(), 1.0)
            optimizer.step()
        x = torch.ones(3)
        x[0], x[:, None], len(x), x.shape, x.to(torch.float64), x[torch.tensor([0, 1])]
        assert net.weight.sum().item() < 100
    """
    found = told(suite, text)
    assert {test for _, _, test in found} == {"test_sync"}
    assert {line for _, line, _ in found} == {
        "x.sum().item()", "if x.sum() > 3:", "x[x > 0]", 'f"{x.sum():.2f}"', "x.cpu()", 'x.to("cpu")', "print(x)",
        "x.nonzero()",
    } | {"x.tolist()"}  # fmt: skip


def test_compiled_code_is_held_to_one_graph(suite: Suite) -> None:
    text = """
    @torch.compile(backend="eager")
    def broken(x):
        y = x + 1
        print("in between")
        return y * 2

    @torch.compile(backend="eager")
    def scaled(x, n):
        return x * n

    @guarded(no_graph_break=True)
    def test_broken():
        broken(torch.ones(3))

    @guarded(no_graph_break=True)
    def test_broken_again():
        broken(torch.ones(3))

    @guarded(no_recompile=True)
    def test_compiled_again():
        for n in range(3):
            scaled(torch.ones(3), n)

    @guarded(no_graph_break=True, no_recompile=True)
    def test_well():
        scaled(torch.ones(3), 2)
        scaled(torch.ones(3), 2)
    """
    found = told(suite, text)
    assert sorted((rule, test) for rule, _, test in found) == [
        ("compiled-again", "test_compiled_again"),
        ("graph-break", "test_broken"),
        ("graph-break", "test_broken_again"),
    ]
    assert ("graph-break", 'print("in between")', "test_broken") in found


def test_two_runs_are_compared_bit_by_bit(suite: Suite) -> None:
    text = """
    @pytest.fixture
    def model():
        return nn.Linear(2, 2)

    @guarded(deterministic=True)
    def test_training(model):
        optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
        for _ in range(3):
            optimizer.zero_grad()
            nn.functional.dropout(model(torch.randn(4, 2))).sum().backward()
            optimizer.step()

    own = torch.Generator()

    @guarded(deterministic=True)
    def test_own_generator(model):
        x = torch.randn(4, 2)
        noise = torch.randn(4, 2, generator=own)
        model(x + noise)

    calls = []

    @guarded(deterministic=True)
    def test_another_way():
        calls.append(1)
        x = torch.ones(2)
        if len(calls) > 1:
            x.exp()

    class TestCase(unittest.TestCase):
        @guarded(deterministic=True)
        def test_method(self):
            with self.subTest("part"):
                torch.rand(3, generator=own)
    """
    found = told(suite, text)
    assert sorted(found) == [
        ("run-not-repeatable", "noise = torch.randn(4, 2, generator=own)", "test_own_generator"),
        ("run-not-repeatable", "torch.rand(3, generator=own)", "test_method"),
        ("run-not-repeatable", "x.exp()", "test_another_way"),
    ]


def test_a_test_keeps_its_own_failure(suite: Suite) -> None:
    text = """
    class TestCase(unittest.TestCase):
        @guarded(no_nan=True, deterministic=True, no_leaks=True)
        def test_method(self):
            torch.tensor(-1.0).sqrt()
            self.assertEqual(1, 2)

        @guarded(no_nan=True)
        def test_skipped(self):
            self.skipTest("not today")

    @guarded(no_nan=True, max_memory=1, no_leaks=True, deterministic=True)
    def test_function():
        torch.tensor(-1.0).sqrt()
        assert False, "its own"

    @guarded(no_nan=True)
    @pytest.mark.xfail(reason="known")
    def test_expected():
        torch.tensor(-1.0).sqrt()

    @guarded(deterministic=True)
    def test_error(broken): pass

    @pytest.fixture
    def broken():
        raise ValueError("of the fixture")
    """
    done = run(suite, text, "-rA")
    assert outcomes(done) == {"failed": 2, "error": 1, "xfailed": 1, "skipped": 1}
    assert all(said in done.stdout for said in ("1 != 2", "its own", "ValueError: of the fixture"))
    assert "nan-appears" not in done.stdout.replace("1  error    nan-appears", "")


def test_the_report_is_the_findings(suite: Suite) -> None:
    text = """
    @guarded(no_nan=True)
    def test_root():
        torch.tensor(-1.0).sqrt()
    """
    output = run(suite, text).stdout
    assert "error[nan-appears]: `sqrt` gives NaN" in output and " --> test_it.py:" in output
    assert "torchdoctor explain nan-appears" in output
    assert "FAILED test_it.py::test_root - `test_root` goes beyond its limits: nan-appears" in output
    assert "pytest_runtest_call" not in output, "our own frames are not the user's affair"


def test_limits_of_the_ini_file_hold_for_every_test(suite: Suite) -> None:
    suite.write({"pytest.ini": "[pytest]\ntorchdoctor_guards =\n    no_nan\n    max_memory = 1 KiB\n"})
    text = """
    def test_root():
        torch.tensor(-1.0).sqrt()

    @guarded(no_nan=False)
    def test_meant():
        torch.tensor(-1.0).sqrt()

    @guarded(max_memory="1 MiB")
    def test_large():
        torch.ones(10_000)

    def test_too_large():
        torch.ones(10_000)

    @guarded(no_recompile=True)
    def test_compiled():
        torch.tensor(-1.0).sqrt()
    """
    found = told(suite, text)
    assert sorted((rule, test) for rule, _, test in found) == [
        ("nan-appears", "test_root"),
        ("peak-above-limit", "test_too_large"),
    ]


def test_a_mark_that_is_wrong_is_a_usage_error(suite: Suite) -> None:
    result = run(suite, "@guarded(max_mem='1 GiB')\ndef test_it(): pass\n")
    assert result.returncode == pytest.ExitCode.USAGE_ERROR
    assert "did you mean 'max_memory'" in result.stderr and "test_it.py::test_it" in result.stderr


def test_in_a_worker_process_it_fails_the_test(suite: Suite) -> None:
    pytest.importorskip("xdist")
    result = run(suite, "@guarded(max_mem=1)\ndef test_it(): pass\ndef test_other(): pass\n", "-n", "1")
    assert outcomes(result) == {"error": 1, "passed": 1}
    assert "did you mean 'max_memory'" in result.stdout


def test_worker_processes_send_what_was_found(suite: Suite) -> None:
    pytest.importorskip("xdist")
    text = """
    @guarded(no_nan=True)
    def test_root():
        torch.tensor(-1.0).sqrt()
    """
    assert told(suite, text, "-n", "1") == [("nan-appears", "torch.tensor(-1.0).sqrt()", "test_root")]


def test_an_ini_file_that_is_wrong_is_a_usage_error(suite: Suite) -> None:
    suite.write({"pytest.ini": "[pytest]\ntorchdoctor_guards =\n    no_nans\n"})
    result = run(suite, "def test_it(): pass\n")
    assert result.returncode == pytest.ExitCode.USAGE_ERROR and "did you mean 'no_nan'" in result.stderr


def test_marks_do_nothing_where_the_plugin_is_off(suite: Suite) -> None:
    suite.write({"test_it.py": HEAD + "@guarded(no_nan=True)\ndef test_root():\n    torch.tensor(-1.0).sqrt()\n"})
    assert outcomes(suite.run("-p", "no:cacheprovider", "--strict-markers")) == {"passed": 1}


def test_the_fixture_guards_a_part_of_a_test(suite: Suite) -> None:
    text = """
    def test_part(torchdoctor_guard):
        x = torch.tensor(-1.0)
        x.sqrt()
        with torchdoctor_guard(no_nan=True, max_memory="1 MiB"):
            x.exp()
        with torchdoctor_guard(no_sync=True):
            x.item()
    """
    assert told(suite, text) == [("sync-in-guarded-code", "x.item()", "test_part")]


def test_check_model_is_in_the_report(suite: Suite) -> None:
    text = """
    import torchdoctor

    class Net(nn.Module):
        def __init__(self):
            super().__init__()
            self.used = nn.Linear(4, 2)
            self.extra = nn.Linear(4, 4)

        def forward(self, x):
            return self.used(x)

    def test_model():
        torchdoctor.check_model(Net(), (torch.randn(4, 4), torch.randn(4, 2)), nn.MSELoss(), only=["step"])
    """
    assert told(suite, text) == [("parameter-without-gradient", "self.extra = nn.Linear(4, 4)", "test_model")]
