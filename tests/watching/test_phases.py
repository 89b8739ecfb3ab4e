"""How the time of a step is split, by times that are made up."""

from __future__ import annotations

import pytest

from torchdoctor.probes.phases import Phases


def split(phases: Phases) -> dict[str, float]:
    names = ("pause", "input", "forward", "backward", "optimizer")
    return {name: round(value, 9) for name in names if (value := getattr(phases, name))}


def step(phases: Phases, at: float) -> float:
    """A step of 10 ms: 2 input, 3 forward, 4 backward, 1 optimizer."""
    phases.fetched(at, at + 0.002, key=1)
    phases.ran_backward(at + 0.005, at + 0.009)
    phases.optimizing(at + 0.009)
    phases.optimized(at + 0.009, at + 0.010)
    phases.close(at + 0.010)
    return at + 0.010


def test_a_step() -> None:
    phases = Phases(5.0)
    step(phases, 5.0)
    assert split(phases) == {"input": 0.002, "forward": 0.003, "backward": 0.004, "optimizer": 0.001}
    assert (phases.batches, phases.backwards, phases.kind) == (1, 1, "")


def test_a_validation_before_it_is_a_pause() -> None:
    phases = Phases(0.0)
    for batch in range(5):
        phases.fetched(batch * 0.1, batch * 0.1 + 0.05, key=2)
    step(phases, 0.5)
    assert split(phases)["pause"] == 0.5 and split(phases)["input"] == 0.002 and phases.kind == "validation"
    assert phases.batches == 1


def test_a_file_that_was_saved_before_it() -> None:
    phases = Phases(0.0)
    phases.saved(0.1, 0.9)
    step(phases, 1.0)
    assert split(phases)["pause"] == 1.0 and phases.saving == pytest.approx(0.8) and phases.kind == "saving"


def test_two_loaders_that_are_read_together() -> None:
    phases = Phases(0.0)
    phases.fetched(0.0, 0.002, key=1)
    phases.fetched(0.00205, 0.004, key=2)
    phases.ran_backward(0.006, 0.008)
    phases.close(0.008)
    assert split(phases)["input"] == pytest.approx(0.00395) and "pause" not in split(phases)
    assert split(phases)["forward"] == pytest.approx(0.002) and phases.batches == 2


def test_accumulation_of_gradients() -> None:
    phases = Phases(0.0)
    for start in (0.0, 0.01):
        phases.fetched(start, start + 0.002, key=1)
        phases.ran_backward(start + 0.005, start + 0.009)
    phases.optimizing(0.02)
    phases.optimized(0.02, 0.021)
    phases.close(0.021)
    assert split(phases) == {"input": 0.004, "forward": 0.006, "backward": 0.008, "optimizer": 0.001}
    assert (phases.batches, phases.backwards) == (2, 2)


def test_a_closure_that_runs_in_the_optimizer() -> None:
    phases = Phases(0.0)
    phases.fetched(0.0, 0.002, key=1)
    phases.optimizing(0.002)
    phases.ran_backward(0.005, 0.009)
    phases.ran_backward(0.012, 0.016)
    phases.optimized(0.002, 0.020)
    phases.close(0.020)
    assert split(phases) == {"input": 0.002, "forward": 0.006, "backward": 0.008, "optimizer": 0.004}


def test_gradients_without_backward_are_forward() -> None:
    phases = Phases(0.0)
    phases.fetched(0.0, 0.002, key=1)
    phases.optimizing(0.009)
    phases.optimized(0.009, 0.010)
    phases.close(0.010)
    assert split(phases) == {"input": 0.002, "forward": 0.007, "optimizer": 0.001}


def test_inference_has_forward_only() -> None:
    phases = Phases(0.0)
    phases.fetched(0.0, 0.002, key=1)
    phases.close(0.010, loads=True)
    assert split(phases) == {"input": 0.002, "forward": 0.008}


def run(phases: Phases, *gaps: float) -> list[float]:
    """Steps after such gaps; returns their pauses in milliseconds."""
    end, found = phases.began, []
    for gap in gaps:
        end = step(phases, end + gap)
        found.append(round(phases.pause * 1000, 6))
        phases.next(end)
    return found


def test_what_the_loop_does_after_each_step_is_no_pause() -> None:
    assert run(Phases(0.0), 3.0, *[0.02] * 10) == [3000.0] + [0.0] * 10  # the start, then a metric at each step


def test_what_is_much_longer_than_usual_is_a_pause() -> None:
    assert run(Phases(0.0), 3.0, 0.002, 0.002, 0.5, 0.002, 0.002)[1:] == [0.0, 0.0, 500.0, 0.0, 0.0]


def test_a_loop_that_becomes_slow_is_a_slow_loop_by_and_by() -> None:
    pauses = run(Phases(0.0), 3.0, *[0.002] * 5, *[0.1] * 20)
    assert pauses[-1] == 0.0 and pauses[6] == 100.0


def test_nothing_of_a_step_goes_into_the_next() -> None:
    phases = Phases(0.0)
    end = step(phases, 0.0)
    phases.next(end)
    first = split(phases)
    step(phases, end)
    assert first == {} and split(phases)["backward"] == 0.004


def test_an_optimizer_that_failed_does_not_stay_open() -> None:
    phases = Phases(0.0)
    phases.optimizing(0.0)  # raised: no end of it is told
    phases.next(0.1)
    step(phases, 0.1)
    assert split(phases)["optimizer"] == 0.001
