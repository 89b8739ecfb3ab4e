"""What a class of a known library makes: a module, an optimizer, a loader ... by its canonical full name."""

from __future__ import annotations

import re
from functools import lru_cache

_NOT_MODULES = frozenset({
    "torch.nn.Parameter", "torch.nn.UninitializedParameter", "torch.nn.UninitializedBuffer", "torch.nn.Buffer",
})  # fmt: skip
_LOSS = re.compile(r"^torch\.nn\.\w+Loss(?:2d)?$")
_KINDS = tuple(
    (re.compile(pattern), kinds.split())
    for pattern, kinds in (
        (r"^torch\.nn\.\w+Loss(?:2d)?$", "module criterion"),
        (r"^torch\.nn\.parallel\.[A-Z]\w+$", "module wrapper"),
        (r"^torch\.nn\.[A-Z]\w*$", "module"),
        (r"^torch\.nn\.(?:quantized|intrinsic|qat|quantizable)\.(?:\w+\.)*[A-Z]\w*$", "module"),
        (r"^torch\.nn\.utils\.parametrize\.ParametrizationList$", "module"),
        (r"^torch\.jit\.(?:ScriptModule|RecursiveScriptModule)$", "module"),
        (r"^torch\.fx\.GraphModule$", "module"),
        (r"^torch\.distributed\.fsdp\.FullyShardedDataParallel$", "module wrapper"),
        (r"^torchvision\.models\.(?:\w+\.)*[A-Z]\w*(?<!Weights)$", "module"),
        (r"^lightning\.LightningModule$", "module lightning"),
        (r"^lightning\.LightningDataModule$", "datamodule"),
        (r"^lightning\.(?:Trainer|Fabric)$", "trainer"),
        (r"^torchmetrics\.(?:\w+\.)*[A-Z]\w*$", "metric"),
        (r"^transformers\.(?:\w+\.)*\w*PreTrainedModel$", "module huggingface"),
        (r"^transformers\.(?:\w+\.)*[A-Z]\w*(?:Model|For[A-Z]\w+)$", "module huggingface"),
        (r"^transformers\.(?:\w+\.)*\w*Trainer$", "trainer"),
        (r"^accelerate\.(?:\w+\.)*Accelerator$", "trainer"),
        (r"^diffusers\.(?:\w+\.)*ModelMixin$", "module"),
        (r"^torch_geometric\.nn\.(?:\w+\.)*MessagePassing$", "module"),
        (r"^torch\.optim\.lr_scheduler\.[A-Z_]\w*$", "scheduler"),
        (r"^torch\.optim\.swa_utils\.SWALR$", "scheduler"),
        (r"^torch\.optim\.swa_utils\.AveragedModel$", "module wrapper"),
        (r"^torch\.optim\.[A-Z]\w*$", "optimizer"),
        (r"^torch\.amp\.GradScaler$", "scaler"),
        (r"^torch\.utils\.data\.DataLoader$", "loader"),
        (r"^torch\.utils\.data\.(?:IterableDataset|IterDataPipe|ChainDataset)$", "dataset iterable_dataset"),
        (r"^torch\.utils\.data\.(?:distributed\.)?DistributedSampler$", "sampler distributed_sampler"),
        (r"^torch\.utils\.data\.\w*Sampler$", "sampler"),
        (r"^torch\.utils\.data\.(?:Dataset|TensorDataset|ConcatDataset|Subset|StackDataset|MapDataPipe)$", "dataset"),
        (r"^torchvision\.datasets\.[A-Z]\w*$", "dataset"),
        (r"^torch\.autograd\.Function$", "function"),
        (r"^torch\.distributions\.(?:\w+\.)*[A-Z]\w*$", "distribution"),
        (r"^enum\.\w*Enum$|^enum\.I?(?:nt)?Flag$", "enum"),
    )
)


@lru_cache(maxsize=4096)
def kinds_of(name: str) -> frozenset[str]:
    """The kinds of a library class; empty where the name is not one that is known."""
    if name in _NOT_MODULES:
        return frozenset()
    for pattern, kinds in _KINDS:
        if pattern.match(name):
            return frozenset(kinds)
    return frozenset()


def is_known_library_class(name: str) -> bool:
    """Whether all that matters about a base class with this name is known without reading it."""
    return bool(kinds_of(name)) or name in (
        "builtins.object",
        "abc.ABC",
        "typing.Generic",
        "typing.Protocol",
        "enum.Enum",
    )


# Layers of torch.nn that have parameters of their own, or hold layers that may have some.
_PARAMETRIC = re.compile(
    r"^torch\.nn\.(?:Lazy\w+|(?:Non)?\w*Linear|Bilinear|Conv\w+|BatchNorm\w+|SyncBatchNorm|LayerNorm|GroupNorm|RMSNorm|Embedding\w*|RNN\w*|LSTM\w*"
    r"|GRU\w*|MultiheadAttention|Transformer\w*|PReLU|Sequential|ModuleList|ModuleDict|Module|InstanceNorm\w+"
    r"|AdaptiveLogSoftmaxWithLoss|parallel\.\w+)$"
)
# torch.nn.functional's losses: called with an input and a target.
FUNCTIONAL_LOSSES = frozenset(
    f"torch.nn.functional.{name}"
    for name in (
        "cross_entropy", "nll_loss", "mse_loss", "l1_loss", "smooth_l1_loss", "huber_loss", "binary_cross_entropy",
        "binary_cross_entropy_with_logits", "kl_div", "poisson_nll_loss", "gaussian_nll_loss", "hinge_embedding_loss",
        "margin_ranking_loss", "multi_margin_loss", "multilabel_margin_loss", "multilabel_soft_margin_loss",
        "soft_margin_loss", "triplet_margin_loss", "triplet_margin_with_distance_loss", "cosine_embedding_loss",
        "ctc_loss",
    )
)  # fmt: skip


def is_parametric(name: str) -> bool:
    """Whether a class of torch.nn has parameters, or may hold some."""
    return _PARAMETRIC.match(name) is not None
