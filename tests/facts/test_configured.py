"""What numbers and modules are known to be that come from configurations, other functions and several methods."""

from __future__ import annotations

import textwrap
from pathlib import Path

import libcst as cst
import pytest

from tests.facts.test_flow import project
from torchdoctor.facts.file import File
from torchdoctor.facts.flow import Flow
from torchdoctor.facts.values import Tensor, Value
from torchdoctor.facts.wording import words

PREAMBLE = """\
import argparse
from dataclasses import dataclass, field

import torch
import torch.nn as nn
import torch.nn.functional as F
"""


def told(code: str, name: str = "answer") -> list[str]:
    """In words, what the expressions of this name hold that are read or bound last, in each flow that reaches one."""
    file = File(PREAMBLE + textwrap.dedent(code), "example.py")
    flows: list[Flow] = [file.flows.module, *file.flows.touching()]
    found: dict[str, None] = {}
    for flow in dict.fromkeys(flows):
        values: list[Value] = [v for n, v in flow.values.items() if isinstance(n, cst.Name) and n.value == name]
        if values:
            found[words(values[-1])] = None
    return list(found)


# -- who is looked for -------------------------------------------------------------------------------------------------


def test_a_forward_is_seen_as_those_call_it_that_make_the_model() -> None:
    file = File(
        PREAMBLE
        + textwrap.dedent(
            """
            class Net(nn.Module):
                def forward(self, x):
                    return x.view(2, -1)

            def main():
                net = Net()
                return net(torch.ones(2, 3, 4))
            """
        ),
        "example.py",
    )
    flows = [flow for flow in file.flows.touching(frozenset({"view"})) if flow.function is not None]
    forwards = [flow for flow in flows if flow.function and flow.function.name.value == "forward"]
    shapes = {v.shape.value for f in forwards if isinstance(v := f.returned, Tensor) and v.shape is not None}
    assert (2, 12) in shapes


def test_a_power_of_a_size_is_a_number() -> None:
    code = """
        def scores(q: torch.Tensor):
            b, n, d = q.shape
            answer = q @ q.transpose(-2, -1) * d ** -0.5
        """
    assert told(code) == ["tensor (q.shape[0], q.shape[1], q.shape[1])"]


# -- configurations ----------------------------------------------------------------------------------------------------

ARGUMENTS = """
parser = argparse.ArgumentParser()
parser.add_argument("--hidden-dim", "-d", type=int, default=64)
parser.add_argument("--n_layers", default=3, type=int, help="layers")
parser.add_argument("--width", type=int)
parser.add_argument("--local_rank", type=int, default=-1)
parser.add_argument("--workers", type=int, default=1)
parser.add_argument("--name", default="x")
parser.add_argument("--amp", action="store_true")
args = parser.parse_args()
"""


@pytest.mark.parametrize(
    ("read", "known"),
    [
        ("args.hidden_dim", "64"),
        ("args.n_layers", "3"),
        ("args.width", "args.width"),
        ("args.local_rank", "args.local_rank"),
        ("args.workers", "args.workers"),
        ("args.name", "args.name"),
        ("args.amp", "args.amp"),
        ("args.other", "args.other"),
        ("args.hidden_dim // 2", "32"),
    ],
)
def test_what_argparse_gives_where_nothing_is_asked(read: str, known: str) -> None:
    (answer,) = told(f"{ARGUMENTS}answer = {read}\n")
    assert answer == known or (known.startswith("args.") and answer.endswith(known.partition(".")[2]))


def test_arguments_of_another_function() -> None:
    code = """
        def options():
            parser = argparse.ArgumentParser()
            parser.add_argument("--hidden", type=int, default=32)
            return parser.parse_args()

        def make(opt):
            answer = nn.Linear(opt.hidden, 2)

        def main():
            opt = options()
            make(opt)
        """
    assert "Linear(in_features=32, out_features=2)" in told(code)


@pytest.mark.parametrize("test", ["args.hidden_dim > 100", "args.n_layers == 3", "args.n_layers", "not args.n_layers"])
def test_a_default_decides_no_branch(test: str) -> None:
    """The user may ask for another number: both ways are gone."""
    assert told(f"{ARGUMENTS}answer = 1 if {test} else 2\n") == ["1 or 2"]
    numbers = f"{ARGUMENTS}d, n = args.hidden_dim, args.n_layers\n"
    by_name = test.replace("args.hidden_dim", "d").replace("args.n_layers", "n")
    assert told(f"{numbers}answer = 1 if {by_name} else 2\n") == ["1 or 2"]


def test_a_default_that_is_set_in_code_is_not_it() -> None:
    assert told(f"{ARGUMENTS}args.hidden_dim = 128\nanswer = args.hidden_dim\n") == ["128"]
    assert told(ARGUMENTS + "parser.set_defaults(hidden_dim=3)\nanswer = args.hidden_dim\n") != ["64"]


DATACLASS = """
@dataclass
class Config:
    width: int = 128
    depth: int = 2
    sizes: list = field(default_factory=lambda: [1, 2])
    heads: int = field(default=8)
"""


@pytest.mark.parametrize(
    ("made", "read", "known"),
    [
        ("Config()", "width", "128"),
        ("Config(width=64)", "width", "64"),
        ("Config(64)", "width", "64"),
        ("Config(64, 3)", "depth", "3"),
        ("Config()", "heads", "8"),
        ("Config(heads=4)", "heads", "4"),
    ],
)
def test_fields_of_a_dataclass(made: str, read: str, known: str) -> None:
    assert told(f"{DATACLASS}cfg = {made}\nanswer = cfg.{read}\n") == [known]


CLASS = "class CFG:\n    debug = False\n    width = 64\n"


def test_constants_of_a_class() -> None:
    assert told(f"{CLASS}answer = CFG.width\n") == ["64"]
    assert told(f"{CLASS}answer = CFG().width\n") == ["64"]
    assert "64" in told(f"{CLASS}def f():\n    answer = CFG.width\n")
    assert told(f"{CLASS}CFG.width = 5\nanswer = CFG.width\n") == ["5"]


def test_a_switch_of_a_class_decides_no_branch() -> None:
    assert told(f"{CLASS}answer = 1 if CFG.debug else 2\n") == ["1 or 2"]
    assert told(f"{CLASS}answer = 1 if CFG.width > 10 else 2\n") == ["1 or 2"]
    assert told("answer = 1 if torch.version.cuda else 2\n") == ["1 or 2"]


def test_constants_of_another_file(tmp_path: Path) -> None:
    files = {"config.py": "HIDDEN = 48\nDEBUG = False\nwidth = 3\n", "layers.py": "import torch.nn as nn\n"}
    code = "import torch.nn as nn\nimport config\nfrom config import HIDDEN, DEBUG, width\n\n"
    code += "answer = nn.Linear(HIDDEN, config.HIDDEN) if DEBUG else nn.Linear(width, 2)\n"
    neighbours = project(tmp_path, files)
    file = File(code, "main.py", module_name="main", neighbours=neighbours)
    (value,) = (v for n, v in file.flows.module.values.items() if isinstance(n, cst.Name) and n.value == "answer")
    made = "Linear(in_features=48, out_features=48) or Linear(in_features=config.width, out_features=2)"
    assert words(value) == made


def test_named_items_of_what_torch_gives() -> None:
    code = "x = torch.randn(4, 5)\nanswer = x - x.max(dim=-1, keepdim=True).values\n"
    assert told(code) == ["tensor (4, 5)"]


# -- what is not there -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("loss", ["F.mse_loss(net(x), x)", "nn.MSELoss()(net(x), x)", "torch.sub(net(x), x).mean()"])
def test_what_is_computed_from_nothing_is_not_known(loss: str) -> None:
    """`forward` returns nothing: torch refuses the loss, and nobody may say that it lacks a gradient."""
    code = f"""
        class Net(nn.Module):
            def forward(self, x):
                print(x)

        net, x = Net(), torch.ones(3)
        answer = {loss}
        answer.backward()
        """
    file = File(PREAMBLE + textwrap.dedent(code), "example.py")
    (backward,) = file.flows.module.of("backward")
    assert not isinstance(backward.on, Tensor) or backward.on.grad is None


# -- containers of modules ---------------------------------------------------------------------------------------------

STACK = """
class Net(nn.Module):
    def __init__(self, width=8):
        super().__init__()
        self.layers = nn.ModuleList({layers})
        {more}

    def forward(self, x):
        for i, layer in enumerate(self.layers):
            answer = layer
        return x

Net()(torch.ones(2, 8))
"""


@pytest.mark.parametrize(
    ("layers", "more", "known"),
    [
        ("[nn.Linear(width, width) for _ in range(3)]", "", "Linear(in_features=8, out_features=8)"),
        ("nn.Linear(width, 3) for _ in range(3)", "", "Linear(in_features=8, out_features=3)"),
        ("[nn.Linear(8, 4), nn.ReLU()]", "", "Linear(in_features=8, out_features=4) or ReLU()"),
        ("[nn.Linear(width * i, width * i * 2) for i in range(1, 4)]", "", None),  # each is another one
        ("[nn.Linear(width, width) for _ in range(3)]", "self.layers.append(nn.ReLU())", None),
        ("[nn.Linear(width, width), nn.ReLU()]", "self.layers[0] = nn.GELU()", None),
    ],
)
def test_a_loop_over_modules(layers: str, more: str, known: str | None) -> None:
    answers = told(STACK.format(layers=layers, more=more))
    assert (
        any(answer == known for answer in answers) if known else not any("Linear" in answer[:6] for answer in answers)
    )


def test_an_item_of_a_container() -> None:
    assert told("d = nn.ModuleDict({'a': nn.Linear(3, 4)})\nanswer = d['a'](torch.ones(2, 3))\n") == ["tensor (2, 4)"]
    assert told("d = nn.ModuleList([nn.ReLU(), nn.Linear(3, 4)])\nanswer = d[-1](torch.ones(2, 3))\n") == [
        "tensor (2, 4)"
    ]
