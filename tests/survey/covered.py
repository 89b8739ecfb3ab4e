"""Which of the errors that torch can raise the signs tell: by families of texts, and by shapes that users meet.

    python -m tests.survey.covered                 # a table by area, and of the shapes in shapes.txt
    python -m tests.survey.covered --open nn 30    # the 30 largest families of areas with that name that no sign tells
    python -m tests.survey.covered --told nn 30    # the same of those that are told, with the rule
    python -m tests.survey.covered --shapes        # every shape that no sign tells

The texts come from the shared libraries and the Python files of the torch that is installed; torch is not loaded.
A family are the texts of an area that begin with the same words. A text counts as told where the longest piece of it
stands in a sign's template, or the template's longest piece in it: so it is an estimate, a little too kind to short
texts, and far too hard on torch, most of whose texts no user ever sees.
"""

from __future__ import annotations

import argparse
import importlib.util
import re
from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from tests.survey.torch_texts import Text, squeezed, telling, texts_of_libraries, texts_of_sources
from torchdoctor.sign import Template, all_signs

SHAPES = Path(__file__).parent / "shapes.txt"
_HOLE = re.compile(r"\{[^{}]*\}|\.\.\.")
_OPERATION = re.compile(r"^[\w.:]+\(?\)?:\s+")
_FIRST = 4


@dataclass(frozen=True)
class Shape:
    """A failure that users meet: H, M or L for how often, and the wordings in which torch says it."""

    often: str
    topic: str
    wordings: tuple[str, ...]


class Templates:
    """The texts of all signs, to ask whether they tell a text."""

    def __init__(self, templates: Sequence[tuple[str, str]]) -> None:
        self._whole = [(rule, Template(text)) for rule, text in templates]
        self._known = [(rule, pieces) for rule, text in templates if (pieces := _pieces(text))]
        self._all = [(rule, piece) for rule, pieces in self._known for piece in pieces]
        self._longest = [(rule, max(pieces, key=len)) for rule, pieces in self._known]

    def rule_for(self, text: Text) -> str:
        """The rule whose template the text is told by, "" where there is none."""
        longest = text.longest
        for rule, piece in self._longest:
            if any(piece in own for own in text.pieces):
                return rule
        return next((rule for rule, piece in self._all if longest in piece), "")

    def rule_for_wording(self, wording: str) -> str:
        """The same for a whole message with ``{}`` for what varies: numbers or words."""
        said = [_HOLE.sub(filling, wording) for filling in ("3", "Float")]
        rule = next((rule for rule, one in self._whole if any(one.match(text) for text in said)), "")
        pieces = _pieces(wording)
        return rule or (self.rule_for(Text(pieces, "")) if pieces else "")


def _pieces(text: str) -> tuple[str, ...]:
    body = text.removeprefix("^").removesuffix("$")
    return tuple(piece for part in _HOLE.split(body) if telling(piece := squeezed(part)))


def of_signs() -> Templates:
    return Templates([(sign.rule, one.text) for sign in all_signs() for one in sign.templates])


# -- families ----------------------------------------------------------------------------------------------------------


def family(text: Text) -> str:
    """The first words of what a text says, without the operation's name and what is no plain word."""
    words = _OPERATION.sub("", text.longest).split()
    plain = [word.strip(".,:;'\"`()[]") if re.fullmatch(r"[A-Za-z'\"`(),.:;-]+", word) else "_" for word in words]
    return " ".join(plain[:_FIRST])


def families(texts: Iterable[Text], rule_for: Callable[[Text], str]) -> dict[tuple[str, str], list[tuple[Text, str]]]:
    """Texts with the rule that tells each, by area and family."""
    found: dict[tuple[str, str], list[tuple[Text, str]]] = defaultdict(list)
    for text in texts:
        found[text.area, family(text)].append((text, rule_for(text)))
    return found


def table(found: dict[tuple[str, str], list[tuple[Text, str]]], say: Callable[[str], None]) -> None:
    """A line an area: texts, families, and how many of them are told."""
    areas: dict[str, list[list[tuple[Text, str]]]] = defaultdict(list)
    for (area, _), members in found.items():
        areas[area].append(members)
    say(f"{'area':26}{'texts':>8}{'told':>7}{'families':>10}{'told':>7}")
    for area, groups in [*sorted(areas.items(), key=lambda pair: -len(pair[1])), ("all", list(found.values()))]:
        members = [one for group in groups for one in group]
        told = sum(bool(rule) for _, rule in members)
        with_rule = sum(any(rule for _, rule in group) for group in groups)
        say(f"{area:26}{len(members):8}{told:7}{len(groups):10}{with_rule:7}")


def listing(
    found: dict[tuple[str, str], list[tuple[Text, str]]],
    area: str,
    most: int,
    told: bool,
    say: Callable[[str], None],
) -> None:
    """The largest families of the areas of a name that are told, or that are not, with one text of each."""
    chosen = [(key, group) for key, group in found.items() if area in key[0] and any(rule for _, rule in group) == told]
    for (where, _), group in sorted(chosen, key=lambda pair: (-len(pair[1]), pair[0]))[:most]:
        rules = ", ".join(sorted({rule for _, rule in group if rule}))
        say(f"{len(group):4}  {where:20} {' ... '.join(group[0][0].pieces)[:110]}" + (f"  [{rules}]" if rules else ""))


# -- shapes ------------------------------------------------------------------------------------------------------------


def shapes(text: str) -> list[Shape]:
    """The shapes of a file in the form of shapes.txt."""
    found, topic = [], ""
    for line in text.splitlines():
        if line.startswith("["):
            topic = line.strip("[]")
        elif line and not line.startswith("#"):
            often, _, wordings = line.partition(" ")
            found.append(Shape(often, topic, tuple(wordings.split(" | "))))
    return found


def shape_table(templates: Templates, all_: bool, say: Callable[[str], None]) -> None:
    """How many shapes are told, by how often users meet them; and those that are not."""
    pairs = [
        (shape, [templates.rule_for_wording(one) for one in shape.wordings])
        for shape in shapes(SHAPES.read_text(encoding="utf-8"))
    ]
    say(f"{'shapes that users meet':26}{'number':>8}{'told':>7}{'in every wording':>18}")
    for often, name in (("H", "often"), ("M", "now and then"), ("L", "seldom"), ("", "all")):
        some = [rules for shape, rules in pairs if often in ("", shape.often)]
        say(f"{name:26}{len(some):8}{sum(any(rules) for rules in some):7}{sum(all(rules) for rules in some):18}")
    for shape, rules in pairs if all_ else ():
        for wording, rule in zip(shape.wordings, rules, strict=True):
            if not rule:
                say(f"{shape.often}  {shape.topic:26} {wording[:120]}")


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--open", nargs=2, metavar=("AREA", "N"), help="list families that no sign tells")
    parser.add_argument("--told", nargs=2, metavar=("AREA", "N"), help="list families that a sign tells")
    parser.add_argument("--shapes", action="store_true", help="list shapes that no sign tells")
    parser.add_argument("--torch", type=Path, help="the folder of another installed torch")
    options = parser.parse_args()
    spec = importlib.util.find_spec("torch")
    torch = options.torch or (Path(spec.origin).parent if spec is not None and spec.origin else None)
    if torch is None or not torch.is_dir():
        parser.error("no torch is installed: name its folder with --torch")
    templates = of_signs()
    found = families([*texts_of_libraries(torch), *texts_of_sources(torch)], templates.rule_for)
    for wanted, told in ((options.open, False), (options.told, True)):
        if wanted:
            listing(found, wanted[0], int(wanted[1]), told, print)
            return 0
    if not options.shapes:
        table(found, print)
        print()
    shape_table(templates, options.shapes, print)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
