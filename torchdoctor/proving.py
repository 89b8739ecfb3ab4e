"""Runs a block of a page on the real torch, as a script of its own would run, and leaves no trace of it.

Many blocks run in one process, so that torch is loaded once. Each begins from the same state: seeded, one thread, in an
empty folder; what it changed in torch, in the environment or in the standard library's random state is put back.
"""

from __future__ import annotations

import ast
import contextlib
import multiprocessing
import os
import random
import signal
import sys
import tempfile
import threading
import traceback
import types
import warnings
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

LIMIT_S = 120
_NAMES_SHOWN = 8
_REPR_LENGTH = 200
# Where a proof may put a stand-in (`torch.cuda.is_available = lambda: True`): what it replaced is put back.
_STUBBED = (
    "torch",
    "torch.cuda",
    "torch.nn",
    "torch.nn.functional",
    "torch.optim",
    "torch.distributed",
    "torch.backends.cudnn",
)


def run(
    text: str, *, line: int = 1, page: str = "<page>", witness: Callable[[BaseException], None] | None = None
) -> tuple[int, BaseException, str] | None:
    """Run the text as ``__main__``. None if it ran to its end; else the page's line, the exception, its traceback.

    ``witness`` is shown the exception while the text's file is still there.
    """
    with tempfile.TemporaryDirectory(prefix="torchdoctor-") as folder, ExitStack() as stack:
        # A real file, its lines numbered as on the page: then tracebacks, inspect and worker processes find the source.
        path = Path(folder).resolve() / "proof.py"
        path.write_text("\n" * (line - 1) + text, encoding="utf-8")
        for keep in (_standard_library(path), _torch_state(), _time_limit(LIMIT_S)):
            stack.enter_context(keep)
        try:
            main = types.ModuleType("__main__")
            main.__file__ = str(path)
            sys.modules["__main__"] = main
            exec(compile(path.read_text(encoding="utf-8"), str(path), "exec", dont_inherit=True), main.__dict__)
        except BaseException as error:
            if isinstance(error, KeyboardInterrupt):
                raise
            if isinstance(error, SystemExit) and not error.code:
                return None
            if witness is not None:
                witness(error)
            return _explained(error, path, page, line)
    return None


def _explained(error: BaseException, path: Path, page: str, first: int) -> tuple[int, BaseException, str]:
    frames = traceback.TracebackException.from_exception(error)
    while frames.stack and frames.stack[0].filename != str(path):
        del frames.stack[0]
    text = "".join(frames.format()).replace(str(path), page)
    line, step = first, error.__traceback__
    innermost: types.FrameType | None = None
    while step is not None:
        if step.tb_frame.f_code.co_filename == str(path):
            line, innermost = step.tb_lineno, step.tb_frame
        step = step.tb_next
    if isinstance(error, SyntaxError) and error.filename == str(path):
        line = error.lineno or first
    if isinstance(error, AssertionError) and innermost is not None:
        text += "".join(f"  {name} = {value}\n" for name, value in _values(path, line, innermost))
    return line, error, text


def _values(path: Path, line: int, frame: types.FrameType) -> Iterator[tuple[str, str]]:
    """The names that the failing assertion reads, with their values: what an assertion that is not rewritten hides."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    asserts = [
        n for n in ast.walk(tree) if isinstance(n, ast.Assert) and n.lineno <= line <= (n.end_lineno or n.lineno)
    ]
    for node in asserts[-1:]:
        names = sorted({n.id for n in ast.walk(node) if isinstance(n, ast.Name)})
        for name in names[:_NAMES_SHOWN]:
            value = frame.f_locals.get(name, frame.f_globals.get(name))
            if not isinstance(value, (types.ModuleType, types.FunctionType, type(None))):
                yield name, repr(value)[:_REPR_LENGTH]


@contextmanager
def _standard_library(path: Path) -> Iterator[None]:
    main, argv, paths, folder = sys.modules["__main__"], sys.argv, list(sys.path), os.getcwd()
    environment, state = dict(os.environ), random.getstate()
    method = multiprocessing.get_start_method(allow_none=True)
    random.seed(0)
    sys.argv = [str(path)]
    sys.path.insert(0, str(path.parent))
    os.chdir(path.parent)
    try:
        with warnings.catch_warnings(record=True):
            warnings.simplefilter("always")
            yield
    finally:
        sys.modules["__main__"], sys.argv, sys.path[:] = main, argv, paths
        os.chdir(folder)
        random.setstate(state)
        os.environ.clear()
        os.environ.update(environment)
        multiprocessing.set_start_method(method, force=True)


@contextmanager
def _torch_state() -> Iterator[None]:
    import numpy as np
    import torch

    kept = _Settings(torch)
    stubs = {name: dict(vars(sys.modules[name])) for name in _STUBBED if name in sys.modules}
    numpy_state = np.random.get_state()
    torch.set_num_threads(1)
    torch.set_warn_always(True)
    try:
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(0)
            np.random.seed(0)
            yield
    finally:
        for name, before in stubs.items():
            now = vars(sys.modules[name])
            now.update({key: value for key, value in before.items() if now.get(key) is not value})
        np.random.set_state(numpy_state)
        kept.restore()
        if torch.distributed.is_available() and torch.distributed.is_initialized():
            torch.distributed.destroy_process_group()
        if (dynamo := sys.modules.get("torch._dynamo")) is not None:
            dynamo.reset()


class _Settings:
    """torch's settings that outlive a script."""

    def __init__(self, torch: Any) -> None:
        self.torch = torch
        self.grad = torch.is_grad_enabled()
        self.dtype = torch.get_default_dtype()
        self.device = torch.get_default_device()
        self.deterministic = (
            torch.are_deterministic_algorithms_enabled(),
            torch.is_deterministic_algorithms_warn_only_enabled(),
        )
        self.threads = torch.get_num_threads()
        self.anomaly = torch.is_anomaly_enabled()
        self.precision = torch.get_float32_matmul_precision()
        self.autocast = torch.is_autocast_enabled("cpu")
        self.warn_always = torch.is_warn_always_enabled()
        self.validates = torch.distributions.Distribution._validate_args  # torch.compile switches it off for good

    def restore(self) -> None:
        torch = self.torch
        torch.set_grad_enabled(self.grad)
        torch.set_default_dtype(self.dtype)
        if torch.get_default_device() != self.device:
            torch.set_default_device(self.device)
        torch.use_deterministic_algorithms(self.deterministic[0], warn_only=self.deterministic[1])
        torch.set_num_threads(self.threads)
        torch.autograd.set_detect_anomaly(self.anomaly)
        torch.set_float32_matmul_precision(self.precision)
        torch.set_autocast_enabled("cpu", self.autocast)
        torch.set_warn_always(self.warn_always)
        torch.distributions.Distribution.set_default_validate_args(self.validates)


@contextmanager
def _time_limit(seconds: int) -> Iterator[None]:
    """A block that hangs (a collective that waits for nobody) fails instead of stopping the run."""
    if not hasattr(signal, "SIGALRM") or threading.current_thread() is not threading.main_thread():
        yield
        return

    def stop(*_: object) -> None:
        raise TimeoutError(f"the block ran for more than {seconds} s")

    before = signal.signal(signal.SIGALRM, stop)
    signal.alarm(seconds)
    try:
        yield
    finally:
        signal.alarm(0)
        with contextlib.suppress(TypeError):
            signal.signal(signal.SIGALRM, before)
