"""The benchmark runs and prints its ratios. No time is asserted: that is for a quiet machine and a person."""

from __future__ import annotations

import re
import shutil
import sys
from pathlib import Path

import pytest

from tests.bench import explaining, plugin_start, speed, suites


def test_the_benchmark_prints_its_ratios(tmp_path: Path) -> None:
    examples = shutil.copytree(Path(__file__).parents[2] / "examples", tmp_path / "examples")
    # Time is sampled, on Linux every 4 ms: parsing takes many of them.
    long = "import torch\n" + "".join(f"value_{line} = [torch.tensor({line})]\n" for line in range(4_000))
    examples.joinpath("long.py").write_text(long, encoding="utf-8")
    said: list[str] = []
    rival = f"{sys.executable} -c 'import sys, ast; ast.parse(open(sys.argv[1]).read())' {{path}}/merge_heads.py"
    speed.compare(examples, 1, {"ast": rival}, said.append)
    text = "\n".join(said)
    assert re.search(r"examples: 17 files, [0-9]+ of them had to be parsed", text)
    assert re.search(r"^bare libcst.parse_module +\d+\.\d+ .* 1\.00", text, re.MULTILINE)
    assert re.search(r"^torchdoctor lint +\d+\.\d+", text, re.MULTILINE) and re.search(r"^ast +\d", text, re.MULTILINE)
    assert re.search(r"next run \d+\.\d+ s", text)
    assert re.search(r"^  parse +\d+\.\d+ s", text, re.MULTILINE)


def test_the_benchmark_of_explanations_prints_its_times() -> None:
    pytest.importorskip("torch")
    said: list[str] = []
    explaining.measure(1, 10, said.append)
    assert [re.sub(r"\d+\.\d", "0", " ".join(line.split())) for line in said] == [
        "install() 0 ms 0 ms of CPU",
        "cold explanation 0 ms 0 ms of CPU",
        "warm explanation 0 ms 0 ms of CPU",
    ]


def test_the_benchmark_of_the_plugin_prints_its_times() -> None:
    said: list[str] = []
    plugin_start.measure(1, said.append)
    assert [re.sub(r"\d+\.\d", "0", " ".join(line.split())) for line in said] == [
        "loading the plugin 0 ms",
        "reading the list of files 0 ms",
        "a run, not installed 0 ms",
        "a run, installed 0 ms",
        "a run, --torchdoctor 0 ms",
    ]


@pytest.mark.corpus
def test_the_suites_of_real_packages_come_out_the_same(tmp_path: Path) -> None:
    said: list[str] = []
    assert suites.measure(suites.SUITES[0], tmp_path, 1, (), said.append), "\n".join(said)
