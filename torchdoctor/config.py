"""The settings of one lint run: ``[tool.torchdoctor]`` in pyproject.toml, or torchdoctor.toml, or nothing but defaults.

The nearest file upwards from what is linted counts; every key is checked, and a wrong one is told with its place.
"""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from torchdoctor import catalogue
from torchdoctor.errors import ConfigError, UnknownRule
from torchdoctor.rule import SEVERITIES

FORMATS = ("text", "concise", "json", "sarif", "github", "gitlab", "junit")
FAIL_ON = (*reversed(SEVERITIES), "never")
FILES = (".torchdoctor.toml", "torchdoctor.toml", "pyproject.toml")
# Folders that hold other people's code, or made code. A name counts at any depth.
EXCLUDE = (
    ".bzr", ".direnv", ".eggs", ".git", ".hg", ".ipynb_checkpoints", ".mypy_cache", ".nox", ".pants.d", ".pixi",
    ".pytest_cache", ".pytype", ".ruff_cache", ".svn", ".torchdoctor_cache", ".tox", ".venv", ".vscode", "__pycache__",
    "__pypackages__", "_build", "buck-out", "build", "dist", "node_modules", "site-packages", "venv",
)  # fmt: skip
_ROOTS = (".git", ".hg", "pyproject.toml", "setup.cfg", "setup.py")


@dataclass(frozen=True, slots=True)
class Settings:
    """What a run does. ``root`` is the folder that patterns and relative paths start from.

    ``jobs`` 0 means as many processes as there are processors; an empty ``cache_dir`` means the usual place,
    an empty ``baseline`` none.
    """

    root: Path
    source: Path | None = None
    select: tuple[str, ...] = ()
    extend_select: tuple[str, ...] = ()
    ignore: tuple[str, ...] = ()
    exclude: tuple[str, ...] = EXCLUDE
    extend_exclude: tuple[str, ...] = ()
    per_file_ignores: tuple[tuple[str, tuple[str, ...]], ...] = ()
    target_torch: str = ""
    fail_on: str = "warning"
    format: str = "text"
    jobs: int = 0
    cache_dir: str = ""
    baseline: str = ""

    @property
    def baseline_path(self) -> Path | None:
        """Where the baseline is; None where there is none."""
        return Path(os.path.abspath(self.root / self.baseline)) if self.baseline else None

    def rules(self) -> frozenset[str]:
        """Names of the rules that are on for files without rules of their own."""
        on = catalogue.select(self.select, self.ignore)
        for word in self.extend_select:
            on |= catalogue.select([word], self.ignore)
        if self.target_torch:
            known = catalogue.rules()
            on = frozenset(name for name in on if holds(known[name].torch, self.target_torch))
        return on


def load(paths: Iterable[Path], *, config: Path | None = None, isolated: bool = False) -> Settings:
    """The settings for linting these paths. Raises ConfigError."""
    here = Path.cwd()
    start = _common([path if path.is_dir() else path.parent for path in paths] or [here])
    if isolated:
        return Settings(root=_root(start) or here)
    if config is not None:
        return _read(config.absolute(), required=True) or Settings(root=config.absolute().parent)
    for folder in (start, *start.parents):
        for name in FILES:
            if (settings := _read(folder / name, required=False)) is not None:
                return settings
    return Settings(root=_root(start) or here)


def is_root(folder: Path) -> bool:
    """Whether a folder is a project's own: it holds settings, a repository or what builds a package."""
    return any((folder / name).exists() for name in (*_ROOTS, *FILES))


def holds(versions: str, target: str) -> bool:
    """Whether a version of torch lies in a range such as ">=2.1,<2.6"; the empty range holds all."""
    for part in filter(None, (part.strip() for part in versions.split(","))):
        found = re.fullmatch(r"(>=|<=|==|!=|>|<)\s*([\d.]+)", part)
        if found is None:
            continue
        have, want = _numbers(target), _numbers(found[2])
        if not {
            ">=": have >= want, "<=": have <= want, "==": have == want,
            "!=": have != want, ">": have > want, "<": have < want,
        }[found[1]]:  # fmt: skip
            return False
    return True


def nearest(word: str, words: Iterable[str]) -> str:
    """ "; did you mean `x`?", or nothing where nothing is near."""
    import difflib

    near = difflib.get_close_matches(word, list(words), n=1)
    return f"; did you mean `{near[0]}`?" if near else ""


def checked_words(words: Sequence[str], where: str) -> tuple[str, ...]:
    """Rule names, topics and severities, each known. Raises ConfigError that begins with ``where``."""
    for word in words:
        try:
            catalogue.expand(word)
        except UnknownRule as error:
            raise ConfigError(f"{where}: {error}") from None
    return tuple(words)


def _numbers(version: str) -> tuple[int, ...]:
    numbers = [int(part) for part in version.split(".") if part]
    return tuple(numbers + [0] * (4 - len(numbers)))


def _common(folders: Sequence[Path]) -> Path:
    absolute = [os.path.abspath(folder) for folder in folders]
    try:
        return Path(os.path.commonpath(absolute))
    except ValueError:  # two drives
        return Path(absolute[0])


def _root(start: Path) -> Path | None:
    return next((f for f in (start, *start.parents) if any((f / name).exists() for name in _ROOTS)), None)


# -- reading -----------------------------------------------------------------------------------------------------------


def _read(path: Path, *, required: bool) -> Settings | None:
    """The settings that a file holds; None where it holds none, as most pyproject.toml do."""
    try:
        data = path.read_bytes()
    except OSError as error:
        if required or os.path.isfile(path):
            raise ConfigError(f"{_shown(path)} cannot be read: {error.strerror}") from None
        return None
    shared = path.name == "pyproject.toml"
    if shared and b"torchdoctor" not in data and not required:
        return None
    table: Any = _parsed(path, data)
    if shared:
        tool = table.get("tool")
        table = tool.get("torchdoctor") if isinstance(tool, dict) else None
        if table is None:
            return None
        if not isinstance(table, dict):
            raise ConfigError(f"{_shown(path)}: [tool.torchdoctor] is a table")
    settings = Settings(root=path.parent, source=path)
    for key, value in table.items():
        settings = _with(settings, key, value, _place(path, data, key))
    return settings


def _parsed(path: Path, data: bytes) -> Mapping[str, Any]:
    if sys.version_info >= (3, 11):
        import tomllib
    else:
        import tomli as tomllib
    try:
        parsed: Mapping[str, Any] = tomllib.loads(data.decode("utf-8-sig").replace("\r\n", "\n"))
    except UnicodeDecodeError:
        raise ConfigError(f"{_shown(path)} is not UTF-8") from None
    except tomllib.TOMLDecodeError as error:
        raise ConfigError(f"{_shown(path)} is not TOML: {error}") from None
    return parsed


def _with(settings: Settings, key: str, value: object, where: str) -> Settings:
    if key not in _KEYS:
        known = ", ".join(sorted(_KEYS))
        raise ConfigError(f"{where}: there is no key `{key}`{nearest(key, _KEYS) or f'; known: {known}'}")
    try:
        changed: dict[str, Any] = {key.replace("-", "_"): _KEYS[key](value, where)}
    except _Wrong as wrong:
        raise ConfigError(f"{where}: `{key}` is {wrong.args[0]}, not {value!r}{wrong.near}") from None
    return replace(settings, **changed)


class _Wrong(Exception):
    """What a value should be; and the nearest that it could be, where something is near."""

    def __init__(self, wanted: str, near: str = "") -> None:
        super().__init__(wanted)
        self.near = near


def _words(value: object, where: str) -> tuple[str, ...]:
    return checked_words(_strings(value, where), where)


def _strings(value: object, where: str) -> tuple[str, ...]:
    if isinstance(value, list) and all(isinstance(item, str) and item for item in value):
        return tuple(value)
    raise _Wrong("a list of strings")


def _per_file(value: object, where: str) -> tuple[tuple[str, tuple[str, ...]], ...]:
    if not isinstance(value, dict):
        raise _Wrong('a table of lists, as {"tests/**" = ["rule", "topic"]}')
    return tuple((pattern, _words(words, where)) for pattern, words in value.items())


def _one_of(*allowed: str) -> Callable[[object, str], str]:
    def check(value: object, where: str) -> str:
        if isinstance(value, str) and value in allowed:
            return value
        raise _Wrong(f"one of {', '.join(allowed)}", nearest(value, allowed) if isinstance(value, str) else "")

    return check


def _string(value: object, where: str) -> str:
    if isinstance(value, str) and value:
        return value
    raise _Wrong("a string")


def _version(value: object, where: str) -> str:
    if isinstance(value, str) and re.fullmatch(r"\d+\.\d+(\.\d+)?", value):
        return value
    raise _Wrong('a version of torch, as "2.6"')


def _count(value: object, where: str) -> int:
    if isinstance(value, int) and not isinstance(value, bool) and value >= 0:
        return value
    raise _Wrong("a number of processes, 0 for as many as there are processors")


_KEYS: dict[str, Callable[[object, str], object]] = {
    "select": _words,
    "extend-select": _words,
    "ignore": _words,
    "exclude": _strings,
    "extend-exclude": _strings,
    "per-file-ignores": _per_file,
    "target-torch": _version,
    "fail-on": _one_of(*FAIL_ON),
    "format": _one_of(*FORMATS),
    "jobs": _count,
    "cache-dir": _string,
    "baseline": _string,
}


def _place(path: Path, data: bytes, key: str) -> str:
    """ "pyproject.toml:12", where the key stands there as written."""
    text = data.decode("utf-8", "replace")
    table = re.search(r"^\s*\[\s*tool\s*\.\s*torchdoctor\b", text, re.MULTILINE)
    found = re.compile(rf"""^[^#\n]*?(?<![\w-])["']?{re.escape(key)}["']?\s*[=\].]""", re.MULTILINE).search(
        text, table.start() if table else 0
    )
    return f"{_shown(path)}:{text.count(chr(10), 0, found.end()) + 1}" if found else _shown(path)


def _shown(path: Path) -> str:
    return str(path.relative_to(Path.cwd())) if path.is_relative_to(Path.cwd()) else str(path)
