"""Full names: every import form, every detour, and the names that torch's own documentation uses."""

from __future__ import annotations

import importlib
import importlib.util
import textwrap
import warnings
from pathlib import Path

import libcst as cst
import pytest

from torchdoctor import torch_exports
from torchdoctor.facts.file import File
from torchdoctor.facts.modules import module_name
from torchdoctor.facts.names import canonical, dotted
from torchdoctor.facts.neighbours import Neighbours

needs_torch = pytest.mark.skipif(importlib.util.find_spec("torch") is None, reason="torch is not installed")


def read(file: File) -> str | None:
    """The full name of the argument of the one call `READ(...)`."""
    (call,) = [c for c in file.nodes(cst.Call) if isinstance(c.func, cst.Name) and c.func.value == "READ"]
    return file.name(call.args[0].value)


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("import torch\nREAD(torch.nn.Linear)", "torch.nn.Linear"),
        ("import torch.nn as nn\nREAD(nn.Linear)", "torch.nn.Linear"),
        ("import torch.nn\nREAD(torch.nn.Linear)", "torch.nn.Linear"),
        ("import torch\nimport torch.nn\nREAD(torch.nn.Linear)", "torch.nn.Linear"),
        ("from torch import nn\nREAD(nn.Linear)", "torch.nn.Linear"),
        ("from torch.nn import Linear as L\nREAD(L)", "torch.nn.Linear"),
        ("from torch.nn.modules.linear import Linear\nREAD(Linear)", "torch.nn.Linear"),
        ("import torch.nn.functional as F\nREAD(F.relu)", "torch.nn.functional.relu"),
        ("from torch import *\nREAD(no_grad)", "torch.no_grad"),
        ("from torch.nn import *\nREAD(Linear)", "torch.nn.Linear"),
        ("from torch.nn.functional import *\nREAD(softmax)", "torch.nn.functional.softmax"),
        ("from torch.nn.functional import *\nREAD(Linear)", None),
        ("def f():\n    import torch as t\n    READ(t.zeros)", "torch.zeros"),
        ("def f():\n    import torch as t\nREAD(t.zeros)", None),
        ("import torch\nrelu = torch.relu\nREAD(relu)", "torch.relu"),
        ("import torch\nnn = torch.nn\nblock = nn.Linear\nREAD(block)", "torch.nn.Linear"),
        ("try:\n    import torch\nexcept ImportError:\n    torch = None\nREAD(torch.ones)", "torch.ones"),
        (
            "try: from fast import Norm\nexcept ImportError: from torch.nn import LayerNorm as Norm\nREAD(Norm)",
            "torch.nn.LayerNorm",
        ),
        ("try:\n    from fast import Norm\nexcept ImportError:\n    class Norm: pass\nREAD(Norm)", None),
        ("import torch\nif a: f = torch.relu\nelse: f = torch.tanh\nREAD(f)", None),
        ("import torch\ntorch = load()\nREAD(torch.ones)", None),
        ("import torch\ndef f(torch): READ(torch.ones)", None),
        ("import torch\nfor torch in x: pass\nREAD(torch.ones)", None),
        ("import torch\nclass A:\n    torch = 1\n    def f(self): READ(torch.ones)", "torch.ones"),
        ("import torch\n[READ(torch.ones) for torch in x]", None),
        ("import torch\nREAD(torch.ones().t)", None),
        ("x = x\nREAD(x)", None),
        ("a = b\nb = a\nREAD(a)", None),
        ("READ(len)", "builtins.len"),
        ("def len(): pass\nREAD(len)", "mine.len"),
        ("class A:\n    def f(self): pass\nREAD(A.f)", "mine.A.f"),
        ("from .layers import Block\nREAD(Block)", "layers.Block"),
        ("from torch.cuda.amp import autocast\nREAD(autocast)", "torch.amp.autocast"),
        ("import torch\nREAD(torch.cuda.amp.GradScaler)", "torch.amp.GradScaler"),
        ("import pytorch_lightning as pl\nREAD(pl.LightningModule)", "lightning.LightningModule"),
        ("import lightning.pytorch as pl\nREAD(pl.LightningModule)", "lightning.LightningModule"),
        ("from lightning.pytorch.callbacks import Callback\nREAD(Callback)", "lightning.Callback"),
        ("import numpy as np\nREAD(np.zeros)", "numpy.zeros"),
        ("import torch\ndel torch\nREAD(torch)", "torch"),
    ],
)
def test_a_name_in_one_file(text: str, name: str | None) -> None:
    assert read(File(text + "\n", "mine.py")) == name


@pytest.mark.parametrize(
    ("module", "package", "statement", "base"),
    [
        ("a.b.c", False, "from .d import x", "a.b.d"),
        ("a.b.c", False, "from ..d import x", "a.d"),
        ("a.b.c", False, "from ... import x", ""),
        ("a.b.c", False, "from .... import x", None),
        ("a.b", True, "from .d import x", "a.b.d"),
        ("a.b", True, "from .. import x", "a"),
        ("a", False, "from .d import x", "d"),
        ("a", False, "from d.e import x", "d.e"),
    ],
)
def test_leading_dots(module: str, package: bool, statement: str, base: str | None) -> None:
    file = File(statement + "\n", "a/__init__.py" if package else "a.py", module_name=module)
    assert file.names.base_of(file.nodes(cst.ImportFrom)[0]) == base


def test_dotted() -> None:
    assert dotted(cst.parse_expression("a.b.c")) == "a.b.c"
    assert dotted(cst.parse_expression("a().b")) is None
    assert dotted(cst.parse_expression("a")) == "a"


# -- across files ------------------------------------------------------------------------------------------------------


def project(root: Path, files: dict[str, str], of: str) -> File:
    """Write the files, and read one of them as part of the project."""
    for name, text in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(textwrap.dedent(text))

    def load(path: Path, module: str, neighbours: Neighbours) -> File:
        return File(path.read_text(), str(path), module_name=module, neighbours=neighbours)

    path = root / of
    name, start = module_name(path)
    return load(path, name, Neighbours((start,), load))


PACKAGE = {
    "pkg/__init__.py": """
        from .layers import Block, Old as New
        from .inner import *
        from torch.nn import Linear as Dense
    """,
    "pkg/layers.py": "class Block:\n    def forward(self): pass\nclass Old: pass\n",
    "pkg/inner/__init__.py": "from .deep import *\nfrom .deep import _private\n",
    "pkg/inner/deep.py": "import torch.nn.functional as F\nclass Deep: pass\n_private = 1\nrelu = F.relu\n",
}


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("from pkg import Block\nREAD(Block)", "pkg.layers.Block"),
        ("import pkg\nREAD(pkg.Block)", "pkg.layers.Block"),
        ("from pkg import New\nREAD(New)", "pkg.layers.Old"),
        ("from pkg import Dense\nREAD(Dense)", "torch.nn.Linear"),
        ("from pkg import Deep\nREAD(Deep)", "pkg.inner.deep.Deep"),
        ("from pkg import *\nREAD(Deep)", "pkg.inner.deep.Deep"),
        ("from pkg.inner.deep import F\nREAD(F.relu)", "torch.nn.functional.relu"),
        ("from pkg.inner import F\nREAD(F.relu)", "torch.nn.functional.relu"),
        ("from pkg import missing\nREAD(missing)", "pkg.missing"),
        ("from elsewhere import Thing\nREAD(Thing)", "elsewhere.Thing"),
        ("from pkg import layers\nREAD(layers.Block)", "pkg.layers.Block"),
        ("import pkg.layers as l\nREAD(l.Block.forward)", "pkg.layers.Block.forward"),
    ],
)
def test_a_name_through_the_project(tmp_path: Path, text: str, name: str) -> None:
    assert read(project(tmp_path, {**PACKAGE, "main.py": text + "\n"}, "main.py")) == name


def test_imports_in_a_circle_end(tmp_path: Path) -> None:
    files = {
        "a.py": "from b import *\nfrom b import one\n",
        "b.py": "from a import *\nfrom c import *\nfrom a import one\n",
        "c.py": "from c import *\nfrom b import *\nclass Found: pass\n",
        "main.py": "from a import *\nREAD(Found)\n",
    }
    assert read(project(tmp_path, files, "main.py")) == "c.Found"
    assert read(project(tmp_path, {"main.py": "from a import one\nREAD(one)\n"}, "main.py")) in ("a.one", "b.one")
    assert read(project(tmp_path, {"main.py": "from a import *\nREAD(nothing)\n"}, "main.py")) is None


def test_a_star_brings_what_all_names(tmp_path: Path) -> None:
    files = {"lib.py": "__all__ = ['Shown', '_odd']\nclass Shown: pass\nclass Hidden: pass\nclass _odd: pass\n"}
    for name, expected in (("Shown", "lib.Shown"), ("Hidden", None), ("_odd", "lib._odd")):
        files["main.py"] = f"from lib import *\nREAD({name})\n"
        assert read(project(tmp_path, files, "main.py")) == expected


def test_definitions_are_found_by_full_name(tmp_path: Path) -> None:
    file = project(tmp_path, {**PACKAGE, "main.py": ""}, "main.py")
    assert file.neighbours is not None
    found = file.neighbours.definition("pkg.layers.Block.forward")
    assert found is not None and found[0].module_name == "pkg.layers" and found[1].name.value == "forward"
    assert file.neighbours.definition("pkg.layers.Block.backward") is None
    assert file.neighbours.definition("torch.nn.Linear") is None
    assert file.neighbours.definition("Block") is None


# -- constants and arguments -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("READ(1)", 1),
        ("READ(-1.5)", -1.5),
        ("READ('a' \"b\")", "ab"),
        ("READ((1, [2, None]))", (1, [2, None])),
        ("READ(True)", True),
        ("N = 4\nREAD(N)", 4),
        ("M = 3\nN = M\nREAD(N)", 3),
        ("N = 4\nN = 5\nREAD(N)", "?"),
        ("N = 4\nN += 1\nREAD(N)", "?"),
        ("N = 4\ndef f():\n    global N\n    N = 5\nREAD(N)", "?"),
        ("for N in x: pass\nREAD(N)", "?"),
        ("def f(N=4): READ(N)", "?"),
        ("N = N\nREAD(N)", "?"),
        ("N = M\nM = N\nREAD(N)", "?"),
        ("READ([*x])", "?"),
        ("READ(f'{x}')", "?"),
        ("READ(" + "-" * 600 + "1)", 1),
    ],
)
def test_constants(text: str, value: object) -> None:
    file = File(text + "\n")
    (call,) = [c for c in file.nodes(cst.Call) if isinstance(c.func, cst.Name) and c.func.value == "READ"]
    assert file.constant(call.args[0].value, "?") == value


@pytest.mark.parametrize(
    ("call", "position", "keywords", "found"),
    [
        ("f(a, b)", 1, (), "b"),
        ("f(a, k=b)", 1, ("k",), "b"),
        ("f(a, k=b)", None, ("k", "j"), "b"),
        ("f(a)", 1, ("k",), None),
        ("f(*a, b)", 1, (), None),
        ("f(a, *b)", 0, (), "a"),
        ("f(a, *b)", 1, (), None),
        ("f(*a, k=b)", 3, ("k",), "b"),
        ("f(**a)", 0, ("k",), None),
    ],
)
def test_arguments(call: str, position: int | None, keywords: tuple[str, ...], found: str | None) -> None:
    node = cst.ensure_type(cst.parse_expression(call), cst.Call)
    value = File.argument(node, position, *keywords)
    assert (value.value if isinstance(value, cst.Name) else value) == found


# -- against torch -----------------------------------------------------------------------------------------------------


@needs_torch
@pytest.mark.parametrize(
    "module",
    ["torch.nn", "torch.optim", "torch.optim.lr_scheduler", "torch.utils.data", "torch.nn.utils", "torch.nn.functional",
     "torch.nn.init", "torch.nn.utils.rnn", "torch.autograd", "torch.amp", "torch.nn.parallel"],
)  # fmt: skip
def test_where_torch_defines_a_thing_and_where_users_find_it_have_one_name(module: str) -> None:
    different = {}
    for name in torch_exports.EXPORTS[module]:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            thing = getattr(importlib.import_module(module), name, None)
        home = getattr(thing, "__module__", None)
        if (
            isinstance(home, str)
            and home.startswith("torch")
            and "._" not in home
            and getattr(thing, "__qualname__", None) == name
        ):
            written, used = canonical(f"{home}.{name}"), canonical(f"{module}.{name}")
            if written != used:
                different[name] = written, used
    assert not different


@needs_torch
def test_what_stars_bring_is_what_torch_exports() -> None:
    from tests.facts import write_exports

    if write_exports.release() != torch_exports.RELEASE:
        pytest.skip(f"the table is of torch {torch_exports.RELEASE}, this is {write_exports.release()}")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        wrong = [m for m in write_exports.MODULES if torch_exports.EXPORTS[m] != frozenset(write_exports.exports(m))]
    assert not wrong, "run python tests/facts/write_exports.py"
