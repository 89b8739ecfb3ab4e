"""Programs that would keep an interpreter busy: long, deep, branching, recursive, full of tables.

`python -m tests.bench.hostile` prints what linting each costs, measured in its bare parse.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable

HEAD = "import torch\nimport torch.nn as nn\nimport torch.nn.functional as F\n\n"


def _text(rows: Iterable[str]) -> str:
    return HEAD + "\n".join(rows) + "\n"


def _indented(depth: int, row: str) -> str:
    return "    " * depth + row


def long_function(lines: int = 10_000) -> str:
    """One function, statement after statement."""
    rows = ["def train(model, loader, x):", "    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)"]
    for i in range(lines // 5):
        rows += [f"    h{i} = x.view(x.size(0), -1)", f"    x = torch.relu(h{i} + {i})"]
        rows += [f"    loss = F.mse_loss(model(x), h{i})", "    loss.backward()", "    optimizer.step()"]
    return _text(rows)


def nested_branches(depth: int = 95) -> str:
    """Branches inside branches, as deep as Python's own indentation goes, with a value of its own in each."""
    rows = ["def f(model, x, flags):"]
    rows += [_indented(i + 1, f"if flags[{i}]:") for i in range(depth)]
    rows.append(_indented(depth + 1, "x = model(x).view(2, -1)"))
    for i in reversed(range(depth)):
        rows += [_indented(i + 1, "else:"), _indented(i + 2, f"x = torch.softmax(model(x), dim={i})")]
    return _text([*rows, "    return x"])


def branch_after_branch(count: int = 200) -> str:
    """So many ways through a function that nobody could walk each."""
    rows = ["def f(model, x, flags):", "    y = x"]
    for i in range(count):
        rows += [f"    if flags[{i}]:", "        x = model(x)", f"        y{i} = x.transpose(0, 1)"]
        rows += ["    else:", f"        y{i} = y", "        x = torch.relu(x)"]
    return _text([*rows, "    return x.view(-1)"])


def nested_loops(depth: int = 18) -> str:
    """Python compiles twenty blocks inside each other; each loop wants a fixed point."""
    rows = ["def f(model, loader, x):"]
    rows += [_indented(i + 1, f"for a{i} in loader:") for i in range(depth)]
    rows += [_indented(depth + 1, "x = model(x).view(2, -1)"), _indented(depth + 1, "x.sum().backward()")]
    return _text(rows)


def functions_in_a_circle(count: int = 300) -> str:
    """Each calls the next, and one far away, with other numbers each time."""
    rows = []
    for i in range(count):
        rows += [f"def f{i}(model, x, k={i}):", "    x = torch.relu(x) + k"]
        rows += [f"    if k: return f{(i + 1) % count}(model, x, k + 1)"]
        rows += [f"    return f{i * 7 % count}(model, model(x).view(-1), k)", ""]
    return _text(rows)


def calls_that_fan_out(count: int = 120, wide: int = 12) -> str:
    """Each function calls the twelve below it: twelve to the power of the depth ways."""
    rows = []
    for i in range(count):
        rows.append(f"def f{i}(model, x, k):")
        for j in range(i + 1, min(count, i + 1 + wide)):
            rows.append(f"    x{j} = f{j}(model, x.transpose(0, {j % 3}), k + {j})")
        rows += ["    return model(x).view(2, -1)", ""]
    return _text(rows)


def one_long_callee(callers: int = 50, lines: int = 500) -> str:
    """A long function that many call, each with a value of its own."""
    rows = ["def body(model, x):", *(f"    x = torch.relu(x + {i}).view(2, -1)" for i in range(lines))]
    rows += ["    return model(x)", ""]
    for i in range(callers):
        rows += [f"def g{i}(model, x):", f"    return body(model, x + {i})", ""]
    return _text(rows)


def modules_in_modules(count: int = 60) -> str:
    """Each module holds two of the next, made with other sizes: two to the power of the depth instances."""
    rows = []
    for i in range(count):
        part = f"B{i + 1}" if i < count - 1 else "nn.Linear"
        more = "" if i < count - 1 else ", d"
        rows += [f"class B{i}(nn.Module):", "    def __init__(self, d=8):", "        super().__init__()"]
        rows += [f"        self.a = {part}(d * 2{more})", f"        self.b = {part}(d + 1{more})"]
        rows += ["    def forward(self, x):", "        return self.a(x) + self.b(x).view(2, -1)", ""]
    return _text([*rows, "net = B0()", "print(net(torch.randn(2, 8)))"])


def methods_in_a_circle(count: int = 400) -> str:
    """A class of many methods that write the same attributes and call each other."""
    rows = ["class Net(nn.Module):", "    def __init__(self):", "        super().__init__()"]
    rows += [f"        self.l{i} = nn.Linear({i + 1}, {i + 2})" for i in range(count)]
    for i in range(count):
        rows += [f"    def m{i}(self, x):", f"        self.h{i % 7} = self.l{i}(x)"]
        rows += [f"        return self.m{(i + 1) % count}(self.h{i % 7})"]
    return _text([*rows, "    def forward(self, x):", "        return self.m0(x).view(-1)"])


def table_of_numbers(rows: int = 10_000) -> str:
    """A literal of many thousand items beside a little code."""
    items = (f"    ({i}, {i * 1.5}, 'name{i}', [{i}, {i}])," for i in range(rows))
    return _text(["TABLE = [", *items, "]", "x = torch.tensor(TABLE[3][0])", "nn.Linear(2, 3).eval()(x)"])


def table_of_tensors(rows: int = 5_000) -> str:
    """The same with a call for each item."""
    items = (f"    'layer{i}.weight': torch.tensor([{i}, {i}])," for i in range(rows))
    return _text(["WEIGHTS = {", *items, "}", "model = nn.Linear(2, 3)", "model.eval()"])


def long_sequential(layers: int = 3_000) -> str:
    """A stack of layers, applied once."""
    rows = (f"    nn.Linear({i % 50 + 1}, {(i + 1) % 50 + 1}), nn.ReLU()," for i in range(layers))
    return _text(["net = nn.Sequential(", *rows, ")", "print(net(torch.randn(2, 1)))"])


def chain_of_views(links: int = 500) -> str:
    """One expression of many calls."""
    links_ = "".join(f"\\\n        .transpose({i % 3}, 1)" for i in range(links))
    return _text(["def f(x):", f"    return x{links_}.view(-1)"])


PROGRAMS: tuple[Callable[[], str], ...] = (
    long_function, nested_branches, branch_after_branch, nested_loops, functions_in_a_circle, calls_that_fan_out,
    one_long_callee, modules_in_modules, methods_in_a_circle, table_of_numbers, table_of_tensors, long_sequential,
    chain_of_views,
)  # fmt: skip


def main() -> None:
    import libcst as cst

    from torchdoctor import catalogue
    from torchdoctor.project.examiner import Examiner
    from torchdoctor.project.stack import deep

    rules = frozenset(catalogue.rules())
    deep(lambda: Examiner(()).examine_bytes(long_function(100).encode(), "warm.py", rules))
    print(f"{'':24} {'lines':>6} {'parse s':>8} {'lint s':>8} {'/ parse':>8} {'findings':>9}")
    for program in PROGRAMS:
        text = program()
        began = time.process_time()
        cst.parse_module(text)
        parsed = time.process_time()
        examined = deep(lambda text=text: Examiner(()).examine_bytes(text.encode(), "example.py", rules))  # type: ignore[misc]
        parse, lint = parsed - began, time.process_time() - parsed
        lines, found = text.count("\n"), len(examined.findings)
        print(
            f"{program.__name__:24} {lines:>6} {parse:>8.2f} {lint:>8.2f} {lint / parse:>8.1f} {found:>9}", flush=True
        )


if __name__ == "__main__":
    main()
