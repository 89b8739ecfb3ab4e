"""Whether two sizes are different whatever their symbols stand for."""

from __future__ import annotations

from fractions import Fraction

from torchdoctor.facts import sizes as s
from torchdoctor.facts.values import Arithmetic, Attr, Const, Dim, Free, Item, Named, Param, Self, Size, Tensor, Value


def never_equal(a: Dim, b: Dim) -> bool:
    """Whether two sizes differ for every value of their symbols, which are one at least.

    Only symbols count that mean the same number wherever they are met in one run: parameters and what hangs on them.
    """
    if isinstance(a, int) and isinstance(b, int):
        return a != b
    if a is None or b is None or not (_lasts(a) and _lasts(b)):
        return False
    apart = s.difference(a, b)
    if isinstance(apart, int):
        return apart != 0
    (most, factors), (other, others) = _most(a), _most(b)
    if s.without_shared(factors, others) != ([], []):
        return False
    rounded = _is_rounded(a), _is_rounded(b)
    if rounded == (False, False):
        return most != other
    return most < other if rounded == (True, False) else rounded == (False, True) and other < most


def _lasts(size: Dim | Value) -> bool:
    """Whether a symbol stands for one number all through a run."""
    if isinstance(size, (int, Const, Param, Free, Self, Named)):
        return True
    if isinstance(size, Arithmetic):
        return all(map(_lasts, size.operands))
    if isinstance(size, (Attr, Item)):
        return _lasts(size.of)
    return isinstance(size, Size) and isinstance(size.of, Tensor) and isinstance(size.of.of, Param)


def _is_rounded(size: int | Value) -> bool:
    return any(isinstance(factor, Arithmetic) for factor in s.monomial(size)[1])


def _most(size: int | Value) -> tuple[Fraction, list[Value]]:
    """The number and the factors of a product, with `a // 2` taken for half of a, which it is at most."""
    number, factors = s.monomial(size)
    most = Fraction(number)
    left: list[Value] = []
    for factor in factors:
        by = factor.operands[1] if isinstance(factor, Arithmetic) and factor.operator == "//" else None
        if isinstance(factor, Arithmetic) and isinstance(by, Const) and by.value > 0:
            inner, own = s.monomial(s.dim(factor.operands[0]) or 0)
            most, left = most * Fraction(inner, by.value), [*left, *own]
        else:
            left.append(factor)
    return most, left
