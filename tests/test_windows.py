"""What Windows has another way, tried where there is none: paths with drives, and processes without signals."""

from __future__ import annotations

import ntpath
import os
from pathlib import Path

import pytest

from torchdoctor.faces import crashes
from torchdoctor.pasted import failures_in
from torchdoctor.probes import packages
from torchdoctor.project import shown as showing

TRACE = r"""Traceback (most recent call last):
  File "C:\Users\ada\project\lib\train.py", line 12, in <module>
    loss = criterion(model(images), labels)
                     ^^^^^^^^^^^^^
  File "C:\Users\ada\env\Lib\site-packages\torch\nn\modules\module.py", line 1773, in _wrapped_call_impl
    return self._call_impl(*args, **kwargs)
           ^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^
  File "C:\Users\ada\env\Lib\site-packages\torch\nn\modules\linear.py", line 125, in forward
    return F.linear(input, self.weight, self.bias)
           ^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^
RuntimeError: mat1 and mat2 shapes cannot be multiplied (32x1152 and 2048x64)
"""


@pytest.fixture
def windows(monkeypatch: pytest.MonkeyPatch) -> None:
    """The path functions of Windows, and nothing else of it."""
    monkeypatch.setattr(os, "path", ntpath)


def test_a_traceback_of_windows() -> None:
    (failure,) = failures_in(TRACE)
    assert [frame.package for frame in failure.frames] == ["", "torch", "torch"]
    assert failure.user is not None and failure.user.path == r"C:\Users\ada\project\lib\train.py"
    assert failure.user.at is not None and failure.user.at.column == 18


def test_whose_a_file_is(windows: None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(packages, "_own_folders", lambda: (("C:\\Python312\\Lib\\", "python"),))
    packages.package_of.cache_clear()
    try:
        assert packages.package_of(r"c:\python312\lib\runpy.py") == "python"
        assert packages.package_of("C:/Python312/Lib/runpy.py") == "python"
        assert packages.package_of(r"C:\Python312\Lib\site-packages\torch\nn\functional.py") == "torch"
        assert packages.package_of(r"C:\ada\train.py") == ""
    finally:
        packages.package_of.cache_clear()


def test_paths_are_shown_from_here(windows: None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "getcwd", lambda: r"C:\Users\Ada\project")
    assert showing.shown(r"c:\users\ada\project\models\net.py") == r"models\net.py"
    assert showing.shown(r"D:\data\net.py") == r"D:\data\net.py"


def test_no_process_is_sent_ctrl_c(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """`os.kill(process, 0)` asks on POSIX whether it is there; on Windows 0 is Ctrl-C."""

    def kill(process: int, signal: int) -> None:
        raise AssertionError("a signal was sent")

    (tmp_path / "4242.txt").write_text("time: now\n\n", encoding="utf-8")
    monkeypatch.setattr(crashes, "folder", lambda: str(tmp_path))
    monkeypatch.setattr(os, "kill", kill)
    real = Path(tmp_path)  # a Path made under another os.name would be of another class
    with monkeypatch.context() as there:
        there.setattr(os, "name", "nt")
        there.setattr("pathlib.Path", lambda _: real)
        assert crashes.newest() is None
    assert not (tmp_path / "4242.txt").exists()
