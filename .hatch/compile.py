"""Compiles the facts: mypyc turns modules of typed Python into C, which makes a lint run a third cheaper.

    python .hatch/compile.py FOLDER

compiles the package in a copy of the checkout, in place, and prints the paths of the libraries as its last line. It
needs mypy and setuptools, a C compiler and Python's headers. A library is loaded instead of the Python beside it: so
never do this where somebody is going to edit.
"""

from __future__ import annotations

import ast
import os
import sys
from collections.abc import Iterator
from multiprocessing.pool import ThreadPool
from pathlib import Path
from typing import Any

import properties
import records
from mypyc.build import mypycify
from setuptools import setup
from setuptools.command.build_ext import build_ext

COMPILED = Path("torchdoctor", "facts")
# What a module imports that stays Python: mypyc knows no metaclasses and no classes that are records at run time only.
INTERPRETED = frozenset({"ABCMeta", "CodegenState", "NamedTuple", "dataclass_transform", "replace"})
OPTIONS = ["--config-file=", "--ignore-missing-imports", "--explicit-package-bases"]


def modules() -> Iterator[str]:
    """The modules to compile, what decorators would put together at run time written out."""
    for path in sorted(COMPILED.rglob("*.py")):
        text = path.read_text("utf-8")
        imported = {node.name for node in ast.walk(ast.parse(text)) if isinstance(node, ast.alias)}
        if imported and imported.isdisjoint(INTERPRETED):
            if not imported.isdisjoint(records.DECORATORS):
                text = records.written_out(text)
            if properties.DECORATOR in imported:
                text = properties.written_out(text)
            path.write_text(text, "utf-8")
            yield str(path)


class OnAllCores(build_ext):  # type: ignore[misc]
    """C files are compiled side by side: setuptools does so only with extensions, and this is one."""

    def build_extensions(self) -> None:
        compiler = self.compiler
        compile_one, compile_all = compiler._compile, compiler.compile

        def compile_side_by_side(*args: Any, **options: Any) -> Any:
            waiting: list[tuple[Any, ...]] = []
            compiler._compile = lambda *each: waiting.append(each)
            objects = compile_all(*args, **options)
            with ThreadPool() as pool:
                pool.starmap(compile_one, waiting)
            return objects

        compiler.compile = compile_side_by_side
        super().build_extensions()


def main() -> None:
    os.chdir(sys.argv[1])
    extensions = mypycify(
        # More than the first level of optimization makes nothing quicker: what is left to do is done by Python itself.
        [*OPTIONS, *modules()], opt_level="1", debug_level="0", multi_file=True, group_name="torchdoctor",
    )  # fmt: skip
    setup(
        name="torchdoctor", packages=[], ext_modules=extensions, cmdclass={"build_ext": OnAllCores},
        script_args=["--quiet", "build_ext", "--inplace"],
    )  # fmt: skip
    suffixes = (".so", ".pyd")
    made = [path for path in (*Path().glob("*"), *COMPILED.rglob("*")) if path.suffix in suffixes]
    print(os.pathsep.join(sorted(path.as_posix() for path in made)))


if __name__ == "__main__":
    main()
