"""A container of layers was given something else: a list, a function, a class that was never called."""

from __future__ import annotations

from collections.abc import Iterator

from torchdoctor.record import Failure
from torchdoctor.sign import Diagnosis, Said, on_failure

_LAYERS = {"relu": "nn.ReLU()", "sigmoid": "nn.Sigmoid()", "tanh": "nn.Tanh()", "softmax": "nn.Softmax(dim=1)",
           "log_softmax": "nn.LogSoftmax(dim=1)", "gelu": "nn.GELU()", "dropout": "nn.Dropout()", "silu": "nn.SiLU()",
           "leaky_relu": "nn.LeakyReLU()", "max_pool2d": "nn.MaxPool2d(2)", "flatten": "nn.Flatten()",
           "elu": "nn.ELU()", "adaptive_avg_pool2d": "nn.AdaptiveAvgPool2d(1)"}  # fmt: skip


@on_failure("{type} is not a Module subclass$", raises="TypeError")
def sign(failure: Failure, said: Said) -> Iterator[Diagnosis]:
    """The text names what it was by its type or its repr; the record, by its code."""
    asked, text = failure.asked, said["type"].strip()
    operands = asked.operands if asked is not None else ()
    name = asked.name.rpartition(".")[2] if asked is not None and asked.name else ""
    container = f"`{name}`" if name else "the container"
    pool = [one for value in operands for one in (value, *value.items)]
    last = text.rpartition(".")[2]
    classes = [v for v in pool if v.type == "type"]
    functions = [v for v in pool if v.type in ("function", "builtin_function_or_method")]
    if last == "list" or text == "list":
        value = next((one for one in operands if one.type == "list"), None)
        code = value.code if value is not None and len(value.code) < 40 else "layers"
        yield Diagnosis(
            f"{container} takes layers one by one, and got a list of them",
            (f"`nn.{name or 'Sequential'}(*{code})`",)
            if name in ("Sequential", "")
            else (f"the layers themselves, not `{code}`",),
        )
    elif functions or last in _LAYERS or "function" in text:
        code = functions[0].code if functions else last
        layer = _LAYERS.get(code.rpartition(".")[2], "")
        yield Diagnosis(
            f"`{code}` is a function, and {container} takes layers",
            (f"`{layer}`" if layer else "a module whose `forward` calls it",),
        )
    elif classes or last == "type" or text.startswith("torch.nn.modules."):
        code = classes[0].code if classes else f"nn.{last}" if last != "type" else "Layer"
        yield Diagnosis(f"`{code}` is a class, and {container} takes layers that are made", (f"`{code}()`",))
    else:
        value = next((v for v in pool if v.type == last and v.module is None), None)
        named = f"`{value.code}`" if value is not None and value.code and len(value.code) < 50 else "what it got"
        hint = ("a comma too many makes a tuple: `self.fc = nn.Linear(3, 4),`",) if last == "tuple" else ()
        yield Diagnosis(f"{named} is {'an' if last[:1] in 'aeiou' else 'a'} {last}, and {container} takes layers", hint)
