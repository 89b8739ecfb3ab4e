"""The piece of source that a frame was at: the very expression, by the positions that the bytecode keeps."""

from __future__ import annotations

import ast
import dis
import linecache
import types
import warnings
from itertools import islice
from typing import Any

Place = tuple[int, int, int, int]  # line, column, end line, end column; columns in bytes, from 0, as ast counts them
_MOST_CLOSING = 12


class Sources:
    """Texts and trees of the files of one traceback, each read and parsed once."""

    def __init__(self) -> None:
        self._lines: dict[str, list[str]] = {}
        self._trees: dict[str, dict[Place, ast.AST] | None] = {}
        self._statements: dict[str, list[ast.stmt]] = {}

    def know(self, path: str, globals_: dict[str, Any]) -> None:
        """Read a file as a traceback would: from disk, or through the loader of the frame's module."""
        if path in self._lines:
            return
        try:
            linecache.checkcache(path)
            self._lines[path] = linecache.getlines(path, globals_)
        except Exception:
            self._lines[path] = []

    def lines(self, path: str) -> list[str]:
        return self._lines.get(path, [])

    def line(self, path: str, number: int) -> str:
        lines = self.lines(path)
        return lines[number - 1].rstrip("\r\n") if 0 < number <= len(lines) else ""

    def node(self, traceback: types.TracebackType, *, whole: bool = True) -> ast.AST | None:
        """The expression or statement that was being run; None where it cannot be told.

        With ``whole`` False only the text of the frame's own function is parsed: the files of libraries are long.
        """
        code = traceback.tb_frame.f_code
        place = _position(code, traceback.tb_lasti)
        if place is None:
            return self._by_executing(traceback) or self._by_instruction(traceback)
        return (self._nodes(code.co_filename) if whole else self._own_nodes(code)).get(place)

    def at(self, path: str, line: int, column: int | None, end_column: int | None) -> ast.AST | None:
        """The largest expression that begins and ends in these columns (from 0), on whichever line it ends."""
        found = [
            (place, node)
            for place, node in self._nodes(path).items()
            if place[:2] == (line, column) and place[3] == end_column and isinstance(node, ast.expr)
        ]
        return max(found, key=lambda one: one[0], default=(None, None))[1]

    def last_assigned(self, path: str, line: int, name: str) -> ast.expr | None:
        """What a name was given last before a line, in the function that the line is of."""
        found = None
        inside = self._function(path, line)
        for statement in sorted(self._statements.get(path, ()), key=lambda one: one.lineno):
            if statement.lineno >= line:
                break
            targets = statement.targets if isinstance(statement, ast.Assign) else []
            if any(isinstance(one, ast.Name) and one.id == name for one in targets):
                if self._function(path, statement.lineno) is inside:
                    found = statement.value  # type: ignore[attr-defined]
        return found

    def _function(self, path: str, line: int) -> ast.AST | None:
        """The innermost function that a line is of."""
        self._nodes(path)
        kinds = (ast.FunctionDef, ast.AsyncFunctionDef)
        around = [s for s in self._statements.get(path, ()) if isinstance(s, kinds)]
        inner = [f for f in around if f.lineno <= line <= (f.end_lineno or f.lineno)]
        return max(inner, key=lambda f: f.lineno, default=None)

    def own_names(self, path: str, line: int) -> set[str]:
        """The names that the function around a line binds: its parameters, and what it assigns."""
        inner = self._function(path, line)
        nodes = list(ast.walk(inner)) if inner is not None else []
        stored = {one.id for one in nodes if isinstance(one, ast.Name) and isinstance(one.ctx, ast.Store)}
        return stored | {one.arg for one in nodes if isinstance(one, ast.arg)}

    def statement(self, path: str, line: int) -> ast.stmt | None:
        """The innermost statement that begins or stands on a line."""
        self._nodes(path)
        covering = [s for s in self._statements.get(path, ()) if s.lineno <= line <= (s.end_lineno or s.lineno)]
        return max(covering, key=lambda s: (s.lineno, s.col_offset), default=None)

    def around(self, path: str, line: int) -> list[ast.stmt]:
        """The statements that a line stands in, of the function that it is of, the innermost last."""
        self._nodes(path)
        covering = [s for s in self._statements.get(path, ()) if s.lineno <= line <= (s.end_lineno or s.lineno)]
        covering.sort(key=lambda s: (s.lineno, s.col_offset))
        functions = [i for i, s in enumerate(covering) if isinstance(s, (ast.FunctionDef, ast.AsyncFunctionDef))]
        return covering[functions[-1] + 1 if functions else 0 :]

    def code(self, path: str, node: ast.AST) -> str:
        """The source text of a node."""
        line, column, end_line, end_column = _place_of(node)
        rows = [row.encode() for row in self.lines(path)[line - 1 : end_line]]
        if not rows:
            return ""
        rows[-1] = rows[-1][:end_column]
        rows[0] = rows[0][column:]
        return b"".join(rows).decode(errors="replace")

    def columns(self, path: str, node: ast.AST) -> Place:
        """A node's place in lines and columns that count from 1, in characters; of a loop or block its head."""
        line, column, *_ = _place_of(node)
        *_, end_line, end_column = _place_of(_end_of_head(node))
        lines = self.lines(path)

        def characters(number: int, offset: int) -> int:
            text = lines[number - 1] if 0 < number <= len(lines) else ""
            return len(text.encode()[:offset].decode(errors="ignore")) + 1

        return line, characters(line, column), end_line, characters(end_line, end_column)

    def _nodes(self, path: str) -> dict[Place, ast.AST]:
        if path not in self._trees:
            self._trees[path] = self._read(path)
        return self._trees[path] or {}

    def _own_nodes(self, code: types.CodeType) -> dict[Place, ast.AST]:
        """The nodes of one function, at their places in the file."""
        first, path = code.co_firstlineno, code.co_filename
        key = f"{path}:{first}"
        if key not in self._trees:
            last = max((line for *_, line in code.co_lines() if line is not None), default=first)
            for more in range(_MOST_CLOSING):  # brackets that close on lines of their own
                text = "".join(self.lines(path)[first - 1 : last + more])
                tree = _parsed("if 1:\n" + text if text[:1].isspace() else "\n" + text)
                if tree is not None:
                    ast.increment_lineno(tree, first - 2)
                    break
            self._trees[key] = None if tree is None else self._places(path, tree)
        return self._trees[key] or {}

    def _read(self, path: str) -> dict[Place, ast.AST] | None:
        tree = _parsed("".join(self.lines(path)))
        return None if tree is None else self._places(path, tree)

    def _places(self, path: str, tree: ast.AST) -> dict[Place, ast.AST]:
        found: dict[Place, ast.AST] = {}
        for node in ast.walk(tree):
            if isinstance(node, ast.stmt):
                self._statements.setdefault(path, []).append(node)
            if isinstance(node, (ast.stmt, ast.expr)):
                place = _place_of(node)
                # An expression that is a statement of its own: the expression says more.
                if place not in found or isinstance(node, ast.expr):
                    found[place] = node
        return found

    def _by_executing(self, traceback: types.TracebackType) -> ast.AST | None:
        """Python 3.10 keeps no columns: the `executing` package works them out from the bytecode, where it is there."""
        try:
            from executing import Source
        except ImportError:
            return None
        try:
            node = Source.executing(traceback).node
        except Exception:
            return None
        # Our own tree's node at the same place, so that statements and expressions are of one tree.
        return None if node is None else self._nodes(traceback.tb_frame.f_code.co_filename).get(_place_of(node), node)

    def _by_instruction(self, traceback: types.TracebackType) -> ast.AST | None:
        """`a, b = ...` and `raise A from b` on Python 3.10, where `executing` is silent: the target, the statement."""
        code = traceback.tb_frame.f_code
        instruction = dis.opname[code.co_code[traceback.tb_lasti]]
        statement = self.statement(code.co_filename, traceback.tb_lineno)
        if instruction == "RAISE_VARARGS":
            return statement if isinstance(statement, (ast.Raise, ast.Assert)) else None
        targets = statement.targets if isinstance(statement, ast.Assign) and instruction.startswith("UNPACK_") else []
        return targets[0] if len(targets) == 1 else None


def _parsed(text: str) -> ast.Module | None:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return ast.parse(text)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return None


def _position(code: types.CodeType, offset: int) -> Place | None:
    positions = getattr(code, "co_positions", None)
    if positions is None or offset < 0:
        return None
    line, end_line, column, end_column = next(islice(positions(), offset // 2, None), (None,) * 4)
    if line is None or end_line is None or column is None or end_column is None:
        return None
    return line, column, end_line, end_column


def _end_of_head(node: ast.AST) -> ast.AST:
    """What a loop or block fails at stands before its colon: the bytecode gives the whole of it."""
    if isinstance(node, (ast.For, ast.AsyncFor)):
        return node.iter
    if isinstance(node, (ast.With, ast.AsyncWith)):
        return node.items[-1].optional_vars or node.items[-1].context_expr
    return node.test if isinstance(node, (ast.If, ast.While)) else node


def _place_of(node: Any) -> Place:
    return node.lineno, node.col_offset, node.end_lineno or node.lineno, node.end_col_offset or node.col_offset
