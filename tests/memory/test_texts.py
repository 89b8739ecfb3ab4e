"""The verdict from the text of the error alone, in all its dialects; and what the text is read as."""

from __future__ import annotations

import pytest

from tests.memory.texts import ASYNC, MPS, VERDICTS, new, old, own
from torchdoctor.diagnose import diagnose
from torchdoctor.explained import unstylish_words
from torchdoctor.memory_record import in_segments
from torchdoctor.memory_text import size_of, told_memory
from torchdoctor.pasted import failures_in
from torchdoctor.quantity_text import size_text
from torchdoctor.record import ExceptionRecord, Failure, ObjectRecord


def failure(text: str, **more: object) -> Failure:
    said = ExceptionRecord("OutOfMemoryError", text, ("RuntimeError", "Exception"))
    return Failure(said, blame="torch", **more)  # type: ignore[arg-type]


@pytest.mark.parametrize("name", VERDICTS)
def test_one_verdict_and_a_way_out(name: str) -> None:
    text, rule, message, cure = VERDICTS[name]
    found = diagnose(failure(text))
    assert [finding.rule for finding in found] == [rule]
    assert message in found[0].message
    assert any(cure in one for one in found[0].cures), found[0].cures
    assert not list(unstylish_words(found[0]))


@pytest.mark.parametrize("name", VERDICTS)
def test_the_same_from_a_pasted_log(name: str) -> None:
    text, rule, _, _ = VERDICTS[name]
    head = 'Traceback (most recent call last):\n  File "train.py", line 7, in <module>\n    y = f(x)\n'
    log = f"{head}RuntimeError: {text}\n"
    for pasted in (text, log):
        (one,) = failures_in(pasted)
        assert [finding.rule for finding in diagnose(one)] == [rule]


def test_expandable_segments_are_told_only_where_memory_lies_in_pieces() -> None:
    for name, (text, rule, _, _) in VERDICTS.items():
        told = any("expandable_segments" in cure for found in diagnose(failure(text)) for cure in found.cures)
        assert told is (rule == "fragmented-memory"), name


def test_the_account_of_the_forms() -> None:
    record = told_memory(new("1.50 GiB", "24.00 GiB", "0 bytes", "22.00 GiB", "512.00 MiB", between=own("23.50 GiB")))
    assert record is not None
    assert (record.requested, record.total, record.free) == (3 << 29, 24 << 30, 0)
    assert (record.allocated, record.reserved, record.own) == (22 << 30, (22 << 30) + (1 << 29), 47 << 29)
    assert record.device == "cuda:0" and record.others == 1 << 29
    record = told_memory(old("20.00 MiB", "8.00 GiB", "6.00 GiB", "16.00 MiB", "7.50 GiB"))
    assert record is not None and record.reserved == 15 << 29 and record.idle == 3 << 29
    record = told_memory(ASYNC)
    assert record is not None and record.allowed is None and record.free == 0 and record.backend == "cudaMallocAsync"
    record = told_memory(MPS)
    assert record is not None and record.device == "mps" and record.free is not None and record.free < 192 << 20


@pytest.mark.parametrize("text", ["", "shape mismatch", "it is free; 12 GiB", "Tried. to allocate 1.1.1 GiB"])
def test_what_tells_of_no_memory(text: str) -> None:
    assert told_memory(text) is None or told_memory(text).requested is None  # type: ignore[union-attr]


def test_sizes() -> None:
    assert size_of("1.50 GiB") == 3 << 29 and size_of("192.00 MB") == 192 << 20 and size_of("0 bytes") == 0
    assert size_of("17179869184.00 GiB") is None and size_of("1.2.3 GiB") is None and size_of("") is None
    assert [size_text(n) for n in (0, 3, 1536, 3 << 29, 1 << 37)] == [
        "0 bytes",
        "3 bytes",
        "1.5 KiB",
        "1.5 GiB",
        "128 GiB",
    ]
    assert [in_segments(n) >> 20 for n in (1, 1 << 20, (1 << 20) + 1, 10 << 20, (10 << 20) + 1)] == [2, 2, 20, 10, 12]


def test_a_batch_is_halved_where_the_loader_is_known() -> None:
    loader = ObjectRecord("loader", "loader", "DataLoader", {"batch_size": 64})
    found = diagnose(failure(VERDICTS["full"][0], objects=(loader,)))
    assert found[0].cures[0].startswith("`batch_size=32` instead of 64")
