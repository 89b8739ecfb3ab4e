#!/usr/bin/env python3
"""Fetch the packages that torchdoctor is run over, as plain source files.

    python tests/corpus/fetch.py                          # packages.txt
    python tests/corpus/fetch.py --list held-out.txt --to DIR

Each line of a list pins one package as ``name==version``; ``#`` starts a
comment. Every pin is downloaded with ``pip download --no-deps``, and its ``*.py``
files are unpacked into ``DIR/name-version/`` with their folders kept. Nothing is
installed, and a package that is already there in the pinned version is left alone.

The wheel is taken where there is one, be it for another Python, since only the
source text counts; else the source archive, for which pip runs the package's own
build script. ``name==version source`` asks for the source archive at once: some
hold training scripts that the wheel leaves out.

Keep the two lists in different folders: packages.txt is what the rules are tuned
on, held-out.txt is what they are only measured on.

Exit status: 0 when every package is there, 1 when one could not be fetched, 2 when
the arguments or the list are wrong.
"""

from __future__ import annotations

import argparse
import re
import subprocess
import sys
import tarfile
import tempfile
import zipfile
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

HERE = Path(__file__).resolve().parent
DEFAULT_LIST = "packages.txt"
DEFAULT_TARGET = HERE / ".packages"
DOWNLOAD_TIMEOUT_S = 900

OTHER_PYTHONS = ("3.13", "3.12", "3.11", "3.10", "3.9", "3.8")

PIN = re.compile(r"(?P<name>[A-Za-z0-9][A-Za-z0-9._-]*)==(?P<version>[A-Za-z0-9.!+_-]+)(?P<source>\s+source)?")


class ListError(Exception):
    """A list is missing, empty, or holds something that is no pin."""


class FetchError(Exception):
    """A package could not be downloaded or unpacked."""


@dataclass(frozen=True)
class Pin:
    name: str
    version: str
    source: bool = False  # take the source archive even where there is a wheel

    @property
    def requirement(self) -> str:
        return f"{self.name}=={self.version}"

    @property
    def folder(self) -> str:
        return f"{self.name}-{self.version}"


@dataclass(frozen=True)
class Size:
    files: int
    lines: int


def read_pins(path: Path) -> list[Pin]:
    """Return the pins of a list, in its order."""
    try:
        text = path.read_text(encoding="utf-8")
    except OSError as error:
        raise ListError(f"cannot read {path}: {error.strerror}") from error
    pins: dict[str, Pin] = {}
    for number, line in enumerate(text.splitlines(), start=1):
        entry = line.partition("#")[0].strip()
        if not entry:
            continue
        match = PIN.fullmatch(entry)
        if match is None:
            raise ListError(f"{path}:{number}: expected name==version, found {entry!r}")
        key = re.sub(r"[-_.]+", "-", match["name"]).lower()
        if key in pins:
            raise ListError(f"{path}:{number}: {match['name']} is pinned twice")
        pins[key] = Pin(match["name"], match["version"], match["source"] is not None)
    if not pins:
        raise ListError(f"{path}: holds no pin")
    return list(pins.values())


def find_list(name: str) -> Path:
    """A list is a path, or the name of a file beside this script."""
    path = Path(name)
    return path if path.exists() or path.is_absolute() else HERE / path


def pip_download(pin: Pin, into: Path, formats: Sequence[str]) -> str | None:
    """Download one archive; return None, or pip's last error."""
    command = [
        *(sys.executable, "-m", "pip", "download", "--quiet", "--no-input"),
        *("--disable-pip-version-check", "--no-deps", *formats),
        *("--dest", str(into), pin.requirement),
    ]
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=DOWNLOAD_TIMEOUT_S)
    except subprocess.TimeoutExpired:
        return f"pip took longer than {DOWNLOAD_TIMEOUT_S} s"
    if done.returncode == 0:
        return None
    output = (done.stderr + done.stdout).splitlines()
    errors = [line.strip() for line in output if line.strip().lower().startswith("error:")]
    return (errors or output or [f"pip exited {done.returncode}"])[-1]


def ways_to_download(pin: Pin) -> Iterator[tuple[str, list[str]]]:
    """Yield what to ask pip for, best first, each with its name in messages."""
    if not pin.source:
        wheel = ["--only-binary", ":all:"]
        yield "wheel", wheel
        for python in OTHER_PYTHONS:
            yield f"wheel for Python {python}", [*wheel, "--python-version", python]
    yield "source archive", ["--no-binary", pin.name]


def download(pin: Pin, into: Path) -> Path:
    """Download the first archive of a pin that pip can get."""
    errors: list[str] = []
    for name, formats in ways_to_download(pin):
        error = pip_download(pin, into, formats)
        if error is None:
            archives = [path for path in into.iterdir() if path.is_file()]
            if len(archives) != 1:
                raise FetchError(f"pip left {len(archives)} files where one was expected")
            return archives[0]
        errors.append(f"no {name}: {error}")
    raise FetchError("\n  ".join(["pip could not get it", *errors]))


def members(archive: Path) -> Iterator[tuple[PurePosixPath, bytes]]:
    """Yield the path and content of every Python file in a wheel or source archive."""
    if archive.suffix in {".whl", ".zip"}:
        with zipfile.ZipFile(archive) as bundle:
            for info in bundle.infolist():
                if not info.is_dir() and info.filename.endswith(".py"):
                    yield PurePosixPath(info.filename), bundle.read(info)
    else:
        with tarfile.open(archive) as bundle:
            for member in bundle:
                if member.isfile() and member.name.endswith(".py"):
                    stream = bundle.extractfile(member)
                    assert stream is not None  # a regular file always has one
                    yield PurePosixPath(member.name), stream.read()


def unpack(archive: Path, into: Path) -> None:
    """Write an archive's Python files below a folder, less a source archive's top folder."""
    top = 0 if archive.suffix == ".whl" else 1
    for path, content in members(archive):
        if path.is_absolute() or ".." in path.parts:
            raise FetchError(f"{archive.name} holds an unsafe path: {path}")
        target = into.joinpath(*path.parts[top:])
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(content)


def fetch(pin: Pin, root: Path) -> str:
    """Put one package below ``root``, all of it or nothing; return the archive's name."""
    with tempfile.TemporaryDirectory(prefix=".fetch-", dir=root) as scratch:
        downloads, unpacked = Path(scratch, "download"), Path(scratch, "unpacked")
        downloads.mkdir()
        unpacked.mkdir()
        archive = download(pin, downloads)
        try:
            unpack(archive, unpacked)
        except (OSError, tarfile.TarError, zipfile.BadZipFile) as error:
            raise FetchError(f"cannot unpack {archive.name}: {error}") from error
        if not any(unpacked.iterdir()):
            raise FetchError(f"{archive.name} holds no Python file")
        unpacked.rename(root / pin.folder)
        return archive.name


def measure(folder: Path) -> Size:
    """Count the Python files and their lines below a folder."""
    files = lines = 0
    for path in folder.rglob("*.py"):
        files += 1
        lines += len(path.read_bytes().splitlines())
    return Size(files, lines)


def print_sizes(folders: Iterable[Path]) -> None:
    rows = [(folder.name, measure(folder)) for folder in folders]
    total = Size(sum(size.files for _, size in rows), sum(size.lines for _, size in rows))
    width = max(len(name) for name, _ in rows)
    print(f"\n{'package':<{width}}  {'files':>7}  {'lines':>9}")
    for name, size in [*rows, ("total", total)]:
        print(f"{name:<{width}}  {size.files:>7,}  {size.lines:>9,}")


def parse_arguments(argv: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description="Fetch the pinned packages that torchdoctor is run over.",
        epilog="Exit status: 0 all there, 1 a package could not be fetched, 2 wrong usage.",
    )
    parser.add_argument(
        "--list",
        default=DEFAULT_LIST,
        metavar="FILE",
        help="the list of pins: a path, or a file beside this script (default: %(default)s)",
    )
    parser.add_argument(
        "--to",
        type=Path,
        default=DEFAULT_TARGET,
        metavar="DIR",
        help="where to unpack, one folder a package (default: .packages beside this script)",
    )
    return parser.parse_args(argv)


def main(argv: Sequence[str] | None = None) -> int:
    arguments = parse_arguments(argv)
    root: Path = arguments.to
    try:
        pins = read_pins(find_list(arguments.list))
        root.mkdir(parents=True, exist_ok=True)
    except (ListError, OSError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 2

    present: list[Path] = []
    failed: list[Pin] = []
    for number, pin in enumerate(pins, start=1):
        label = f"[{number}/{len(pins)}] {pin.requirement}"
        folder = root / pin.folder
        if folder.is_dir():
            print(f"{label}: already there", flush=True)
        else:
            print(f"{label}: fetching", flush=True)
            try:
                archive = fetch(pin, root)
            except (FetchError, OSError) as error:
                print(f"error: {pin.requirement}: {error}", file=sys.stderr, flush=True)
                failed.append(pin)
                continue
            print(f"{label}: unpacked {archive}", flush=True)
        present.append(folder)

    if present:
        print_sizes(present)
    if failed:
        names = ", ".join(pin.requirement for pin in failed)
        print(f"error: {len(failed)} of {len(pins)} not fetched: {names}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
