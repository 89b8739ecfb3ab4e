"""The texts of errors that an installed torch can raise, read from its files: torch itself is not loaded.

What C++ raises stands in the read-only data of the shared libraries, as the literals that TORCH_CHECK puts together: a
message with numbers in it is several of them. What Python raises is read from the source: the pieces of one message
stay together. Neither knows which texts a user can meet; what can be told to be no message is left out.
"""

from __future__ import annotations

import ast
import mmap
import re
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

# Conditions of assertions, schemas of operators, source code that is compiled at run time.
_NO_MESSAGE = re.compile(
    r"INTERNAL ASSERT|to be true, but got false|CHECK failed|forward AD with|%s,"
    r"|->|[;=]=?\s*$|\(Tensor\S* \w|\$\{|==|&&|\|\||::\w+\(|^\s*(?:graph|def) "
)
_RAISES = re.compile(r"\s*(?:raise\s+[\w.]+\(|torch\._check\w*\()")
_HOLE = re.compile(r"%(?:\(\w+\))?[-+ #0]*\d*(?:\.\d+)?[sdrfgixu]|\{[^{}]*\}")
_PASSED_OVER = ("testing", "_vendor", "include", "share", "_inductor/codegen", "utils/benchmark")
WORDS = 3  # a piece with fewer words says nothing of its own


@dataclass(frozen=True, slots=True)
class Text:
    """One message, or one piece of one: its literal pieces in order, and where it comes from ("libtorch_cpu.so",
    "torch.nn")."""

    pieces: tuple[str, ...]
    area: str

    @property
    def longest(self) -> str:
        return max(self.pieces, key=len)


def telling(piece: str) -> bool:
    """Whether a piece has words enough to be recognised by."""
    return len(re.findall(r"[A-Za-z]{2,}", piece)) >= WORDS


def squeezed(text: str) -> str:
    return " ".join(text.split())


# -- shared libraries --------------------------------------------------------------------------------------------------


def texts_of_libraries(torch: Path) -> Iterator[Text]:
    """The literals of torch's own shared libraries that may be messages, each once a library."""
    for path in sorted((torch / "lib").glob("*")):
        if re.match(r"lib(?:torch|c10|caffe2)|(?:torch|c10)", path.name) and re.search(
            r"\.(?:so|dylib|dll)", path.name
        ):
            seen = set()
            for text in literals(path):
                if text not in seen:
                    seen.add(text)
                    yield Text((text,), path.name)


def literals(library: Path) -> Iterator[str]:
    """The sentence-like strings of a library."""
    for data in _read_only(library):
        for raw in data.split(b"\0"):
            if not 12 <= len(raw) <= 1000 or b" " not in raw or raw.count(b"\n") > 3:
                continue
            text = squeezed(raw.decode("ascii", "replace"))
            if text.isprintable() and "\ufffd" not in text and telling(text) and not _NO_MESSAGE.search(text):
                yield text


def _read_only(library: Path) -> Iterator[bytes]:
    """The sections of an ELF file that hold its literals; of another kind of file, all of it."""
    with library.open("rb") as file:
        data = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) if library.stat().st_size else b""
    if data[:5] != b"\x7fELF\x02":
        yield data[:]
        return
    (table,) = struct.unpack_from("<Q", data, 0x28)
    size, count, names = struct.unpack_from("<HHH", data, 0x3A)
    heads = [struct.unpack_from("<IIQQQQ", data, table + number * size) for number in range(count)]
    for name, _, _, _, offset, length in heads:
        start = heads[names][4] + name
        if data[start : start + 7] == b".rodata":
            yield data[offset : offset + length]


# -- Python ------------------------------------------------------------------------------------------------------------


def texts_of_sources(torch: Path) -> Iterator[Text]:
    """The messages of what the package's Python files raise, each once an area."""
    seen = set()
    for path in sorted(torch.rglob("*.py")):
        inside = path.relative_to(torch)
        if inside.as_posix().startswith(_PASSED_OVER):
            continue
        for pieces in raised(path.read_text(encoding="utf-8", errors="replace")):
            text = Text(pieces, f"torch.{inside.parts[0]}" if len(inside.parts) > 1 else "torch")
            if text not in seen:
                seen.add(text)
                yield text


def raised(source: str) -> Iterator[tuple[str, ...]]:
    """The pieces of each message that a module raises: of ``raise X(...)`` and of ``torch._check(..., lambda: ...)``.

    Only these statements are parsed: torch has a million lines.
    """
    lines = source.splitlines()
    for number, line in enumerate(lines):
        if _RAISES.match(line) is None:
            continue
        message = _message(_statement(lines, number), lines[:number])
        pieces = tuple(piece for part in _HOLE.split(message) if telling(piece := squeezed(part)))
        if pieces:
            yield pieces


def _statement(lines: list[str], number: int) -> ast.stmt | None:
    """The statement that begins on this line; None where it is no Python."""
    text = ""
    for line in lines[number : number + 40]:
        text += line if text else line.strip()
        text += "\n"
        try:
            return ast.parse(text).body[0]
        except SyntaxError:
            continue
    return None


def _message(statement: ast.stmt | None, above: list[str]) -> str:
    """The message of a statement with ``{}`` for what varies; a name's is looked for in the lines above."""
    call = statement.exc if isinstance(statement, ast.Raise) else getattr(statement, "value", None)
    if not isinstance(call, ast.Call) or not call.args:
        return ""
    told = call.args[0 if isinstance(statement, ast.Raise) else -1]
    told = told.body if isinstance(told, ast.Lambda) else told
    if isinstance(told, ast.Name):
        set_ = re.compile(rf"\s*{told.id} = ")
        number = next((n for n in range(len(above) - 1, max(len(above) - 40, -1), -1) if set_.match(above[n])), None)
        made = _statement(above, number) if number is not None else None
        return _text(made.value) if isinstance(made, ast.Assign) else ""
    return _text(told)


def _text(node: ast.expr) -> str:
    """A message as it is put together; ``{}`` for what is not known."""
    if isinstance(node, ast.Constant):
        return node.value if isinstance(node.value, str) else "{}"
    if isinstance(node, ast.JoinedStr):
        return "".join(str(part.value) if isinstance(part, ast.Constant) else "{}" for part in node.values)
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Add):
        return _text(node.left) + _text(node.right)
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Mod):
        return _text(node.left)
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr in ("format", "join"):
        return _text(node.func.value)
    return "{}"
