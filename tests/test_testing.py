"""The rig that tests the pages must itself be able to fail: each claim of a block, kept and broken."""

from __future__ import annotations

import importlib.util
import os
import random
import sys
import textwrap
from collections.abc import Iterator

import libcst as cst
import pytest

from torchdoctor import catalogue, check, testing
from torchdoctor.check import Check, Found, Swap
from torchdoctor.facts.file import File
from torchdoctor.rule import Block, Rule

needs_torch = pytest.mark.skipif(importlib.util.find_spec("torch") is None, reason="torch is not installed")


def _toy(name: str, called: str, *, default: bool = True) -> Rule:
    return Rule(
        name,
        "grad",
        f"{called} is called",
        "warning",
        "Call it not.",
        "safe",
        "0.1",
        "https://x.org",
        default=default,
    )


def _find(called: str, put: str) -> object:
    def run(file: File, call: cst.Call) -> Iterator[Found]:
        if put == "cross-file":
            known = file.neighbours is not None and file.neighbours.definition(file.name(call.args[0].value) or "")
            if not known:
                return
        yield Found(call, f"{called} is called", swaps=(Swap(call, put),) if put != "cross-file" else ())

    return run


@pytest.fixture(autouse=True)
def toy_rules(monkeypatch: pytest.MonkeyPatch) -> None:
    """Rules `no-zeros` (mended to ones), `no-ones` (off by default) and `no-rand`, in place of the real catalogue."""
    rules = {
        "no-zeros": _toy("no-zeros", "zeros"),
        "no-ones": _toy("no-ones", "ones", default=False),
        "no-rand": _toy("no-rand", "rand"),
        "no-empty": _toy("no-empty", "empty", default=False),
        "endless": _toy("endless", "eye", default=False),
    }
    put = {
        "zeros": "torch.ones(2)",
        "ones": "1",
        "rand": "0",
        "empty": "cross-file",
        "eye": "torch.eye(2) + 0",
    }
    checks = tuple(
        Check(rule, _find(called, put[called]), "call", (f"torch.{called}",), frozenset({called}))  # type: ignore[arg-type]
        for rule, called in zip(rules, ("zeros", "ones", "rand", "empty", "eye"), strict=True)
    )
    monkeypatch.setattr(catalogue, "rules", lambda: rules)
    monkeypatch.setattr(check, "all_checks", lambda: checks)


def block(words: str, text: str, *, line: int = 10, language: str = "python") -> Block:
    return Block(language, tuple(words.split()), textwrap.dedent(text).lstrip("\n"), line)


BAD = block("bad", "import torch\n\nx = torch.zeros(2)  # error\n", line=3)


def failure(*args: object, **kwargs: object) -> testing.BlockFailure:
    with pytest.raises(testing.BlockFailure) as caught:
        testing.check_block(*args, **kwargs)  # type: ignore[arg-type]
    return caught.value


def test_a_bad_block_that_fires_as_marked_passes() -> None:
    testing.check_block(BAD, "no-zeros")


def test_a_mark_where_nothing_fires_fails_at_its_line() -> None:
    told = failure(block("bad", "import torch\n\nx = torch.zeros(2)\ny = 1  # error\n"), "no-zeros")
    assert told.line == 12
    assert "13 | y = 1  # error" in str(told) and "does not fire here" in str(told)
    assert "12 | x = torch.zeros(2)" in str(told) and "no-zeros fires: zeros is called" in str(told)


def test_another_rule_that_is_on_by_default_must_not_fire_in_a_bad_block() -> None:
    told = failure(block("bad", "import torch\nx = torch.zeros(2)  # error\ny = torch.rand(2)\n"), "no-zeros")
    assert told.line == 12 and "no-rand fires" in str(told)


def test_a_rule_that_is_off_by_default_is_on_for_its_own_page_only() -> None:
    testing.check_block(block("bad", "import torch\nx = torch.ones(2)  # error\n"), "no-ones")
    testing.check_block(block("bad", "import torch\nx = torch.zeros(2)  # error\ny = torch.ones(2)\n"), "no-zeros")


def test_another_rule_on_the_marked_line_is_told() -> None:
    assert "no-rand fires" in str(
        failure(block("bad", "import torch\nx = torch.zeros(2), torch.rand(2)  # error\n"), "no-zeros")
    )


def test_a_bad_block_without_marks_and_a_good_one_with_marks_fail() -> None:
    assert "marks none" in str(failure(block("bad", "x = 1\n"), "no-zeros"))
    assert "marks no line" in str(failure(block("good", BAD.text), "no-zeros"))


def test_a_good_block_must_be_silent_and_python() -> None:
    testing.check_block(block("good", "import torch\nx = torch.full((2,), 1)\n"), "no-zeros")
    assert "no-rand fires" in str(failure(block("good", "import torch\nx = torch.rand(2)\n"), "no-zeros"))
    assert "not Python" in str(failure(block("good", "import torch\nx = zeros(\n"), "no-zeros"))


def test_a_fixed_block_is_what_mending_makes_of_the_block_above() -> None:
    testing.check_block(block("fixed", "import torch\n\nx = torch.ones(2)\n"), "no-zeros", above=BAD)
    told = failure(block("fixed", "import torch\n\nx = torch.full(2)\n"), "no-zeros", above=BAD)
    assert told.line == 12 and "+x = torch.ones(2)" in str(told)
    assert "directly below" in str(failure(block("fixed", BAD.text), "no-zeros", above=block("good", "")))
    assert "below the block" in str(failure(block("fixed", BAD.text), "no-zeros"))


def test_a_fixed_block_is_clean() -> None:
    above = block("bad", "import torch\nx = torch.zeros(2), torch.rand(3)  # error\n", line=3)
    assert "no-rand fires" in str(
        failure(block("fixed", "import torch\nx = torch.ones(2), torch.rand(3)\n"), "no-zeros", above=above)
    )


def test_mending_that_never_ends_is_told() -> None:
    with pytest.raises(testing.BlockFailure, match="still changes"):
        testing.mended([testing.Part("a.py", "import torch\ntorch.eye(2)\n", 1)], "endless")


def test_a_block_may_hold_several_files_that_know_each_other() -> None:
    files = """
        # file: pkg/layers.py
        def make(): ...
        # file: train.py
        import torch
        from pkg.layers import make, gone
        torch.empty(make)  # error
        torch.empty(gone)
    """
    testing.check_block(block("bad", files), "no-empty")
    told = failure(block("bad", files.replace("  # error", "")), "no-empty")
    assert told.line == 15 and "15 | torch.empty(make)" in str(told)
    assert "begins with" in str(failure(block("bad", "import torch\n# file: a.py\n"), "no-empty"))


def test_a_block_without_a_known_word_fails() -> None:
    assert "one of bad, good" in str(failure(block("", "x = 1\n"), "no-zeros"))


@needs_torch
def test_a_proof_fails_at_the_line_that_failed_and_shows_the_values() -> None:
    testing.check_block(block("proof", "import torch\nassert torch.ones(2).sum() == 2\n"), "no-zeros")
    told = failure(
        block("proof", "import torch\ntotal = torch.ones(2).sum()\nassert total == 3\n"),
        "no-zeros",
        page="p.md",
    )
    assert told.line == 12
    assert "total = tensor(2.)" in str(told) and 'File "p.md", line 12' in str(told)
    assert "proof.py" not in str(told)
    assert failure(block("proof", "x = 1\ny = = 2\n"), "no-zeros").line == 11
    assert failure(block("proof", "import sys\nsys.exit(3)\n"), "no-zeros").line == 11


@needs_torch
def test_a_raises_block_must_fail_as_it_says() -> None:
    text = "import torch\nx = torch.ones(2, 3).t()\nx.view(6)\n"
    testing.check_block(block("raises", text), "no-zeros")
    testing.check_block(block("raises RuntimeError view size is not", text), "no-zeros")
    testing.check_block(block("raises Exception", text), "no-zeros")
    assert "ran to its end" in str(failure(block("raises", "x = 1\n"), "no-zeros"))
    told = failure(block("raises ValueError", text), "no-zeros")
    assert told.line == 12 and "it raised RuntimeError" in str(told)
    assert "the message holds 'out of memory'" in str(
        failure(block("raises RuntimeError out of memory", text), "no-zeros")
    )


@needs_torch
def test_what_a_block_changes_is_put_back() -> None:
    import torch

    before = (
        random.getstate(),
        torch.get_rng_state(),
        dict(os.environ),
        os.getcwd(),
        sys.modules["__main__"],
        list(sys.path),
    )
    testing.check_block(
        block(
            "proof",
            """
            import os, random, sys, torch
            torch.set_grad_enabled(False); torch.set_default_dtype(torch.float64); torch.set_default_device("meta")
            torch.use_deterministic_algorithms(True); torch.manual_seed(9); random.seed(9)
            torch.cuda.is_available = lambda: "stub"
            torch.cuda.device_count = lambda: 7
            os.environ["TORCHDOCTOR_LEFT"] = "1"; sys.path.append("left")
            class Own: pass
            import inspect
            assert "class Own" in inspect.getsource(Own) and __name__ == "__main__"
            """,
        ),
        "no-zeros",
    )
    assert torch.is_grad_enabled() and torch.get_default_dtype() is torch.float32 and torch.ones(1).device.type == "cpu"
    assert not torch.are_deterministic_algorithms_enabled()
    assert isinstance(torch.cuda.is_available(), bool) and torch.cuda.device_count() != 7
    after = (
        random.getstate(),
        torch.get_rng_state(),
        dict(os.environ),
        os.getcwd(),
        sys.modules["__main__"],
        list(sys.path),
    )
    assert torch.equal(before[1], after[1])
    assert before[:1] + before[2:] == after[:1] + after[2:]


@needs_torch
def test_every_proof_begins_from_the_same_state() -> None:
    import torch

    torch.manual_seed(5)
    text = "import torch, random\nassert torch.rand(1).item() == {!r}\nassert random.random() == {!r}\n"
    torch_first, python_first = torch.Generator().manual_seed(0), random.Random(0)
    expected = text.format(torch.rand(1, generator=torch_first).item(), python_first.random())
    testing.check_block(block("proof", expected), "no-zeros")
    testing.check_block(block("proof", expected), "no-zeros")


@needs_torch
def test_a_block_that_hangs_fails(monkeypatch: pytest.MonkeyPatch) -> None:
    from torchdoctor import proving

    monkeypatch.setattr(proving, "LIMIT_S", 1)
    told = failure(block("proof", "import time\ntime.sleep(30)\n"), "no-zeros")
    assert told.line == 11 and "ran for more than 1 s" in str(told)
