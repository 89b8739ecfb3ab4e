"""The examples, broken in many ways: every failing test's explanation names the right rule and line."""

from __future__ import annotations

from dataclasses import dataclass

import pytest

from tests.faces.pytest_plugin.conftest import ROOT, Suite
from tests.faces.pytest_plugin.sections import explained

pytest.importorskip("torch")

CURED = ROOT / "examples" / "cured"
USES = {
    "classify_images": "module.main()",
    "integer_gradient": "pass",
    "measure_accuracy": (
        "loader = DataLoader(TensorDataset(torch.randn(8, 20), torch.randint(3, (8,))), batch_size=4)\n"
        "    module.accuracy(module.Classifier(), loader)"
    ),
    "merge_heads": "pass",
    "train_classifier": "module.main()",
}


@dataclass(frozen=True)
class Fault:
    """A change of an example that breaks it; ``at`` is the code on the line to be named, by default the new code."""

    example: str
    rule: str
    old: str
    new: str
    at: str = ""


FAULTS = (
    Fault("classify_images", "linear-size-mismatch", "nn.Linear(8, 10)", "nn.Linear(16, 10)", at="self.head(self"),
    Fault("classify_images", "linear-size-mismatch", ".mean(dim=(2, 3))", ".flatten(1)"),
    Fault("classify_images", "dim-out-of-range", "dim=(2, 3)", "dim=(2, 4)"),
    Fault("classify_images", "conv-channels-mismatch", "randn(4, 3, 32, 32", "randn(4, 1, 32, 32", at="self.head(self"),
    Fault("classify_images", "window-larger-than-input", "kernel_size=3", "kernel_size=40", at="self.head(self"),
    Fault(
        "classify_images", "layer-input-of-other-dtype", "randn(4, 3, 32, 32, device=device)",
        "randn(4, 3, 32, 32, device=device).double()", at="self.head(self",
    ),
    Fault("classify_images", "missing-super-init", "        super().__init__()\n", "", at="self.features ="),
    Fault("classify_images", "missing-attribute", "self.head(self.feat", "self.tail(self.feat"),
    Fault("integer_gradient", "grad-of-integer-tensor", "[1.0, 2.0, 3.0]", "[1, 2, 3]"),
    Fault("integer_gradient", "backward-on-non-scalar", "(x * x).sum()", "x * x", at="torch.autograd.grad"),
    Fault("integer_gradient", "gradient-of-unused-input", "(y, x)", "(y, torch.ones(1, requires_grad=True))"),
    Fault("measure_accuracy", "norm-size-mismatch", "BatchNorm1d(64)", "BatchNorm1d(32)", at="self.layers(x)"),
    Fault("measure_accuracy", "linear-size-mismatch", "nn.Linear(64, 3)", "nn.Linear(32, 3)", at="self.layers(x)"),
    Fault("measure_accuracy", "dim-out-of-range", "argmax(dim=1)", "argmax(dim=2)"),
    Fault("measure_accuracy", "operands-do-not-broadcast", "(prediction == y)", "(prediction == y[:3])"),
    Fault("measure_accuracy", "numpy-on-grad-tensor", "with torch.no_grad():", "if True:", at="numpy()"),
    Fault("merge_heads", "view-on-noncontiguous", ".reshape(", ".view("),
    Fault("merge_heads", "impossible-reshape", "heads * width", "heads * width + 1"),
    Fault("merge_heads", "dim-out-of-range", "transpose(1, 2)", "transpose(1, 4)"),
    Fault("train_classifier", "target-out-of-range", "classes=3", "classes=2", at="criterion(model(x), y)"),
    Fault("train_classifier", "loss-size-mismatch", "(model(x), y)", "(model(x), y[:5])"),
    Fault(
        "train_classifier", "backward-through-freed-graph", "loss.backward()",
        "loss.backward(); loss.backward()",
    ),
    Fault("train_classifier", "graph-cut-before-backward", "model(x), y)", "model(x), y).detach()", at="loss.backward"),
    Fault("train_classifier", "linear-size-mismatch", "features=16", "features=12", at="block(x)"),
    Fault("train_classifier", "empty-parameter-list", "SGD(model.parameters()", "SGD(list(model.buffers())"),
    Fault("train_classifier", "no-forward", "self.head(x)", "self.blocks(x)"),
    Fault("train_classifier", "forward-arguments-mismatch", "criterion(model(x), y)", "criterion(model(x, y), y)"),
    Fault("train_classifier", "loss-class-called-with-tensors", "criterion(model", "nn.CrossEntropyLoss(model"),
)  # fmt: skip


def broken(fault: Fault, name: str) -> tuple[str, int]:
    """The text of the broken copy, and the line to be named."""
    text = (CURED / f"{fault.example}.py").read_text(encoding="utf-8")
    if fault.at == "numpy()":
        text = text.replace("correct += (prediction == y).sum().item()", "correct += model(x).numpy().sum()")
    assert fault.old in text, f"{name}: {fault.old!r} is no longer in {fault.example}.py"
    text = text.replace(fault.old, fault.new, 1)
    at = fault.at or fault.new
    return text, text[: text.index(at)].count("\n") + 1


@pytest.fixture(scope="module")
def found(tmp_path_factory: pytest.TempPathFactory) -> dict[str, tuple[str, str]]:
    """What one run says of all the broken copies, by test."""
    folder = tmp_path_factory.mktemp("broken")
    info = folder / "site" / "torchdoctor-0.dist-info"
    info.mkdir(parents=True)
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: torchdoctor\nVersion: 0\n")
    (info / "entry_points.txt").write_text("[pytest11]\ntorchdoctor = torchdoctor.faces.pytest_plugin\n")
    (folder / "project").mkdir()
    suite = Suite(folder / "project", folder / "site")
    tests = ["import importlib\nimport torch\nfrom torch.utils.data import DataLoader, TensorDataset\n"]
    for number, fault in enumerate(FAULTS):
        (suite.folder / f"broken_{number}.py").write_text(broken(fault, f"fault {number}")[0])
        loads = f"module = importlib.import_module('broken_{number}')"
        tests.append(f"def test_{number}():\n    {loads}\n    {USES[fault.example]}\n")
    (suite.folder / "test_broken.py").write_text("\n\n".join(tests))
    (suite.folder / "pytest.ini").write_text("[pytest]\ntorchdoctor = true\npythonpath = .\n")
    done = suite.run()
    assert f"{len(FAULTS)} failed" in done.stdout, done.stdout[-3000:]
    return explained(done.stdout)


@pytest.mark.parametrize("number", range(len(FAULTS)), ids=lambda n: f"{FAULTS[n].example}-{FAULTS[n].rule}")
def test_the_explanation_names_rule_and_line(found: dict[str, tuple[str, str]], number: int) -> None:
    line = broken(FAULTS[number], f"fault {number}")[1]
    assert found.get(f"test_{number}") == (FAULTS[number].rule, f"broken_{number}.py:{line}")


def test_the_examples_are_all_broken() -> None:
    assert {fault.example for fault in FAULTS} == {path.stem for path in CURED.glob("*.py")} == set(USES)
