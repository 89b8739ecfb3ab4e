"""Models for the trials: one that is well, and copies of it that are each sick in one way.

The line to blame ends in ``# blamed``: tests look it up in this file.
"""

from __future__ import annotations

import copy
from typing import Any

import torch
import torch.nn.functional as F
from torch import nn


class Well(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(3, 8, 3, padding=1)
        self.norm = nn.BatchNorm2d(8)
        self.drop = nn.Dropout(0.2)
        self.head = nn.Linear(8, 5)

    def features(self, x: torch.Tensor) -> torch.Tensor:
        return F.relu(self.norm(self.conv(x))).mean((2, 3))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.head(self.drop(self.features(x)))  # type: ignore[no-any-return]


class UnusedLayer(Well):
    def __init__(self) -> None:
        super().__init__()
        self.extra = nn.Linear(8, 8)  # blamed


class Detached(Well):
    def forward(self, x: torch.Tensor) -> torch.Tensor:
        kept = self.features(x).detach()  # blamed
        return self.head(kept)  # type: ignore[no-any-return]


class ThroughNumbers(Well):
    def forward(self, x: torch.Tensor) -> torch.Tensor:
        kept = torch.tensor(self.features(x).tolist())  # blamed
        return self.head(kept)  # type: ignore[no-any-return]


class WithoutGradients(Well):
    def forward(self, x: torch.Tensor) -> torch.Tensor:
        with torch.no_grad():  # blamed
            kept = self.features(x)
        return self.head(kept)  # type: ignore[no-any-return]


class DeadUnits(Well):
    def forward(self, x: torch.Tensor) -> torch.Tensor:
        kept = F.relu(self.features(x) - 1000)  # blamed
        return self.head(kept)  # type: ignore[no-any-return]


class AlwaysDropping(Well):
    def forward(self, x: torch.Tensor) -> torch.Tensor:
        # torchdoctor: ignore[functional-dropout-always-on]
        kept = F.dropout(self.features(x), 0.5)  # blamed
        return self.head(kept)  # type: ignore[no-any-return]


class Noisy(Well):
    def forward(self, x: torch.Tensor) -> torch.Tensor:
        noise = torch.randn(len(x), 8, device=x.device)  # blamed
        return self.head(self.features(x) + noise)  # type: ignore[no-any-return]


class OverTheBatch(Well):
    def forward(self, x: torch.Tensor) -> torch.Tensor:
        kept = F.softmax(self.features(x), dim=0)  # blamed
        return self.head(kept)  # type: ignore[no-any-return]


class BatchStatistics(Well):
    def __init__(self) -> None:
        super().__init__()
        self.norm = nn.BatchNorm2d(8, track_running_stats=False)

    def features(self, x: torch.Tensor) -> torch.Tensor:
        return F.relu(self.norm(self.conv(x))).mean((2, 3))  # blamed


class Averaging(Well):
    center: torch.Tensor

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("center", torch.zeros(8))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        kept = self.features(x)
        self.center.lerp_(kept.detach().mean(0), 0.1)  # blamed
        return self.head(kept)  # type: ignore[no-any-return]


class Squeezing(Well):
    def forward(self, x: torch.Tensor) -> torch.Tensor:
        kept = self.features(x)[:, None].squeeze()  # blamed
        return self.head(kept)  # type: ignore[no-any-return]


class PlainTensor(Well):
    def __init__(self) -> None:
        super().__init__()
        # torchdoctor: ignore[unregistered-buffer]
        self.scale = torch.rand(8) + 0.5

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        kept = self.features(x) * self.scale  # blamed
        return self.head(kept)  # type: ignore[no-any-return]


class MadeOnCpu(Well):
    def forward(self, x: torch.Tensor) -> torch.Tensor:
        steps = torch.arange(8).float()
        kept = self.features(x) * steps  # blamed
        return self.head(kept)  # type: ignore[no-any-return]


class KeepsGraphs(Well):
    def __init__(self) -> None:
        super().__init__()
        self.history: list[torch.Tensor] = []

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        kept = self.features(x)
        self.history.append(kept.mean())  # blamed
        return self.head(kept)  # type: ignore[no-any-return]


class Tied(Well):
    def __init__(self) -> None:
        super().__init__()
        self.act: Any = lambda x: self.norm(self.conv(x))  # blamed

    def features(self, x: torch.Tensor) -> torch.Tensor:
        return F.relu(self.act(x)).mean((2, 3))


class Unpicklable(Well):
    def __init__(self) -> None:
        super().__init__()
        self.rows = (n for n in range(3))  # blamed

    def __deepcopy__(self, memo: dict[int, Any]) -> Unpicklable:
        other = Unpicklable()
        other.load_state_dict(self.state_dict())
        return other


class Computed(Well):
    def __init__(self) -> None:
        super().__init__()
        self.doubled = self.head.weight * 2  # blamed


class LogOfZero(Well):
    def forward(self, x: torch.Tensor) -> torch.Tensor:
        kept = torch.log(self.features(x) - 1)  # blamed
        return self.head(kept)  # type: ignore[no-any-return]


class RootOfZero(Well):
    def forward(self, x: torch.Tensor) -> torch.Tensor:
        kept = self.features(x)
        root = torch.sqrt(kept * 0)  # blamed
        return self.head(kept + root)  # type: ignore[no-any-return]


class WritesInput(Well):
    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x.clamp_(-1, 1)  # blamed
        return super().forward(x)


class Unsaved(Well):
    def __init__(self) -> None:
        super().__init__()
        self.center = torch.zeros(8)  # blamed

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        kept = self.features(x)
        if self.training:
            self.center = 0.5 * self.center + 0.5 * kept.detach().mean(0)
        return self.head(kept - self.center)  # type: ignore[no-any-return]


class FixedBatch(Well):
    def forward(self, x: torch.Tensor) -> torch.Tensor:
        kept = self.features(x).view(6, 2, 4).flatten(1)  # blamed
        return self.head(kept)  # type: ignore[no-any-return]


class Listed(Well):
    def __init__(self) -> None:
        super().__init__()
        # torchdoctor: ignore[unregistered-submodules]
        self.layers = [nn.Linear(8, 8), nn.ReLU()]  # blamed

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        kept = self.features(x)
        for layer in self.layers:
            kept = layer(kept)
        return self.head(kept)  # type: ignore[no-any-return]


class Plain(Well):
    def __init__(self) -> None:
        super().__init__()
        # torchdoctor: ignore[unregistered-learnable-tensor]
        self.scale = torch.ones(8, requires_grad=True)  # blamed

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.head(self.features(x) * self.scale)  # type: ignore[no-any-return]


class CutOffByData(Well):
    def forward(self, x: torch.Tensor) -> torch.Tensor:
        kept = self.features(x).data.clamp(max=6)  # blamed
        return self.head(kept)  # type: ignore[no-any-return]


class Judged(nn.Module):
    """A loss with layers of its own, as that of a GAN's generator has: they stay where they are."""

    def __init__(self) -> None:
        super().__init__()
        self.judge = nn.Linear(5, 1)

    def forward(self, output: torch.Tensor) -> torch.Tensor:
        return F.softplus(-self.judge(output)).mean()


SICK: dict[type[Well], str] = {
    UnusedLayer: "parameter-without-gradient",
    Detached: "parameter-without-gradient",
    CutOffByData: "parameter-without-gradient",
    Plain: "unregistered-learnable-tensor",
    Listed: "unregistered-submodules",
    ThroughNumbers: "parameter-without-gradient",
    WithoutGradients: "parameter-without-gradient",
    DeadUnits: "gradient-always-zero",
    AlwaysDropping: "random-in-eval",
    Noisy: "random-in-eval",
    OverTheBatch: "samples-mixed-in-batch",
    BatchStatistics: "samples-mixed-in-batch",
    Averaging: "state-changed-in-eval",
    Squeezing: "batch-of-one-squeezed",
    PlainTensor: "model-bound-to-device",
    MadeOnCpu: "model-bound-to-device",
    KeepsGraphs: "graph-kept-after-step",
    Tied: "copy-shares-weights",
    Unpicklable: "model-not-copyable",
    Computed: "model-not-copyable",
    LogOfZero: "non-finite-in-model",
    RootOfZero: "non-finite-in-model",
    WritesInput: "input-changed-by-forward",
    Unsaved: "state-outside-state-dict",
    FixedBatch: "model-raises",
}
TRIALS = {
    "parameter-without-gradient": "step",
    "unregistered-learnable-tensor": "step",
    "unregistered-submodules": "step",
    "gradient-always-zero": "step",
    "random-in-eval": "eval",
    "state-changed-in-eval": "eval",
    "samples-mixed-in-batch": "batch",
    "batch-of-one-squeezed": "batch-of-one",
    "model-bound-to-device": "device",
    "graph-kept-after-step": "graph",
    "copy-shares-weights": "copy",
    "non-finite-in-model": "finite",
    "input-changed-by-forward": "step",
    "state-outside-state-dict": "checkpoint",
    "model-raises": "batch",
}


class Recurrent(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.lstm, self.out = nn.LSTM(4, 8, batch_first=True), nn.Linear(8, 1)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.out(self.lstm(x)[0][:, -1]).squeeze(-1)  # type: ignore[no-any-return]


class Language(nn.Module):
    """Tied weights, a mask that is made on the input's device, and logits for every token."""

    def __init__(self) -> None:
        super().__init__()
        self.embed = nn.Embedding(50, 16)
        self.layer = nn.TransformerEncoderLayer(16, 2, 32, batch_first=True)
        self.head = nn.Linear(16, 50, bias=False)
        self.head.weight = self.embed.weight

    def forward(self, ids: torch.Tensor) -> torch.Tensor:
        mask = nn.Transformer.generate_square_subsequent_mask(ids.shape[1], device=ids.device)
        return self.head(self.layer(self.embed(ids), src_mask=mask))  # type: ignore[no-any-return]


class ZeroHead(Well):
    """A head that begins at zero: all outputs are zero at first, and all gradients behind it."""

    def __init__(self) -> None:
        super().__init__()
        nn.init.zeros_(self.head.weight)
        nn.init.zeros_(self.head.bias)


class FrozenFeatures(Well):
    def __init__(self) -> None:
        super().__init__()
        self.conv.requires_grad_(False)


class SequenceFirst(nn.Module):
    """Which dimension counts its samples is not to be seen."""

    def __init__(self) -> None:
        super().__init__()
        self.layer = nn.TransformerEncoderLayer(8, 2, 16)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.layer(x)  # type: ignore[no-any-return]


class Output(dict[str, Any]):
    """As transformers' outputs: a mapping that has attributes too."""

    @property
    def loss(self) -> Any:
        return self["loss"]


class OwnLoss(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.fc = nn.Linear(4, 3)

    def forward(self, x: torch.Tensor, labels: torch.Tensor) -> Output:
        logits = self.fc(x)
        return Output(loss=F.cross_entropy(logits, labels), logits=logits)


def copied(model: nn.Module) -> dict[str, torch.Tensor]:
    return copy.deepcopy(model.state_dict())
