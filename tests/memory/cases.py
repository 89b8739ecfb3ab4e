"""Programs that run out of a card's memory, and the verdict that each has to have; and programs that nearly look so.

Each is a user's program: it is given ``device`` and ``CARD``, the bytes of the card, and sizes itself by them, so that
the same text runs on a simulated card of some hundred MiB and on a real one. ``card`` is what the simulated one is
beside its size; ``gpu`` is False of those that a real card cannot be brought to by the program alone.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

MIB = 1 << 20
EXCEEDS, FITS_NOT, PIECES = "request-exceeds-card", "step-does-not-fit", "fragmented-memory"
GROWS, OTHERS, CAP = "memory-grows-over-steps", "memory-held-by-others", "memory-cap-reached"


@dataclass(frozen=True)
class Case:
    """``told`` has to stand in the message, evidence or cures; ``silent`` in none of them."""

    name: str
    verdict: str
    program: str
    told: tuple[str, ...] = ()
    silent: tuple[str, ...] = ()
    total: int = 256 * MIB
    card: dict[str, Any] = field(default_factory=dict)
    gpu: bool = True


HEAD = """\
import torch
import torch.nn.functional as F
from torch import nn
"""
TRANSFORMER = """\


class Attention(nn.Module):
    def __init__(self, width, heads):
        super().__init__()
        self.heads = heads
        self.qkv = nn.Linear(width, 3 * width)
        self.out = nn.Linear(width, width)

    def forward(self, x):
        batch, length, width = x.shape
        q, k, v = (one.view(batch, length, self.heads, -1).transpose(1, 2) for one in self.qkv(x).chunk(3, -1))
        weights = (q @ k.transpose(-2, -1) / 8.0).softmax(-1)
        return self.out((weights @ v).transpose(1, 2).reshape(batch, length, width))


class Block(nn.Module):
    def __init__(self, width, heads):
        super().__init__()
        self.norm = nn.LayerNorm(width)
        self.attention = Attention(width, heads)
        self.mlp = nn.Sequential(nn.Linear(width, 4 * width), nn.GELU(), nn.Linear(4 * width, width))

    def forward(self, x):
        x = x + self.attention(self.norm(x))
        return x + self.mlp(x)


class Model(nn.Module):
    def __init__(self, width=64, heads=4, depth=6):
        super().__init__()
        self.blocks = nn.ModuleList(Block(width, heads) for _ in range(depth))
        self.head = nn.Linear(width, 10)

    def forward(self, x):
        for block in self.blocks:
            x = block(x)
        return self.head(x)


"""
MLP = """\


def mlp(width=256, depth=4):
    layers = [layer for _ in range(depth) for layer in (nn.Linear(width, width), nn.ReLU())]
    return nn.Sequential(*layers, nn.Linear(width, 10)).to(device)


"""
CASES = (
    Case(
        "a column and a row in the loss",
        EXCEEDS,
        HEAD
        + MLP
        + """\
n = int((CARD // 4 * 1.3) ** 0.5)
model = mlp(64)
predicted = nn.Linear(64, 1).to(device)(torch.randn(n, 64, device=device))
target = torch.randn(n, device=device)
loss = (predicted - target).square().mean()
""",
        told=("are spread over one another", "`predicted - target` makes", "squeeze"),
        silent=("expandable_segments", "batch"),
    ),
    Case(
        "attention at a length it was not made for",
        EXCEEDS,
        HEAD
        + """\
length = int((CARD // 4 // 8 * 1.2) ** 0.5)
q = torch.randn(1, 8, length, 16, device=device)
k = torch.randn(1, 8, length, 16, device=device)
weights = torch.softmax(q @ k.transpose(-2, -1), -1)
""",
        told=("square of the length", "scaled_dot_product_attention"),
    ),
    Case(
        "an identity of all users",
        EXCEEDS,
        HEAD
        + """\
users = CARD // 400
rows = torch.zeros(users, 128, device=device)
""",
        told=("`torch.zeros(users, 128, device=device)` makes", "look at the sizes"),
    ),
    Case(
        "a batch too large for a transformer",
        FITS_NOT,
        HEAD
        + TRANSFORMER
        + """\
model = Model().to(device)
optimizer = torch.optim.AdamW(model.parameters())
batch = CARD // (12 * 1024 * 1024)
for step in range(3):
    x = torch.randn(batch, 256, 64, device=device)
    y = torch.randint(10, (batch,), device=device)
    loss = F.cross_entropy(model(x).mean(1), y)
    loss.backward()
    optimizer.step()
    optimizer.zero_grad()
""",
        told=("one of 6 alike", "checkpoint", "a batch of", "scaled_dot_product_attention", "autocast"),
        silent=("expandable_segments", "no_grad"),
    ),
    Case(
        "a batch too large for a convolutional net",
        FITS_NOT,
        HEAD
        + """\
net = nn.Sequential(
    nn.Conv2d(3, 32, 3, padding=1), nn.BatchNorm2d(32), nn.ReLU(),
    nn.Conv2d(32, 32, 3, padding=1), nn.BatchNorm2d(32), nn.ReLU(),
    nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(32, 10),
).to(device)
batch = CARD // (2 * 1024 * 1024)
images = torch.randn(batch, 3, 64, 64, device=device)
labels = torch.randint(10, (batch,), device=device)
F.cross_entropy(net(images), labels).backward()
""",
        told=("a batch of", "of the GPU are free"),
        silent=("expandable_segments",),
    ),
    Case(
        "the temporaries of the optimizer's first step",
        FITS_NOT,
        HEAD
        + """\
width = int((CARD // 4 / 4.4 / 6) ** 0.5)
model = nn.Sequential(*(nn.Linear(width, width, bias=False) for _ in range(6))).to(device)
optimizer = torch.optim.Adam(model.parameters(), foreach=True)
model(torch.randn(4, width, device=device)).sum().backward()
optimizer.step()
""",
        told=("foreach=False", "fused=True"),
        silent=("expandable_segments", "checkpoint"),
    ),
    Case(
        "validation with gradients on",
        FITS_NOT,
        HEAD
        + MLP
        + """\
model = mlp(256, 12)
model.eval()


def validate(model, x):
    return model(x).argmax(1)


x = torch.randn(CARD // (12 * 1024), 256, device=device)
validate(model, x)
""",
        told=("with torch.no_grad():", "eval mode and gradients are on"),
        silent=("expandable_segments",),
    ),
    Case(
        "a model larger than the card",
        FITS_NOT,
        HEAD
        + """\
width = int((CARD // 4 / 8) ** 0.5)
model = nn.Sequential(*(nn.Linear(width, width, device=device) for _ in range(10)))
""",
        told=("of the GPU are free", "half precision", "several GPUs"),
        silent=("expandable_segments", "checkpoint", "no_grad", "accumulated"),
    ),
    Case(
        "sequences of many lengths",
        PIECES,
        HEAD
        + """\
UNIT = CARD // 128 // (2 << 20) * (2 << 20)
marks = []
for length in range(6, 15):
    sequence = torch.empty(UNIT * length - (3 << 19), dtype=torch.uint8, device=device)
    marks.append(torch.empty(5 << 18, dtype=torch.uint8, device=device))
    del sequence
longest = torch.empty(CARD // 3, dtype=torch.uint8, device=device)
""",
        told=("lie in pieces", "expandable_segments:True", "9 segments"),
        silent=("a batch of", "checkpoint"),
    ),
    Case(
        "a cache that grows by one row and leaves its old ones",
        PIECES,
        HEAD
        + """\
UNIT = CARD // 128 // (2 << 20) * (2 << 20)


class Decoder:
    def __init__(self):
        self.cache = torch.empty(UNIT * 6 - (3 << 19), dtype=torch.uint8, device=device)
        self.tokens = ()

    def decode(self, length):
        longer = torch.empty(UNIT * length - (3 << 19), dtype=torch.uint8, device=device)
        self.tokens = (*self.tokens, torch.empty(5 << 18, dtype=torch.uint8, device=device))
        self.cache = longer


decoder = Decoder()
for length in range(8, 30, 2):
    decoder.decode(length)
""",
        told=("lie in pieces",),
    ),
    Case(
        "a running total of losses in an evaluation",
        GROWS,
        HEAD
        + MLP
        + """\
model = mlp(256, 6)


def evaluate(model, batches):
    total = 0.0
    for index in range(batches):
        x = torch.randn(CARD // (160 * 1024), 256, device=device)
        y = torch.randint(10, (len(x),), device=device)
        total += F.cross_entropy(model(x), y)
    return total / batches


evaluate(model, 1000)
""",
        told=("`total` was added to", "keeps the graph of every time", ".item()"),
        silent=("expandable_segments",),
    ),
    Case(
        "a list of losses, each with its graph",
        GROWS,
        HEAD
        + MLP
        + """\
model = mlp(256, 6)
losses = []
for index in range(1000):
    x = torch.randn(CARD // (160 * 1024), 256, device=device)
    losses.append(model(x).square().mean())
""",
        told=("`losses` keeps", "and the graphs behind them", ".item()"),
    ),
    Case(
        "predictions that pile up on the card",
        GROWS,
        HEAD
        + MLP
        + """\
model = mlp(256, 2)
optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
predictions = []
for index in range(1000):
    x = torch.randn(CARD // (20 * 1024), 256, device=device)
    out = model(x)
    loss = out.square().mean()
    loss.backward()
    optimizer.step()
    optimizer.zero_grad()
    predictions.append(x.detach() + 1)
""",
        told=("`predictions` keeps", "tensors on the GPU", ".cpu()"),
        silent=("graphs behind",),
    ),
    Case(
        "a memory bank on the module",
        GROWS,
        HEAD
        + """\
class Bank(nn.Module):
    def __init__(self):
        super().__init__()
        self.encoder = nn.Linear(256, 256)
        self.seen = {}

    def forward(self, x, key):
        feature = self.encoder(x).relu()
        self.seen[key] = feature
        return feature.mean()


bank = Bank().to(device)
optimizer = torch.optim.SGD(bank.parameters(), lr=0.1)
for key in range(1000):
    loss = bank(torch.randn(CARD // (20 * 1024), 256, device=device), key)
    loss.backward()
    optimizer.step()
    optimizer.zero_grad()
""",
        told=("`bank.seen` keeps", "`.detach().cpu()`"),
    ),
    Case(
        "a hidden state that is carried over batches",
        GROWS,
        HEAD
        + """\
class Reader(nn.Module):
    def __init__(self):
        super().__init__()
        self.embedding = nn.Embedding(100, 64)
        self.rnn = nn.GRU(64, 128, batch_first=True)
        self.head = nn.Linear(128, 100)

    def forward(self, tokens, hidden):
        out, hidden = self.rnn(self.embedding(tokens), hidden)
        return self.head(out), hidden


def perplexity(model, batches):
    hidden, total = None, 0.0
    for index in range(batches):
        tokens = torch.randint(100, (CARD // (1 << 20), 16), device=device)
        logits, hidden = model(tokens, hidden)
        total += F.cross_entropy(logits.flatten(0, 1), tokens.flatten()).item()
    return total / batches


perplexity(Reader().to(device), 1000)
""",
        told=("`hidden` goes from turn to turn with its graph", "`hidden = hidden.detach()`", "no_grad"),
        silent=("`total`", "expandable_segments"),
    ),
    Case(
        "the logits of a large vocabulary",
        FITS_NOT,
        HEAD
        + """\
head = nn.Linear(64, 16000).to(device)
states = torch.randn(CARD // (128 * 1024), 64, device=device)
targets = torch.randint(16000, (len(states),), device=device)
logits = head(states)
loss = F.cross_entropy(logits, targets)
""",
        told=("head and loss over some rows at a time",),
        silent=("`del logits`", "softmax of `q"),
    ),
    Case(
        "another job on the card",
        OTHERS,
        HEAD
        + MLP
        + """\
model = mlp(512, 8)
out = model(torch.randn(CARD // 12288, 512, device=device))
""",
        told=("other processes hold", "end process 4711", "nvidia-smi"),
        silent=("expandable_segments", "a batch of"),
        card={"others": ((4711, 190 * MIB),)},
        gpu=False,
    ),
    Case(
        "another library in the same process",
        OTHERS,
        HEAD
        + """\
rows = torch.empty(CARD // 3, dtype=torch.uint8, device=device)
""",
        told=("outside PyTorch", "PREALLOCATE"),
        total=16 << 30,
        card={"beside": 14 << 30},
        gpu=False,
    ),
    Case(
        "a share of the card",
        CAP,
        HEAD
        + """\
if device == "cuda":
    torch.cuda.set_per_process_memory_fraction(0.3)
rows = [torch.empty(CARD // 16, dtype=torch.uint8, device=device) for _ in range(16)]
""",
        told=("this process may have", "set_per_process_memory_fraction"),
        silent=("expandable_segments",),
        card={"fraction": 0.3},
    ),
)
# What looks like one of them and is another, or none.
CONTROLS = (
    Case(
        "the steps of a recurrent net are no leak",
        FITS_NOT,
        HEAD
        + """\
cell = nn.GRUCell(256, 256).to(device)
optimizer = torch.optim.SGD(cell.parameters(), lr=0.1)
for batch in range(3):
    hidden = torch.zeros(CARD // (100 * 1024), 256, device=device)
    outputs = []
    for step in range(100):
        hidden = cell(torch.randn(len(hidden), 256, device=device), hidden)
        outputs.append(hidden)
    loss = torch.stack(outputs).mean()
    loss.backward()
    optimizer.step()
""",
        silent=("outputs` keeps",),
    ),
    Case(
        "a loss of many terms is no leak",
        FITS_NOT,
        HEAD
        + MLP
        + """\
model = mlp(256, 4)
optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
for batch in range(3):
    loss = 0.0
    for view in range(60):
        loss = loss + model(torch.randn(CARD // (64 * 1024), 256, device=device)).square().mean()
    loss.backward()
    optimizer.step()
""",
        silent=("was added to",),
    ),
    Case(
        "numbers in a list are no leak",
        FITS_NOT,
        HEAD
        + MLP
        + """\
model = mlp(256, 12)
losses = []
for index in range(8):
    x = torch.randn(512 if index < 6 else CARD // (8 * 1024), 256, device=device)
    loss = model(x).square().mean()
    loss.backward()
    losses.append(loss.detach())
""",
        silent=("losses` keeps",),
    ),
    Case(
        "a desktop on the card",
        FITS_NOT,
        HEAD
        + MLP
        + """\
model = mlp(512, 8)
out = model(torch.randn(CARD // 12288, 512, device=device))
""",
        silent=("other processes hold",),
        card={"others": ((902, 8 * MIB),)},
        gpu=False,
    ),
    Case(
        "its own number in a container",
        FITS_NOT,
        HEAD
        + MLP
        + """\
model = mlp(512, 8)
out = model(torch.randn(CARD // 12288, 512, device=device))
""",
        silent=("other processes hold", "end process"),
        card={"container": True},
        gpu=False,
    ),
    Case(
        "segments that expand, and full",
        FITS_NOT,
        HEAD
        + """\
first = [torch.empty(CARD // 14, dtype=torch.uint8, device=device) for _ in range(10)]
del first[::2]
whole = torch.empty(CARD * 4 // 5, dtype=torch.uint8, device=device)
""",
        silent=("expandable_segments", "lie in pieces"),
        card={"expandable": True},
        gpu=False,
    ),
    Case(
        "layers in a list are no leak",
        FITS_NOT,
        HEAD
        + """\
width = int((CARD // 4 / 12) ** 0.5)
weights = []
for index in range(20):
    weights.append(nn.Parameter(torch.randn(width, width, device=device)))
""",
        silent=("weights` keeps",),
    ),
)
