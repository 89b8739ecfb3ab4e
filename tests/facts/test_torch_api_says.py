"""What the table says of ordinary programs. The other tests hold that it never lies; these, that it speaks."""

from __future__ import annotations

from typing import Any

import libcst as cst
import pytest

from torchdoctor.facts import torch_api
from torchdoctor.facts.axes import in_order
from torchdoctor.facts.values import (
    UNKNOWN,
    Attr,
    Const,
    Dim,
    Element,
    Free,
    Item,
    Known,
    Made,
    Named,
    Param,
    Result,
    Sequence,
    Shape,
    Tensor,
    Value,
    const,
)

FUNCTION = cst.parse_statement("def forward(x): pass")
X = Param(FUNCTION, "x")
LOADER = Made("torch.utils.data.DataLoader", cst.parse_expression("DataLoader(data)"))
N, C, H, W = (Param(FUNCTION, name) for name in "nchw")


def known(*shape: Dim, grad: str | None = None, dtype: str | None = None, **facts: Any) -> Tensor:
    """A contiguous tensor of this shape."""
    node = cst.Name("made")
    facts |= {"shape": shape, "layout": in_order(shape), "contiguous": True, "grad": grad, "dtype": dtype}
    return Tensor(node).but(**{name: Known(fact, node) for name, fact in facts.items() if fact is not None})


def value(given: Any) -> Value:
    if isinstance(given, tuple):
        return Sequence(tuple(map(value, given)))
    return given if isinstance(given, Value) else const(given)


def plus(a: Value, b: int) -> Value:
    return torch_api.operator("+", (a, const(b)), FUNCTION) or UNKNOWN


def evaluate(source: str, *values: Any, off: bool = False, **keywords: Any) -> Any:
    """The table's answer for a call; the text only gives it a node and the name."""
    node = cst.parse_expression(source)
    assert isinstance(node, cst.Call)
    name = cst.Module([]).code_for_node(node.func)
    grad = Known(False, node) if off else None
    arguments = torch_api.Arguments(
        node, tuple(map(value, values)), {k: value(v) for k, v in keywords.items()}, grad=grad
    )
    if name.startswith(("torch.", "F.")):
        return torch_api.call(name.replace("F.", "torch.nn.functional."), arguments)
    return torch_api.method(name.rpartition(".")[2], arguments)


def made(name: str, *values: Any, **keywords: Any) -> Made:
    call = cst.parse_expression(f"nn.{name}()")
    return Made(f"torch.nn.{name}", call, tuple(map(value, values)), tuple((k, value(v)) for k, v in keywords.items()))


def forward(module: Made, *values: Any, off: bool = False) -> Any:
    node = cst.parse_expression("layer(x)")
    grad = Known(False, node) if off else None
    return torch_api.module(module.name, module, torch_api.Arguments(node, tuple(map(value, values)), {}, grad=grad))


def fact(tensor: Any, name: str) -> Any:
    """The value of a fact; None where it is not known."""
    found = getattr(tensor, name)
    return None if found is None else found.value


# -- shapes -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("result", "shape"),
    [
        (evaluate("x.sum(dim=1)", known(N, C), dim=1), (N,)),
        (evaluate("x.mean(dim=(2, 3), keepdim=True)", known(N, C, H, W), dim=(2, 3), keepdim=True), (N, C, 1, 1)),
        (evaluate("x.mean()", known(N, C)), ()),
        (evaluate("torch.cat(xs, dim=1)", (known(N, C), known(N, 3)), dim=1), (N, plus(C, 3))),
        (evaluate("torch.stack(xs)", (known(N, C), known(N, C))), (2, N, C)),
        (evaluate("torch.matmul(a, b)", known(N, 4, 5), known(5, C)), (N, 4, C)),
        (evaluate("x.unsqueeze(1)", known(N, C), 1), (N, 1, C)),
        (evaluate("x.flatten(1)", known(N, 3, 4, 5), 1), (N, 60)),
        (evaluate("x.view(n, -1)", known(N, C, H), N, -1), (N, torch_api.operator("*", (C, H), FUNCTION))),
        (evaluate("x.expand(n, -1)", known(1, C), N, -1), (N, C)),
        (evaluate("torch.zeros(n, 3)", N, 3), (N, 3)),
        (evaluate("torch.arange(n)", N), (N,)),
        (evaluate("torch.randn_like(x)", known(N, C)), (N, C)),
        (evaluate("F.one_hot(y, 10)", known(N), 10), (N, 10)),
        (evaluate("F.cross_entropy(x, y)", known(N, C), known(N)), ()),
        (evaluate("F.mse_loss(x, y, reduction='none')", known(N, 1), known(N), reduction="none"), (N, N)),
        (evaluate("F.pad(x, (1, 1))", known(N, 3), (1, 1)), (N, 5)),
        (evaluate("torch.einsum(e, a, b)", "bij,bjk->bik", known(N, C, H), known(N, H, W)), (N, C, W)),
    ],
)  # fmt: skip
def test_shapes(result: Any, shape: tuple[Dim, ...]) -> None:
    expected = tuple(dim.value if isinstance(dim, Const) else dim for dim in shape)
    assert fact(result, "shape") == expected


@pytest.mark.parametrize(
    ("module", "given", "shape"),
    [
        (made("Linear", 3, 4), (N, 3), (N, 4)),
        (made("Conv2d", 3, 8, 3, padding=1), (N, 3, 32, 32), (N, 8, 32, 32)),
        (made("Conv2d", 3, 8, 3, padding=1), (N, 3, H, W), (N, 8, H, W)),
        (made("Conv2d", 3, 8, 7, stride=2, padding=3), (N, 3, 224, 224), (N, 8, 112, 112)),
        (made("ConvTranspose2d", 3, 8, 2, stride=2), (N, 3, 8, 8), (N, 8, 16, 16)),
        (made("MaxPool2d", 2), (N, 3, 8, 9), (N, 3, 4, 4)),
        (made("AdaptiveAvgPool2d", 1), (N, 3, H, W), (N, 3, 1, 1)),
        (made("AdaptiveAvgPool2d", (1, 1)), (N, 3, H, W), (N, 3, 1, 1)),
        (made("BatchNorm1d", 3), (N, 3), (N, 3)),
        (made("Flatten"), (N, 3, 4, 5), (N, 60)),
        (made("Embedding", 100, 16), (N, C), (N, C, 16)),
        (made("Upsample", scale_factor=2), (N, 3, 8, 8), (N, 3, 16, 16)),
        (made("PixelShuffle", 2), (N, 12, 4, 4), (N, 3, 8, 8)),
        (made("GLU", dim=-1), (N, 8), (N, 4)),
    ],
)
def test_shapes_of_modules(module: Made, given: tuple[Dim, ...], shape: tuple[Dim, ...]) -> None:
    assert fact(forward(module, known(*given)), "shape") == shape


def test_several_results() -> None:
    output, hidden = forward(made("LSTM", 8, 16, batch_first=True, num_layers=2), known(N, C, 8)).items
    assert fact(output, "shape") == (N, C, 16)
    assert [fact(state, "shape") for state in hidden.items] == [(2, N, 16), (2, N, 16)]
    q, k, v = evaluate(
        "x.chunk(3, dim=-1)", known(N, torch_api.operator("*", (const(3), C), FUNCTION)), 3, dim=-1
    ).items
    assert fact(q, "shape") == fact(k, "shape") == fact(v, "shape") == (N, C)
    assert len({q, k, v}) == 3
    largest = evaluate("x.max(dim=1)", known(N, C), dim=1)
    indices = torch_api.attribute(largest, "indices", FUNCTION)
    assert fact(indices, "dtype") == "int64" and fact(indices, "shape") == (N,)
    assert torch_api.attribute(largest, "values", FUNCTION) == largest.items[0]


def test_a_sequential_is_its_modules() -> None:
    net = made(
        "Sequential",
        made("Conv2d", 3, 8, 3, padding=1),
        made("ReLU"),
        made("Flatten"),
        made("Linear", 512, 10),
        made("Softmax", dim=1),
    )
    result = forward(net, known(N, 3, 8, 8))
    assert fact(result, "shape") == (N, 10) and fact(result, "scale") == "probabilities"
    assert fact(result, "grad") == "attached"
    unknown = made("Sequential", Made("project.Block", FUNCTION), made("Linear", 512, 10))
    assert fact(forward(unknown, X), "scale") == "logits"


def test_star_arguments_hide_defaults() -> None:
    """A constructor that is given *args may be given anything."""
    module = Made(
        "torch.nn.Conv2d", cst.parse_expression("nn.Conv2d(3, 8, 3, **kwargs)"), (const(3), const(8), const(3))
    )
    assert fact(forward(module, known(N, 3, 8, 8)), "shape") is None
    arguments = torch_api.Arguments(FUNCTION, (known(N, C),), {}, starred=True)
    assert fact(torch_api.method("sum", arguments), "shape") is None


def test_symbols_of_sizes_that_are_not_known() -> None:
    """A size that the table cannot tell is a symbol: the same thing twice is the same size."""
    result = forward(made("Conv2d", 3, 8, 3), known(N, 3, H, W))
    _, channels, height, width = fact(result, "shape")
    assert channels == 8 and height != width
    again = evaluate("y.relu()", result)
    assert fact(again, "shape")[2] == height


def test_numbers_out_of_shapes() -> None:
    x = known(N, C, 4)
    assert evaluate("x.size(-1)", x, -1) == const(4) and evaluate("x.size(0)", x, 0) == N
    assert evaluate("x.dim()", x) == const(3) and evaluate("x.numel()", known(3, 4)) == const(12)
    assert torch_api.attribute(x, "shape", FUNCTION) == Sequence((N, C, const(4)))
    assert torch_api.attribute(X, "shape", FUNCTION) == Shape(X)
    assert torch_api.index(Shape(X), (const(0),), FUNCTION) == evaluate("x.size(0)", X, 0)


# -- memory -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "arguments", "contiguous"),
    [
        ("relu", (), False), ("clone", (), False), ("float", (), False), ("sigmoid", (), False),
        ("contiguous", (), True),
        ("softmax", (-1,), True), ("cumsum", (1,), True), ("matmul", (known(C, 4),), True), ("sum", (1,), True),
        ("transpose", (1, 2), True), ("add", (1,), False), ("unsqueeze", (0,), False), ("detach", (), False),
        ("repeat", (1, 2, 1), True), ("masked_fill", (known(1, dtype="bool"), 0.0), True),
    ],
)  # fmt: skip
def test_what_becomes_of_a_transposed_tensor(name: str, arguments: tuple[Any, ...], contiguous: bool) -> None:
    turned = evaluate("x.transpose(1, 2)", known(N, C, H), 1, 2)
    assert fact(turned, "contiguous") is False
    assert fact(evaluate(f"y.{name}()", turned, *arguments), "contiguous") is contiguous


def test_layouts_of_recurrent_outputs() -> None:
    first, second = (forward(made("GRU", 8, 16, batch_first=flag), known(N, C, 8)).items[0] for flag in (True, False))
    assert fact(first, "contiguous") is False and fact(second, "contiguous") is True
    assert torch_api.view_fails(first, (N, -1)) is not None


def test_reasons_are_kept() -> None:
    """What made a tensor scattered is the reason still after other functions."""
    turned = evaluate("x.transpose(1, 2)", known(N, C, H), 1, 2)
    later = evaluate("y.relu()", turned)
    assert later.contiguous.because is turned.contiguous.because


# -- gradients --------------------------------------------------------------------------------------------------------


def test_what_is_in_the_graph() -> None:
    attached, plain, leaf = (known(N, 3, grad=state) for state in ("attached", "plain", "leaf"))
    unknown = known(N, 3)
    assert fact(evaluate("a.add(b)", attached, plain), "grad") == "attached"
    assert fact(evaluate("a.mul(b)", plain, leaf), "grad") == "attached"
    assert fact(evaluate("a.mul(b)", plain, plain), "grad") == "plain"
    assert fact(evaluate("a.mul(b)", plain, unknown), "grad") is None
    assert fact(evaluate("a.detach()", attached), "grad") == "cut"
    assert fact(evaluate("a.argmax(1)", attached, 1), "grad") == "cut"
    assert fact(evaluate("a.long()", attached), "grad") == "cut"
    assert fact(evaluate("a.detach()", plain), "grad") == "plain"
    assert fact(evaluate("torch.tensor(a)", attached), "grad") == "cut"
    assert fact(evaluate("torch.randn(3)", 3, requires_grad=True), "grad") == "leaf"
    assert fact(evaluate("a.requires_grad_()", plain), "grad") == "leaf"
    assert fact(evaluate("a.exp()", attached, off=True), "grad") == "cut"
    assert (
        fact(evaluate("F.cross_entropy(a, b)", attached, known(N, dtype="int64", grad="plain")), "grad") == "attached"
    )


def test_modules_with_parameters_are_in_the_graph() -> None:
    plain = known(N, 3, grad="plain")
    assert fact(forward(made("Linear", 3, 4), plain), "grad") == "attached"
    assert fact(forward(made("Linear", 3, 4), plain, off=True), "grad") == "cut"
    assert fact(forward(made("ReLU"), plain), "grad") == "plain"
    assert fact(forward(made("BatchNorm1d", 3, affine=False), plain), "grad") == "plain"


def test_data_of_loaders_is_plain() -> None:
    batch = torch_api.as_tensor(Element(LOADER, FUNCTION))
    assert fact(batch, "grad") == "plain" and fact(batch, "contiguous") is True


# -- scale, dtype, device ---------------------------------------------------------------------------------------------


def test_scales() -> None:
    x = known(N, 3)
    probabilities = evaluate("x.softmax(-1)", x, -1)
    assert fact(probabilities, "scale") == "probabilities"
    assert fact(evaluate("torch.log(p)", probabilities), "scale") == "log-probabilities"
    assert fact(evaluate("F.log_softmax(x, dim=1)", x, dim=1), "scale") == "log-probabilities"
    assert fact(evaluate("x.sigmoid()", x), "scale") == "unit"
    assert fact(evaluate("p.view(-1)", probabilities, -1), "scale") == "probabilities"
    assert fact(evaluate("p.detach()", probabilities), "scale") == "probabilities"
    assert fact(torch_api.index(probabilities, (const(0),), FUNCTION), "scale") == "probabilities"
    assert fact(torch_api.operator("*", (probabilities, const(2)), FUNCTION), "scale") is None
    assert fact(forward(made("Linear", 3, 4), x), "scale") == "logits"
    assert fact(forward(made("Sigmoid"), x), "scale") == "unit"


def test_dtypes_and_devices() -> None:
    integers = known(N, dtype="int64")
    assert fact(torch_api.operator("/", (integers, const(2)), FUNCTION), "dtype") == "float"
    assert fact(torch_api.operator("*", (integers, const(2)), FUNCTION), "dtype") == "int64"
    assert fact(torch_api.operator(">", (integers, const(2)), FUNCTION), "dtype") == "bool"
    assert fact(evaluate("x.float()", integers), "dtype") == "float32"
    assert fact(evaluate("x.to(torch.float16)", integers, Named("torch.float16")), "dtype") == "float16"
    moved = evaluate("x.to('cuda:1')", integers, "cuda:1")
    assert fact(moved, "device") == "cuda" and fact(moved, "dtype") == "int64"
    assert fact(evaluate("x.cuda()", integers), "device") == "cuda"
    assert fact(evaluate("torch.zeros(3)", 3), "device") == "cpu"
    assert fact(evaluate("torch.ones(3, device=d)", 3, device=X), "device") is None
    assert fact(evaluate("torch.arange(3)", 3), "dtype") == "int64"
    assert fact(evaluate("torch.tensor(1.0)", 1.0), "dtype") == "float"
    assert torch_api.attribute(integers, "dtype", FUNCTION) == Named("torch.int64")


# -- subscripts -------------------------------------------------------------------------------------------------------


def subscript(tensor: Tensor, *keys: Any) -> Any:
    return torch_api.index(tensor, tuple(k if isinstance(k, torch_api.Slice) else value(k) for k in keys), FUNCTION)


def test_subscripts() -> None:
    x, whole = known(N, C, H, W), torch_api.Slice()
    rows, mask = known(5, dtype="int64"), known(N, dtype="bool")
    assert fact(subscript(x, 0), "shape") == (C, H, W)
    assert fact(subscript(x, whole, None), "shape") == (N, 1, C, H, W)
    assert fact(subscript(x, ..., 0), "shape") == (N, C, H)
    assert fact(subscript(x, whole, torch_api.Slice(None, const(1))), "shape") == (N, 1, H, W)
    less = plus(C, -1)
    assert fact(subscript(x, whole, torch_api.Slice(const(1))), "shape") == (N, less, H, W)
    assert fact(subscript(x, rows), "shape") == (5, C, H, W)
    assert fact(subscript(x, whole, rows, whole, rows), "shape") == (5, N, H)
    assert fact(subscript(x, whole, rows, rows), "shape") == (N, 5, W)
    assert fact(subscript(x, mask), "shape")[1:] == (C, H, W)
    assert subscript(x, "name") is None


# -- silence ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("of", [Result(FUNCTION, X), Free(FUNCTION, "x"), Attr(X, "y")])
def test_nothing_is_taken_for_granted(of: Value) -> None:
    turned = evaluate("x.transpose(1, 2)", of, 1, 2)
    assert fact(turned, "contiguous") is None and fact(turned, "grad") is None
    assert torch_api.view_fails(turned, (-1,)) is None


def test_what_torch_refuses_gives_nothing() -> None:
    assert evaluate("x.transpose(1, 5)", known(N, C), 1, 5) is None
    assert (
        fact(evaluate("x.view(7)", known(2, 3), 7), "shape") is None if evaluate("x.view(7)", known(2, 3), 7) else True
    )
    assert evaluate("x.no_such_method()", known(N)) is None
    assert torch_api.call("torch.no_such_function", torch_api.Arguments(FUNCTION, (), {})) is None


def test_out_is_not_understood() -> None:
    assert evaluate("torch.add(a, b, out=c)", known(N), known(N), out=known(N)) is None


# -- what is no tensor ------------------------------------------------------------------------------------------------


def test_what_math_gives_is_a_number() -> None:
    root = Result(FUNCTION, Named("math.sqrt"))
    scaled = torch_api.operator("*", (known(N, C, dtype="float32"), root), FUNCTION)
    assert fact(scaled, "shape") == (N, C)
    assert fact(scaled, "dtype") == "float32"
    counted = torch_api.operator("*", (known(N, C, dtype="int64"), root), FUNCTION)
    assert fact(counted, "dtype") is None


@pytest.mark.parametrize("name", ["numpy.zeros", "cv2.imread", "pandas.read_csv"])
def test_what_other_libraries_give_is_no_tensor(name: str) -> None:
    array = Result(FUNCTION, Named(name))
    part = Item(Attr(Result(FUNCTION, Attr(array, "reshape")), "T"), 0)
    for one in (array, part):
        assert torch_api.as_tensor(one) is None
        assert torch_api.operator("+", (one, const(1)), FUNCTION) is None
        assert torch_api.method("sum", torch_api.Arguments(FUNCTION, (one,), {})) is None
    assert isinstance(torch_api.attribute(array, "shape", FUNCTION), Shape), "an array has a shape all the same"
