"""The cores that a process may use: bound to it, or bought for its container."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from torchdoctor import cores


def bound() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def test_never_more_than_are_bound() -> None:
    assert 1 <= cores.usable_cores() <= bound()


@pytest.mark.parametrize(
    ("files", "group", "quotas"),
    [
        ({"cpu.max": "150000 100000"}, "/", [(150000, 100000)]),
        ({"cpu.max": "max 100000"}, "/", []),
        ({}, "/docker/abc", []),
        ({"cpu.max": "200000 100000"}, "/docker/abc", [(200000, 100000)]),
        ({"pod/one/cpu.max": "max 100000", "pod/cpu.max": "400000 100000"}, "/pod/one", [(400000, 100000)]),
        ({"cpu/cpu.cfs_quota_us": "50000", "cpu/cpu.cfs_period_us": "100000"}, "/", [(50000, 100000)]),
        ({"cpu/cpu.cfs_quota_us": "-1", "cpu/cpu.cfs_period_us": "100000"}, "/", []),
        ({"cpu.max": "what is this"}, "/", []),
        ({"cpu.max": "100000 0"}, "/", []),
    ],
)
def test_quotas_of_containers(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, files: dict[str, str], group: str, quotas: list[tuple[int, int]]
) -> None:
    for name, text in files.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(f"{text}\n", encoding="ascii")
    assert cores._quotas(group, str(tmp_path))[1:] == quotas
    monkeypatch.setattr(cores, "_GROUPS", str(tmp_path))
    monkeypatch.setattr(cores, "_own_group", lambda: group)
    assert cores.usable_cores() == min([bound(), *(-(-quota // period) for quota, period in quotas)])
