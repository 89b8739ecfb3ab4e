"""Records to JSON and back, and the signs and blocks that read them."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass

import pytest

from torchdoctor import explained, sign
from torchdoctor.diagnose import examine
from torchdoctor.finding import Mark, Span
from torchdoctor.record import ExceptionRecord, Failure, FrameRecord
from torchdoctor.record_json import plain, restored
from torchdoctor.sign import Diagnosis, RecordSign, Root
from torchdoctor.value_record import ExpressionRecord, ModuleRecord, TensorRecord, ValueRecord

PLACE = Span("a.py", 1, 2, 3, 4)


@dataclass(frozen=True)
class Weighed:
    kilograms: float = 0.0
    name: str = ""


def test_a_failure_comes_back_as_it_was() -> None:
    tensor = TensorRecord((2, 3), "torch.float32", "cpu", strides=(3, 1))
    value = ValueRecord("x[0]", "Tensor", tensor=tensor, items=(ValueRecord("y", "int"),))
    module = ModuleRecord("head.fc", "Linear", "torch.nn.Linear", facts={"in_features": 3})
    frame = FrameRecord(
        "a.py", 1, "f", at=PLACE, module=module, expression=ExpressionRecord("f(x)", "call", operands=(value,))
    )
    made = Failure(
        ExceptionRecord("RuntimeError", "sizes", ("Exception",)),
        (frame,),
        origin="live",
        worker=0,
        causes=(Failure(ExceptionRecord("KeyError", "1")),),
    )
    assert restored(Failure, json.loads(json.dumps(plain(made)))) == made


def test_a_span_has_no_defaults_to_leave_out() -> None:
    assert plain(PLACE) == {"path": "a.py", "line": 1, "column": 2, "end_line": 3, "end_column": 4}


def test_what_a_later_version_wrote_is_passed_over() -> None:
    assert restored(Weighed, {"kilograms": 2, "stones": 3}) == Weighed(2.0)


@pytest.mark.parametrize("data", [None, [], 3, {"kilograms": "heavy"}, {"kilograms": []}, {"name": 1}])
def test_what_has_another_form_is_refused(data: object) -> None:
    with pytest.raises(ValueError):
        restored(Weighed, data)


@pytest.fixture
def heavy(monkeypatch: pytest.MonkeyPatch) -> None:
    def run(record: Weighed) -> Iterator[Diagnosis]:
        if record.kilograms > 100:
            yield Diagnosis("it is heavy", ("eat less",), at=PLACE, roots=(Root(PLACE, "itself"),))
        if record.kilograms > 50:
            yield Diagnosis("it may be heavy", sure=False)

    def broken(record: Weighed) -> Iterator[Diagnosis]:
        if record.name == "broken":
            raise KeyError(record.name)
        yield from ()

    signs = (RecordSign("heavy", run, Weighed), RecordSign("broken", broken, Weighed), RecordSign("other", run, Span))
    monkeypatch.setattr("torchdoctor.diagnose.record_signs", lambda: signs)
    monkeypatch.setattr("torchdoctor.explained.record_signs", lambda: signs)


@pytest.mark.usefixtures("heavy")
def test_signs_of_records() -> None:
    (sure,) = examine(Weighed(101))
    assert (sure.rule, sure.message, sure.cures, sure.at) == ("heavy", "it is heavy", ("eat less",), PLACE)
    assert sure.marks == ()  # the place itself is no second place
    assert [found.message for found in examine(Weighed(60))] == ["it may be heavy"]
    assert examine(Weighed(40)) == [] and examine(Weighed(101), rules=["broken"]) == []


@pytest.mark.usefixtures("heavy")
def test_a_sign_that_fails_stops_no_other() -> None:
    told: list[str] = []
    found = examine(Weighed(101, "broken"), on_error=lambda rule, error: told.append(rule))
    assert told == ["broken"] and [one.rule for one in found] == ["heavy"]
    with pytest.raises(KeyError):
        examine(Weighed(101, "broken"))


@pytest.mark.usefixtures("heavy")
@pytest.mark.parametrize(
    ("word", "text", "fault"),
    [
        ("record", '{"kilograms": 101}', ""),
        ("healthy", '{"kilograms": 1}', ""),
        ("record", '{"kilograms": 1}', "is found in this record, says the page"),
        ("healthy", '{"kilograms": 101}', "nothing is found in this record, says the page"),
        ("record", "[]", "the block is no Weighed"),
        ("record", "{", "the block is no Weighed"),
        ("healthy", '{"kilogram": 101}', "the block is no Weighed, which has no kilogram"),
        ("sick", "{}", "`record` or `healthy`"),
    ],
)
def test_blocks_of_records(word: str, text: str, fault: str) -> None:
    told = explained.record_fault("heavy", word, text)
    assert fault in told and bool(fault) is bool(told)


@dataclass(frozen=True)
class Measured:
    metres: float = 0.0
    name: str = ""


@pytest.mark.parametrize(
    ("word", "text", "fault"),
    [
        ("record", '{"kilograms": 101}', ""),
        ("record", '{"metres": 3}', ""),
        ("healthy", '{"metres": 1}', ""),
        ("healthy", '{"metres": 3, "name": "x"}', "told is\n  large: it is long"),
        ("record", '{"metres": 1}', "told is\n  nothing"),
        ("record", '{"kilograms": 101, "metres": 3}', "no Weighed, which has no metres\nthe block is no Measured"),
        ("record", '{"metres": []}', "the block is no Measured: "),
    ],
)
def test_blocks_of_a_rule_with_signs_of_two_kinds(
    monkeypatch: pytest.MonkeyPatch, word: str, text: str, fault: str
) -> None:
    def heavy(record: Weighed) -> Iterator[Diagnosis]:
        if record.kilograms > 100:
            yield Diagnosis("it is heavy")

    def long(record: Measured) -> Iterator[Diagnosis]:
        if record.metres > 2:
            yield Diagnosis("it is long")

    signs = (RecordSign("large", heavy, Weighed), RecordSign("large", long, Measured))
    monkeypatch.setattr("torchdoctor.diagnose.record_signs", lambda: signs)
    monkeypatch.setattr("torchdoctor.explained.record_signs", lambda: signs)
    told = explained.record_fault("large", word, text)
    assert fault in told and bool(fault) is bool(told)


def test_a_rule_without_such_a_sign_reads_no_records() -> None:
    assert "no sign that reads records" in explained.record_fault("float-index", "record", "{}")


def test_marks_are_the_roots() -> None:
    other = Span("b.py", 1, 1, 1, 2)
    one = Diagnosis("m", at=PLACE, roots=(Root(other, "made here"),))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("torchdoctor.diagnose.record_signs", lambda: (RecordSign("r", lambda _: [one], Weighed),))
        assert examine(Weighed())[0].marks == (Mark(other, "made here"),)


def test_all_signs_of_records_are_found() -> None:
    assert all(isinstance(found, RecordSign) for found in sign.record_signs())
