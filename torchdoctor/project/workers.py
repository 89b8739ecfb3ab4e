"""Many files at once: batches of neighbouring files, each for a worker process, and what to do when one dies.

A worker that dies (killed for memory, or its parser overflows) takes no findings with it: what it had not handed back
is done again, one file at a time in processes that may die too, and the file that kills one is told.
"""

from __future__ import annotations

import gc
import multiprocessing
import os
import signal
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from multiprocessing.connection import wait as wait_for
from pathlib import Path

from torchdoctor.project.report import Examined, Failure
from torchdoctor.project.stack import deep

Task = tuple[str, frozenset[str]]  # an absolute path, and the rules to look for
Graph = dict[str, dict[str, str | None]]
# A process that starts takes as long as parsing this much.
_WORTH_IT = 400_000
_LARGEST_BATCH = 400_000
_SMALLEST_BATCH = 40_000


@dataclass
class Done:
    """The results of some files, and what the files between them asked for (facts.neighbours)."""

    results: list[Examined] = field(default_factory=list)
    graph: Graph = field(default_factory=dict)

    def add(self, other: Done) -> None:
        self.results += other.results
        for path, asked in other.graph.items():
            self.graph.setdefault(path, {}).update(asked)


def examine_all(
    tasks: Sequence[Task],
    roots: tuple[Path, ...],
    *,
    jobs: int,
    progress: Callable[[int], None] = lambda done: None,
) -> Done:
    """Look at all these files, in so many processes; one means in this one. ``progress`` is told how many are done."""
    sizes = [_size(path) for path, _ in tasks]
    jobs = min(jobs, 1 + sum(sizes) // _WORTH_IT, len(tasks))
    if jobs > 1:
        try:
            return _in_workers(_batches(tasks, sizes, jobs), roots, jobs, progress)
        except (OSError, ImportError, NotImplementedError):
            pass  # no processes to be had here
    return examine_here(tasks, roots, progress)


def examine_here(
    tasks: Sequence[Task], roots: tuple[Path, ...], progress: Callable[[int], None] = lambda done: None
) -> Done:
    """Look at files in this process, which must be ours, with a deep stack."""
    with _for_files_alone():
        return deep(lambda: Worker(roots).examine(tasks, progress))


@contextmanager
def _for_files_alone() -> Iterator[None]:
    """Make the most of a process that is ours: it looks at files, and what it comes to know it keeps to its end."""
    from torchdoctor.collector import uncollected
    from torchdoctor.facts.nodes import build_quickly

    build_quickly()
    with uncollected():
        yield
        gc.freeze()  # or the collector would go through all of it as soon as it may


class Worker:
    """Looks at files, and hands back with them what of the graph is new."""

    def __init__(self, roots: tuple[Path, ...]) -> None:
        from torchdoctor.project.examiner import Examiner

        self.roots = roots
        self.examiner = Examiner(roots)
        self._told: dict[str, int] = {}

    def examine(self, tasks: Sequence[Task], progress: Callable[[int], None] = lambda done: None) -> Done:
        from torchdoctor.collector import uncollected

        done = Done()
        with uncollected():
            for path, rules in tasks:
                done.results.append(self.examiner.examine(path, rules))
                progress(len(done.results))
        for path, asked in self.examiner.neighbours.graph.items():
            if self._told.get(path) != len(asked):
                self._told[path] = len(asked)
                done.graph[path] = dict(asked)
        return done


# -- in many processes -------------------------------------------------------------------------------------------------


_worker: Worker | None = None  # of a worker process: it knows the project from one batch to the next


def _examine_batch(tasks: Sequence[Task], roots: tuple[Path, ...]) -> Done:
    """What a worker process does."""
    global _worker
    if _worker is None or _worker.roots != roots:
        _worker = Worker(roots)
    worker = _worker
    with _for_files_alone():
        return deep(lambda: worker.examine(tasks))


def _in_workers(batches: list[list[Task]], roots: tuple[Path, ...], jobs: int, progress: Callable[[int], None]) -> Done:
    done, left = Done(), dict(enumerate(batches))
    with _pool(jobs) as pool:
        futures: dict[Future[Done], int] = {}
        with _deaf_to_interrupts(), suppress(BrokenProcessPool):
            for index, batch in left.items():
                futures[pool.submit(_examine_batch, batch, roots)] = index
        while futures:
            for future in wait(futures, return_when=FIRST_COMPLETED).done:
                index = futures.pop(future)
                with suppress(BrokenProcessPool):
                    done.add(future.result())
                    del left[index]
            progress(len(done.results))
    if left:
        done.add(_one_by_one([task for batch in left.values() for task in batch], roots))
    return done


def _one_by_one(tasks: list[Task], roots: tuple[Path, ...]) -> Done:
    done = Done()
    while tasks:
        with _pool(1) as pool, suppress(BrokenProcessPool):
            while tasks:
                with _deaf_to_interrupts():
                    future = pool.submit(_examine_batch, tasks[:1], roots)
                done.add(future.result())
                tasks = tasks[1:]
        if tasks:
            path = tasks[0][0]
            why = "the process that looked at this file died; please report it"
            done.results.append(Examined(path, "", failures=(Failure(path, why),), lasting=False))
            tasks = tasks[1:]
    return done


@contextmanager
def _deaf_to_interrupts() -> Iterator[None]:
    """Processes that start here inherit that Ctrl-C is not for them: this process ends them."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)


@contextmanager
def _pool(jobs: int) -> Iterator[ProcessPoolExecutor]:
    """Processes that are gone when this ends, whatever ends it."""
    others = {child.pid for child in multiprocessing.active_children()}
    pool = ProcessPoolExecutor(jobs, mp_context=multiprocessing.get_context("spawn"), initializer=_end_with_parent)
    try:
        yield pool
    except BaseException:
        for child in multiprocessing.active_children():
            if child.pid not in others:
                child.terminate()
        pool.shutdown(cancel_futures=True)  # the pool's own thread would else be cut off in mid-work at exit
        raise
    else:
        pool.shutdown()


def _end_with_parent() -> None:
    """A worker whose parent was killed would wait for work for ever."""
    parent = multiprocessing.parent_process()
    if parent is not None:

        def watch() -> None:
            wait_for([parent.sentinel])
            os._exit(1)

        threading.Thread(target=watch, daemon=True).start()


def _batches(tasks: Sequence[Task], sizes: Sequence[int], jobs: int) -> list[list[Task]]:
    """Runs of neighbouring files of about equal size: what one file's facts need, the next one's often need too."""
    most = min(max(sum(sizes) // (jobs * 6), _SMALLEST_BATCH), _LARGEST_BATCH)
    batches: list[list[Task]] = []
    room = 0
    for task, size in zip(tasks, sizes, strict=True):
        if not batches or size > room:
            batches.append([])
            room = most
        batches[-1].append(task)
        room -= size
    return batches


def _size(path: str) -> int:
    try:
        return os.stat(path).st_size
    except OSError:
        return 0
