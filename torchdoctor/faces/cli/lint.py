"""``torchdoctor lint``: find what is wrong in files, show it, and mend it."""

from __future__ import annotations

import sys
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from torchdoctor import config
from torchdoctor.faces.cli._console import Progress, say
from torchdoctor.faces.paint import Paint, wants_color, width_of
from torchdoctor.faces.writing import write

if TYPE_CHECKING:
    from torchdoctor.config import Settings
    from torchdoctor.faces.lines import Lines
    from torchdoctor.project.changes import Changes
    from torchdoctor.project.mending import Mending
    from torchdoctor.project.report import Report
    from torchdoctor.project.run import Run

HELP = """Find what is wrong in PyTorch code.

PATHS are files and folders; the default is the folder that you are in. A lone - reads standard input.

\b
Examples:
  torchdoctor lint src train.py           look at these
  torchdoctor lint --select error         only what breaks a program or its result
  torchdoctor lint --ignore speed,memory  without two topics
  torchdoctor lint --diff                 what --fix would change
  torchdoctor lint --fix                  mend what can be mended safely
  torchdoctor lint --format github        for a workflow on GitHub
  torchdoctor lint --changed-since origin/main   only the lines that a branch changes
  torchdoctor lint --write-baseline       note what is there, so that --baseline leaves it out
  cat x.py | torchdoctor lint --stdin-filename x.py -

Selecting: RULES are rule names, topics, severities (error, warning, note) or all, with commas between; a name beats a
group that it belongs to. `torchdoctor rules` lists them.

Suppressing, in the code: a comment `# torchdoctor: ignore[RULES]` on a line of the statement, or alone above it; and
`# torchdoctor: skip-file`.

A baseline knows a finding by its rule, file and code and by what is around that, not by its line; a second copy of the
same fault is new. With --changed-since a finding is told when its place, or another place that it shows, lies on a
changed line; and when it was not there before, though the change that brought it stands elsewhere.

Settings stand in [tool.torchdoctor] of pyproject.toml, or in torchdoctor.toml; what is said here goes before them.

Exit code: 0 nothing found, 1 findings at or above --fail-on, 2 something could not be done.
"""


@dataclass(frozen=True)
class _Options:
    """What is said on the command line and not in the settings."""

    fix: bool
    unsafe: bool
    diff: bool
    statistics: bool
    quiet: bool
    color: str
    output: Path | None


def _words(ctx: click.Context, param: click.Parameter, values: tuple[str, ...]) -> tuple[str, ...]:
    words = [word.strip() for value in values for word in value.split(",") if word.strip()]
    return config.checked_words(words, f"--{param.name}".replace("_", "-"))


def _patterns(ctx: click.Context, param: click.Parameter, values: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(word.strip() for value in values for word in value.split(",") if word.strip())


@click.command("lint", help=HELP, short_help="Find what is wrong in files, and mend it.")
@click.argument("paths", nargs=-1, type=click.Path(path_type=Path))
@click.option("--select", multiple=True, metavar="RULES", callback=_words, help="Look for these, and nothing else.")
@click.option("--extend-select", multiple=True, metavar="RULES", callback=_words, help="Look for these as well.")
@click.option("--ignore", multiple=True, metavar="RULES", callback=_words, help="Do not look for these.")
@click.option("--fix", is_flag=True, help="Mend what can be mended without changing what the program is meant to do.")
@click.option("--unsafe-fixes", is_flag=True, help="With --fix or --diff: mend also what then needs a look.")
@click.option("--diff", is_flag=True, help="Show what --fix would change, and change nothing; exit code 1 if it would.")
@click.option("--format", "format_", type=click.Choice(config.FORMATS), help="How to show findings.  [default: text]")
@click.option(
    "--baseline", type=click.Path(path_type=Path), metavar="FILE", help="Leave out the findings that it knows."
)
@click.option("--no-baseline", is_flag=True, help="Do not read the baseline that the settings name.")
@click.option("--write-baseline", is_flag=False, flag_value="", metavar="[FILE]", help="Note the findings in the baseline, instead of showing them.  [default: the baseline, or torchdoctor-baseline.json]")  # fmt: skip  # noqa: E501
@click.option("--changed-since", metavar="REV", help="Only findings on lines that have changed since this branch left REV, and those that came with it.")  # fmt: skip  # noqa: E501
@click.option(
    "--output", "--output-file", type=click.Path(path_type=Path), metavar="FILE", help="Write the findings there."
)
@click.option("--statistics", is_flag=True, help="Show only how many findings there are of each rule.")
@click.option("--fail-on", type=click.Choice(config.FAIL_ON), help="From which severity on the exit code is 1.  [default: warning]")  # fmt: skip  # noqa: E501
@click.option("--exclude", multiple=True, metavar="PATTERNS", callback=_patterns, help="Leave these out, instead of the usual (.git, .venv, build, ...).")  # fmt: skip  # noqa: E501
@click.option("--extend-exclude", multiple=True, metavar="PATTERNS", callback=_patterns, help="Leave these out as well; patterns as in .gitignore.")  # fmt: skip  # noqa: E501
@click.option("--config", "config_", type=click.Path(path_type=Path), metavar="FILE", help="Read the settings there.")
@click.option("--isolated", is_flag=True, help="Read no settings from files.")
@click.option("--stdin-filename", type=click.Path(path_type=Path), metavar="FILE", help="What to call standard input.")
@click.option("--jobs", "-j", type=click.IntRange(min=0), help="How many processes; 0 is one a processor, the default.")
@click.option("--no-cache", is_flag=True, help="Look at every file anew, and remember nothing.")
@click.option("--cache-dir", metavar="FOLDER", help="Where to remember what was found.")
@click.option("--color", type=click.Choice(["auto", "always", "never"]), default="auto", help="Colours. NO_COLOR and FORCE_COLOR count too.")  # fmt: skip  # noqa: E501
@click.option("--quiet", "-q", is_flag=True, help="Only findings: no summary, no progress, no warnings.")
def command(paths: tuple[Path, ...], stdin_filename: Path | None, no_cache: bool, **said: Any) -> None:
    options = _Options(
        said["fix"],
        said["unsafe_fixes"],
        said["diff"],
        said["statistics"],
        said["quiet"],
        said["color"],
        said["output"],
    )
    from_stdin = paths == (Path("-"),) or (not paths and stdin_filename is not None)
    _check(paths, options, from_stdin)
    _check_baseline(said, options, from_stdin)
    named = [stdin_filename or Path.cwd() / "<stdin>"] if from_stdin else list(paths) or [Path(".")]
    settings = _settings(named, said)
    if options.statistics and settings.format not in ("text", "concise", "json"):
        raise click.UsageError(f"--statistics has no {settings.format} form; text and json have one")

    from torchdoctor.project.run import Run

    changes = _changes(said["changed_since"], named)
    if from_stdin:
        from torchdoctor.faces.cli._stdin import lint_stdin

        sys.exit(lint_stdin(Run(settings, changes=changes), stdin_filename, options))
    run = Run(settings, named, keep=not no_cache, changes=changes)
    if said["write_baseline"] is not None:
        from torchdoctor.faces.cli._baseline import write_baseline

        sys.exit(write_baseline(run, said["write_baseline"], quiet=options.quiet))
    sys.exit(_lint_files(run, options))


def _check(paths: tuple[Path, ...], options: _Options, from_stdin: bool) -> None:
    if Path("-") in paths and not from_stdin:
        raise click.UsageError("- is standard input, and stands alone")
    if options.fix and options.diff:
        raise click.UsageError("--fix changes files and --diff does not: give one of them")
    if options.unsafe and not (options.fix or options.diff):
        raise click.UsageError("--unsafe-fixes says what to mend: give --fix or --diff with it")


def _check_baseline(said: dict[str, Any], options: _Options, from_stdin: bool) -> None:
    if said["no_baseline"] and said["baseline"]:
        raise click.UsageError("--no-baseline reads no baseline and --baseline names one: give one of them")
    if said["write_baseline"] is None:
        return
    for name, given in (
        ("--fix", options.fix),
        ("--diff", options.diff),
        ("--statistics", options.statistics),
        ("--changed-since", said["changed_since"]),
        ("--no-baseline", said["no_baseline"]),
        ("--output", options.output),
        ("-", from_stdin),
    ):
        if given:
            raise click.UsageError(f"--write-baseline notes all findings of the files, and does not go with {name}")


def _changes(revision: str | None, paths: list[Path]) -> Changes | None:
    if revision is None:
        return None
    from torchdoctor.project.changes import changes_since

    return changes_since(revision, [path.absolute() for path in paths])


def _settings(paths: list[Path], said: dict[str, Any]) -> Settings:
    """The file's settings, with what was said on the command line in their place."""
    if said["isolated"] and said["config_"]:
        raise click.UsageError("--isolated reads no settings and --config names some: give one of them")
    settings = config.load(paths, config=said["config_"], isolated=said["isolated"])
    if said["select"]:
        settings = replace(settings, select=said["select"], extend_select=(), ignore=())
    given = {
        "extend_select": (*settings.extend_select, *said["extend_select"]),
        "ignore": (*settings.ignore, *said["ignore"]),
        "extend_exclude": (*settings.extend_exclude, *said["extend_exclude"]),
        "exclude": said["exclude"],
        "format": said["format_"],
        "fail_on": said["fail_on"],
        "jobs": said["jobs"],
        "cache_dir": said["cache_dir"] and str(Path(said["cache_dir"]).absolute()),
        "baseline": "" if said["no_baseline"] else said["baseline"] and str(said["baseline"].absolute()),
    }
    return replace(settings, **{key: value for key, value in given.items() if value not in (None, ())})


def _lint_files(run: Run, options: _Options) -> int:
    progress = Progress(sys.stderr, quiet=options.quiet)
    try:
        report = run.report(progress)
    finally:
        progress.close()
    if options.fix or options.diff:
        from torchdoctor.project.mending import mend_files

        mending = mend_files(run, report, unsafe=options.unsafe, write=options.fix)
        if options.diff:
            return show_diff(mending, options)
        report, mended = mending.report, mending.mended
    else:
        mended = 0
    from torchdoctor.faces.lines import Lines

    show(report, Lines(), run.settings, options, mended=mended)
    return report.exit_code(run.settings.fail_on)


def show(
    report: Report, lines: Lines, settings: Settings, options: _Options, *, mended: int = 0, err: bool = False
) -> None:
    """Show findings on standard output (or error, or in a file), and what went wrong on standard error."""
    from torchdoctor.faces import text
    from torchdoctor.faces.cli._trouble import tell_trouble

    stream = sys.stderr if err else sys.stdout
    for_file = options.output is not None and options.color != "always"
    paint = Paint(not for_file and wants_color(options.color, stream), width_of(stream))
    shown = _rendered(report, lines, settings.format, paint, options)
    people = settings.format in ("text", "concise")
    if (
        people
        and not options.quiet
        and not (report.files == 0 and (report.warnings or report.notes or report.failures))
    ):
        shown += text.summary(report, paint, mended=mended)
    if options.output is not None:
        write(options.output, shown)
    else:
        say(shown, err=err)
    tell_trouble(report, color=options.color, quiet=options.quiet)


def _rendered(report: Report, lines: Lines, format_: str, paint: Paint, options: _Options) -> str:
    if format_ == "json":
        from torchdoctor.faces import json

        return json.statistics(report) if options.statistics else json.render(report)
    if format_ == "sarif":
        from torchdoctor.faces import sarif

        return sarif.render(report, lines)
    if format_ == "github":
        from torchdoctor.faces import github

        return github.render(report)
    if format_ == "gitlab":
        from torchdoctor.faces import gitlab

        return gitlab.render(report, lines)
    if format_ == "junit":
        from torchdoctor.faces import junit

        return junit.render(report)
    from torchdoctor.faces import text

    if options.statistics:
        return text.statistics(report, paint)
    return text.concise(report, paint) if format_ == "concise" else text.render(report, lines, paint)


def show_diff(mending: Mending, options: _Options) -> int:
    """Show what mending would change. 1 where it would change anything, 2 where something could not be done."""
    from torchdoctor.faces import text

    paint = Paint(wants_color(options.color, sys.stdout))
    shown = "".join(text.diff(change.diff, paint) for change in mending.changes)
    if options.output is not None:
        write(options.output, shown)
    else:
        say(shown)
    for failed in mending.report.failures:
        say(text.failure(failed, paint), err=True)
    if not options.quiet:
        say(text.would_be_mended(mending.mended, len(mending.changes)), err=True)
    return 2 if mending.report.failures else int(bool(mending.changes))
