"""Which reads see a tensor that was overwritten through another name."""

from __future__ import annotations

import textwrap

import libcst as cst
import pytest

from torchdoctor.facts.aliasing import Aliasing
from torchdoctor.facts.file import File


def stale(body: str) -> list[str]:
    """The stale reads in a function of x, y and flag with this body."""
    text = "import torch\nimport torch.nn.functional as F\n\n\ndef f(x, y, flag):\n" + textwrap.indent(body, "    ")
    file = File(text)
    function = file.nodes(cst.FunctionDef)[0]
    return [file.code(node) for node in Aliasing(file, function).stale]


@pytest.mark.parametrize(
    ("body", "reads"),
    [
        ("z = F.relu_(x)\nreturn z + x", ["x"]),
        ("x = F.relu_(x)\nreturn x + x", []),
        ("k = x\nx = F.relu_(x)\nreturn k + x", ["k"]),
        ("k = x.view(-1)\nF.relu_(x)\nreturn k", ["k"]),
        ("F.relu_(x)\nreturn x", []),
        ("k = x.clone()\nx = F.relu_(x)\nreturn k + x", []),
        ("return x + F.relu_(x)", ["x"]),
        ("return torch.cat([x, F.relu_(x)])", ["x"]),
        ("return x.sum() + F.relu_(x)", []),
        ("z = F.relu_(x)\nreturn z.view(x.shape)", []),
        ("if flag:\n    x = F.relu_(x)\nreturn x", []),
        ("if flag:\n    z = F.relu_(x)\nelse:\n    z = y\nreturn z + x", ["x"]),
        ("if flag:\n    return F.relu_(x)\nreturn x", []),
        ("z = F.relu_(x) if flag else x\nreturn z", []),
        ("for i in y:\n    z = F.relu_(x)\n    x = z * 2\nreturn x", []),
        ("for i in y:\n    z = F.elu_(x)", ["x"]),
        ("k = x if flag else y\nx = F.relu_(x)\nreturn k", ["k"]),
        ("k, x = x, y\nz = F.relu_(x)\nreturn k + z", []),
        ("k = []\nk.append(x)\nx = F.relu_(x)\nreturn k", ["k"]),
        ("k = {}\nk[0] = x\nx = F.relu_(x)\nreturn k[0]", ["k"]),
        ("k = [x]\nx = F.relu_(x)\nreturn torch.cat(k)", ["k"]),
        ("k = []\nfor i in y:\n    x = i(x)\n    k.append(x)\n    x = F.elu_(x)\nreturn k.pop()", ["k"]),
        ("k = []\nx = F.relu_(x)\nk.append(x)\nreturn k", []),
        ("x[0] = y\nreturn F.relu_(x)", []),
        ("try:\n    z = F.relu_(x)\nexcept E:\n    z = y\nreturn x", ["x"]),
    ],
)
def test_reads_of_what_was_overwritten(body: str, reads: list[str]) -> None:
    assert stale(body) == reads


@pytest.mark.parametrize(
    ("body", "written"),
    [
        ("return F.relu_(y)", True),
        ("z = y\nreturn F.relu_(z)", True),
        ("y = y + 1\nreturn F.relu_(y)", False),
        ("if flag:\n    return F.relu_(y)\nreturn y", False),
        ("if flag:\n    F.relu_(y)\nelse:\n    F.elu_(y)\nreturn y", True),
    ],
)
def test_what_a_forward_does_to_its_argument(body: str, written: bool) -> None:
    text = "import torch.nn.functional as F\n\n\ndef f(self, y, flag):\n" + textwrap.indent(body, "    ")
    file = File(text)
    assert (Aliasing(file, file.nodes(cst.FunctionDef)[0]).written_parameter(1) is not None) is written
