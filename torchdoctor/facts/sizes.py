"""Whole numbers of which not all are known: `b * n` is `n * b`, whatever b and n are.

A Dim is an int, a symbol (a Value that equals itself) or None. Sums and products are kept in one normal form, so equal
expressions are equal values. Symbols stand for sizes: they are never negative.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from typing import Any

from torchdoctor.facts.values import (
    Arithmetic,
    Attr,
    Const,
    Dim,
    Element,
    Free,
    Item,
    Made,
    Named,
    Param,
    Result,
    Self,
    Size,
    Tensor,
    Value,
    const,
)

_MOST_OPERANDS = 8  # longer expressions are let go: a loop would make them grow without end
_DEEPEST = 6
# Functions of Python that give whole numbers; a loop over `range` gives them too.
_WHOLE = frozenset({"builtins.int", "builtins.len", "builtins.ord", "builtins.hash"})
_NUMBERS = _WHOLE | {"builtins.float"}
_SIZES = (int, Size, Arithmetic, Param, Attr, Item, Free, Result, Element)

Monomial = tuple[int, tuple[Value, ...]]


def dim(value: Value | int | None) -> Dim:
    """A value as a size: an int where it is a constant, a symbol where it may be a number, else None."""
    if isinstance(value, Const):
        return value.value if value.kind is int else None
    if isinstance(value, _SIZES):
        return value
    return None


def is_whole(value: Value) -> bool:
    """Whether a value is sure to be a whole number, and not a tensor or a slice: `len(x)`, the i of `enumerate`."""
    if isinstance(value, Arithmetic):
        return value.operator in ("+", "-", "*", "//", "%") and all(map(is_whole, value.operands))
    if isinstance(value, Result):
        return isinstance(value.function, Named) and value.function.name in _WHOLE
    return isinstance(value, Size) or (isinstance(value, Const) and value.kind is int)


def is_number(value: Value) -> bool:
    """Whether a value is surely a number of Python: a constant, a size, computed from sizes, or what `math` gives."""
    if isinstance(value, Arithmetic):
        first, *others = value.operands
        divided = value.operator in ("//", "%", "**") and not isinstance(first, Const)
        return is_number(first) and (divided or all(map(is_number, others)))
    called = value.function.name if isinstance(value, Result) and isinstance(value.function, Named) else ""
    return isinstance(value, (Const, Size)) or called in _NUMBERS or called.startswith("math.")


def value(size: int | Value) -> Value:
    """A known size as a value."""
    return const(size) if isinstance(size, int) else size


def product(sizes: Iterable[Dim]) -> Dim:
    """The product of sizes; None where one is not known."""
    number = 1
    factors: list[Value] = []
    for size in sizes:
        if size is None:
            return None
        coefficient, own = monomial(size)
        number *= coefficient
        factors.extend(own)
    return _of_monomial(number, factors)


def quotient(size: Dim, by: Dim) -> Dim:
    """`size // by`; exact where the factors of ``by`` are factors of ``size``."""
    if size is None or by is None or by == 0:
        return None
    if isinstance(size, int) and isinstance(by, int):
        return size // by
    (number, factors), (other, others) = monomial(size), monomial(by)
    shared = math.gcd(number, other)
    left, right = without_shared(factors, others)
    above, below = _of_monomial(number // shared, left), _of_monomial(other // shared, right)
    if below == 1 or above is None or below is None:
        return above if below == 1 else None
    return _limited(Arithmetic("//", (value(above), value(below))))


def without_shared(a: Iterable[Value], b: Iterable[Value]) -> tuple[list[Value], list[Value]]:
    """Two products with the factors they share taken out."""
    left, right = list(a), []
    for factor in b:
        if factor in left:
            left.remove(factor)
        else:
            right.append(factor)
    return left, right


def total(sizes: Iterable[Dim]) -> Dim:
    """The sum of sizes; None where one is not known."""
    number = 0
    terms: dict[tuple[Value, ...], int] = {}
    for size in sizes:
        if size is None:
            return None
        for coefficient, factors in _terms(size):
            if factors:
                terms[factors] = terms.get(factors, 0) + coefficient
            else:
                number += coefficient
    parts = [part for factors, times in terms.items() if times and (part := _of_monomial(times, factors)) is not None]
    if not parts:
        return number
    if number == 0 and len(parts) == 1:
        return parts[0]
    operands = _ordered([value(part) for part in parts])
    return _limited(Arithmetic("+", (*operands, const(number)) if number else operands))


def difference(size: Dim, less: Dim) -> Dim:
    """`size - less`."""
    return total((size, product((-1, less))))


def same(a: Dim, b: Dim) -> bool | None:
    """Whether two sizes are equal; None where that cannot be told."""
    if a is None or b is None:
        return None
    if a == b:
        return True
    if isinstance(a, int) and isinstance(b, int):
        return False
    apart = difference(a, b)
    return apart == 0 if isinstance(apart, int) else None


def differ(a: Dim, b: Dim) -> bool:
    """Whether two sizes are surely different when every symbol is taken to be more than one."""
    if same(a, b) is False:
        return True
    if a is None or b is None or (isinstance(a, int) and isinstance(b, int)):
        return False
    (number, factors), (other, others) = monomial(a), monomial(b)
    left, right = without_shared(factors, others)
    if not left and not right:
        return number != other
    grown, shrunk = (number, other) if left else (other, number)
    return not (left and right) and shrunk > 0 and grown >= shrunk and grown % shrunk == 0


def whole(size: Dim) -> Dim:
    """The size with `(a // b) * b` taken for a: so it is where torch has accepted `a // b` as a dimension."""
    if size is None or isinstance(size, int):
        return size
    number, factors = monomial(size)
    quotients = [one for one in factors if isinstance(one, Arithmetic) and one.operator == "//"]
    if not quotients:
        return size
    left = list(factors)
    for factor in quotients:
        if factor in left:
            by_number, by = monomial(dim(factor.operands[1]) or 0)
            rest = list(left)
            rest.remove(factor)
            if by_number > 0 and number % by_number == 0 and all(rest.count(one) >= by.count(one) for one in by):
                for one in by:
                    rest.remove(one)
                more, inner = monomial(dim(factor.operands[0]) or 0)
                number, left = number // by_number * more, [*rest, *inner]
    return _of_monomial(number, left)


def arithmetic(operator: str, operands: Sequence[Value]) -> Value | None:
    """A Python operator on numbers: a constant, or an expression of symbols in normal form. None for other values."""
    if all(isinstance(one, Const) and isinstance(one.value, (int, float)) for one in operands):
        computed = _computed(operator, [one.value for one in operands if isinstance(one, Const)])
        if isinstance(computed, Const) and any(isinstance(one, Const) and one.assumed for one in operands):
            return Const(computed.value, computed.kind, assumed=True)
        return computed
    if operator in ("/", "**") and len(operands) == 2 and isinstance(operands[0], (Size, Arithmetic)):
        if isinstance(operands[1], Const) and operands[1].kind in (int, float):
            return Arithmetic(operator, tuple(operands)) if _depth(operands[0]) < _DEEPEST else None  # no size
    sizes = [dim(one) for one in operands]
    if len(sizes) != 2 or any(size is None for size in sizes):
        return None
    left, right = sizes
    result: Dim = None
    if operator == "*":
        result = product(sizes)
    elif operator == "//":
        result = quotient(left, right)
    elif operator == "+":
        result = total(sizes)
    elif operator == "-":
        result = difference(left, right)
    elif operator in ("/", "%"):
        result = _limited(Arithmetic(operator, tuple(operands)))
    return None if result is None else value(result)


def _computed(operator: str, numbers: list[int | float]) -> Value | None:
    try:
        if len(numbers) == 1:
            (a,) = numbers
            single: dict[str, Callable[[], Any]] = {"neg": lambda: -a, "pos": lambda: +a, "~": lambda: ~int(a)}
            return const(single[operator]()) if operator in single else None
        a, b = numbers
        if operator == "**" and (abs(b) > 64 or abs(a) > 1 << 32):
            return None
        pairs: dict[str, Callable[[], Any]] = {
            "+": lambda: a + b, "-": lambda: a - b, "*": lambda: a * b, "/": lambda: a / b, "//": lambda: a // b,
            "%": lambda: a % b, "**": lambda: a**b, "==": lambda: a == b, "!=": lambda: a != b, "<": lambda: a < b,
            "<=": lambda: a <= b, ">": lambda: a > b, ">=": lambda: a >= b,
        }  # fmt: skip
        return const(pairs[operator]()) if operator in pairs else None
    except (ArithmeticError, ValueError):
        return None


def monomial(size: int | Value) -> Monomial:
    if isinstance(size, int):
        return size, ()
    if isinstance(size, Arithmetic) and size.operator == "*":
        first = size.operands[0]
        if isinstance(first, Const):
            return first.value, size.operands[1:]
        return 1, size.operands
    return 1, (size,)


def _terms(size: int | Value) -> list[Monomial]:
    if isinstance(size, Arithmetic) and size.operator == "+":
        return [monomial(one.value if isinstance(one, Const) else one) for one in size.operands]
    return [monomial(size)]


def _of_monomial(number: int, factors: Sequence[Value]) -> Dim:
    if number == 0 or not factors:
        return number
    if number == 1 and len(factors) == 1:
        return factors[0]
    operands = _ordered(factors)
    return _limited(Arithmetic("*", (const(number), *operands) if number != 1 else operands))


def _limited(result: Arithmetic) -> Dim:
    return None if len(result.operands) > _MOST_OPERANDS or _depth(result) > _DEEPEST else result


def _depth(value: Value) -> int:
    return 1 + max(map(_depth, value.operands)) if isinstance(value, Arithmetic) else 0


def _ordered(values: Sequence[Value]) -> tuple[Value, ...]:
    """In an order that does not depend on how they were written; the same in every run wherever texts differ."""
    return tuple(sorted(values, key=lambda one: (text(one), hash(one)))) if len(values) > 1 else tuple(values)


def text(size: Dim) -> str:
    """The size in words of the code: "b * n", "x.shape[0]", "?" where it is not known."""
    if isinstance(size, Attr):
        return f"{text(size.of)}.{size.name}"
    if isinstance(size, (Param, Free)):
        return size.name
    if isinstance(size, Const):
        return str(size.value)
    if isinstance(size, Arithmetic):
        parts = (f"({text(o)})" if isinstance(o, Arithmetic) else text(o) for o in size.operands)
        return f" {size.operator} ".join(parts)
    if isinstance(size, Size) and isinstance(size.of, Element) and size.dim == 0:
        return "batch"
    if isinstance(size, Size):
        return f"{text(size.of)}.shape[{size.dim}]"
    if isinstance(size, Item):
        return f"{text(size.of)}[{size.key!r}]"
    if isinstance(size, Tensor):
        return text(size.of) if size.of is not None else "?"
    if isinstance(size, (Named, Made)):
        return size.name.rpartition(".")[2]
    if isinstance(size, Result):
        return f"{text(size.function)}()"
    if isinstance(size, Self):
        return "self"
    return str(size) if isinstance(size, int) else "?"
