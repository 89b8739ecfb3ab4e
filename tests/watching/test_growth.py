"""When it is looked at who holds memory, and that looking stays cheap."""

from __future__ import annotations

import sys
import types
from pathlib import Path
from typing import Any

import pytest

from torchdoctor.probes import holders
from torchdoctor.probes.growth import Growth


def looks(number: int, **series: object) -> list[int]:
    """The steps at which it is looked; each series is a function of the step."""
    growth, found = Growth(), []
    for step in range(1, number + 1):
        values = {name: value(step) for name, value in series.items()}  # type: ignore[operator]
        shape, graphs = values.get("shape", ""), values.get("graphs", 1)
        if growth.suspicious(step, step * 1.0, shape, graphs, values.get("allocated"), values.get("rss")):
            found.append(step)
            growth.looked(0.001, step)
    return found


def test_a_steady_run_is_looked_at_a_few_times_in_three_looks() -> None:
    assert looks(1000) == [12, 16, 20, 48, 52, 56, 192, 256, 320, 768]


@pytest.mark.parametrize(
    "series",
    [
        {"graphs": lambda step: step},
        {"allocated": lambda step: step << 20},
        {"allocated": lambda step: (step << 20) + (step % 2 << 30), "shape": lambda step: str(step % 2)},
        {"rss": lambda step: step << 22},
    ],
)
def test_growth_is_looked_at(series: dict[str, object]) -> None:
    early = [step for step in looks(400, **series) if step not in looks(400)]
    assert early


def test_looks_that_are_dear_are_left_out() -> None:
    growth, found = Growth(), []
    for step in range(1, 10_000):
        if growth.suspicious(step, step * 0.001, "", step, None, None):
            found.append(step)
            growth.looked(0.02, step)
    assert 0 < len(found) * 0.02 < 0.3


def test_looks_that_come_late_are_some_steps_apart_all_the_same() -> None:
    growth, found, wanted = Growth(), [], False
    for step in range(1, 600):
        wanted |= growth.suspicious(step, step * 1.0, "", 1, None, None)
        if wanted and step % 50 == 0:  # records are made of fifty steps at a time
            wanted = False
            found.append(step)
            growth.looked(0.001, step)
    assert found == [50, 100, 150, 200, 250, 300]


def test_a_model_of_the_script_is_known_in_a_frame_of_a_library_s(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    torch: Any = pytest.importorskip("torch")
    script = tmp_path / "train.py"
    script.write_text("class Net(nn.Module):\n    def step(self, x):\n        self.seen.append(x)\n")
    main = types.ModuleType("__main__")
    main.__file__ = str(script)
    monkeypatch.setitem(sys.modules, "__main__", main)
    net = type("Net", (torch.nn.Module,), {"__module__": "__main__"})()
    net.seen = []
    library = compile("def fit(model):\n    return look(model)", torch.nn.modules.linear.__file__, "exec")
    names: dict[str, Any] = {"look": lambda _: holders.look(sys._getframe(1), 1)}
    exec(library, names)
    looks = []
    for _ in range(3):
        net.seen += [torch.ones(3), torch.ones(3)]
        looks.append(names["fit"](net))
    (found,) = holders.grown(looks)
    assert (found.name, found.path, found.line) == ("Net.seen", str(script), 3)
