"""What stood in the failing expression, in words: shapes, dtypes, and of the rest only what matters to the ailment."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

from torchdoctor.faces.paint import cells, visible
from torchdoctor.record import ExpressionRecord, ModuleRecord, TensorRecord, ValueRecord, shape_text, short

MOST = 6  # operands that are shown
_FACTS = 48  # columns of a layer's facts
_ITEMS = 4  # items of a list of tensors


def rows(
    expression: ExpressionRecord, topic: str, inner: Sequence[ExpressionRecord] = (), room: int = 120
) -> tuple[str, ...]:
    """A row for each operand that is known, the callee first where it is a layer; what each is stands in a column, or
    below where there is no ``room`` for that.

    What the user's expression does not tell (the result of a call within it) is asked of the ``inner`` expressions that
    it led to, where it was passed on under the same name.
    """
    shown = list(_shown(expression, inner))
    mixed = len({value.tensor.device for value in shown if value.tensor is not None}) > 1
    said = [(short(visible(value.code)), described(value, topic, device=mixed)) for value in shown]
    said = [(code, text) for code, text in said if text]
    width = max((cells(code) for code, _ in said), default=0)
    if said and width + 2 + max(cells(text) for _, text in said) > room:
        return tuple(row for code, text in said for row in (code, f"  {text}"))
    return tuple(f"{code}{' ' * (width - cells(code))}  {text}" for code, text in said)


def _shown(expression: ExpressionRecord, inner: Sequence[ExpressionRecord]) -> Iterator[ValueRecord]:
    """The operands worth a row: each object once, and no literals, which the code itself shows."""
    seen: set[object] = set()
    callee = expression.callee
    whole = [callee] if callee is not None and callee.module is not None else []
    for operand in [*whole, *expression.operands]:
        value = operand if operand.known else _passed_on(operand, inner)
        told = value.tensor is not None or value.module is not None or value.items or value.text
        if told and value.code and value.text != value.code and value.code not in seen:
            seen.add(value.code)
            yield value
        if len(seen) == MOST:
            return


def _passed_on(operand: ValueRecord, inner: Sequence[ExpressionRecord]) -> ValueRecord:
    """The value under the operand's role further in, with the user's code for it."""
    for expression in inner if operand.role not in ("", "self") else ():
        if (found := expression.operand(operand.role)) is not None and found.tensor is not None:
            return replace(found, code=operand.code)
    return operand


def described(value: ValueRecord, topic: str = "", *, device: bool = False) -> str:
    """One value in a few words; "" where nothing is known of it."""
    if value.tensor is not None:
        return tensor(value.tensor, topic, device=device)
    if value.module is not None:
        return module(value.module)
    if value.items and value.known:
        return _items(value)
    return visible(short(value.text)) if value.text else value.type


def tensor(record: TensorRecord, topic: str = "", *, device: bool = False) -> str:
    """ "(32, 1152) float32 cuda:0", and what else matters: strides where they are not the usual ones, gradients."""
    words = [record.size_text, record.dtype]
    if device or topic == "device" or record.device != "cpu":
        words.append(record.device)
    if record.layout != "strided":
        words.append(record.layout)
    if record.strides is not None and (topic == "layout" or record.repeated) and not record.contiguous:
        words.append(f"strides {shape_text(record.strides)}")
    if topic in ("grad", "training", "amp"):
        words.append(record.grad_fn or ("requires grad" if record.requires_grad else "no grad"))
    if record.kind not in ("Tensor", "Parameter"):
        words.append(record.kind)
    if record.nans:
        words.append(f"{record.nans} nan")
    if topic in ("loss", "dtype", "shape", "numerics") and record.least is not None and not record.floating:
        words.append(f"{_number(record.least)}..{_number(record.most)}")
    return " ".join(words)


def module(record: ModuleRecord) -> str:
    """ "Linear(in_features=2048, out_features=64)" and its dotted name."""
    text = ""
    for name, value in record.facts.items():
        if name in ("weight", "bias") and value is True:  # as nearly every layer has them
            continue
        more = f"{', ' if text else ''}{name}={visible(short(repr(value)))}"
        if cells(text) + cells(more) > _FACTS:
            break
        text += more
    return f"{record.type}({text})" if text else record.type


def _items(value: ValueRecord) -> str:
    of = value.length or len(value.items)
    if value.items[0].tensor is None:
        return f"{value.type} of {of}"
    texts = [item.tensor.size_text if item.tensor is not None else item.type for item in value.items[:_ITEMS]]
    more = ", ..." if of > len(texts) else ""
    return f"{value.type} of {of}: {', '.join(texts)}{more}"


def _number(value: float | None) -> str:
    return "?" if value is None else f"{value:g}"
