"""Lint the fetched packages and write how often each rule fires in each, so that a change shows as a diff.

    python tests/corpus/fetch.py
    python tests/corpus/count.py            # writes tests/corpus/counts.txt
    python tests/corpus/count.py --check    # compares, and exits with 1 where something changed

Each package is linted by the installed command, alone and with every rule that is on by default. A line of
counts.txt is `package rule findings`; `package files` and `package errors` say how many files were linted, and how many
could not be.
"""

from __future__ import annotations

import argparse
import difflib
import json
import subprocess
import sys
from collections import Counter
from pathlib import Path

HERE = Path(__file__).parent
COUNTS = HERE / "counts.txt"


def main() -> int:
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--packages", type=Path, default=HERE / ".packages", help="where fetch.py put them")
    options.add_argument("--check", action="store_true", help="compare with counts.txt instead of writing it")
    options.add_argument("--only", default="", help="count only the package of this name, and print the lines")
    chosen = options.parse_args()
    folders = sorted(path for path in chosen.packages.glob(f"{chosen.only}*") if path.is_dir() and path.name[0] != ".")
    if not folders:
        print(f"no packages in {chosen.packages}; run fetch.py first", file=sys.stderr)
        return 2
    lines = [line for folder in folders for line in counted(folder)]
    if chosen.only:
        print("\n".join(lines))
        return 0
    if not chosen.check:
        COUNTS.write_text("\n".join(lines) + "\n")
        return 0
    before = COUNTS.read_text().splitlines()
    changes = list(difflib.unified_diff(before, lines, "counts.txt", "now", n=0, lineterm=""))
    print("\n".join(changes))
    return 1 if changes else 0


def counted(folder: Path) -> list[str]:
    """The lines of one package."""
    command = [sys.executable, "-m", "torchdoctor", "lint", "--isolated", "--no-cache", "--format", "json"]
    command += ["--fail-on", "never", str(folder)]
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode not in (0, 2) or not done.stdout:
        raise SystemExit(f"{' '.join(command)} failed with {done.returncode}: {done.stderr[-2000:]}")
    report = json.loads(done.stdout)
    found = Counter(finding["rule"] for finding in report["findings"])
    return [
        f"{folder.name} files {report['files']}",
        f"{folder.name} errors {len(report['errors'])}",
        *(f"{folder.name} {rule} {count}" for rule, count in sorted(found.items())),
    ]


if __name__ == "__main__":
    sys.exit(main())
