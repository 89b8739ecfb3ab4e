"""The abstract run: events in order, values, grad mode, modes, contexts."""

from __future__ import annotations

import textwrap
from pathlib import Path

import libcst as cst
import pytest

from torchdoctor.facts.events import Event
from torchdoctor.facts.file import File
from torchdoctor.facts.flow import Flow
from torchdoctor.facts.neighbours import Neighbours
from torchdoctor.facts.values import Made, Named, Tensor

PREAMBLE = """\
import torch
import torch.nn as nn
import torch.nn.functional as F
from torch.utils.data import DataLoader
from tqdm import tqdm


class Net(nn.Module):
    def __init__(self, hidden=8):
        super().__init__()
        self.fc = nn.Linear(4, hidden)
        self.drop = nn.Dropout(0.5)

    def forward(self, x):
        return self.drop(self.fc(x))


"""


def file_of(code: str) -> File:
    return File(PREAMBLE + textwrap.dedent(code), "example.py")


def flow_of(code: str, function: str | None = None, context: int = 0) -> Flow:
    file = file_of(code)
    if function is None:
        return file.flows.module
    node = file.definition(function.split("."))
    assert isinstance(node, cst.FunctionDef)
    return file.flows.of(node)[context]


def story(flow: Flow, *kinds: str) -> list[str]:
    """The events of these kinds as "kind code"."""
    return [f"{event.kind} {event.file.code(event.node)}" for event in flow.events if event.kind in kinds]


def project(folder: Path, files: dict[str, str]) -> Neighbours:
    for name, text in files.items():
        path = folder / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(text)

    def load(path: Path, module: str, neighbours: Neighbours) -> File:
        return File(path.read_text(), str(path), module_name=module, neighbours=neighbours)

    return Neighbours((folder,), load)


def one(flow: Flow, kind: str) -> Event:
    (event,) = flow.of(kind)
    return event


TRAINING = """
def train(model, loader, optimizer, criterion):
    model.train()
    for x, y in tqdm(loader):
        optimizer.zero_grad()
        loss = criterion(model(x), y)
        loss.backward()
        optimizer.step()

def main():
    model = Net()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    criterion = nn.CrossEntropyLoss()
    for epoch in range(3):
        train(model, DataLoader(data), optimizer, criterion)

if __name__ == "__main__":
    main()
"""
PROTOCOL = ("train", "zero_grad", "loss", "backward", "step")


def test_events_come_in_the_order_of_what_happens() -> None:
    assert story(flow_of(TRAINING, "train"), *PROTOCOL) == [
        "train model.train()",
        "zero_grad optimizer.zero_grad()",
        "loss criterion(model(x), y)",
        "backward loss.backward()",
        "step optimizer.step()",
    ]


def test_a_function_is_seen_with_the_arguments_of_its_callers() -> None:
    flow = flow_of(TRAINING, "train")
    assert flow.known_callers
    step = one(flow, "step")
    assert isinstance(step.on, Made)
    assert step.on.name == "torch.optim.SGD"
    assert flow.kind(step.on) == "optimizer"


def test_what_a_called_function_does_is_part_of_the_caller() -> None:
    step = one(flow_of(TRAINING, "main"), "step")
    assert len(step.loops) == 2
    assert len(step.via) == 1


def test_attributes_of_self_are_what_the_constructor_made() -> None:
    flow = flow_of(
        """
        class Trainer:
            def __init__(self):
                self.model = Net()
                self.optimizer = torch.optim.Adam(self.model.parameters())

            def fit(self, loader):
                for x, y in loader:
                    self.optimizer.zero_grad()
                    self._loss(x, y).backward()
                    self.optimizer.step()

            def _loss(self, x, y):
                return F.cross_entropy(self.model(x), y)
        """,
        "Trainer.fit",
    )
    assert flow.kind(one(flow, "step").on) == "optimizer"
    backward = one(flow, "backward")
    assert isinstance(backward.on, Tensor)
    assert {flow.kind(model) for model in backward.on.models} == {"module"}


@pytest.mark.parametrize(
    ("opening", "expected"),
    [
        ("with torch.no_grad():", False),
        ("with torch.inference_mode():", False),
        ("with torch.inference_mode(False):", True),
        ("with torch.set_grad_enabled(False):", False),
        ("with torch.set_grad_enabled(flag):", None),
        ("with torch.enable_grad():", True),
        ("with open('x') as f, torch.no_grad():", False),
        ("with torch.autocast('cpu'):", True),
        ("if True:", True),
    ],
)
def test_grad_mode_of_a_context(opening: str, expected: bool | None) -> None:
    flow = flow_of(f"def f(model, x, flag):\n    {opening}\n        model.eval()(x)\n    model(x)\n", "f")
    inside, after = flow.of("forward")
    assert inside.grad.enabled is expected
    assert after.grad.enabled is True


@pytest.mark.parametrize(
    ("decorator", "expected"),
    [
        ("@torch.no_grad()", False),
        ("@torch.inference_mode", False),
        ("@torch.enable_grad()", True),
        ("@torch.set_grad_enabled(False)", False),
        ("@functools.wraps(g)", True),
        ("@somebody.elses", None),
    ],
)
def test_grad_mode_of_a_decorator(decorator: str, expected: bool | None) -> None:
    flow = flow_of(
        f"import functools\nimport somebody\n{decorator}\ndef f(model, x):\n    model.eval()\n    model(x)\n",
        "f",
    )
    assert one(flow, "forward").grad.enabled is expected


def test_set_grad_enabled_lasts() -> None:
    flow = flow_of("def f(model, x):\n    model.eval()\n    torch.set_grad_enabled(False)\n    model(x)\n", "f")
    assert one(flow, "forward").grad.enabled is False


def test_grad_mode_comes_from_the_caller() -> None:
    code = """
    def evaluate(model, x):
        model.eval()
        return model(x)

    def outer(model, x):
        with torch.no_grad():
            return evaluate(model, x)
    """
    assert one(flow_of(code, "evaluate"), "forward").grad.enabled is False


def test_modes_join_over_branches_and_loops() -> None:
    code = """
    def run(model, loader):
        for epoch in range(9):
            model(next(loader))
            model.eval()
            model(next(loader))
    """
    first, second = flow_of(code, "run").of("forward")
    assert {mode.training for mode in first.modes} == {None, False}
    assert {mode.training for mode in second.modes} == {False}


def test_a_constant_argument_decides_a_branch() -> None:
    code = """
    def epoch(model, x, train=True):
        if train:
            model.train()
        else:
            model.eval()
        return model(x)

    def both(model, x):
        epoch(model, x)
        epoch(model, x, train=False)
    """
    first, second = flow_of(code, "both").of("forward")
    assert {mode.training for mode in first.modes} == {True}
    assert {mode.training for mode in second.modes} == {False}


def test_arms_of_one_branch_exclude_each_other() -> None:
    code = """
    def f(loss, flag):
        if flag:
            loss.backward()
        else:
            loss.mean().backward()
        loss.sum().backward()
    """
    flow = flow_of(code, "f")
    first, second, third = flow.of("backward")
    assert flow.exclusive(first, second)
    assert not flow.exclusive(first, third)


def test_wrappers_stand_for_the_model_inside() -> None:
    code = """
    model = Net()
    parallel = nn.DataParallel(model)
    parallel.eval()
    out = parallel(torch.zeros(1, 4))
    """
    flow = flow_of(code)
    made = one(flow, "eval").on
    assert isinstance(made, Made)
    assert made.name == "example.Net"


def test_a_scaled_loss_is_known_as_such() -> None:
    code = """
    def f(model, x, optimizer):
        scaler = torch.amp.GradScaler()
        loss = model(x).sum()
        scaler.scale(loss).backward()
        scaler.unscale_(optimizer)
        scaler.step(optimizer)
        scaler.update()
    """
    flow = flow_of(code, "f")
    assert story(flow, "scale", "backward", "unscale", "scaler_step", "update") == [
        "scale scaler.scale(loss)",
        "backward scaler.scale(loss).backward()",
        "unscale scaler.unscale_(optimizer)",
        "scaler_step scaler.step(optimizer)",
        "update scaler.update()",
    ]
    assert flow.kind(one(flow, "backward").by) == "scaler"  # type: ignore[arg-type]


def test_recursion_and_deep_nesting_end() -> None:
    recursion = "def f(x):\n    return g(x) + 1\ndef g(x):\n    return f(x)\n"
    assert flow_of(recursion, "f").events
    nested = (
        "def f(model, x):\n"
        + "".join(f"{'    ' * (d + 1)}for i{d} in x:\n" for d in range(15))
        + "    " * 16
        + "model(x)\n"
    )
    flow_of(nested, "f")
    branches = "def f(a, x):\n" + "    if a: x = x + 1\n    else: x = x * 2\n" * 200
    flow_of(branches, "f")


def test_a_run_that_takes_too_long_says_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("torchdoctor.facts.run._BUDGET", 100)
    long = "def f(loss, x):\n" + "    x = [x, x, x]\n" * 50 + "    loss.backward()\n"
    assert flow_of(long, "f").events == []


def test_other_files_of_the_project_are_stepped_into(tmp_path: Path) -> None:
    files = {
        "pkg/__init__.py": "from .nets import Net\n",
        "pkg/nets.py": "import torch.nn as nn\nclass Net(nn.Module):\n    def forward(self, x):\n        return x\n",
        "pkg/engine.py": (
            "import torch\n@torch.no_grad()\ndef evaluate(model, x):\n    model.eval()\n    return model(x)\n"
        ),
        "main.py": "from pkg import Net\nfrom pkg.engine import evaluate as ev\nev(Net(), data)\n",
    }
    neighbours = project(tmp_path, files)
    file = neighbours.file("main")
    assert file is not None
    forward = one(file.flows.module, "forward")
    assert isinstance(forward.on, Made)
    assert forward.on.name == "pkg.nets.Net"
    assert file.flows.module.kind(forward.on) == "module"
    assert forward.grad.enabled is False
    assert {mode.training for mode in forward.modes} == {False}
    assert {Path(path).name for path in neighbours.consulted} == {
        "main.py",
        "__init__.py",
        "nets.py",
        "engine.py",
    }


@pytest.mark.parametrize(
    ("expression", "name"),
    [
        ("relu(x)", "torch.nn.functional.relu"),
        ("act(x)", "torch.nn.functional.gelu"),
        ("nn.functional.silu(x)", "torch.nn.functional.silu"),
    ],
)
def test_functions_are_known_through_aliases(expression: str, name: str) -> None:
    code = f"from torch.nn.functional import relu\nact = F.gelu\ndef f(x):\n    return {expression}\n"
    flow = flow_of(code, "f")
    call = next(node for node in flow.file.nodes(cst.Call) if flow.file.code(node) == expression)
    assert flow.value(call.func) == Named(name)


def test_loops_and_the_ways_out_of_them_are_seen_through_functions() -> None:
    flow = flow_of(
        """
        def passes(loader, limit):
            for i, x in enumerate(loader):
                if i > limit:
                    break
                if x is None:
                    continue
                print([y for y in x])

        def main(loader):
            passes(loader, 3)
        """,
        "main",
    )
    assert story(flow, "iterate", "break", "continue") == [
        "iterate enumerate(loader)",
        "break break",
        "continue continue",
        "iterate x",
    ]
    assert [len(event.loops) for event in flow.of("iterate", "break", "continue")] == [0, 1, 1, 1]


def test_what_the_constructor_calls_makes_attributes_too() -> None:
    code = """
    class Trainer:
        def __init__(self, lr):
            self.model = Net()
            self.build(lr)

        def build(self, lr):
            self.optimizer = torch.optim.Adam(self.model.parameters(), lr=lr)

        def fit(self):
            self.optimizer.step()
    """
    on = one(flow_of(code, "Trainer.fit"), "step").on
    assert isinstance(on, Made)
    assert on.name == "torch.optim.Adam"


def test_words_lead_to_what_is_made_with_them() -> None:
    code = """
    class Trainer:
        def __init__(self):
            self.score = nn.CrossEntropyLoss()

        def fit(self, x, y):
            return self.score(x, y)

    WEIGHTED = nn.CrossEntropyLoss(weight=w)

    def plain(x, y):
        return WEIGHTED(x, y)

    def main(x, y):
        plain(x, y)

    def unrelated(x):
        return x
    """
    flows = file_of(code).flows.touching(frozenset({"CrossEntropyLoss"}))
    names = dict.fromkeys(flow.function.name.value for flow in flows if flow.function is not None)
    assert list(names) == ["__init__", "fit", "plain", "main"]


def test_callers_in_other_files_are_found_when_asked_for(tmp_path: Path) -> None:
    files = {
        "pkg/__init__.py": "",
        "pkg/engine.py": "def evaluate(model, x):\n    model.eval()\n    return model(x)\n",
        "pkg/cli.py": (
            "import torch\nfrom pkg.engine import evaluate\n"
            "def main(model, x):\n    with torch.no_grad():\n        evaluate(model, x)\n"
        ),
    }
    text = files["pkg/engine.py"]
    neighbours = project(tmp_path, files)
    file = File(text, str(tmp_path / "pkg/engine.py"), module_name="pkg.engine", neighbours=neighbours)
    function = file.definition(["evaluate"])
    assert isinstance(function, cst.FunctionDef)
    (alone,) = file.flows.of(function)
    assert one(alone, "forward").grad.enabled is True
    (called,) = alone.elsewhere or []
    assert one(called, "forward").grad.enabled is False


def test_what_a_class_does_with_an_attribute_tells_the_kind_of_what_it_was_given() -> None:
    code = """
    class Trainer:
        def __init__(self, model, optimizer):
            self.model = model
            self.optimizer = optimizer

        def fit(self, loader):
            count = sum(p.numel() for p in self.model.parameters())
            for x in loader:
                loss = self.model(x).sum()
                self.optimizer.zero_grad()
                loss.backward()
                self.optimizer.step()
    """
    flow = flow_of(code, "Trainer.fit")
    forward = one(flow, "forward")
    assert flow.kind(forward.on) == "module"
    backward = one(flow, "backward")
    assert isinstance(backward.on, Tensor)
    assert forward.on in backward.on.models
    assert flow.kind(one(flow, "step").on) == "optimizer"


def test_a_forward_tells_the_wrapper_it_went_through() -> None:
    flow = flow_of(
        """
def run(x):
    net = Net()
    ddp = torch.nn.parallel.DistributedDataParallel(net)
    ddp(x)
    net(x)
""",
        "run",
    )
    wrapped, plain = (
        event for event in flow.of("forward") if isinstance(event.on, Made) and event.on.name == "example.Net"
    )
    assert isinstance(wrapped.by, Made) and wrapped.by.name == "torch.nn.parallel.DistributedDataParallel"
    assert plain.by is None


def test_yield_from_begins_to_read() -> None:
    flow = flow_of(
        """
def items(source):
    yield from source
""",
        "items",
    )
    assert story(flow, "iterate") == ["iterate source"]


@pytest.mark.parametrize("joined", ["torch.stack(losses).mean()", "sum(losses)", "torch.cat(losses).sum()"])
def test_a_list_that_grew_holds_the_graph_of_what_was_put_in(joined: str) -> None:
    code = f"""
    def f(xs):
        model = Net()
        losses = []
        for x in xs:
            losses.append(model(x).sum())
        loss = {joined}
        loss.backward()
    """
    backward = one(flow_of(code, "f"), "backward")
    assert isinstance(backward.on, Tensor)
    assert backward.on.grad is not None
    assert backward.on.grad.value == "attached"
    assert any(isinstance(model, Made) and model.name == "example.Net" for model in backward.on.models)


@pytest.mark.parametrize("method", ["item", "tolist", "numpy"])
def test_numbers_taken_out_of_a_tensor_are_no_tensors(method: str) -> None:
    flow = flow_of(f"def f(x):\n    total = 0.0\n    y = Net()(x).sum()\n    total += y.{method}()\n", "f")
    assert not isinstance(one(flow, "augment").value, Tensor)


def test_what_is_wrapped_for_several_processes_is_a_module_whatever_it_is() -> None:
    flow = flow_of(
        """
def run(model, x):
    ddp = torch.nn.parallel.DistributedDataParallel(model.to(3))
    return ddp(x)
""",
        "run",
    )
    assert isinstance(one(flow, "forward").by, Made)


def test_moving_an_unknown_thing_keeps_what_it_is() -> None:
    code = (
        "import torch\n"
        "class Trainer:\n"
        "    def __init__(self, model, device):\n"
        "        self.model = model.to(device)\n"
        "    def validate(self, x):\n"
        "        self.model.eval()\n"
        "        return self.model(x)\n"
    )
    file = file_of(code)
    function = file.definition(["Trainer", "validate"])
    assert isinstance(function, cst.FunctionDef)
    (flow,) = file.flows.of(function)
    assert {mode.training for mode in one(flow, "forward").modes} == {False}


def test_words_lead_through_aliases_of_imports() -> None:
    code = """
    from torch.nn import CrossEntropyLoss as Loss

    def fit(x, y):
        return Loss()(x, y)
    """
    flows = file_of(code).flows.touching(frozenset({"CrossEntropyLoss"}))
    assert [flow.function.name.value for flow in flows if flow.function is not None] == ["fit"]
