"""The explanation of a failure for people, and the same as JSON: from records made by hand, without torch."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.faces.conftest import Write
from torchdoctor.faces import values
from torchdoctor.faces.explanation import render
from torchdoctor.faces.failure_json import report
from torchdoctor.faces.paint import Paint, cells
from torchdoctor.finding import Finding, Mark, Span
from torchdoctor.record import (
    ExceptionRecord,
    ExpressionRecord,
    Failure,
    FrameRecord,
    ModuleRecord,
    TensorRecord,
    ValueRecord,
)

RULE, LAYOUT = "float-index", "view-on-noncontiguous"  # a dtype and a layout
MODEL = """\
from torch import nn

class Head(nn.Module):
    def __init__(self):
        super().__init__()
        self.project = nn.Linear(2048, 64)

    def forward(self, x):
        return self.project(x.flatten(1))
"""
LINEAR = ModuleRecord(
    name="head.project",
    type="Linear",
    qualified="torch.nn.modules.linear.Linear",
    root="Net",
    facts={"in_features": 2048, "out_features": 64, "weight": True, "bias": True},
)
FLAT = TensorRecord((32, 1152), "float32", strides=(1152, 1), contiguous=True)


def failure(root: Path, **changes: object) -> Failure:
    path = str(root / "model.py")
    call = ExpressionRecord(
        "self.project(x.flatten(1))",
        "call",
        "torch.nn.Linear",
        operands=(ValueRecord("x.flatten(1)", "input"),),
        callee=ValueRecord("self.project", "callee", "Linear", 1, module=LINEAR),
    )
    inner = ExpressionRecord(
        "F.linear(input, self.weight, self.bias)",
        "call",
        "torch.nn.functional.linear",
        operands=(ValueRecord("input", "input", "Tensor", 2, tensor=FLAT),),
    )
    frames = (
        FrameRecord(str(root / "train.py"), 3, "<module>", "net(x)"),
        FrameRecord(path, 9, "forward", MODEL.splitlines()[8], at=Span(path, 9, 16, 9, 42), expression=call),
        FrameRecord(
            "/env/torch/nn/modules/linear.py", 134, "forward", package="torch", expression=inner, module=LINEAR
        ),
    )
    made = Failure(ExceptionRecord("RuntimeError", "mat1 and mat2"), frames, origin="live", blame="torch")
    return replace(made, **changes)  # type: ignore[arg-type]


def found(root: Path, rule: str = RULE, **changes: object) -> Finding:
    path = str(root / "model.py")
    made = Finding(
        rule,
        "`Net.head.project` takes 2048 features and gets 1152",
        Span(path, 9, 16, 9, 42),
        marks=(Mark(Span(path, 6, 24, 6, 43), "built for 2048 features here"),),
        cures=("`nn.Linear(1152, 64)` in line 6", "crops of 32x32 pixels", "a third", "a fourth"),
    )
    return replace(made, **changes)  # type: ignore[arg-type]


def shown(root: Path, width: int = 100, **changes: object) -> str:
    return render(failure(root, **changes), [found(root)], Paint(False, width))


def test_the_whole(write: Write) -> None:
    assert shown(write({"model.py": MODEL})) == (
        "error[float-index]: `Net.head.project` takes 2048 features and gets 1152\n"
        " --> model.py:9:16\n"
        "  |\n"
        "6 |         self.project = nn.Linear(2048, 64)\n"
        "  |                        ------------------- built for 2048 features here\n"
        "...\n"
        "9 |         return self.project(x.flatten(1))\n"
        "  |                ^^^^^^^^^^^^^^^^^^^^^^^^^^\n"
        "  |                self.project  Linear(in_features=2048, out_features=64)\n"
        "  |                x.flatten(1)  (32, 1152) float32\n"
        "  |\n"
        "  = cure: `nn.Linear(1152, 64)` in line 6\n"
        "  = or: crops of 32x32 pixels\n"
        "  = or: a third\n"
        "  = torchdoctor explain float-index\n"
    )


def test_in_narrow_places(write: Write) -> None:
    root = write({"model.py": MODEL})
    out = shown(root, 50)
    assert max(map(cells, out.splitlines())) <= 50
    rows = [row.lstrip(" |") for row in out.splitlines()]
    assert rows[rows.index("self.project") + 1] == "Linear(in_features=2048, out_features=64)"


def test_colours_are_paint_alone(write: Write) -> None:
    import re

    root = write({"model.py": MODEL})
    painted = render(failure(root), [found(root)], Paint(True, 100))
    assert "\x1b[1;31merror[float-index]" in painted
    assert re.sub(r"\x1b\[[\d;]*m", "", painted) == shown(root)


def test_a_source_that_is_gone_or_has_changed(write: Write) -> None:
    root = write({})
    gone = shown(root)
    assert "9 |         return self.project(x.flatten(1))" in gone and "built for" not in gone
    write({"model.py": "other = 3\n" * 20})
    assert "other" not in shown(root) and "9 |         return self.project(x.flatten(1))" in shown(root)
    bare = replace(failure(root), frames=())
    assert "--> model.py:9:16" in render(bare, [found(root)], Paint(False, 100))


def test_places_in_other_files(write: Write) -> None:
    root = write({"model.py": MODEL, "data/crops.py": "size = 24\n"})
    other = Mark(Span(str(root / "data" / "crops.py"), 1, 8, 1, 10), "crops of 24 pixels")
    out = render(failure(root), [found(root, marks=(other,))], Paint(False, 100))
    assert " ::: data/crops.py:1:8\n" in out and "1 | size = 24\n  |        -- crops of 24 pixels\n" in out


def test_without_a_place_or_a_cure_of_its_own(write: Write) -> None:
    out = render(failure(write({})), [found(Path(), at=None, marks=(), cures=())], Paint(False, 100))
    assert out.splitlines()[0].startswith("error[float-index]: ") and "-->" not in out
    assert out.splitlines()[1].startswith("  = cure: ")


def test_worker_rank_and_sample_are_named(write: Write) -> None:
    root = write({"model.py": MODEL})
    inner = Failure(ExceptionRecord("RuntimeError", "x", notes=("sample index 7", "a note")), worker=2)
    assert "  = in: DataLoader worker 2; sample index 7; rank 3\n" in shown(root, causes=(inner,), rank=3)
    many = render(failure(root), [found(root)], Paint(False, 100), [3, 1, 2, 0])
    assert "= in: ranks 0 to 3\n" in many
    some = render(failure(root), [found(root)], Paint(False, 100), [0, 2])
    assert "= in: ranks 0, 2\n" in some


def test_the_layer_is_named_where_the_message_does_not(write: Write) -> None:
    root = write({"model.py": MODEL})
    out = render(failure(root), [found(root, message="it takes 2048 features")], Paint(False, 100))
    assert "= in: `Net.head.project` (Linear)\n" in out


def test_further_findings_are_one_line_each(write: Write) -> None:
    root = write({"model.py": MODEL})
    more = [found(root, LAYOUT, message=f"number {n}") for n in range(5)]
    out = render(failure(root), [found(root), *more], Paint(False, 100))
    assert [row for row in out.splitlines() if row.startswith("also ")] == [
        f"also error[{LAYOUT}]: number {n}" for n in range(3)
    ]
    assert render(failure(root), [], Paint()) == ""


# -- values ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("record", "topic", "text"),
    [
        (FLAT, "", "(32, 1152) float32"),
        (FLAT, "layout", "(32, 1152) float32"),
        (FLAT, "device", "(32, 1152) float32 cpu"),
        (replace(FLAT, device="cuda:1"), "", "(32, 1152) float32 cuda:1"),
        (replace(FLAT, strides=(1, 32), contiguous=False), "layout", "(32, 1152) float32 strides (1, 32)"),
        (replace(FLAT, strides=(1, 32), contiguous=False), "shape", "(32, 1152) float32"),
        (replace(FLAT, strides=(0, 1), contiguous=False), "shape", "(32, 1152) float32 strides (0, 1)"),
        (replace(FLAT, requires_grad=True), "grad", "(32, 1152) float32 requires grad"),
        (replace(FLAT, grad_fn="MulBackward0"), "grad", "(32, 1152) float32 MulBackward0"),
        (FLAT, "grad", "(32, 1152) float32 no grad"),
        (TensorRecord((), "int64", least=-1.0, most=9.0), "loss", "() int64 -1..9"),
        (TensorRecord(None, "float32", kind="UninitializedParameter"), "", "(?) float32 UninitializedParameter"),
        (replace(FLAT, layout="sparse_coo", nans=3), "", "(32, 1152) float32 sparse_coo 3 nan"),
    ],
)
def test_tensors_in_words(record: TensorRecord, topic: str, text: str) -> None:
    assert values.tensor(record, topic) == text


def test_devices_are_named_where_they_differ() -> None:
    operands = tuple(
        ValueRecord(name, role, "Tensor", n, tensor=replace(FLAT, device=device))
        for n, (name, role, device) in enumerate([("a", "left", "cpu"), ("b", "right", "cuda:0")], 1)
    )
    rows = values.rows(ExpressionRecord("a + b", "operator", "+", operands), "shape")
    assert rows == ("a  (32, 1152) float32 cpu", "b  (32, 1152) float32 cuda:0")


def test_what_is_worth_a_row() -> None:
    items = tuple(ValueRecord(f"xs[{n}]", str(n), "Tensor", n, tensor=TensorRecord((n,), "float32")) for n in range(6))
    operands = (
        ValueRecord("0", "dim", "int", text="0"),  # stands in the code as it is
        ValueRecord("unknown()", "x"),
        ValueRecord("xs", "tensors", "list", 9, items=items, length=8),
        ValueRecord("size", "size", "int", text="512"),
        ValueRecord("xs", "again", "list", 9, items=items, length=8),
        ValueRecord("options", "o", "dict", 10, items=(ValueRecord("", "k", "int", text="3"),), length=1),
    )
    assert values.rows(ExpressionRecord("f(...)", "call", "f", operands), "") == (
        "xs       list of 8: (0,), (1,), (2,), (3,), ...",
        "size     512",
        "options  dict of 1",
    )


@settings(max_examples=60, deadline=None)
@given(st.text(max_size=80), st.text(max_size=80), st.integers(40, 140))
def test_any_text_can_be_shown(code: str, said: str, width: int) -> None:
    value = ValueRecord(code, "x", "str", 1, text=said)
    frame = FrameRecord("/none/x.py", 3, "f", said, expression=ExpressionRecord(code, "call", operands=(value,)))
    made = Failure(ExceptionRecord("E", said), (frame,))
    out = render(made, [found(Path("/none"), at=frame.place, marks=(), message=said or "x")], Paint(False, width))
    assert "\x1b" not in out and out.endswith("torchdoctor explain float-index\n")


# -- JSON --------------------------------------------------------------------------------------------------------------


def test_a_report(write: Write) -> None:
    root = write({"model.py": MODEL})
    told = json.loads(report(failure(root), [found(root)]))
    assert set(told) == {"version", "failure", "findings"} and told["version"] == 1
    assert told["failure"]["exception"] == {"type": "RuntimeError", "message": "mat1 and mat2"}
    assert told["failure"]["blame"] == "torch" and told["failure"]["origin"] == "live"
    inner = told["failure"]["frames"][2]
    assert inner["expression"]["operands"][0]["tensor"]["shape"] == [32, 1152]
    assert inner["module"]["facts"]["in_features"] == 2048
    (finding,) = told["findings"]
    assert (finding["rule"], finding["line"], finding["topic"]) == (RULE, 9, "dtype")
    assert finding["cures"][0] == "`nn.Linear(1152, 64)` in line 6" and finding["cure"]


def test_what_json_has_no_word_for() -> None:
    made = Failure(ExceptionRecord("E", "\ud800 \x00"), environment={"a": float("nan"), "b": {1: object}, "c": b"x"})
    told = json.loads(report(made, []))
    assert told["failure"]["environment"] == {"a": "nan", "b": {"1": str(object)}, "c": "b'x'"}
