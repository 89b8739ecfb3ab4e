"""Which dtypes torch's operations take, where they take no others: float weights no integers, indices no floats.

The tests ask torch about every name here.
"""

from __future__ import annotations

from torchdoctor.facts.torch_api.rules import DISCRETE, FLOATS
from torchdoctor.facts.values import Tensor

# Layers with float weights (what an int meets there), and without any that still work on floats alone.
FLOAT_LAYERS = frozenset({
    "Linear", "Conv1d", "Conv2d", "Conv3d", "ConvTranspose1d", "ConvTranspose2d", "ConvTranspose3d", "LSTM", "GRU",
    "RNN", "LSTMCell", "GRUCell", "RNNCell", "BatchNorm1d", "BatchNorm2d", "BatchNorm3d", "LayerNorm", "GroupNorm",
    "InstanceNorm1d", "InstanceNorm2d", "InstanceNorm3d", "RMSNorm", "PReLU", "TransformerEncoderLayer", "GELU", "SiLU",
    "Softmax", "LogSoftmax", "LeakyReLU", "ELU", "AdaptiveAvgPool1d", "AdaptiveAvgPool2d",
})  # fmt: skip
# Layers that take no other dtype than their weights have.
WEIGHTED = frozenset({
    "Linear", "Conv1d", "Conv2d", "Conv3d", "ConvTranspose1d", "ConvTranspose2d", "ConvTranspose3d", "LSTM", "GRU",
    "RNN", "LSTMCell", "GRUCell", "RNNCell", "BatchNorm1d", "BatchNorm2d", "BatchNorm3d", "LayerNorm", "GroupNorm",
    "TransformerEncoderLayer",
})  # fmt: skip
# Functions and methods of two tensors that have to be of one dtype, by the names of the two.
PAIRED = {
    "matmul": ("input", "other"), "mm": ("input", "mat2"), "bmm": ("input", "mat2"), "mv": ("input", "vec"),
    "dot": ("input", "other"), "linear": ("input", "weight"), "conv1d": ("input", "weight"),
    "conv2d": ("input", "weight"), "conv3d": ("input", "weight"),
}  # fmt: skip
# Functions that work on floats alone.
FLOAT_FUNCTIONS = frozenset({"softmax", "log_softmax", "mean", "std", "var", "norm", "gelu", "silu", "leaky_relu"})
# The argument that is an index, and no float.
INDICES = {
    "Embedding": "input", "EmbeddingBag": "input", "embedding": "input", "gather": "index", "index_select": "index",
    "scatter": "index", "scatter_add": "index", "one_hot": "input", "take": "index", "index_add": "index",
    "index_copy": "index", "index_fill": "index", "take_along_dim": "indices",
}  # fmt: skip


def is_float(tensor: Tensor | None) -> bool:
    """Whether a tensor surely holds floats."""
    return tensor is not None and tensor.dtype is not None and tensor.dtype.value in FLOATS


def is_discrete(tensor: Tensor | None) -> bool:
    """Whether a tensor surely holds integers or truth values."""
    return tensor is not None and tensor.dtype is not None and tensor.dtype.value in DISCRETE


# Words without one of which no tensor of a file is known to hold integers.
INTEGER_WORDS = frozenset({
    "long", "byte", "int64", "int32", "int16", "uint8", "LongTensor", "IntTensor", "ByteTensor",
    "arange", "randint", "randperm", "argmax", "argmin", "argsort", "one_hot", "tensor", "bincount", "as_tensor",
    "topk", "nonzero", "multinomial", "full",
})  # fmt: skip
# The same of floats.
FLOAT_WORDS = frozenset({
    "float", "double", "half", "float32", "float64", "float16", "FloatTensor", "DoubleTensor", "zeros", "ones", "rand",
    "randn", "linspace", "tensor", "empty", "Linear", "mean", "softmax", "sigmoid", "div", "as_tensor", "full",
    "arange", "Tensor",
})  # fmt: skip
