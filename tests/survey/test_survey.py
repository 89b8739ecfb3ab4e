"""The survey of torch's texts, on samples: what is taken for a message, and what counts as told."""

from __future__ import annotations

import importlib.util
import subprocess
import sys
from pathlib import Path

import pytest

from tests.survey.covered import SHAPES, Templates, families, family, listing, of_signs, shape_table, shapes, table
from tests.survey.torch_texts import Text, literals, raised, texts_of_libraries, texts_of_sources

ROOT = Path(__file__).parents[2]
SOURCE = """
def check(x, dim):
    if x.dim() != 3:
        raise ValueError(
            f"Expected 3D input but got {x.dim()}D, "
            f"from {x} the caller here"
        )
    msg = "the dim {} is not in range of it".format(dim)
    if dim > 3:
        raise IndexError(msg)
    torch._check(dim > 0, lambda: "dim of %s must be above zero" % dim)
    raise NotImplementedError
    raise RuntimeError("short " + str(dim))
"""
TEMPLATES = Templates(
    [
        ("matmul-shapes", "mat1 and mat2 shapes cannot be multiplied ({a:d}x{b:d} and {c:d}x{d:d})"),
        ("rank", "^Expected {}D input but got {n:d}D"),
        ("dtypes", "Found dtype {a:w} but expected {b:w}"),
    ]
)


def test_the_messages_of_python() -> None:
    assert list(raised(SOURCE)) == [
        ("Expected 3D input but got", "the caller here"),
        ("is not in range of it",),
        ("must be above zero",),
    ]


def test_the_messages_of_a_library(tmp_path: Path) -> None:
    """Of a file that is no ELF all of it is read; what is no message is left out."""
    kept = b"mat1 and mat2 shapes cannot be multiplied ("
    others = [
        b"add(Tensor self, Tensor other) -> Tensor",
        b"x INTERNAL ASSERT FAILED at ",
        b"two words",
        b"\xff\xfe bytes that are not text",
        b"Expected a.dim() == 3 to be true, but got false.",
    ]
    library = tmp_path / "lib" / "libtorch_cpu.dylib"
    library.parent.mkdir()
    library.write_bytes(b"\0".join([kept, *others, kept]))
    (tmp_path / "lib" / "libother.so").write_bytes(kept)
    assert list(literals(library)) == [kept.decode()] * 2
    assert list(texts_of_libraries(tmp_path)) == [Text((kept.decode(),), "libtorch_cpu.dylib")]


def test_the_sections_of_an_elf_file() -> None:
    spec = importlib.util.find_spec("torch")
    library = Path(spec.origin).parent / "lib" / "libc10.so" if spec is not None and spec.origin else Path("none")
    if not library.is_file():
        pytest.skip("reads a library of torch for Linux")
    assert any("Cannot access data pointer of Tensor" in text for text in literals(library))


def test_areas_and_families(tmp_path: Path) -> None:
    (tmp_path / "nn").mkdir()
    (tmp_path / "nn" / "functional.py").write_text(SOURCE)
    (tmp_path / "testing").mkdir()
    (tmp_path / "testing" / "own.py").write_text(SOURCE)
    texts = list(texts_of_sources(tmp_path))
    assert {text.area for text in texts} == {"torch.nn"} and len(texts) == 3
    assert family(Text(("conv2d(): Expected 4D input here, got",), "")) == "Expected _ input here"
    assert family(Text(("Expected 3D input here: no",), "")) == "Expected _ input here"


def test_what_counts_as_told() -> None:
    assert TEMPLATES.rule_for(Text(("mat1 and mat2 shapes cannot be multiplied (",), "")) == "matmul-shapes"
    assert TEMPLATES.rule_for(Text(("mat1 and mat2 must not be sparse",), "")) == ""
    assert TEMPLATES.rule_for_wording("Found dtype {} but expected {}") == "dtypes"
    assert TEMPLATES.rule_for_wording("mat1 and mat2 shapes cannot be multiplied ({}x{} and {}x{})") == "matmul-shapes"
    assert TEMPLATES.rule_for_wording("Found nothing at all of {}") == ""


def test_the_tables() -> None:
    told, unknown = "mat1 and mat2 shapes cannot be multiplied (", "nobody knows of this text"
    found = families([Text((told,), "lib"), Text((unknown,), "lib")], TEMPLATES.rule_for)
    said: list[str] = []
    table(found, said.append)
    assert said[1].split() == ["lib", "2", "1", "2", "1"] and said[2].split()[0] == "all"
    said.clear()
    listing(found, "li", 9, False, said.append)
    listing(found, "li", 9, True, said.append)
    assert [line.split(maxsplit=2)[2] for line in said] == [unknown, f"{told}  [matmul-shapes]"]


def test_the_shapes_that_users_meet() -> None:
    """At least as many as when this was written: a sign that loses a wording shows here."""
    known = shapes(SHAPES.read_text(encoding="utf-8"))
    assert len(known) == 249 and {shape.often for shape in known} == {"H", "M", "L"}
    said: list[str] = []
    shape_table(of_signs(), False, said.append)
    assert int(said[-1].split()[2]) >= 214, "\n".join(said)


def test_the_command_s_help() -> None:
    command = [sys.executable, "-m", "tests.survey.covered", "--help"]
    assert "--shapes" in subprocess.run(command, capture_output=True, text=True, cwd=ROOT, check=True).stdout
