"""Every sign, asked of failures of which little is known or much is odd, never raises and speaks in one line.

A hook must not fall over the failure that it explains: a pasted text may hold any number, and a record may lack what
the sign looks for, or hold something else in its place.
"""

from __future__ import annotations

import ast
import inspect
import random
import re
import sys
from zlib import crc32

import pytest

from torchdoctor.diagnose import diagnose
from torchdoctor.finding import Finding
from torchdoctor.record import (
    ExceptionRecord,
    ExpressionRecord,
    Failure,
    FrameRecord,
    ModuleRecord,
    ObjectRecord,
    TensorRecord,
    ValueRecord,
)
from torchdoctor.sign import Sign, all_signs

SIGNS = [(sign, crc32(f"{sign.rule} {sign.run.__name__}".encode())) for sign in all_signs()]
HOLE = re.compile(r"\{(\w*)(?::(\w))?\}")
NUMBERS = ("0", "1", "-1", "2", "3", "7", "64", "100")
FILLINGS = {
    "d": NUMBERS,
    "f": ("0", "0.5", "-1.25", "inf", "nan", "1e-08"),
    "s": ("[]", "[3]", "[2, 3]", "[4, 0, 5]", "[2, 3, 4, 5]", "torch.Size([1, 1, 7])", "(8,)", "2x3"),
    "w": ("weight", "torch.cuda.FloatTensor", "Float", "x"),
    "": ("x", "a `name`", "two words", "one\nand another", "3", "a very long text, " * 30),
}
ROLES = ("self", "input", "weight", "left", "right", "value", "index", "target", "other", "size", "dim", "tensors", "")
TYPES = ("Tensor", "Linear", "int", "list", "NoneType", "str", "Odd")
TEXTS = ("", "None", "3", "-1", "2.5", "'mean'", "(1, 2)", "[]", "{}", "True", "not a literal", "[1, 'a', None]")
SHAPES = (None, (), (0,), (3,), (2, 3), (1, 0), (2, 3, 4), (2, 3, 4, 5), (1, 1, 1, 1, 1, 1))


def words_of(sign: Sign) -> tuple[str, ...]:
    """The names that the sign asks for: what it takes for a role, a layer or a fact is told by its own source."""
    tree = ast.parse(inspect.getsource(sys.modules[sign.run.__module__]))
    found = {node.value for node in ast.walk(tree) if isinstance(node, ast.Constant) and isinstance(node.value, str)}
    return tuple(sorted(word for word in found if re.fullmatch(r"[\w.@+*/&|<>=\[\]-]{1,60}", word)))


class Odd:
    """Records of the right classes and with hardly anything right in them."""

    def __init__(self, sign: Sign, seed: int) -> None:
        self.dice, self.sign, self.words = random.Random(seed), sign, words_of(sign)

    def word(self, *others: str) -> str:
        return self.dice.choice((*self.words, *others))

    def text(self) -> str:
        """A message that is this sign's."""
        if not self.sign.templates:
            return self.dice.choice(("", "x", "one\nand another", "boom " * 100))
        template = self.dice.choice(self.sign.templates).text.removeprefix("^").removesuffix("$")
        values: dict[str, str] = {}

        def filled(hole: re.Match[str]) -> str:
            value = self.dice.choice(FILLINGS[hole[2] or ""])
            return values.setdefault(hole[1], value) if hole[1] else value

        return HOLE.sub(filled, template)

    def exception(self) -> ExceptionRecord:
        kind = self.dice.choice(sorted(self.sign.raises) or ["RuntimeError"])
        odd: tuple[object, ...] = (None, 3, "x", [], {})
        facts = {self.word("name"): self.dice.choice(odd) for _ in range(3)}
        return ExceptionRecord(kind, self.text(), ("Exception",), facts=facts)

    def tensor(self) -> TensorRecord:
        pick = self.dice.choice
        dtype = pick(("float32", "int64", "bool", "bfloat16", "complex64", ""))
        least, most = pick(((None, None), (0.0, 5.0), (float("nan"), float("inf"))))
        device, kind = pick(("cpu", "cuda:0", "meta", "")), pick(("Tensor", "Parameter", "ndarray"))
        return TensorRecord(
            pick(SHAPES), dtype, device, strides=pick((None, (), (1,), (3, 1))), kind=kind, least=least, most=most
        )

    def module(self) -> ModuleRecord:
        pick = self.dice.choice
        odd: tuple[object, ...] = (None, 0, 1, 3, 64, (1, 1), "same", True, [], -2)
        facts = {self.word("in_features", "kernel_size"): pick(odd) for _ in range(6)}
        name, kind = pick(("", "fc", "body.0")), self.word("Linear", "Conv2d", "Net")
        return ModuleRecord(name, kind, pick(("", f"torch.nn.{kind}")), pick(("", "Net")), facts=facts)

    def value(self, deep: int = 0) -> ValueRecord:
        pick = self.dice.choice
        holds = pick(("tensor", "tensor", "module", "items", "text", "nothing"))
        items = tuple(self.value(deep + 1) for _ in range(pick((0, 1, 2)))) if holds == "items" and deep < 2 else ()
        return ValueRecord(
            code=pick(("", "x", "self.fc(x)", "x[0]", "a + b", "y" * 90)),
            role=pick(ROLES) if pick((True, False)) else self.word("input"),
            type="" if holds == "nothing" else pick(TYPES),
            identity=pick((0, 1, 2)),
            text=pick(TEXTS),
            tensor=self.tensor() if holds == "tensor" else None,
            module=self.module() if holds == "module" else None,
            items=items,
            length=pick((None, 0, 1, len(items))),
        )

    def expression(self) -> ExpressionRecord:
        kind = self.dice.choice(("call", "operator", "subscript", "attribute", "unpack", "iteration", "raise", "other"))
        operands = tuple(self.value() for _ in range(self.dice.choice((0, 1, 2, 3, 4))))
        name = self.word("", "@", "torch.nn.functional.linear", "torch.nn.Linear", "torch.Tensor.view")
        code = self.dice.choice(("", "f(x)", "x.view(-1, 3)", "a @ b", "x[0]", "(", "x = y"))
        return ExpressionRecord(code, kind, name, operands, self.value() if self.dice.choice((True, False)) else None)

    def frame(self, package: str) -> FrameRecord:
        holds = self.dice.choice((True, False))
        return FrameRecord(
            "net.py",
            3,
            self.word("forward", "<module>"),
            self.dice.choice(("", "y = self.fc(x)", "return (")),
            package,
            expression=self.expression() if self.dice.choice((True, True, False)) else None,
            module=self.module() if holds else None,
            locals=tuple(self.value() for _ in range(self.dice.choice((0, 2, 5)))),
        )

    def failure(self) -> Failure:
        pick = self.dice.choice
        packages = pick(((), ("",), ("torch",), ("", "torch"), ("", "torch", "torch"), ("", "", "torch")))
        kinds = ("optimizer", "scheduler", "scaler", "loader", "dataset")
        odd: tuple[object, ...] = (None, 0, 1, -1, 0.5, "x", [], True)
        objects = tuple(
            ObjectRecord(pick(("", "o")), pick(kinds), self.word("Adam"), {self.word("lr"): pick(odd)})
            for _ in range(pick((0, 1, 3)))
        )
        environment = {self.word("torch"): pick(odd) for _ in range(2)}
        return Failure(
            self.exception(),
            tuple(self.frame(package) for package in packages),
            origin="live",
            blame="torch",
            worker=pick((None, 0)),
            compiled=pick((True, False, False)),
            objects=objects,
            environment=environment,
        )


def unspeakable(finding: Finding) -> list[str]:
    """The words of a finding that are none or more than a line."""
    words = (finding.message, *finding.evidence, *finding.cures, *(mark.text for mark in finding.marks))
    return [text for text in words if not text.strip() or "\n" in text]


@pytest.mark.parametrize(("sign", "seed"), SIGNS, ids=[f"{sign.rule}-{sign.run.__name__}" for sign, _ in SIGNS])
def test_odd_failures(sign: Sign, seed: int) -> None:
    odd = Odd(sign, seed)
    for _ in range(25 * max(len(sign.templates), 1)):
        for failure in (odd.failure(), Failure(odd.exception(), blame="torch")):
            said = sign.match(failure)
            assert said is not None, f"its own text is not its own: {failure.message!r}"
            for diagnosis in sign.run(failure, said):
                told = (diagnosis.message, *diagnosis.evidence, *diagnosis.cures)
                assert all(isinstance(text, str) for text in told)
            for finding in diagnose(failure, rules=(sign.rule,)):
                assert not unspeakable(finding), f"{failure.message!r}: {unspeakable(finding)}"
