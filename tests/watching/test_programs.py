"""Programs through the real door: what is sick is told with its name and line, what is healthy is left alone."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.watching.programs import HEAD, HEALTHY, SICK, watched

pytest.importorskip("torch")


@pytest.mark.parametrize("name", SICK)
def test_what_is_sick_is_told(name: str, tmp_path: Path) -> None:
    rule, said, program = SICK[name]
    done = watched(program, tmp_path)
    assert done.returncode == 0, done.stderr
    found = re.findall(r"^(?:error|warning|note)\[([\w-]+)\]: ((?:.+\n)(?:    .+\n)*)", done.stderr, re.MULTILINE)
    told = " ".join(done.stderr.split())  # lines break where the numbers let them
    assert rule in [one for one, _ in found] and said in told, done.stderr
    assert (tmp_path / "run" / "rank0.jsonl").is_file()
    lines = [number for number, line in enumerate((HEAD + program).splitlines(), 1) if line.endswith("# here")]
    for number in lines:
        assert f"--> train.py:{number}:" in done.stderr, done.stderr


@pytest.mark.parametrize("name", HEALTHY)
def test_what_is_healthy_is_left_alone(name: str, tmp_path: Path) -> None:
    done = watched(HEALTHY[name], tmp_path)
    assert done.returncode == 0 and "nothing stands out in it" in done.stderr, done.stderr
