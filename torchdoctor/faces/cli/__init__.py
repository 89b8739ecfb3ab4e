"""The command ``torchdoctor``. Each module of this folder is a command, loaded when it is asked for."""

from __future__ import annotations

import importlib
import pkgutil
import sys
from typing import Any

import click

from torchdoctor import __version__
from torchdoctor.errors import TorchdoctorError

INTERRUPTED = 130


class _Commands(click.Group):
    """Finds the commands in the folder: a module ``lint.py`` holds ``command``."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return sorted(module.name for module in pkgutil.iter_modules(__path__) if not module.name.startswith("_"))

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in self.list_commands(ctx):
            return None
        command: click.Command = importlib.import_module(f"{__name__}.{cmd_name}").command
        return command

    def invoke(self, ctx: click.Context) -> Any:
        try:
            return super().invoke(ctx)
        except TorchdoctorError as error:
            raise _Told(str(error)) from error
        except KeyboardInterrupt:
            click.echo("interrupted", err=True)
            sys.exit(INTERRUPTED)


class _Told(click.ClickException):
    """Something could not be done, and the user is told what."""

    exit_code = 2

    def show(self, file: Any = None) -> None:
        click.echo(f"error: {self.message}", err=True)


@click.command(cls=_Commands, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110})
@click.version_option(__version__, prog_name="torchdoctor", message="%(prog)s %(version)s")
def main() -> None:
    """The doctor for PyTorch code: finds what is wrong before the run, proves it, mends it, and explains what fails.

    \b
    torchdoctor lint                     the folder that you are in
    torchdoctor run train.py             run a program, and explain the error that ends it
    torchdoctor run --watch train.py     the same, and record time and memory of each step
    torchdoctor watch DIR                show such a record, later or while the run goes on
    torchdoctor profile train.py         what its steps spend their time on, and what is wrong with it
    torchdoctor explain -                explain a traceback or a log on standard input
    torchdoctor explain RULE             what a rule finds, why it does harm, and the proof
    torchdoctor rules                    all that it looks for
    torchdoctor facts train.py:42        what is known of the values on a line, and why
    """
