"""How the texts of signs are matched."""

from __future__ import annotations

import pytest

from torchdoctor.record import ExceptionRecord, Failure
from torchdoctor.sign import Diagnosis, Sign, Template, all_signs, on_failure


def said(text: str, message: str) -> dict[str, object] | None:
    found = Template(text).match(message)
    return None if found is None else found.values


@pytest.mark.parametrize(
    ("text", "message", "values"),
    [
        ("got {a:d}x{b:d} of", "we got 3x-4 of it", {"a": 3, "b": -4}),
        ("size [{s:s}] here", "size [2, 3, 4] here", {"s": (2, 3, 4)}),
        ("size {s:s} here", "size torch.Size([2, 3]) here", {"s": (2, 3)}),
        ("size {s:s} here", "size [] here", {"s": ()}),
        ("type {t:w} is", "type torch.cuda.FloatTensor is", {"t": "torch.cuda.FloatTensor"}),
        ("p is {p:f}!", "p is 1e-08!", {"p": 1e-8}),
        ("{a} and {a}", "x and x", {"a": "x"}),
        ("{a} and {a}", "x and y", None),
        ("^index", "an index", None),
        ("^index", "index", {}),
        ("range$", "out of range", {}),
        ("range$", "range of", None),
        ("two words", "two\n   words", {}),
        ("a {} b {c:d}", "a whatever b 3", {"c": 3}),
        ("(a+b)*", "say (a+b)* now", {}),
    ],
)
def test_texts(text: str, message: str, values: dict[str, object] | None) -> None:
    assert said(text, message) == values


def test_a_hole_of_an_unknown_kind() -> None:
    with pytest.raises(ValueError, match="no kind of hole"):
        Template("{a:z}")


def failure(message: str, blame: str = "torch", bases: tuple[str, ...] = ("Exception",)) -> Failure:
    return Failure(ExceptionRecord("RuntimeError", message, bases), blame=blame)


def test_which_failures_a_sign_is_asked_of() -> None:
    def run(one: Failure, _: object) -> list[Diagnosis]:
        return [Diagnosis(one.message)]

    trusting: Sign = on_failure("went {x:d} wrong", raises="RuntimeError")(run)
    careful: Sign = on_failure("went {x:d} wrong", raises="IndexError", plain=False)(run)
    assert trusting.match(failure("it went 3 wrong")) and trusting.match(failure("it went 3 wrong", blame=""))
    assert not trusting.match(failure("it went 3 wrong", blame="other"))
    assert not careful.match(failure("it went 3 wrong"))
    assert careful.match(failure("it went 3 wrong", bases=("IndexError",)))
    assert not careful.match(failure("it went 3 wrong", blame="", bases=("IndexError",)))


def test_every_sign_bears_a_failure_of_which_nothing_is_known() -> None:
    """A sign that matches a text alone says something plain, or nothing: it never raises."""
    for sign in all_signs():
        for one in sign.templates:
            message = one.text.strip("^$")
            for hole, value in ((":d}", "1"), (":s}", "4, 3, 2"), (":f}", "0.5"), (":w}", "Float")):
                while hole in message:
                    end = message.index(hole)
                    message = message[: message.rindex("{", 0, end)] + value + message[end + len(hole) :]
            while "{" in message and "}" in message[message.index("{") :]:
                start = message.index("{")
                message = message[:start] + "something" + message[message.index("}", start) + 1 :]
            raised = next(iter(sorted(sign.raises)), "RuntimeError")
            for blame in ("torch", ""):
                record = Failure(ExceptionRecord(raised, message, ("Exception",)), blame=blame)
                found = sign.match(record)
                if found is not None:
                    list(sign.run(record, found))
