"""In whose code a class is written."""

from __future__ import annotations

import collections
import io
import sys
import types
from pathlib import Path

import pytest

from torchdoctor.probes.packages import users_file


@pytest.mark.parametrize("kind", [int, dict, types.FunctionType, collections.OrderedDict, io.StringIO, pytest.Item])
def test_installed_classes_are_nobodys(kind: type) -> None:
    assert users_file(kind) is None


def test_of_a_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "mine.py"
    path.write_text("class Mine: pass\n", encoding="utf-8")
    monkeypatch.syspath_prepend(str(tmp_path))
    import mine  # type: ignore[import-not-found]

    monkeypatch.delitem(sys.modules, "mine")
    monkeypatch.setitem(sys.modules, "mine", mine)
    assert users_file(mine.Mine) == str(path)


@pytest.mark.parametrize("module", ["__main__", "made_up_in_a_notebook"])
def test_of_no_file(module: str) -> None:
    assert users_file(type("Mine", (), {"__module__": module})) == ""


def test_a_class_that_lies_of_its_module() -> None:
    assert users_file(type("Odd", (), {"__module__": 3})) is None


def test_classes_of_extensions() -> None:
    torch = pytest.importorskip("torch")
    assert users_file(torch.nn.Linear) is None and users_file(torch._C.Generator) is None
    node = type((torch.ones(1, requires_grad=True) * 2).grad_fn)
    assert users_file(node) is None
