"""Small training scripts with one flaw each, and sound ones: what ``capture.py`` records, for the tests to replay.

A scenario is a function that trains until it is stopped. The name of a sick one begins with the rule that is to be
told first; a sound one begins with ``healthy``.
"""

from __future__ import annotations

import copy
import gc
import io
import json
import os
import random
import sys
import tempfile
import time
from collections.abc import Callable, Iterator

import torch
from torch import nn
from torch.nn import functional as F
from torch.utils.data import DataLoader, Dataset

SCENARIOS: dict[str, Callable[[], None]] = {}


def scenario(run: Callable[[], None]) -> Callable[[], None]:
    SCENARIOS[run.__name__.replace("_", "-")] = run
    return run


class Rows(Dataset):
    def __init__(self, count: int = 4000, width: int = 64, classes: int = 10) -> None:
        self.x, self.y = torch.randn(count, width), torch.randint(classes, (count,))

    def __len__(self) -> int:
        return len(self.x)

    def __getitem__(self, index: int) -> tuple[torch.Tensor, torch.Tensor]:
        return self.x[index], self.y[index]


class Slow(Rows):
    def __getitem__(self, index: int) -> tuple[torch.Tensor, torch.Tensor]:
        time.sleep(0.002)  # a file is read
        return super().__getitem__(index)


class Decoded(Rows):
    def __getitem__(self, index: int) -> tuple[torch.Tensor, torch.Tensor]:
        values = json.loads(json.dumps([random.random() for _ in range(2000)]))
        return torch.tensor(values[:64]), self.y[index]


def mlp(width: int = 64, hidden: int = 512, depth: int = 2, classes: int = 10) -> nn.Sequential:
    layers: list[nn.Module] = [nn.Linear(width, hidden), nn.ReLU()]
    for _ in range(depth - 1):
        layers += [nn.Linear(hidden, hidden), nn.ReLU()]
    return nn.Sequential(*layers, nn.Linear(hidden, classes))


def cnn() -> nn.Sequential:
    return nn.Sequential(
        nn.Conv2d(3, 16, 3, padding=1), nn.BatchNorm2d(16), nn.ReLU(), nn.MaxPool2d(2),
        nn.Conv2d(16, 32, 3, padding=1), nn.BatchNorm2d(32), nn.ReLU(), nn.AdaptiveAvgPool2d(1),
        nn.Flatten(), nn.Linear(32, 10),
    )  # fmt: skip


def batches(size: int, *shape: int, classes: int = 10) -> Iterator[tuple[torch.Tensor, torch.Tensor]]:
    while True:
        yield torch.randn(size, *shape), torch.randint(classes, (size,))


def held(size: int, *shape: int, classes: int = 10) -> Iterator[tuple[torch.Tensor, torch.Tensor]]:
    batch = next(batches(size, *shape, classes=classes))
    while True:
        yield batch


def train(
    model: nn.Module, data: object, optimizer: torch.optim.Optimizer, after: Callable[[], None] | None = None
) -> None:
    for x, y in data:  # type: ignore[attr-defined]
        optimizer.zero_grad()
        loss = F.cross_entropy(model(x), y)
        loss.backward()
        optimizer.step()
        if after is not None:
            after()


# -- with a flaw -------------------------------------------------------------------------------------------------------


@scenario
def loader_starves_step() -> None:
    model = mlp()
    train(model, DataLoader(Slow(), batch_size=16, shuffle=True), torch.optim.SGD(model.parameters(), lr=0.1))


@scenario
def loader_starves_step__decoding() -> None:
    model = mlp()
    train(model, DataLoader(Decoded(), batch_size=16), torch.optim.SGD(model.parameters(), lr=0.1))


@scenario
def loader_starves_step__begun() -> None:
    """Each step begins the loader, which draws the order of all samples for one batch."""

    class Many(Rows):
        def __len__(self) -> int:
            return 200_000

        def __getitem__(self, index: int) -> tuple[torch.Tensor, torch.Tensor]:
            return super().__getitem__(index % len(self.x))

    model, loader = mlp(hidden=64), DataLoader(Many(), batch_size=16, shuffle=True)
    train(model, (next(iter(loader)) for _ in range(1_000_000)), torch.optim.SGD(model.parameters(), lr=0.1))


@scenario
def loader_starves_step__workers() -> None:
    model = mlp(hidden=32)
    data = DataLoader(Slow(count=20000), batch_size=32, num_workers=1)
    train(model, data, torch.optim.SGD(model.parameters(), lr=0.1))


@scenario
def workers_started_anew() -> None:
    model = mlp()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    loader = DataLoader(Rows(count=64), batch_size=64, num_workers=1)
    while True:
        train(model, loader, optimizer)


@scenario
def tensor_from_python_values() -> None:
    model, optimizer = (m := mlp()), torch.optim.SGD(m.parameters(), lr=0.1)
    rows = [[random.random() for _ in range(64)] for _ in range(256)]
    labels = [random.randrange(10) for _ in rows]
    while True:
        x, y = torch.tensor(rows), torch.tensor(labels)
        optimizer.zero_grad()
        F.cross_entropy(model(x), y).backward()
        optimizer.step()


@scenario
def forward_per_sample() -> None:
    model = mlp(hidden=128)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    for x, y in held(32, 64):
        optimizer.zero_grad()
        loss = torch.zeros(())
        for row, label in zip(x, y, strict=True):
            loss = loss + F.cross_entropy(model(row.unsqueeze(0)), label.unsqueeze(0))
        loss.backward()
        optimizer.step()


@scenario
def step_of_tiny_operations() -> None:
    class Cell(nn.Module):
        """A recurrent cell written out, gate by gate and step by step."""

        def __init__(self) -> None:
            super().__init__()
            self.w = nn.Parameter(torch.randn(8, 8) * 0.1)
            self.out = nn.Linear(8, 10)

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            h = torch.zeros(x.shape[0], 8)
            for t in range(x.shape[1]):
                gate = torch.sigmoid(x[:, t] * 0.5 + h @ self.w)
                h = gate * h + (1 - gate) * torch.tanh(x[:, t] - h)
            return self.out(h)

    model = Cell()
    train(model, held(8, 64, 8), torch.optim.SGD(model.parameters(), lr=0.1))


@scenario
def data_made_in_step() -> None:
    model = nn.Sequential(nn.Conv2d(3, 4, 3, stride=4), nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten())
    model.append(nn.Linear(4, 10))
    train(model, batches(32, 3, 96, 96), torch.optim.SGD(model.parameters(), lr=0.01))


@scenario
def validated_each_step() -> None:
    model, held_out = cnn(), DataLoader(Rows(64, 3 * 24 * 24), 32)

    @torch.no_grad()
    def validate() -> float:
        model.eval()
        right = sum(int((model(x.view(-1, 3, 24, 24)).argmax(1) == y).sum()) for x, y in held_out)
        model.train()
        return right / 64

    train(model, held(16, 3, 24, 24), torch.optim.SGD(model.parameters(), lr=0.1), after=validate)


@scenario
def elements_read_one_by_one__list() -> None:
    model = mlp(classes=1000)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    for x, y in held(128, 64, classes=1000):
        scores = model(x)
        optimizer.zero_grad()
        F.cross_entropy(scores, y).backward()
        optimizer.step()
        best = [max(row) for row in scores.softmax(-1).tolist()]
        assert len(best) == 128


@scenario
def optimizer_not_fused() -> None:
    model = nn.Sequential(*(nn.Linear(16, 16) for _ in range(100)), nn.Linear(16, 10))
    train(model, held(8, 16), torch.optim.AdamW(model.parameters(), foreach=False))


@scenario
def layout_converted_each_step() -> None:
    class Swapped(nn.Module):
        """Channels last for one norm, channels first for the rest, again and again."""

        def __init__(self) -> None:
            super().__init__()
            self.norms = nn.ModuleList(nn.LayerNorm(32) for _ in range(6))
            self.head = nn.Linear(32, 10)

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            for norm in self.norms:
                x = norm(x.permute(0, 2, 3, 1).contiguous()).permute(0, 3, 1, 2).contiguous()
            return self.head(x.mean((2, 3)))

    model = Swapped()
    train(model, held(16, 32, 48, 48), torch.optim.SGD(model.parameters(), lr=0.1))


@scenario
def double_precision_compute() -> None:
    model = mlp(hidden=768).double()
    x, y = torch.randn(256, 64).double(), torch.randint(10, (256,))
    train(model, iter(lambda: (x, y), None), torch.optim.SGD(model.parameters(), lr=0.1))


@scenario
def recompiled_in_steps() -> None:
    model = mlp()
    torch._dynamo.config.cache_size_limit = 64

    class Scaled(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.model, self.turn = model, 0

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            self.turn += 1
            return self.model(x) / float(self.turn % 50 + 1)

    torch._dynamo.config.specialize_float = True
    torch._dynamo.config.allow_unspec_int_on_nn_module = False
    compiled = torch.compile(Scaled(), backend="eager")
    train(compiled, held(32, 64), torch.optim.SGD(model.parameters(), lr=0.1))


@scenario
def garbage_collected_in_steps() -> None:
    model = mlp()
    train(model, held(64, 64), torch.optim.SGD(model.parameters(), lr=0.1), after=gc.collect)


@scenario
def printing_in_steps() -> None:
    model = mlp()
    out = io.TextIOWrapper(open(os.devnull, "wb"), write_through=True)  # noqa: SIM115

    def told() -> None:
        for name, parameter in model.named_parameters():
            for row in parameter.detach()[:2]:
                print(name, row.flatten()[:4], file=out)

    train(model, held(64, 64), torch.optim.SGD(model.parameters(), lr=0.1), after=told)


@scenario
def anomaly_mode_left_on() -> None:
    torch.autograd.set_detect_anomaly(True)
    model = nn.Sequential(*(nn.Sequential(nn.Linear(32, 32), nn.ReLU()) for _ in range(12)), nn.Linear(32, 10))
    train(model, held(16, 32), torch.optim.SGD(model.parameters(), lr=0.1))


@scenario
def model_copied_in_steps() -> None:
    model = mlp(depth=6)
    best: list[nn.Module] = []

    def keep() -> None:
        best[:] = [copy.deepcopy(model)]

    train(model, held(16, 64), torch.optim.SGD(model.parameters(), lr=0.1), after=keep)


@scenario
def clipped_parameter_by_parameter() -> None:
    model = nn.Sequential(*(nn.Linear(32, 32) for _ in range(40)), nn.Linear(32, 10))
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    for x, y in held(16, 32):
        optimizer.zero_grad()
        F.cross_entropy(model(x), y).backward()
        for parameter in model.parameters():
            nn.utils.clip_grad_norm_(parameter, 1.0)
        optimizer.step()


@scenario
def checkpoint_written_in_steps() -> None:
    model = mlp(hidden=1024)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    with tempfile.TemporaryDirectory() as folder:
        train(model, held(32, 64), optimizer, after=lambda: torch.save(model.state_dict(), f"{folder}/last.pt"))


@scenario
def elements_read_one_by_one() -> None:
    model, optimizer = (m := mlp(hidden=64)), torch.optim.SGD(m.parameters(), lr=0.1)
    right = 0
    for x, y in held(512, 64):
        optimizer.zero_grad()
        logits = model(x)
        F.cross_entropy(logits, y).backward()
        optimizer.step()
        for guess, label in zip(logits.argmax(1), y, strict=True):
            right += int(guess.item() == label.item())


@scenario
def python_holds_step() -> None:
    model, optimizer = (m := mlp(hidden=64)), torch.optim.SGD(m.parameters(), lr=0.1)
    for x, y in held(128, 64):
        optimizer.zero_grad()
        logits = model(x)
        F.cross_entropy(logits, y).backward()
        optimizer.step()
        confusion(logits.argmax(1).tolist(), y.tolist())


def confusion(guesses: list[int], labels: list[int]) -> list[list[int]]:
    """A confusion matrix, cell by cell."""
    return [
        [sum(1 for g, l in zip(guesses, labels, strict=True) if g == a and l == b) for a in range(10)]  # noqa: E741
        for b in range(10)
    ]


@scenario
def attention_not_fused() -> None:
    class Attention(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.qkv, self.out = nn.Linear(64, 192), nn.Linear(64, 10)

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            q, k, v = self.qkv(x).view(*x.shape[:2], 3, 4, 16).permute(2, 0, 3, 1, 4)
            scores = q @ k.transpose(-2, -1) / 4
            return self.out((scores.softmax(-1) @ v).transpose(1, 2).flatten(2).mean(1))

    model = Attention()
    train(model, held(8, 256, 64), torch.optim.SGD(model.parameters(), lr=0.1))


@scenario
def dense_embedding_gradient() -> None:
    class Words(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.words, self.out = nn.Embedding(200_000, 32), nn.Linear(32, 10)

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return self.out(self.words(x).mean(1))

    model = Words()
    x, y = torch.randint(200_000, (32, 20)), torch.randint(10, (32,))
    train(model, iter(lambda: (x, y), None), torch.optim.SGD(model.out.parameters(), lr=0.1))


@scenario
def casts_dominate_step() -> None:
    class Mixed(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.head = nn.Linear(64, 10)

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            for _ in range(6):
                x = torch.relu(x.to(torch.bfloat16)).to(torch.float32)
            return self.head(x.mean(1))

    model = Mixed()
    train(model, held(32, 512, 64), torch.optim.SGD(model.parameters(), lr=0.1))


# -- sound -------------------------------------------------------------------------------------------------------------


@scenario
def healthy_strided() -> None:
    """Convolutions whose backward lays a gradient out anew by itself."""
    model = nn.Sequential(
        nn.Conv2d(3, 32, 3), nn.ReLU(), nn.Conv2d(32, 32, 3, 2), nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten(),
        nn.Linear(32, 10),
    )  # fmt: skip
    train(model, held(64, 3, 32, 32), torch.optim.SGD(model.parameters(), lr=0.1))


@scenario
def healthy_teacher() -> None:
    """A second model runs without gradients in each step, and is no validation."""
    model, teacher = cnn(), cnn().eval()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    for x, _ in held(16, 3, 24, 24):
        with torch.no_grad():
            wanted = (teacher(x) + teacher(x.flip(-1))) / 2
        loss = F.mse_loss(model(x), wanted)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()


@scenario
def healthy_mlp() -> None:
    model = mlp(hidden=1024, depth=3)
    train(model, held(512, 64), torch.optim.SGD(model.parameters(), lr=0.1))


@scenario
def healthy_cnn() -> None:
    model = cnn().to(memory_format=torch.channels_last)
    x, y = torch.randn(32, 3, 32, 32).to(memory_format=torch.channels_last), torch.randint(10, (32,))
    train(model, iter(lambda: (x, y), None), torch.optim.AdamW(model.parameters(), fused=True))


@scenario
def healthy_transformer() -> None:
    class Model(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.words = nn.Embedding(1000, 128)
            block = nn.TransformerEncoderLayer(128, 4, 256, batch_first=True, dropout=0.0)
            self.blocks, self.out = nn.TransformerEncoder(block, 3), nn.Linear(128, 10)

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return self.out(self.blocks(self.words(x)).mean(1))

    model = Model()
    x, y = torch.randint(1000, (16, 128)), torch.randint(10, (16,))
    train(model, iter(lambda: (x, y), None), torch.optim.AdamW(model.parameters(), fused=True))


@scenario
def healthy_loader() -> None:
    model = mlp(hidden=1024)
    data = DataLoader(Rows(count=20000), batch_size=256, num_workers=1, persistent_workers=True)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    while True:
        train(model, data, optimizer)


@scenario
def healthy_lstm() -> None:
    class Model(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.lstm, self.out = nn.LSTM(32, 64, batch_first=True), nn.Linear(64, 10)

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return self.out(self.lstm(x)[0][:, -1])

    model = Model()
    train(model, held(32, 40, 32), torch.optim.Adam(model.parameters()))


@scenario
def healthy_compiled() -> None:
    model = mlp(hidden=1024)
    compiled = torch.compile(model, backend="aot_eager")
    train(compiled, held(256, 64), torch.optim.SGD(model.parameters(), lr=0.1))


@scenario
def healthy_inference() -> None:
    model = cnn().eval()
    with torch.inference_mode():
        for x, _ in DataLoader(Rows(count=20000, width=3 * 24 * 24), batch_size=64):
            model(x.view(-1, 3, 24, 24)).argmax(1)


@scenario
def healthy_small() -> None:
    model = mlp(hidden=64)
    losses: list[float] = []
    optimizer = torch.optim.Adam(model.parameters())
    rows = Rows(count=60000)
    for step, (x, y) in enumerate(zip(rows.x.split(256), rows.y.split(256), strict=True)):
        optimizer.zero_grad()
        loss = F.cross_entropy(model(x), y)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        if step % 10 == 0:
            losses.append(loss.item())


@scenario
def healthy_gan() -> None:
    maker, judge = mlp(width=16, hidden=256, classes=64), mlp(width=64, hidden=256, classes=1)
    makers, judges = torch.optim.Adam(maker.parameters()), torch.optim.Adam(judge.parameters())
    for x, _ in held(256, 64):
        fake = maker(torch.randn(256, 16))
        judges.zero_grad()
        (F.softplus(-judge(x)).mean() + F.softplus(judge(fake.detach())).mean()).backward()
        judges.step()
        makers.zero_grad()
        F.softplus(-judge(fake)).mean().backward()
        makers.step()


@scenario
def healthy_autocast() -> None:
    model, optimizer = (m := mlp(hidden=1024)), torch.optim.SGD(m.parameters(), lr=0.1)
    for x, y in held(512, 64):
        optimizer.zero_grad()
        with torch.autocast("cpu", dtype=torch.bfloat16):
            loss = F.cross_entropy(model(x), y)
        loss.backward()
        optimizer.step()


@scenario
def healthy_accumulation() -> None:
    model, optimizer = (m := mlp(hidden=512)), torch.optim.SGD(m.parameters(), lr=0.1)
    for turn, (x, y) in enumerate(held(128, 64)):
        (F.cross_entropy(model(x), y) / 8).backward()
        if turn % 8 == 7:
            optimizer.step()
            optimizer.zero_grad()


if __name__ == "__main__":
    SCENARIOS[sys.argv[1]]()
