"""The algebra of sizes, layouts and views, held against Python's numbers and torch's tensors."""

from __future__ import annotations

from typing import Any

import libcst as cst
import pytest
import torch
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from tests.facts.torch_calls import broadcastable, other_shape
from tests.facts.torch_tensors import NODE, Both, Draw, Judge, layout_of
from torchdoctor.facts import sizes as s
from torchdoctor.facts import torch_api
from torchdoctor.facts.axes import in_order
from torchdoctor.facts.axis import Axis
from torchdoctor.facts.values import (
    UNKNOWN,
    Arithmetic,
    Const,
    Dim,
    Element,
    Free,
    Known,
    Made,
    Param,
    Result,
    Sequence,
    Shape,
    Size,
    Tensor,
    Value,
    const,
)

# What torch thinks of some random call is of no interest here.
pytestmark = pytest.mark.filterwarnings("ignore")
SETTINGS = settings(
    max_examples=60, deadline=None, suppress_health_check=list(HealthCheck), derandomize=True, database=None
)
LONG = settings(SETTINGS, max_examples=4000)
SYMBOLS = {Param(NODE, name): size for name, size in (("a", 2), ("b", 3), ("c", 12), ("d", 5))}
A, B, C, D = SYMBOLS


def number(value: Dim) -> int:
    judge = Judge(Draw(None))
    judge.draw.world.update(SYMBOLS)
    return judge.number(value)


# -- sizes ------------------------------------------------------------------------------------------------------------

sizes = st.one_of(st.integers(0, 6), st.sampled_from(sorted(SYMBOLS, key=s.text)))


@SETTINGS
@given(st.lists(st.tuples(st.sampled_from("+*-/"), sizes), min_size=1, max_size=5), sizes)
def test_expressions_are_worth_what_they_say(steps: list[tuple[str, Dim]], start: Dim) -> None:
    """Whatever the normal form makes of an expression has the value of the expression."""
    value, real = start, number(start)
    for operator, size in steps:
        other = number(size)
        if operator == "/" and (other == 0 or real < 0):
            continue
        rules = {
            "+": s.total,
            "*": s.product,
            "-": lambda pair: s.difference(*pair),
            "/": lambda pair: s.quotient(*pair),
        }
        value = rules[operator]((value, size))
        real = {"+": real + other, "*": real * other, "-": real - other, "/": real // max(other, 1)}[operator]
        if value is None:
            return
        assert number(value) == real


@SETTINGS
@given(st.permutations([2, A, B, C, A]), st.permutations([A, C, 2, B, A]))
def test_products_and_sums_do_not_depend_on_the_order(one: list[Dim], other: list[Dim]) -> None:
    assert s.product(one) == s.product(other)
    assert s.total(one) == s.total(other)


def test_quotients_cancel() -> None:
    assert s.quotient(s.product((A, B)), A) == B
    assert s.quotient(s.product((6, A)), 3) == s.product((2, A))
    assert s.quotient(s.product((A, C)), s.product((A, B))) == s.quotient(C, B)
    assert s.product((B, s.quotient(C, B))) != C  # c may not be divisible
    assert s.whole(s.product((B, s.quotient(C, B)))) == C  # it is where torch took c // b for a size
    assert s.quotient(A, 0) is None


@SETTINGS
@given(st.lists(sizes, max_size=3), st.lists(sizes, max_size=3))
def test_what_differs_differs(one: list[Dim], other: list[Dim]) -> None:
    a, b = s.product(one), s.product(other)
    if s.differ(a, b):
        assert number(a) != number(b)
    if (same := s.same(a, b)) is not None:
        assert same == (number(a) == number(b))


def test_what_symbols_can_tell() -> None:
    assert s.differ(s.product((A, B)), A) and s.differ(s.total((A, 1)), A)
    assert not s.differ(A, B) and s.same(A, B) is None and s.same(A, A) is True


def test_expressions_do_not_grow_without_end() -> None:
    value: Dim = A
    for _ in range(100):
        value = s.quotient(s.total((value, 1)), 3)
        if value is None:
            return
    raise AssertionError("an expression grew for ever")


def test_texts() -> None:
    tensor = Tensor(NODE, of=Param(NODE, "x"))
    assert s.text(s.product((A, Size(tensor, 0)))) == "a * x.shape[0]"
    assert s.text(s.quotient(C, s.total((A, 1)))) == "c // (a + 1)"
    assert s.text(None) == "?"


def test_python_arithmetic() -> None:
    assert s.arithmetic("+", (const(2), const(3))) == const(5)
    assert s.arithmetic("/", (const(1), const(2))) == const(0.5)
    assert s.arithmetic("/", (const(1), const(0))) is None
    assert s.arithmetic("neg", (const(2),)) == const(-2)
    assert s.arithmetic("**", (const(10), const(10**9))) is None
    assert s.arithmetic("*", (const("a"), const(3))) is None
    assert s.arithmetic("*", (A, B)) == s.arithmetic("*", (B, A)) == Arithmetic("*", (A, B))
    assert s.arithmetic("+", (UNKNOWN, A)) is None


# -- chains of views --------------------------------------------------------------------------------------------------


def step(draw: Draw, tensor: Both) -> tuple[str, list[Both]] | None:
    """A view of the tensor: the method and its arguments."""
    real = tensor.real
    rank = real.dim()
    name = draw.one("transpose", "permute", "unsqueeze", "squeeze", "select", "narrow", "expand", "view", "reshape",
                    "flatten", "clone", "contiguous", "relu", "index", "t", "unflatten")  # fmt: skip
    if name == "index":
        return "index", keys_for(draw, real, advanced=False)
    if name in ("clone", "contiguous", "relu", "t"):
        return name, []
    if name in ("view", "reshape"):
        return name, [draw.tuple(other_shape(draw, tuple(real.shape)))]
    if name == "unsqueeze":
        return name, [draw.dim(tensor, extra=1)]
    if not rank:
        return None
    dim = draw.dim(tensor)
    size = real.shape[dim.real]
    if name == "transpose":
        return name, [dim, draw.dim(tensor)]
    if name == "permute":
        return name, [draw.tuple(draw.order(rank))]
    if name == "squeeze":
        return name, [dim] if draw.chance(60) else []
    if name == "select":
        return (name, [dim, draw.const(draw.number(-size, size - 1))]) if size else None
    if name == "narrow":
        start = draw.number(0, size)
        return name, [dim, draw.const(start), draw.size(draw.number(0, size - start))]
    if name == "expand":
        return name, [draw.tuple([3 if n == 1 and draw.chance(60) else -1 for n in real.shape])]
    if name == "unflatten":
        return (name, [dim, draw.tuple([2, -1])]) if size == 4 else None
    return name, [dim, draw.dim(tensor)]


def applied(name: str, tensor: Both, arguments: list[Any], place: int) -> Both:
    """The result of a step, in torch and in the algebra, each at a node of its own."""
    node = cst.Name(f"step{place}")
    if name == "index":
        real = tensor.real[tuple(key.real for key in arguments)]
        return Both(real, torch_api.index(tensor.value, keys_of(arguments), node))  # type: ignore[arg-type]
    real = getattr(tensor.real, name)(*(a.real for a in arguments))
    given = torch_api.Arguments(node, (tensor.value, *(a.value for a in arguments)), {})
    return Both(real, torch_api.method(name, given))  # type: ignore[arg-type]


def chain(draw: Draw, judge: Judge) -> Both:
    """A tensor after a few views, each checked."""
    tensor = draw.tensor(dtype=torch.float32)
    assume(draw.small or judge.ordinary(tensor.value, tensor.real))  # type: ignore[arg-type]
    for place in range(draw.number(1, 5)):
        chosen = step(draw, tensor)
        if chosen is None or (draw.small and chosen[0] in ("reshape", "flatten")):
            continue  # whether a reshape copies is told as if no size were one
        try:
            after = applied(*([chosen[0], tensor, chosen[1], place]))
        except (RuntimeError, IndexError):
            continue
        judge.check(after.value, after.real)
        if not isinstance(after.value, Tensor):
            break
        if not (after.real.numel() > 0 if draw.small else judge.ordinary(after.value, after.real)):
            break  # a size that is not known is 0 or 1: nothing is claimed of what cannot be viewed then
        tensor = after
    return tensor


def check_chain(data: st.DataObject, *, small: bool) -> None:
    draw = Draw(data, small=small)
    judge = Judge(draw)
    chain(draw, judge)


@SETTINGS
@given(st.data())
def test_chains_of_views(data: st.DataObject) -> None:
    check_chain(data, small=False)


@pytest.mark.slow
@pytest.mark.parametrize("small", [False, True])
def test_chains_of_views_at_length(small: bool) -> None:
    LONG(given(st.data())(lambda data: check_chain(data, small=small)))()


# -- which views torch refuses ----------------------------------------------------------------------------------------


def check_refusal(data: st.DataObject) -> None:
    """What is said to fail fails; and where all is known, what fails is said to."""
    draw = Draw(data)
    tensor = chain(draw, Judge(draw))
    value, real = tensor.value, tensor.real
    assert isinstance(value, Tensor)
    target = other_shape(draw, tuple(real.shape))
    if draw.chance(20):
        target = [draw.const(-1)]
    sizes_ = tuple(dim.value.value if isinstance(dim.value, Const) else dim.value for dim in target)
    why = torch_api.view_fails(value, sizes_)
    try:
        real.view([dim.real for dim in target])
        legal = True
    except RuntimeError:
        legal = False
    if legal:
        assert why is None, f"{tuple(real.shape)} {real.stride()} as {[dim.real for dim in target]}: {why}"
        return
    holds = all(isinstance(dim, int) for dim in sizes_) and _fits(real.numel(), [dim.real for dim in target])
    shape, layout = value.shape, value.layout
    sure = shape is not None and all(isinstance(dim, int) for dim in shape.value) and layout is not None
    if sure and holds and all(axis.filled is not None for axis in layout.value):  # type: ignore[union-attr]
        assert why is not None, f"{tuple(real.shape)} {real.stride()} as {[dim.real for dim in target]}"


def _fits(elements: int, target: list[int]) -> bool:
    rest = 1
    for dim in target:
        rest *= 1 if dim == -1 else dim
    return rest == elements if -1 not in target else rest > 0 and elements % rest == 0


@SETTINGS
@given(st.data())
def test_views_that_torch_refuses(data: st.DataObject) -> None:
    check_refusal(data)


@pytest.mark.slow
def test_views_that_torch_refuses_at_length() -> None:
    LONG(given(st.data())(check_refusal))()


def made(*shape: Dim) -> Tensor:
    """A contiguous tensor."""
    return Tensor(NODE).but(shape=Known(shape, NODE), layout=Known(in_order(shape), NODE), contiguous=Known(True, NODE))


def call(source: str, tensor: Value, *arguments: Any) -> Any:
    """`x.name(...)` with a node of its own, so that reasons can be read."""
    node = cst.parse_expression(source)
    assert isinstance(node, cst.Call) and isinstance(node.func, cst.Attribute)
    values = tuple(a if isinstance(a, Value) else const(a) for a in arguments)
    return torch_api.method(node.func.attr.value, torch_api.Arguments(node, (tensor, *values), {}))


def test_attention_with_symbols() -> None:
    """The usual way to part heads and to put them together again, with and without `contiguous`."""
    batch, length, width, heads = (Param(NODE, name) for name in ("batch", "length", "width", "heads"))
    split = call(
        "x.view(b, n, h, d)", made(batch, length, width), batch, length, heads, s.value(s.quotient(width, heads) or 0)
    )
    assert split.contiguous.value
    turned = call("x.transpose(1, 2)", split, 1, 2)
    assert not turned.contiguous.value
    assert (
        torch_api.view_fails(turned, (batch, length, width))
        == "merges dims 2 and 3, which `transpose(1, 2)` moved apart"
    )
    back = call("x.transpose(1, 2)", turned, 1, 2)
    assert back.contiguous.value and torch_api.view_fails(back, (batch, length, width)) is None
    together = call("x.view(b, n, c)", call("x.contiguous()", turned), batch, heads, -1)
    assert together.shape.value == (batch, heads, s.product((length, s.quotient(width, heads))))


@pytest.mark.parametrize(
    ("target", "fails"),
    [
        ((-1,), True),
        ((A, -1), True),  # merges c and b
        ((A, C, -1), False),
        ((-1, B), True),
        ((A, C, B), False),
        ((A, C, B, 1), False),
        ((A, 1, C, B), False),
        ((A, 2, s.quotient(C, 2), B), False),  # splits c
        ((s.product((A, C)), B), True),  # a and b are not neighbours any more
    ],
)
def test_a_transposed_tensor(target: tuple[Dim, ...], fails: bool) -> None:
    turned = call("x.transpose(1, 2)", made(A, B, C), 1, 2)
    assert (torch_api.view_fails(turned, target) is not None) is fails


def test_the_words_of_a_refusal() -> None:
    cut = torch_api.index(made(4, 6), (torch_api.Slice(), torch_api.Slice(const(1))), cst.parse_expression("x[:, 1:]"))
    assert isinstance(cut, Tensor)
    assert torch_api.view_fails(cut, (-1,)) == "merges dims 0 and 1, which `x[:, 1:]` cut out of larger ones"
    wide = call("x.expand(3, -1)", made(1, 4), Sequence((const(3), const(-1))))
    assert torch_api.view_fails(wide, (12,)) == "merges dims 0 and 1, which `expand(3, -1)` repeated without a copy"


def test_a_rank_alone_can_tell() -> None:
    x = torch_api.refine_rank(Param(NODE, "x"), 4)
    turned = call("x.permute(0, 2, 3, 1)", x, 0, 2, 3, 1)
    assert torch_api.view_fails(turned, (-1,)) and torch_api.view_fails(turned, (D, -1))
    assert torch_api.view_fails(turned, (D, -1, 7)) is None


def test_silence_where_not_enough_is_known() -> None:
    unknown = Tensor(NODE)
    assert torch_api.view_fails(unknown, (-1,)) is None
    assert torch_api.view_fails(made(A, B), (-1,)) is None
    part = torch_api.index(made(A, B, C), (torch_api.Slice(None, D),), NODE)  # may take all of it
    assert isinstance(part, Tensor) and torch_api.view_fails(part, (-1,)) is None
    first = torch_api.index(made(A, B, C), (torch_api.Slice(), const(0)), NODE)  # b may be 1
    assert isinstance(first, Tensor) and first.contiguous is None and torch_api.view_fails(first, (-1,)) is None
    second = torch_api.index(made(A, B, C), (torch_api.Slice(), const(1)), NODE)
    assert isinstance(second, Tensor) and torch_api.view_fails(second, (-1,)) is not None


# -- subscripts -------------------------------------------------------------------------------------------------------


def keys_for(draw: Draw, real: torch.Tensor, *, advanced: bool) -> list[Both]:
    """Keys that torch accepts for most tensors."""
    keys: list[Both] = []
    dim = 0
    dotted = False
    while dim < real.dim() and draw.chance(75):
        kind = draw.one("int", "slice", "slice", "none", "dots", *(("index", "mask", "list") if advanced else ()))
        size = real.shape[dim]
        if kind == "none":
            keys.append(draw.const(None))
            continue
        if kind == "dots":
            if not dotted:
                keys.append(draw.const(...))
                dotted = True
                dim = max(dim, real.dim() - 1)
            continue
        if kind == "slice":
            keys.append(slice_for(draw, size))
        elif size == 0:
            break
        elif kind == "int":
            keys.append(draw.const(draw.number(-size, size - 1)))
        elif kind == "index":
            keys.append(index_for(draw, size))
        elif kind == "list":
            places = [draw.number(0, size - 1) for _ in range(draw.number(1, 3))]
            items = tuple(map(const, places))
            keys.append(Both(places, Made("builtins.list", cst.parse_expression(str(places)), items)))
        else:
            keys.append(draw.tensor((size,), dtype=torch.bool))
        dim += 1
    return keys or [draw.const(...)]


def index_for(draw: Draw, size: int) -> Both:
    index = draw.tensor(broadcastable(draw, (2, 3)), dtype=torch.int64)
    return draw.described(index.real % size, "plain") if index.real.numel() else draw.const(0)


def slice_for(draw: Draw, size: int) -> Both:
    bounds = [draw.const(None) if draw.chance(40) else draw.const(draw.number(-size - 1, size + 1)) for _ in range(2)]
    if draw.chance(20):
        bounds[1] = draw.size(draw.number(0, size))
    bounds.append(draw.const(draw.one(None, None, 1, 2)))
    absent = [None if bound.real is None and draw.chance(50) else bound.value for bound in bounds]
    return Both(slice(*(bound.real for bound in bounds)), torch_api.Slice(*absent))  # type: ignore[arg-type]


def keys_of(keys: list[Both]) -> tuple[torch_api.Key, ...]:
    return tuple(key.value for key in keys)


def written(keys: list[Both]) -> cst.Subscript:
    """A subscript in which the lists among the keys stand as they are."""
    nodes = [key.value.call if isinstance(key.value, Made) else cst.Name("key") for key in keys]
    assert all(isinstance(node, cst.BaseExpression) for node in nodes)
    elements = [cst.SubscriptElement(cst.Index(node)) for node in nodes]  # type: ignore[arg-type]
    return cst.Subscript(cst.Name("x"), elements)


def check_subscript(data: st.DataObject, *, small: bool) -> None:
    draw = Draw(data, small=small)
    tensor = draw.tensor()
    keys = keys_for(draw, tensor.real, advanced=True)
    try:
        real = tensor.real[tuple(key.real for key in keys)]
    except (RuntimeError, IndexError):
        assume(False)
    Judge(draw).check(torch_api.index(tensor.value, keys_of(keys), written(keys)), real)


@SETTINGS
@given(st.data())
def test_subscripts(data: st.DataObject) -> None:
    check_subscript(data, small=False)


@pytest.mark.slow
@pytest.mark.parametrize("small", [False, True])
def test_subscripts_at_length(small: bool) -> None:
    LONG(given(st.data())(lambda data: check_subscript(data, small=small)))()


# -- operators and attributes -----------------------------------------------------------------------------------------

OPERATORS = {
    "+": lambda a, b: a + b, "-": lambda a, b: a - b, "*": lambda a, b: a * b, "/": lambda a, b: a / b,
    "//": lambda a, b: a // b, "%": lambda a, b: a % b, "==": lambda a, b: a == b, "!=": lambda a, b: a != b,
    "<": lambda a, b: a < b, "<=": lambda a, b: a <= b, ">": lambda a, b: a > b, ">=": lambda a, b: a >= b,
    "&": lambda a, b: a & b, "|": lambda a, b: a | b, "@": lambda a, b: a @ b,
}  # fmt: skip
AUGMENTED = {
    "+": "__iadd__", "-": "__isub__", "*": "__imul__", "/": "__itruediv__",
}  # fmt: skip


def operands(draw: Draw, symbol: str) -> list[Both]:
    if symbol in "&|":
        kind = draw.one(torch.bool, torch.int64)
        first = draw.tensor(dtype=kind)
        return [first, draw.tensor(broadcastable(draw, tuple(first.real.shape)), dtype=kind)]
    if symbol == "@":
        return [draw.tensor((2, 3), dtype=torch.float32), draw.tensor((3, 2), dtype=torch.float32)]
    first = draw.any_dtype()
    second = (
        draw.const(draw.one(2, 0.5))
        if draw.chance(40)
        else draw.any_dtype(shape=broadcastable(draw, tuple(first.real.shape)))
    )
    return [first, second] if draw.chance(70) else [second, first]


def check_operator(data: st.DataObject) -> None:
    draw = Draw(data)
    symbol = draw.one(*OPERATORS)
    pair = operands(draw, symbol)
    try:
        real = OPERATORS[symbol](*(one.real for one in pair))
    except (RuntimeError, TypeError):
        assume(False)
    Judge(draw).check(torch_api.operator(symbol, tuple(one.value for one in pair), NODE), real)


@settings(SETTINGS, max_examples=200)
@given(st.data())
def test_operators(data: st.DataObject) -> None:
    check_operator(data)


@pytest.mark.slow
def test_operators_at_length() -> None:
    LONG(given(st.data())(check_operator))()


@settings(SETTINGS, max_examples=100)
@given(st.data())
def test_augmented_assignment(data: st.DataObject) -> None:
    """`x += y` leaves x where it is."""
    draw = Draw(data)
    symbol = draw.one(*AUGMENTED)
    pair = operands(draw, symbol)
    assume(isinstance(pair[0].value, Tensor))
    try:
        real = getattr(pair[0].real, AUGMENTED[symbol])(pair[1].real)
    except (RuntimeError, TypeError):
        assume(False)
    claimed = torch_api.augment(symbol, pair[0].value, pair[1].value, NODE)  # type: ignore[arg-type]
    assert claimed == pair[0].value
    Judge(draw).check(claimed, real)


@settings(SETTINGS, max_examples=150)
@given(st.data())
def test_attributes(data: st.DataObject) -> None:
    draw = Draw(data)
    tensor = draw.any_dtype()
    name = draw.one("shape", "T", "mT", "H", "mH", "data", "ndim", "dtype", "is_cuda", "requires_grad", "real")
    assume(tensor.real.dim() or name not in ("mT", "mH"))  # of no dimensions: deprecated, and the tensor itself
    try:
        real = getattr(tensor.real, name)
    except RuntimeError:
        assume(False)
    Judge(draw).check(torch_api.attribute(tensor.value, name, NODE), real)


@settings(SETTINGS, max_examples=100)
@given(st.data())
def test_in_place_methods(data: st.DataObject) -> None:
    """A method with an underscore gives back its receiver."""
    draw = Draw(data)
    tensor = draw.tensor(dtype=torch.float32)
    name = draw.one("add_", "mul_", "clamp_", "relu_", "sigmoid_", "masked_fill_", "squeeze_", "unsqueeze_", "no_such_")
    arguments = {
        "add_": [draw.const(1.0)], "mul_": [draw.tensor(tuple(tensor.real.shape), dtype=torch.float32)],
        "clamp_": [draw.const(0), draw.const(1)], "unsqueeze_": [draw.dim(tensor, extra=1)],
        "masked_fill_": [draw.tensor(tuple(tensor.real.shape), dtype=torch.bool), draw.const(0.0)],
    }.get(name, [])  # fmt: skip
    values = (tensor.value, *(a.value for a in arguments))
    claimed = torch_api.method(name, torch_api.Arguments(NODE, values, {}))
    assert claimed == tensor.value
    if name == "no_such_":
        assert isinstance(claimed, Tensor) and claimed.layout is claimed.shape is claimed.grad is None
        return
    try:
        real = getattr(tensor.real, name)(*(a.real for a in arguments))
    except RuntimeError:
        assume(False)
    Judge(draw).check(claimed, real)


# -- values that may be tensors ---------------------------------------------------------------------------------------


def test_what_is_taken_to_be_contiguous() -> None:
    assert torch_api.as_tensor(Param(NODE, "x")).contiguous == Known(True, NODE)  # type: ignore[union-attr]
    element = torch_api.as_tensor(Element(Param(NODE, "loader"), NODE))
    assert element is not None and element.contiguous is not None and element.contiguous.value
    for value in (Result(NODE, UNKNOWN), Free(NODE, "x")):
        tensor = torch_api.as_tensor(value)
        assert tensor is not None and tensor.contiguous is None and tensor.grad is None
    assert torch_api.as_tensor(const(1)) is None and torch_api.as_tensor(UNKNOWN) is None


def test_a_rank_learnt_from_unpacking() -> None:
    x = Param(NODE, "x")
    before = torch_api.attribute(x, "shape", NODE)
    assert before == Shape(x)
    refined = torch_api.refine_rank(x, 3)
    assert refined is not None and refined.rank == 3 and refined.layout is not None
    first = torch_api.method("size", torch_api.Arguments(NODE, (x, const(0)), {}))
    assert refined.shape is not None and refined.shape.value[0] == first == Size(Tensor(NODE, of=x), 0)


def test_layouts_of_real_tensors() -> None:
    """What the other tests take for the truth."""
    four = tuple(map(const, (2, 3, 4, 5)))
    assert layout_of(torch.zeros(2, 3, 4, 5), four) == in_order((2, 3, 4, 5))
    last = layout_of(torch.zeros(2, 3, 4, 5).contiguous(memory_format=torch.channels_last), four)
    assert last == (Axis(0), Axis(3), Axis(1), Axis(2))
    assert layout_of(torch.zeros(2, 3)[:, :2], four[:2]) == (Axis(0, filled=False), Axis(1))
    assert layout_of(torch.zeros(1, 3).expand(2, 3), four[:2]) == (Axis(None, repeated=True), Axis(0))
