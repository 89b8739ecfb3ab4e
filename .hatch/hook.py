"""What hatchling asks when it builds a wheel: shall something be compiled?

A wheel is compiled where it can be (a C compiler and Python's headers are there), and else holds Python alone, which
does the same, slower. TORCHDOCTOR_COMPILE=0 keeps it from being tried; with TORCHDOCTOR_COMPILE=1 the build fails where
it does not succeed. An editable install is never compiled: its files are going to change.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import sysconfig
import tempfile
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

NEEDED = ["mypy==2.4.1", "setuptools>=77", "libcst>=1.5"]
SWITCH = "TORCHDOCTOR_COMPILE"


class CompiledFacts(BuildHookInterface):  # type: ignore[type-arg]
    """Puts the compiled modules beside the Python that they were made from."""

    def dependencies(self) -> list[str]:
        return NEEDED if is_wanted() else []

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        if version == "editable" or not is_wanted():
            return
        self.work = tempfile.TemporaryDirectory()
        copy = Path(self.work.name)
        shutil.copytree(Path(self.root, "torchdoctor"), copy / "torchdoctor")
        command = [sys.executable, str(Path(__file__).with_name("compile.py")), str(copy)]
        done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        if done.returncode == 0:
            build_data["pure_python"], build_data["infer_tag"] = False, True
            for library in done.stdout.splitlines()[-1].split(os.pathsep):
                build_data["force_include"][str(copy / library)] = library
        elif os.environ.get(SWITCH) == "1":
            raise SystemExit(done.stdout)
        else:
            self.app.display_warning("torchdoctor is not compiled, and slower: set TORCHDOCTOR_COMPILE=1 to see why")

    def finalize(self, version: str, build_data: dict[str, Any], artifact_path: str) -> None:
        if hasattr(self, "work"):
            self.work.cleanup()


def is_wanted() -> bool:
    """Whether to try: unless told, where there is a compiler."""
    told = os.environ.get(SWITCH)
    if told in ("0", "1"):
        return told == "1"
    compiler = (os.environ.get("CC") or sysconfig.get_config_var("CC") or "cl").split()[0]
    return sys.implementation.name == "cpython" and shutil.which(compiler) is not None
