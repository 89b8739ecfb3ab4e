"""Element-wise functions of tensors that cannot be broadcast to one shape."""

from __future__ import annotations

from itertools import combinations

from torchdoctor.facts.refusal import Refusal, shape_text
from torchdoctor.facts.torch_api.arguments import Use
from torchdoctor.facts.torch_api.operands import as_tensor
from torchdoctor.facts.torch_api.refusals import Rule
from torchdoctor.facts.torch_api.refused_layers import causes
from torchdoctor.facts.torch_api.refused_products import unbroadcastable
from torchdoctor.facts.torch_api.rules import element_wise, ending_of
from torchdoctor.facts.values import Tensor

# Methods that are functions of torch as well.
_BOTH = (
    "add sub subtract mul multiply div divide true_divide maximum minimum fmax fmin remainder fmod floor_divide atan2"
    " arctan2 hypot logaddexp logaddexp2 xlogy copysign pow float_power lerp addcmul addcdiv eq ne not_equal lt less le"
    " less_equal gt greater ge greater_equal logical_and logical_or logical_xor isclose bitwise_and bitwise_or"
    " bitwise_xor clamp clip where"
)


def _unbroadcastable(tensors: list[Tensor]) -> Refusal | None:
    for left, right in combinations(tensors, 2):
        a, b = ending_of(left) or (), ending_of(right) or ()
        if 0 in a or 0 in b or (pair := unbroadcastable(a, b)) is None:
            continue
        shown = (_shown(left), _shown(right))
        says = f"puts together {shown[0]} and {shown[1]}: {pair[0]} is not {pair[1]}, and neither is 1"
        return Refusal("operands-do-not-broadcast", says, tuple(dict.fromkeys((*causes(left), *causes(right)))))
    return None


def _shown(tensor: Tensor) -> str:
    text = shape_text(ending_of(tensor) or ())
    return text if tensor.shape is not None else f"(..., {text[1:]}".replace(",)", ")")


def _together(use: Use) -> Refusal | None:
    tensors = [tensor for value in element_wise(use) if (tensor := as_tensor(value)) is not None]
    return _unbroadcastable(tensors)


def _masked(use: Use) -> Refusal | None:
    return _unbroadcastable([use.tensor(), use.tensor("mask")])


FUNCTIONS: dict[str, Rule] = {
    **{full: _together for name in _BOTH.split() for full in (f"torch.{name}", f".{name}")},
    **dict.fromkeys(("torch.masked_fill", ".masked_fill"), _masked),
}
