"""The whole table, put together when it is first asked."""

from __future__ import annotations

import importlib
from dataclasses import dataclass
from functools import lru_cache

from torchdoctor.facts.torch_api.module_rows import ModuleRow
from torchdoctor.facts.torch_api.rows import Row

# The modules that hold rows. Of two rows with one name the later counts.
PARTS = (
    "elementwise", "views", "reductions", "joining", "copying", "creation", "indexing", "products", "neural", "losses",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Table:
    """``functions`` by full name, ``methods`` by name, ``modules`` by the full name of their class."""

    functions: dict[str, Row]
    methods: dict[str, Row]
    modules: dict[str, ModuleRow]


@lru_cache(maxsize=1)
def table() -> Table:
    """Every row there is."""
    from torchdoctor.facts.torch_api import modules

    functions: dict[str, Row] = {}
    methods: dict[str, Row] = {}
    for part in PARTS:
        rows: tuple[Row, ...] = importlib.import_module(f"torchdoctor.facts.torch_api.{part}").ROWS
        for row in rows:
            for name in row.names:
                if name.startswith("."):
                    methods[name[1:]] = row
                else:
                    functions[name] = row
    return Table(functions, methods, {name: row for row in modules.ROWS for name in row.names})
