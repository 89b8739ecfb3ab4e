"""How many workers a loader is told to have: as many as hide it, and no more than there are cores for."""

from __future__ import annotations

import pytest

from torchdoctor.signs.data._loading import Loading


@pytest.mark.parametrize(
    ("workers", "cores", "asleep", "wanted", "needed"),
    [
        (0, 16, False, 4, ""),
        (0, 0, False, 4, ""),
        (0, 4, False, 3, "take 4 workers"),
        (0, 2, False, 2, "take 4 workers"),
        (0, 2, True, 4, ""),
        (2, 16, False, 8, ""),
        (2, 4, False, 3, "take 8 workers"),
    ],
)
def test_workers(workers: int, cores: int, asleep: bool, wanted: int, needed: str) -> None:
    first, cheaper = Loading(0.09, 0.03, workers, cores, asleep).cures()
    assert f"num_workers={wanted}," in first or f"from {workers} to {wanted}" in first
    assert ("cores to spare" in first) is bool(needed) and needed in cheaper and "decode" in cheaper


@pytest.mark.parametrize(("workers", "cores"), [(0, 1), (3, 4), (8, 4)])
def test_more_workers_are_no_cure_where_no_core_is_left(workers: int, cores: int) -> None:
    (cure,) = Loading(0.09, 0.03, workers, cores).cures()
    assert cure.startswith("make loading cheaper")


@pytest.mark.parametrize("workers", [0, 2])
def test_where_no_core_is_the_bound_none_is_spoken_of(workers: int) -> None:
    first, cheaper = Loading(3.0, 0.03, workers, 2, asleep=True).cures()
    assert "16" in first and "to begin with" in first and "it would take" in cheaper


def test_of_a_loader_that_is_not_known_no_number_is_told() -> None:
    loading = Loading(0.09, 0.03, None, 16)
    assert not list(loading.read_by()) and not any(letter.isdigit() for cure in loading.cures() for letter in cure)


def test_a_step_that_does_nothing_else() -> None:
    assert "take" in list(Loading(2.0, 0.0, 0, 8).cures())[-1]
    assert Loading(2.0, 0.0, 0, 8).message() == "the step waits 2 s for its batch, 100% of its 2 s"
