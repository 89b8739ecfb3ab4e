"""What is forgotten is gone: facts point at each other in circles, and the collector is not there to find them."""

from __future__ import annotations

import gc
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

from torchdoctor import catalogue
from torchdoctor.facts.file import File
from torchdoctor.lint import lint
from torchdoctor.project.examiner import Examiner

ROOT = Path(__file__).parents[2]
EXAMPLES = sorted((ROOT / "examples").glob("*.py"))
RULES = frozenset(catalogue.rules())
FACTS = ("File", "Flow", "Flows", "Run", "ClassFacts", "Training", "Names")


@pytest.fixture(autouse=True)
def _uncollected() -> Iterator[None]:
    gc.collect()
    gc.disable()
    yield
    gc.enable()


def alive() -> Counter[str]:
    kinds = (type(thing) for thing in gc.get_objects())
    return Counter(kind.__name__ for kind in kinds if str(kind.__module__).startswith("torchdoctor.facts"))


def left(before: Counter[str]) -> dict[str, int]:
    return {kind: count for kind, count in (alive() - before).items() if kind in FACTS}


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.stem)
def test_nothing_of_a_file_is_left_after_it_was_looked_at(path: Path) -> None:
    text = path.read_text("utf-8")
    before = alive()
    assert lint(text, str(path), rules=RULES) is not None
    assert left(before) == {}


def test_a_forgotten_file_knows_its_tree_and_works_out_the_rest_again() -> None:
    file = File("import torch\nclass A(torch.nn.Module):\n    def forward(self, x):\n        return torch.relu(x)\n")
    tree, scopes, names = file.tree, file.scopes, file.names
    (call,) = file.calls_by_name["torch.relu"]
    assert file.classes.modules and file.flows.touching()
    before = alive()
    file.forget()
    assert alive()["Flow"] < before["Flow"]
    assert file.tree is tree and file.scopes is scopes and file.names is not names
    assert file.calls_by_name["torch.relu"] == [call] and file.classes.modules


def test_files_that_are_looked_at_and_neighbours_too_are_kept_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in "abcdefgh":
        others = "".join(f"from {other} import f_{other}\n" for other in "abcdefgh" if other != name)
        calls = "".join(f"    y = f_{other}(x)\n" for other in "abcdefgh" if other != name)
        text = f"import torch\n{others}def f_{name}(x):\n{calls}    return torch.relu(x).view(-1)\n"
        tmp_path.joinpath(f"{name}.py").write_text(text, "utf-8")
    monkeypatch.setattr("torchdoctor.facts.neighbours.KEPT_BYTES", 1)  # so that all is forgotten after each file
    before = alive()
    examiner = Examiner((tmp_path,))
    for path in sorted(tmp_path.glob("*.py")):
        assert examiner.examine(str(path), RULES).failures == ()
    assert left(before).get("File", 0) <= 1 and left(before).get("Flow", 0) <= 2
