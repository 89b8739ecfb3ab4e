"""Which operations keep their own result for backward. The tests ask torch about every name here.

Writing into such a result makes backward raise: "modified by an inplace operation".
"""

from __future__ import annotations

# Functions of torch, of torch.nn.functional, or methods of a tensor.
KEEPING_RESULT = frozenset({
    "sigmoid", "tanh", "exp", "softmax", "log_softmax", "relu", "sqrt", "rsqrt", "reciprocal", "expm1", "tan",
    "logsumexp", "exp2", "cumprod", "norm", "prod", "std",
})  # fmt: skip
KEEPING_LAYERS = frozenset(f"torch.nn.{name}" for name in ("Sigmoid", "Tanh", "Softmax", "LogSoftmax", "ReLU"))
# Operators and methods that write into their receiver without a look at what it was needed for.
WRITING = frozenset({
    "add_", "sub_", "mul_", "div_", "clamp_", "zero_", "fill_", "pow_", "neg_", "clip_", "masked_fill_", "copy_",
    "exp_", "sqrt_", "abs_", "round_", "sigmoid_", "tanh_",
})  # fmt: skip
