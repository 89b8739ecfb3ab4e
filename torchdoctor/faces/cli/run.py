"""``torchdoctor run``: run a program as ``python`` would, explain what ends it, and watch it if that is wanted."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path

import click

from torchdoctor.errors import TorchdoctorError
from torchdoctor.faces.telling import report_path

HELP = """Run a program as python would, and explain the error that ends it.

\b
Examples:
  torchdoctor run train.py --epochs 3
  torchdoctor run --report failure.json train.py
  torchdoctor run --memory-snapshot oom.pickle train.py
  torchdoctor run -m package.train --epochs 3
  torchdoctor run --watch train.py
  torchrun --nproc-per-node 4 -m torchdoctor run train.py
  torchdoctor run -m torch.distributed.run --nproc-per-node 4 train.py

The program has its own arguments, standard input and output, and exit code. It runs at full speed: until something
fails there is nothing on its way. The traceback comes as always, and the explanation after it, on standard error.
Errors that are not torch's are left alone.

--report FILE writes what is known as JSON: {"version": 1, "failure": {...} or null, "findings": [...]}, null where the
program ended well. Of several processes (WORLD_SIZE above 1) each writes its own: of rank 3, FILE.json becomes
FILE.rank3.json. A process that is killed writes none.

--memory-snapshot FILE keeps the CUDA allocator's history (a little work for each allocation), and when memory is
refused writes a snapshot with it, for https://pytorch.org/memory_viz; the explanation then has the lines that hold
the memory. Nothing leaves this machine.

--watch [DIR] records each step's time and memory, at a cost of some 30 microseconds a step, and tells at the end what
is wrong with them: input that is waited for, memory that grows and the name that holds it, steps that slow down. The
record is one file a rank in DIR (if you name none, in a new folder below runs/); it is written as the run goes and
outlives kill -9. `torchdoctor watch DIR` draws it. Name a DIR that all ranks share, and rank 0 compares them.

A crash in C++ raises nothing; it leaves a small file that `torchdoctor explain`, without arguments, reads.
"""
# Programs that start the processes in which training runs: what we do is passed on to those.
_LAUNCHERS = ("torch.distributed.run", "torch.distributed.launch", "accelerate.commands.launch")
STARTUP = Path(__file__).parent.parent / "startup"


class _Run(click.Command):
    """All that stands behind the script or the module is the program's, options as well."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        return super().parse_args(ctx, [*split(args)])


def split(args: list[str], values: tuple[str, ...] = ("--report", "--memory-snapshot")) -> list[str]:
    """The arguments with ``--`` before what is the program's, and ``--watch DIR`` as one word.

    ``values`` are our options that take a value.
    """
    done: list[str] = []
    rest = list(args)
    while rest:
        word = rest[0]
        if word == "--":
            return [*done, *rest]
        if word in ("-m", "--module"):
            return [*done, *rest[:2], "--", *rest[2:]]
        if word.startswith("-m") and not word.startswith("--"):
            return [*done, "-m", word[2:], "--", *rest[1:]]
        if not word.startswith("-") or word == "-":
            return [*done, "--", *rest]
        taken = 2 if word in values else 1
        if word == "--watch":
            taken = 2 if _names_a_folder(rest[1:]) else 1
            done.append(f"--watch={rest[1]}" if taken == 2 else "--watch=")
        else:
            done += rest[:taken]
        del rest[:taken]
    return done


def _names_a_folder(rest: list[str]) -> bool:
    """Whether the word after --watch is its folder, and not the program: then the program comes right behind it."""
    if len(rest) < 2 or rest[0].startswith("-") or rest[0].endswith(".py") or Path(rest[0]).is_file():
        return False
    behind = rest[1]
    return behind.startswith(("-m", "--module", "--report", "--memory")) or behind == "--" or Path(behind).exists()


@click.command("run", cls=_Run, help=HELP, short_help="Run a program, and explain the error that ends it.")
@click.option("--report", type=click.Path(path_type=Path), metavar="FILE", help="Write what is known as JSON.")
@click.option(
    "--memory-snapshot",
    "snapshot",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="Where CUDA memory is refused, write a snapshot for PyTorch's viewer.",
)
@click.option("--watch", metavar="[DIR]", help="Record time and memory of each step, in DIR.")
@click.option("-m", "--module", metavar="MODULE", help="Run a module, as python -m does.")
@click.argument("program", nargs=-1, type=click.UNPROCESSED, metavar="[SCRIPT] [ARGS]...")
def command(
    report: Path | None, snapshot: Path | None, watch: str | None, module: str | None, program: tuple[str, ...]
) -> None:
    if module is None and not program:
        raise click.UsageError("which program? Name a script, or a module after -m.")
    more: dict[str, str] = {}
    if snapshot is not None:
        _clear(report_path(snapshot.absolute()))
        more["TORCHDOCTOR_RUN_MEMORY_SNAPSHOT"] = str(snapshot.absolute())
    if watch is not None:
        more["TORCHDOCTOR_RUN_WATCH"] = str(_watched_folder(watch, module or program[0]))
    launch(module, program, more, report=report)


def launch(module: str | None, program: tuple[str, ...], more: dict[str, str], *, report: Path | None = None) -> None:
    """Run a program with us in it; ``more`` is told to what stands in ``startup``. Does not return."""
    flags = interpreter_flags()
    what = [*(("-m", module) if module is not None else ()), *program]
    environment = startup_environment(report, pass_on=module in _LAUNCHERS)
    start([sys.executable, *flags, *what], {**environment, **more})


def interpreter_flags() -> list[str]:
    """The options that this interpreter was started with, for the one to come.

    Raises TorchdoctorError where they keep it from loading anything at its start.
    """
    if sys.flags.ignore_environment or sys.flags.no_site:
        raise TorchdoctorError("an interpreter with -I, -E or -S loads nothing at its start: leave the option out")
    found: list[str] = []
    words = iter(sys.orig_argv[1:])
    for word in words:
        letters = word[1:]
        if not word.startswith("-") or word in ("-", "-m", "-c"):
            break
        if word in ("-X", "-W", "--check-hash-based-pycs"):
            found += [word, next(words, "")]
        elif not word.startswith(("-X", "-W", "--")) and letters.endswith(("m", "c")):
            found.append(word[:-1])  # -um torchdoctor
            break
        else:
            found.append(word)
    return found


def startup_environment(report: Path | None, *, pass_on: bool) -> dict[str, str]:
    """The environment in which Python loads ``startup/sitecustomize.py``, which puts it back."""
    environment = dict(os.environ)
    for name in [name for name in environment if name.startswith("TORCHDOCTOR_RUN_")]:
        del environment[name]
    if sys.flags.utf8_mode and "PYTHONUTF8" not in environment and "utf8" not in sys._xoptions:
        environment.pop("LC_CTYPE", None)  # Python itself sets it where the locale is C, before it turns this mode on
    before = environment.get("PYTHONPATH")
    environment["TORCHDOCTOR_RUN_ROOT"] = str(Path(__file__).parent.parent.parent.parent)
    if before is not None:
        environment["TORCHDOCTOR_RUN_PYTHONPATH"] = before
    environment["PYTHONPATH"] = os.pathsep.join([str(STARTUP), *([before] if before else [])])
    if pass_on:
        environment["TORCHDOCTOR_RUN_PASS_ON"] = "1"
    if report is not None:
        _clear(report_path(report.absolute()))
        environment["TORCHDOCTOR_RUN_REPORT"] = str(report.absolute())
    return environment


def _watched_folder(named: str, program: str) -> Path:
    """Where the record goes. Raises TorchdoctorError where no file can be made there: that is told before the run."""
    from torchdoctor.faces.watching import default_folder

    folder = Path(named).absolute() if named else default_folder(program, time.time()).absolute()
    try:
        folder.mkdir(parents=True, exist_ok=True)
        if not os.access(folder, os.W_OK):
            raise PermissionError(13, "no permission to write there")
    except OSError as error:
        raise TorchdoctorError(f"{folder} cannot hold the record: {error.strerror or error}") from None
    return folder


def _clear(path: Path) -> None:
    """Take an old report away, so that none is taken for this run's. Raises TorchdoctorError where that fails."""
    try:
        if path.is_file():
            path.unlink()
    except OSError as error:
        raise TorchdoctorError(f"{path} cannot be written: {error.strerror or error}") from None


def start(arguments: list[str], environment: dict[str, str]) -> None:
    """Become that program. Windows cannot: there it is waited for."""
    sys.stdout.flush()
    sys.stderr.flush()
    if sys.platform == "win32":
        sys.exit(subprocess.call(arguments, env=environment))
    os.execve(arguments[0], arguments, environment)
