"""A function runs with a deep stack, and leaves nothing behind."""

from __future__ import annotations

import sys
import threading

import pytest

from torchdoctor.project.stack import deep


def down(depth: int) -> int:
    return 0 if depth == 0 else 1 + down(depth - 1)


def test_what_recurses_deeply_returns() -> None:
    before = sys.getrecursionlimit()
    assert deep(lambda: down(20_000)) == 20_000
    assert sys.getrecursionlimit() == before
    assert threading.stack_size() == 0


def test_what_recurses_for_ever_is_stopped_before_the_stack_ends() -> None:
    def forever(items: list[int]) -> list[int]:
        return sorted(items, key=lambda item: len(forever([item])))

    with pytest.raises(RecursionError):
        deep(lambda: forever([1]))


def test_what_is_raised_is_raised_here() -> None:
    with pytest.raises(ZeroDivisionError):
        deep(lambda: 1 // 0)
    with pytest.raises(SystemExit):
        deep(lambda: sys.exit(3))


def test_where_a_deep_stack_is_not_to_be_had_a_common_one_serves(monkeypatch: pytest.MonkeyPatch) -> None:
    sizes: list[int] = []

    def refuse(size: int = -1) -> int:
        if size > 0:
            sizes.append(size)
            raise ValueError("no such stack")
        return 0

    monkeypatch.setattr(threading, "stack_size", refuse)
    assert deep(lambda: 7) == 7
    assert len(sizes) >= 2
