"""What may go wrong around a watch, and what is odd in a model: the run goes on, and the record says so."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

import torchdoctor
from tests.watching.programs import HEAD, ROOT, watched
from torchdoctor.faces.watched_files import records_of
from torchdoctor.step_record import WatchRecord

torch = pytest.importorskip("torch")
nn = torch.nn


def recorded(run: Any) -> WatchRecord:
    with torchdoctor.watch(quiet=True) as watch:
        run()
    return watch.record


# -- odd models and programs -------------------------------------------------------------------------------------------


def steps(net: Any, x: Any, number: int = 30, loss: Any = lambda out: out.square().mean(), pause: float = 0.0) -> None:
    optimizer = torch.optim.SGD(net.parameters(), 0.01)
    for _ in range(number):
        time.sleep(pause)
        optimizer.zero_grad()
        loss(net(x)).backward()
        optimizer.step()


def scripted() -> None:
    steps(torch.jit.script(nn.Linear(4, 2)), torch.ones(3, 4))


def traced() -> None:
    steps(torch.jit.trace(nn.Linear(4, 2), torch.ones(3, 4)), torch.ones(3, 4))


def compiled() -> None:
    steps(torch.compile(nn.Linear(4, 2), backend="eager"), torch.ones(3, 4))


def zero_sized() -> None:
    steps(nn.Linear(4, 2), torch.ones(0, 4), loss=lambda out: out.sum())


def meta() -> None:
    steps(nn.Linear(4, 2, device="meta"), torch.ones(3, 4, device="meta"))


def quantised() -> None:
    kept = []
    net = nn.Linear(4, 2)
    optimizer = torch.optim.SGD(net.parameters(), 0.01)
    for _ in range(30):
        optimizer.zero_grad()
        net(torch.ones(3, 4)).sum().backward()
        optimizer.step()
        kept.append(torch.quantize_per_tensor(torch.ones(4), 0.1, 0, torch.qint8))


def nested() -> None:
    net = nn.Linear(4, 2)
    optimizer = torch.optim.SGD(net.parameters(), 0.01)
    batch = torch.nested.nested_tensor([torch.ones(2, 4), torch.ones(5, 4)], layout=torch.jagged)
    kept = []
    for batch_ in torch.utils.data.DataLoader([batch] * 30, batch_size=None):
        optimizer.zero_grad()
        out = net(batch_)
        kept.append(out.detach())
        out.values().square().mean().backward()
        optimizer.step()


def sparse() -> None:
    table = nn.Embedding(10, 4, sparse=True)
    kept = []
    optimizer = torch.optim.SparseAdam(list(table.parameters()))
    for _ in range(30):
        optimizer.zero_grad()
        table(torch.tensor([1, 2])).sum().backward()
        kept.append(table.weight.grad)
        optimizer.step()


def closure() -> None:
    net = nn.Linear(4, 2)
    optimizer = torch.optim.LBFGS(net.parameters(), max_iter=3)

    def loss() -> Any:
        optimizer.zero_grad()
        value = net(torch.ones(3, 4)).square().mean()
        value.backward()
        return value

    for _ in range(30):
        optimizer.step(loss)


class Modes(torch.overrides.TorchFunctionMode):  # type: ignore[name-defined, misc]
    calls = 0

    def __torch_function__(self, function: Any, types: Any, arguments: Any = (), options: Any = None) -> Any:
        Modes.calls += 1
        return function(*arguments, **(options or {}))


def under_a_mode() -> None:
    kept = []
    with Modes():
        net = nn.Linear(4, 2)
        optimizer = torch.optim.SGD(net.parameters(), 0.01)
        for _ in range(30):
            loss = net(torch.ones(3, 4)).sum()
            optimizer.zero_grad()
            loss.backward()
            kept.append(loss)  # torchdoctor: ignore[loss-kept-with-graph]
            optimizer.step()


@pytest.mark.parametrize(
    "run", [scripted, traced, compiled, zero_sized, meta, quantised, nested, sparse, closure, under_a_mode]
)
def test_odd_models_are_watched(run: Any) -> None:
    record = recorded(run)
    assert record.count == 30 and record.missing == ()


def test_a_function_mode_of_the_program_is_told_of_nothing_of_ours() -> None:
    Modes.calls = 0
    under_a_mode()
    alone = Modes.calls
    Modes.calls = 0
    recorded(under_a_mode)
    assert alone == Modes.calls > 0


def test_a_model_without_parameters_and_no_optimizer() -> None:
    record = recorded(lambda: [nn.ReLU()(torch.ones(3)) for _ in range(10)])
    assert record.count == 0 and record.boundary == ""


def test_batches_without_an_optimizer_are_counted() -> None:
    data = torch.utils.data.DataLoader(torch.utils.data.TensorDataset(torch.ones(40, 4)), batch_size=1)
    record = recorded(lambda: [nn.Linear(4, 2)(x) for (x,) in data])
    assert record.boundary == "loader" and record.count >= 39


def test_backward_without_an_optimizer_is_counted() -> None:
    weight = torch.ones(3, requires_grad=True)
    record = recorded(lambda: [weight.square().sum().backward() for _ in range(20)])
    assert record.boundary == "backward" and record.count == 19 and record.steps[-1].backwards == 1


def test_steps_begin_with_the_optimizer_and_not_with_what_was_validated_before() -> None:
    def program() -> None:
        for (x,) in torch.utils.data.DataLoader(torch.utils.data.TensorDataset(torch.ones(9, 4))):
            nn.Linear(4, 2)(x)
        steps(nn.Linear(4, 2), torch.ones(3, 4))

    record = recorded(program)
    assert record.boundary == "optimizer" and record.count == len(record.steps) == 30


def test_the_loader_that_is_told_is_the_one_that_training_reads() -> None:
    class Few(torch.utils.data.TensorDataset):  # type: ignore[name-defined, misc]
        pass

    loader = torch.utils.data.DataLoader(torch.utils.data.TensorDataset(torch.ones(40, 4)), batch_size=2)
    validation = torch.utils.data.DataLoader(Few(torch.ones(40, 4)), batch_size=8)

    def program() -> None:
        net = nn.Linear(4, 2)
        optimizer = torch.optim.SGD(net.parameters(), 0.01)
        for _ in range(3):
            for (x,) in validation:
                net(x)
            for (x,) in loader:
                optimizer.zero_grad()
                net(x).sum().backward()
                optimizer.step()

    told = recorded(program).loader
    assert told is not None and (told.dataset, told.batch_size, told.starts) == ("TensorDataset", 2, 1)


def test_steps_that_are_made_records_of_late_are_all_there(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("torchdoctor.probes.recorder._EARLY", 4)
    monkeypatch.setattr("torchdoctor.probes.recorder._RECORDS_EVERY_S", 1000.0)
    record = recorded(lambda: steps(nn.Linear(4, 2), torch.ones(3, 4), number=300))
    assert [one.number for one in record.steps] == list(range(1, 301))
    assert all(one.backward > 0 and one.optimizer > 0 and one.backwards == 1 for one in record.steps)


def test_memory_is_read_where_the_program_says_that_steps_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("torchdoctor.probes.recorder._EARLY", 2)
    net = nn.Linear(4, 2)
    optimizer = torch.optim.SGD(net.parameters(), 0.01)
    with torchdoctor.watch(quiet=True) as watch:
        for _ in range(12):
            time.sleep(0.006)
            optimizer.zero_grad()
            net(torch.ones(3, 4)).sum().backward()
            optimizer.step()
            watch.step()
    assert [one.rss is not None for one in watch.record.steps] == [True] * 12


def test_memory_is_read_more_rarely_after_a_while(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("torchdoctor.probes.recorder._EARLY", 2)
    monkeypatch.setattr("torchdoctor.probes.recorder.OFTEN", 12)
    monkeypatch.setattr("torchdoctor.probes.recorder._RARER", 1_000_000)
    record = recorded(lambda: steps(nn.Linear(4, 2), torch.ones(3, 4), number=24, pause=0.006))
    read = [one.rss is not None for one in record.steps]
    assert read == sorted(read, reverse=True) and 10 <= sum(read) <= 13
    assert all(one.backward > 0 and one.optimizer > 0 for one in record.steps)


def test_a_fault_of_ours_at_the_very_end(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.delenv("TORCHDOCTOR_RAISE")
    with torchdoctor.watch(quiet=True) as watch:
        steps(nn.Linear(4, 2), torch.ones(3, 4), number=100)
        monkeypatch.setattr("torchdoctor.probes.phases.Phases.saved", lambda *_: 1 / 0)
        watch._watch.recorder.saved(0.0, 1.0)
    assert "taken itself out (ZeroDivisionError" in watch.record.missing[0] and watch.record.ended == "finished"
    assert capsys.readouterr().err.count("taken itself out") == 1


def test_optimizers_one_after_the_other() -> None:
    def program() -> None:
        for _ in range(3):
            steps(nn.Linear(4, 2), torch.ones(3, 4))

    assert recorded(program).count == 90


def test_a_step_in_each_layer_is_one_step() -> None:
    layers = [nn.Linear(4, 4) for _ in range(12)]
    optimizers = [torch.optim.SGD(layer.parameters(), 0.01) for layer in layers]

    def program() -> None:
        for _ in range(20):
            nn.Sequential(*layers)(torch.ones(3, 4)).sum().backward()
            for optimizer in optimizers:
                optimizer.step()

    assert recorded(program).count == 20


def test_a_scaler_that_skips_makes_a_longer_step() -> None:
    net = nn.Linear(4, 2)
    optimizer = torch.optim.SGD(net.parameters(), 0.01)
    scaler = torch.amp.GradScaler("cpu", init_scale=2.0)

    def program() -> None:
        for index in range(30):
            optimizer.zero_grad()
            scaler.scale(net(torch.ones(3, 4)).sum() * (float("inf") if index % 3 == 1 else 1.0)).backward()
            scaler.step(optimizer)
            scaler.update()

    record = recorded(program)
    assert record.count == 20 and {one.backwards for one in record.steps} == {1, 2}


def test_threads_that_compute_too() -> None:
    import threading

    def beside() -> None:
        for _ in range(50):
            torch.ones(3, requires_grad=True).sum().backward()

    def program() -> None:
        threads = [threading.Thread(target=beside) for _ in range(2)]
        for thread in threads:
            thread.start()
        steps(nn.Linear(4, 2), torch.ones(3, 4))
        for thread in threads:
            thread.join()

    assert recorded(program).count == 30


def test_training_in_a_thread() -> None:
    import threading

    def program() -> None:
        thread = threading.Thread(target=steps, args=(nn.Linear(4, 2), torch.ones(3, 4)))
        thread.start()
        thread.join()

    record = recorded(program)
    assert record.count == 30 and record.steps[-1].backward > 0


def test_a_fault_of_ours_takes_the_watch_out(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.delenv("TORCHDOCTOR_RAISE")
    monkeypatch.setattr("torchdoctor.probes.phases.Phases.ran_backward", lambda *_: 1 / 0)
    record = recorded(lambda: steps(nn.Linear(4, 2), torch.ones(3, 4)))
    assert "taken itself out (ZeroDivisionError" in record.missing[0]
    assert capsys.readouterr().err.count("taken itself out") == 1


# -- processes ---------------------------------------------------------------------------------------------------------


def test_killed_in_the_middle(tmp_path: Path) -> None:
    path = tmp_path / "train.py"
    path.write_text(HEAD + "for x, y in batches(10**6):\n    learn(x, y)\n    time.sleep(0.01)\n")
    command = [sys.executable, "-m", "torchdoctor", "run", "--watch=run", str(path)]
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"}
    with subprocess.Popen(command, cwd=tmp_path, env=environment) as process:
        until = time.monotonic() + 60
        file = tmp_path / "run" / "rank0.jsonl"
        while time.monotonic() < until and not (file.exists() and file.read_text().count('"record":"step"') > 50):
            time.sleep(0.1)
        last = time.time()
        process.send_signal(signal.SIGKILL)
        process.wait()
    (record,) = records_of(tmp_path / "run")
    assert record.count > 50 and record.ended == "" and record.missing == ()
    assert record.started + record.seconds > last - 3, "all but the last moments is there"
    shown = subprocess.run(
        [*command[:3], "watch", "run"], cwd=tmp_path, env=environment, capture_output=True, text=True
    )
    assert "breaks off" in shown.stdout and shown.returncode == 0


def test_an_interrupt(tmp_path: Path) -> None:
    done = watched(
        "for i, (x, y) in enumerate(batches(30)):\n    learn(x, y)\n    if i == 25: raise KeyboardInterrupt", tmp_path
    )
    assert "KeyboardInterrupt" in done.stderr and "26 steps" in done.stderr and "interrupted" in done.stderr
    assert records_of(tmp_path / "run")[0].ended == "interrupted"


def test_an_error_in_the_middle_of_a_step(tmp_path: Path) -> None:
    done = watched("for i, (x, y) in enumerate(batches(30)):\n    learn(x, y)\n    if i == 25: net(x[:, :3])", tmp_path)
    assert done.returncode == 1
    assert done.stderr.index("Traceback") < done.stderr.index("linear-size-mismatch") < done.stderr.index("watched:")
    assert "26 steps" in done.stderr and "raised RuntimeError" in done.stderr


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs /dev/full")
def test_a_full_disk(tmp_path: Path) -> None:
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "rank0.jsonl").symlink_to("/dev/full")
    done = watched("for x, y in batches(40): learn(x, y)\nprint('done')", tmp_path)
    assert done.returncode == 0 and done.stdout == "done\n"
    assert done.stderr.count("No space left on device") == 2, "one line when it happens, one in the verdict"
    assert "40 steps" in done.stderr


def test_a_folder_that_cannot_be_made_is_told_before_the_run(tmp_path: Path) -> None:
    (tmp_path / "run").touch()
    done = watched("print('ran')", tmp_path)
    assert done.returncode == 2 and "cannot hold the record" in done.stderr and done.stdout == ""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
def test_a_forked_process_is_not_in_the_record(tmp_path: Path) -> None:
    program = """
import os
for x, y in batches(20): learn(x, y)
child = os.fork()
if child == 0:
    for x, y in batches(50): learn(x, y)
    raise SystemExit(0)
os.waitpid(child, 0)
for x, y in batches(20): learn(x, y)
"""
    done = watched(program, tmp_path)
    assert done.returncode == 0 and done.stderr.count("watched:") == 1 and "40 steps" in done.stderr, done.stderr


def test_no_torch_at_all(tmp_path: Path) -> None:
    path = tmp_path / "train.py"
    path.write_text("import sys; print('torch' in sys.modules)")
    command = [sys.executable, "-m", "torchdoctor", "run", "--watch", str(path)]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True)
    assert done.stdout == "False\n" and "no step was seen" in done.stderr
    assert [one.name[:6] for one in (tmp_path / "runs").iterdir()] == ["train-"]


@pytest.mark.parametrize(("what", "code"), [(["missing.py"], 2), (["-m", "missing"], 1)])
def test_a_program_that_is_not_there_leaves_python_s_own_words_and_nothing_else(
    what: list[str], code: int, tmp_path: Path
) -> None:
    command = [sys.executable, "-m", "torchdoctor", "run", "--watch", *what]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True)
    assert done.returncode == code and len(done.stderr.splitlines()) == 1 and "missing" in done.stderr
    assert os.listdir(tmp_path) == []


def test_a_module_is_told_by_its_name(tmp_path: Path) -> None:
    (tmp_path / "package").mkdir()
    (tmp_path / "package" / "train.py").write_text("")
    (tmp_path / "package" / "__main__.py").write_text("")
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    for what, name in (("-mpackage.train", "package.train"), ("-mpackage", "package"), ("package", "package")):
        command = [sys.executable, "-m", "torchdoctor", "run", "--watch=run", what]
        done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True)
        assert f"watched: {name}, 0 steps" in done.stderr and records_of(tmp_path / "run")[0].program == name
