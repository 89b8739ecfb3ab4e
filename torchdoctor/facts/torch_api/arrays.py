"""What functions of NumPy, and the data sets of scikit-learn, give: the sizes and dtype of an array, for the tensors
that are made of it. No more than scripts begin with; everything else is an array of which nothing is known.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from torchdoctor.facts import sizes as s
from torchdoctor.facts.axes import Shape
from torchdoctor.facts.torch_api.arguments import Arguments, NotKnown, Use
from torchdoctor.facts.torch_api.dtypes import NAMES
from torchdoctor.facts.torch_api.rules import broadcast_shapes
from torchdoctor.facts.values import Array, Const, Dim, Named, Result, Sequence, Value

T = TypeVar("T")
Rule = Callable[[Use], "tuple[Shape | None, str | None]"]
_FLOAT, _INT = "float64", "int64"
_ALIKE = frozenset({
    "sin", "cos", "tan", "exp", "log", "log1p", "sqrt", "tanh", "sinh", "cosh", "arctan", "log2", "log10", "expm1",
})  # fmt: skip
_KEPT = frozenset({"copy", "round", "clip", "abs"})
_FITTED = frozenset({"fit_transform", "transform", "inverse_transform"})
_SCALERS = frozenset({"StandardScaler", "MinMaxScaler", "RobustScaler", "MaxAbsScaler", "Normalizer"})


def called(name: str, arguments: Arguments) -> Value | None:
    """The result of `numpy.name(...)`, or of one of scikit-learn's functions; None where nothing is known."""
    own = name.rpartition(".")[2]
    if name.startswith("sklearn."):
        found = _SKLEARN.get(own)
        return _tried(lambda: found(Use(arguments, ())), None) if found is not None else None
    if own in _ALIKE and name == f"numpy.{own}":
        first = arguments.values[0] if len(arguments.values) == 1 else None
        return _array(arguments, Named(name), first.shape, _FLOAT) if isinstance(first, Array) else None
    row = _ROWS.get(name)
    if row is None or arguments.starred:
        return None
    parameters, rule = row
    nothing: tuple[Shape | None, str | None] = (None, None)
    shape, dtype = _tried(lambda: rule(Use(arguments, parameters)), nothing)
    return _array(arguments, Named(name), shape, dtype)


def method(name: str, arguments: Arguments) -> Value | None:
    """The result of a method of an array, or of a scaler that is given one."""
    receiver, *rest = arguments.values
    if isinstance(receiver, Array):
        if name == "astype":
            return _array(arguments, receiver.function, receiver.shape, _tried(lambda: _dtype(rest[0]), None))
        if name in _KEPT:
            return _array(arguments, receiver.function, receiver.shape, receiver.dtype)
        if name == "reshape":
            shape = _tried(lambda: _reshaped(receiver, Use(arguments, ("input", "*size")).sizes("size")), None)
            return _array(arguments, receiver.function, shape, receiver.dtype)
        return None
    made = receiver.function if isinstance(receiver, Result) else None
    scaler = isinstance(made, Named) and made.name.startswith("sklearn.") and made.name.rpartition(".")[2] in _SCALERS
    if scaler and name in _FITTED and rest and isinstance(rest[0], Array):
        return _array(arguments, rest[0].function, rest[0].shape, _FLOAT)
    return None


def operated(symbol: str, arguments: Arguments) -> Value | None:
    """`3 * x + noise`: element by element, as torch does it."""
    shapes: list[Shape | None] = []
    for one in arguments.values:
        if isinstance(one, Array):
            shapes.append(one.shape)
        elif not s.is_number(one):
            return None
    arrays = [one for one in arguments.values if isinstance(one, Array)]
    if symbol not in ("+", "-", "*", "/", "**", "neg") or not arrays:
        return None
    dtypes = {one.dtype for one in arrays}
    return _array(arguments, arrays[0].function, broadcast_shapes(shapes), _FLOAT if dtypes == {_FLOAT} else None)


def like(array: Array, shape: Shape | None, arguments: Arguments) -> Array:
    """A part of an array."""
    return _array(arguments, array.function, shape, array.dtype)


def _array(arguments: Arguments, function: Value, shape: Shape | None, dtype: str | None, place: int = -1) -> Array:
    return Array(arguments.node, function, place, shape=shape, dtype=dtype if dtype in NAMES else None)


def _tried(rule: Callable[[], T], otherwise: T) -> T:
    try:
        return rule()
    except NotKnown:
        return otherwise


# -- sizes and dtypes -------------------------------------------------------------------------------------------------


def _dims(use: Use, name: str) -> Shape:
    """A number, or a tuple of them."""
    given = use.value(name)
    if given is None:
        return ()
    items = use.items(given)
    if items:
        return tuple(map(s.dim, items))
    if isinstance(given, Const) and given.value is None:
        return ()
    if not isinstance(given, Const) and not s.is_whole(given):
        raise NotKnown
    return (s.dim(given),)


def _dtype(value: Value) -> str | None:
    """`np.float32`, `"float32"`, `float`."""
    if isinstance(value, Const) and isinstance(value.value, str):
        return {"float": _FLOAT, "int": _INT, "f": "float32", "f4": "float32"}.get(value.value, value.value)
    if isinstance(value, Named):
        known = {"builtins.float": _FLOAT, "builtins.int": _INT, "builtins.bool": "bool", "numpy.bool_": "bool"}
        return known.get(value.name, value.name.removeprefix("numpy."))
    return None


def _asked(use: Use, otherwise: str | None) -> str | None:
    return _dtype(given) if (given := use.value("dtype")) is not None else otherwise


def _of_shape(dtype: str | None) -> Rule:
    return lambda use: (_dims(use, "shape"), _asked(use, dtype))


def _drawn(dtype: str) -> Rule:
    """Random numbers: one for each place of ``size``, of parameters that are plain numbers."""

    def rule(use: Use) -> tuple[Shape | None, str | None]:
        others = (value for name, value in use.given.items() if name != "size")
        return (_dims(use, "size") if all(map(s.is_number, others)) else None), _asked(use, dtype)

    return rule


def _each(use: Use) -> tuple[Shape | None, str | None]:
    """`randn(10, 3)`."""
    return tuple(s.dim(value) if s.is_whole(value) else None for value in use.rest), _FLOAT


def _linspace(use: Use) -> tuple[Shape | None, str | None]:
    if not all(s.is_number(one) for name in ("start", "stop") if (one := use.value(name)) is not None):
        return None, None
    return (use.size("num", 50),), _asked(use, _FLOAT)


def _arange(use: Use) -> tuple[Shape | None, str | None]:
    if set(use.given) - {"start", "dtype"} or not s.is_whole(use.given.get("start", Const(None))):
        return (None,), None
    return (use.size("start"),), _asked(use, _INT)


def _reshaped(array: Array, target: tuple[Dim, ...]) -> Shape | None:
    if -1 not in target:
        return target
    if array.shape is None or target.count(-1) > 1:
        return tuple(None if dim == -1 else dim for dim in target)
    rest = s.quotient(s.product(array.shape), s.product(dim for dim in target if dim != -1))
    return tuple(rest if dim == -1 else dim for dim in target)


_ROWS: dict[str, tuple[tuple[str, ...], Rule]] = {
    "numpy.zeros": (("shape", "dtype"), _of_shape(_FLOAT)),
    "numpy.ones": (("shape", "dtype"), _of_shape(_FLOAT)),
    "numpy.empty": (("shape", "dtype"), _of_shape(_FLOAT)),
    "numpy.full": (("shape", "fill_value", "dtype"), _of_shape(None)),
    "numpy.linspace": (("start", "stop", "num"), _linspace),
    "numpy.arange": (("start", "stop", "step", "dtype"), _arange),
    "numpy.random.rand": (("*size",), _each),
    "numpy.random.randn": (("*size",), _each),
    "numpy.random.random": (("size",), _drawn(_FLOAT)),
    "numpy.random.random_sample": (("size",), _drawn(_FLOAT)),
    "numpy.random.normal": (("loc", "scale", "size"), _drawn(_FLOAT)),
    "numpy.random.uniform": (("low", "high", "size"), _drawn(_FLOAT)),
    "numpy.random.randint": (("low", "high", "size", "dtype"), _drawn(_INT)),
}


# -- scikit-learn -----------------------------------------------------------------------------------------------------


def _samples(features: int | None, dtype: str) -> Callable[[Use], Value | None]:
    """A data set: samples, and a number for each."""

    def rule(use: Use) -> Value | None:
        arguments = use.arguments
        values, keywords = arguments.values, arguments.keywords
        if arguments.starred or len(values) > 1 or set(keywords) & {"return_X_y", "n_targets", "centers"}:
            return None
        count = s.dim(keywords.get("n_samples", values[0] if values else Const(100, int)))
        width: Dim = features
        if "n_features" in keywords:
            width = s.dim(keywords["n_features"])
        name = Named("sklearn.datasets")
        samples = _array(arguments, name, (count, width), _FLOAT, 0)
        return Sequence((samples, _array(arguments, name, (count,), dtype, 1)))

    return rule


def _divided(use: Use) -> Value | None:
    """`train_test_split(X, y)`: of each array two parts."""
    arguments = use.arguments
    if arguments.starred or not arguments.values:
        return None
    parts: list[Value] = []
    for place, one in enumerate(arguments.values):
        for part in (2 * place, 2 * place + 1):
            if isinstance(one, Array) and one.shape:
                parts.append(_array(arguments, one.function, (None, *one.shape[1:]), one.dtype, part))
            else:
                parts.append(Result(arguments.node, Named("sklearn.model_selection.train_test_split"), part))
    return Sequence(tuple(parts))


_SKLEARN: dict[str, Callable[[Use], Value | None]] = {
    "make_classification": _samples(20, _INT),
    "make_regression": _samples(100, _FLOAT),
    "make_moons": _samples(2, _INT),
    "make_circles": _samples(2, _INT),
    "train_test_split": _divided,
}
