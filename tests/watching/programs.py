"""Training programs, sick and healthy, to be watched in a process of their own. Each is small and ends in seconds."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]
HEAD = """
import copy, gc, time, collections, warnings
import torch
from torch import nn
from torch.utils.data import DataLoader, Dataset, TensorDataset
import torch.nn.functional as F
torch.manual_seed(0)
net = nn.Sequential(nn.Linear(64, 128), nn.ReLU(), nn.Linear(128, 10))
optimizer = torch.optim.Adam(net.parameters())
def batches(number, size=32):
    for _ in range(number):
        yield torch.randn(size, 64), torch.randint(0, 10, (size,))
def learn(x, y, **options):
    loss = F.cross_entropy(net(x), y)
    optimizer.zero_grad()
    loss.backward(**options)
    optimizer.step()
    return loss
class Images(Dataset):
    def __init__(self, number=80, seconds=0.0, late=()):
        self.number, self.seconds, self.late = number, seconds, late
    def __len__(self):
        return self.number
    def __getitem__(self, index):
        time.sleep(self.seconds + (0.2 if index in self.late else 0.0))
        return torch.randn(64), index % 10
"""

# What is found in each, and a part of what is said of it.
SICK: dict[str, tuple[str, str, str]] = {
    "losses in a list": (
        "memory-grows-over-steps",
        "`losses`",
        """
losses = []
for x, y in batches(60):
    losses.append(learn(x, y))  # here
""",
    ),
    "a running total": (
        "memory-grows-over-steps",
        "`total`",
        """
def train():
    total = 0
    for x, y in batches(60):
        total += learn(x, y)  # here
    return total
train()
""",
    ),
    "a meter of the user's": (
        "memory-grows-over-steps",
        "`self.meter.values`",
        """
class Meter:
    def __init__(self):
        self.values = []
    def update(self, value):
        self.values.append(value)  # here
class Trainer:
    def __init__(self):
        self.meter = Meter()
    def fit(self):
        for x, y in batches(60):
            self.meter.update(learn(x, y))
Trainer().fit()
""",
    ),
    "a history by name": (
        "memory-grows-over-steps",
        "`history['loss']`",
        """
history = {"loss": [], "accuracy": []}
for x, y in batches(60):
    loss = learn(x, y)
    history["loss"].append(loss)  # here
""",
    ),
    "outputs that are no losses": (
        "memory-grows-over-steps",
        "`outputs`",
        """
outputs = []
for x, y in batches(100):
    out = net(x)
    loss = F.cross_entropy(out, y)
    optimizer.zero_grad(); loss.backward(); optimizer.step()
    outputs.append(out)  # here
""",
    ),
    "losses of validations, one an epoch": (
        "memory-grows-over-steps",
        "`history` keeps more and more tensors with their graphs",
        """
history = []
for epoch in range(100):
    for x, y in batches(10):
        learn(x, y)
    history.append(F.cross_entropy(net(torch.randn(2000, 64)), torch.randint(0, 10, (2000,))))  # here
""",
    ),
    "a moving average with its graph": (
        "memory-grows-over-steps",
        "`mean`",
        """
mean = None
for x, y in batches(60):
    loss = learn(x, y)
    mean = loss if mean is None else 0.9 * mean + 0.1 * loss  # here
""",
    ),
    "activations in a module": (
        "memory-grows-over-steps",
        "seen`",
        """
class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.fc, self.seen = nn.Linear(64, 10), []
    def forward(self, x):
        out = self.fc(x)
        self.seen.append(out)  # here
        return out
net = Net()
optimizer = torch.optim.SGD(net.parameters(), 0.1)
def main():
    for x, y in batches(100):
        learn(x, y)
main()
""",
    ),
    "tensors without a graph": (
        "memory-grows-over-steps",
        "`predictions`",
        """
predictions = []
for x, y in batches(120):
    learn(x, y)
    predictions.append(torch.ones(300_000))  # here
""",
    ),
    "a hidden state that is carried": (
        "memory-grows-over-steps",
        "`hidden`",
        """
cell, head = nn.RNNCell(8, 8), nn.Linear(8, 1)
optimizer = torch.optim.SGD(head.parameters(), 0.1)
hidden = torch.zeros(2, 8)
for _ in range(100):
    hidden = cell(torch.randn(2, 8), hidden)  # here
    loss = head(hidden.detach()).square().mean() + hidden.mean()
    optimizer.zero_grad()
    loss.backward(retain_graph=True)
    optimizer.step()
""",
    ),
    "a loader without workers": (
        "loader-starves-step",
        "for its batch",
        """
for x, y in DataLoader(Images(120, 0.005), batch_size=4):
    learn(x, y)
""",
    ),
    "a loader with too few workers": (
        "loader-starves-step",
        "for its batch",
        """
if __name__ == "__main__":
    for x, y in DataLoader(Images(200, 0.02), batch_size=4, num_workers=1):
        learn(x, y)
""",
    ),
    "workers for each epoch": (
        "workers-started-anew",
        "were started 6 times",
        """
def opened(worker):
    time.sleep(0.1)  # each worker opens its files
if __name__ == "__main__":
    for epoch in range(6):
        for x, y in DataLoader(Images(40), batch_size=10, num_workers=2, worker_init_fn=opened):
            learn(x, y)
""",
    ),
    "garbage collected each step": (
        "garbage-collected-in-steps",
        "of the steps",
        """
for x, y in batches(40):
    learn(x, y)
    gc.collect()
""",
    ),
    "a step that scans a list": (
        "steps-slow-down",
        "steps take ever longer",
        """
step = 0
for x, y in DataLoader(TensorDataset(torch.randn(640, 64), torch.zeros(640, dtype=torch.long)), batch_size=8):
    step += 1
    time.sleep(0.0015 * step)  # what goes through all that was before
    learn(x, y)
""",
    ),
    "every tenth step": (
        "steps-of-uneven-time",
        "each 10th",
        """
for step, (x, y) in enumerate(batches(100)):
    if step % 10 == 9:
        time.sleep(0.3)  # draws a picture
    time.sleep(0.02)
    learn(x, y)
""",
    ),
    "checkpoints": (
        "saving-stops-training",
        "at each `torch.save`",
        """
class Disk:
    def write(self, data):
        time.sleep(0.05)
        return len(data)
    def flush(self):
        pass
for step, (x, y) in enumerate(batches(100)):
    learn(x, y)
    if step % 10 == 9:
        torch.save(net.state_dict(), Disk())
""",
    ),
}
HEALTHY = {
    "plain": "for x, y in batches(100): learn(x, y)",
    "numbers in a list": "losses = []\nfor x, y in batches(100): losses.append(learn(x, y).item())",
    "values in a list": "losses = []\nfor x, y in batches(100): losses.append(learn(x, y).detach())",
    "sequences of all lengths": """
lstm = nn.LSTM(8, 32, batch_first=True)
optimizer = torch.optim.SGD(lstm.parameters(), 0.1)
for index in range(120):
    loss = lstm(torch.randn(2, 3 + index * 37 % 90, 8))[0].square().mean()
    optimizer.zero_grad(); loss.backward(); optimizer.step()
""",
    "accumulation": """
for index, (x, y) in enumerate(batches(200)):
    (F.cross_entropy(net(x), y) / 4).backward()
    if index % 4 == 3:
        optimizer.step(); optimizer.zero_grad()
""",
    "two optimizers": """
critic, maker = nn.Linear(64, 1), nn.Linear(8, 64)
first, second = torch.optim.Adam(critic.parameters()), torch.optim.Adam(maker.parameters())
for index, (x, y) in enumerate(batches(100)):
    loss = critic(maker(torch.randn(32, 8)).detach()).mean() - critic(x).mean()
    first.zero_grad(); loss.backward(); first.step()
    if index % 5 == 4:
        loss = -critic(maker(torch.randn(32, 8))).mean()
        second.zero_grad(); loss.backward(); second.step()
""",
    "validation between epochs": """
data = TensorDataset(torch.randn(320, 64), torch.randint(0, 10, (320,)))
for epoch in range(5):
    for x, y in DataLoader(data, batch_size=16): learn(x, y)
    with torch.no_grad():
        for x, y in DataLoader(TensorDataset(*data.tensors), batch_size=16):
            time.sleep(0.01); net(x)
""",
    "an average of the weights": """
mean = copy.deepcopy(net)
for x, y in batches(100):
    learn(x, y)
    with torch.no_grad():
        for a, b in zip(mean.parameters(), net.parameters()): a.lerp_(b, 0.01)
""",
    "LBFGS": """
optimizer = torch.optim.LBFGS(net.parameters(), max_iter=4)
x, y = next(batches(1))
def closure():
    optimizer.zero_grad()
    loss = F.cross_entropy(net(x), y)
    loss.backward()
    return loss
for _ in range(40): optimizer.step(closure)
""",
    "a cache that fills and stays": """
cache = {}
for index, (x, y) in enumerate(batches(200)):
    learn(x, y)
    if index < 25: cache[index] = torch.ones(400_000)
""",
    "the last losses only": """
last = collections.deque(maxlen=10)
for x, y in batches(100): last.append(learn(x, y))
""",
    "a replay buffer": """
buffer = collections.deque(maxlen=100)
for x, y in batches(300):
    buffer.append(x)
    learn(x, y)
""",
    "a slow beginning": """
for index, (x, y) in enumerate(batches(100)):
    if index < 3: time.sleep(0.5)
    learn(x, y)
""",
    "a scaler that skips": """
scaler = torch.amp.GradScaler("cpu", init_scale=16.0, growth_interval=2)
for index, (x, y) in enumerate(batches(150)):
    loss = F.cross_entropy(net(x), y) * (float("inf") if index % 7 == 0 else 1.0)
    optimizer.zero_grad(); scaler.scale(loss).backward(); scaler.step(optimizer); scaler.update()
""",
    "losses of one episode": """
for episode in range(60):
    kept = [F.cross_entropy(net(x), y) for x, y in batches(5)]
    optimizer.zero_grad(); torch.stack(kept).sum().backward(); optimizer.step()
""",
    "losses that are averaged at each epoch's end": """
for epoch in range(6):
    losses = [learn(x, y).detach() for x, y in batches(20)]
    print(torch.stack(losses).mean().item())
""",
}


def watched(program: str, folder: Path, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run a program as ``torchdoctor run --watch=FOLDER/run``, the real command in a process of its own."""
    path = folder / "train.py"
    path.write_text(HEAD + program, encoding="utf-8")
    command = [sys.executable, "-m", "torchdoctor", "run", f"--watch={folder / 'run'}", *arguments, str(path)]
    before = {**os.environ, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"}
    before.pop("TORCHDOCTOR_RAISE", None)
    return subprocess.run(command, capture_output=True, text=True, cwd=folder, env={**before, **environment})
