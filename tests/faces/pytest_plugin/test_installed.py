"""A project that is tested as it was installed: its code is the user's own, and reports name the checkout's files."""

from __future__ import annotations

import json
import os
import shutil

import pytest

from tests.faces.pytest_plugin.conftest import ROOT, Suite
from tests.faces.pytest_plugin.sections import MODEL, explained

pytest.importorskip("torch")


@pytest.mark.parametrize("layout", ["src/digits", "digits"])
def test_the_installed_copy_is_the_users_own_code(suite: Suite, layout: str) -> None:
    suite.write({
        f"{layout}/__init__.py": "",
        f"{layout}/model.py": MODEL,
        "tests/test_it.py": "from digits.model import wrong\n\ndef test_it():\n    wrong()\n",
        "pytest.ini": "[pytest]\naddopts = --import-mode=importlib\n",
    })  # fmt: skip
    packages = suite.folder.parent / "lib" / "site-packages"
    shutil.copytree(suite.folder / layout, packages / "digits")
    path = os.pathsep.join(map(str, (packages, suite.site, ROOT)))
    done = suite.run("--torchdoctor-report=found.json", "tests", PYTHONPATH=path, PYTHONSAFEPATH="1")
    (told,) = explained(done.stdout).values()
    assert told == ("linear-size-mismatch", f"{packages}/digits/model.py:13"), done.stdout
    (found,) = json.loads((suite.folder / "found.json").read_text())["findings"]
    assert found["path"] == f"{layout}/model.py" and {mark["path"] for mark in found["marks"]} == {found["path"]}


def test_a_copy_that_is_not_the_checkouts_keeps_its_name(suite: Suite) -> None:
    suite.write({
        "digits/__init__.py": "",
        "digits/model.py": "# changed since\n",
        "tests/test_it.py": "from digits.model import wrong\n\ndef test_it():\n    wrong()\n",
        "pytest.ini": "[pytest]\naddopts = --import-mode=importlib\n",
    })  # fmt: skip
    packages = suite.folder.parent / "lib" / "site-packages"
    (packages / "digits").mkdir(parents=True)
    suite.write({str(packages / "digits" / "__init__.py"): "", str(packages / "digits" / "model.py"): MODEL})
    path = os.pathsep.join(map(str, (packages, suite.site, ROOT)))
    suite.run("--torchdoctor-report=found.json", "tests", PYTHONPATH=path, PYTHONSAFEPATH="1")
    (found,) = json.loads((suite.folder / "found.json").read_text())["findings"]
    assert found["path"] == str(packages / "digits" / "model.py")
