"""What DataLoader workers raise, with notes on the sample: a worker's exception reaches the program as text only.

In place of torch's ``_worker_loop``, which each worker process runs, stands our ``worker_loop``. It has the exception
looked at where torch wraps it up for the way home, while its frames are still there, and adds notes; all else is
torch's own. So it holds for fork and spawn; dataset, collate function and loader stay what they are; and as long as
nothing fails nothing of ours runs, in the workers or here. Where torch is not loaded yet, a finder on
``sys.meta_path`` waits for the one module, and takes itself away then.
"""

from __future__ import annotations

import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from importlib.abc import Loader
    from importlib.machinery import ModuleSpec
    from types import FrameType, ModuleType, TracebackType
    from typing import Any


_WORKER = "torch.utils.data._utils.worker"
_LOOP, _WRAPPER = "_worker_loop", "ExceptionWrapper"
_NOTE = "[torchdoctor] "
_SHOWN = 16  # items of a batch that are told
_DEEPEST = 3


def watch_loaders() -> None:
    """Have the workers of every DataLoader that is started from now on tell of the sample that they failed at.

    Costs nothing until a worker fails; does not load torch. The exception's type and text stay what they are.
    """
    when_loaded(_WORKER, _put_in)


def when_loaded(name: str, put_in: Callable[[ModuleType], None]) -> None:
    """Call ``put_in`` with a module: at once where it is loaded, else when it will be."""
    module = sys.modules.get(name)
    if module is not None:
        put_in(module)
    elif not any(isinstance(one, _Finder) and (one.name, one.put_in) == (name, put_in) for one in sys.meta_path):
        sys.meta_path.insert(0, _Finder(name, put_in))


def wait_no_longer(put_in: Callable[[ModuleType], None]) -> None:
    """Take back what ``when_loaded`` has been told of it, where the module was not loaded."""
    sys.meta_path[:] = [one for one in sys.meta_path if not (isinstance(one, _Finder) and one.put_in is put_in)]


def leave_loaders() -> None:
    """Take that back, for workers that are started from now on."""
    wait_no_longer(_put_in)
    module = sys.modules.get(_WORKER)
    if module is not None and getattr(module, _LOOP, None) is worker_loop:
        setattr(module, _LOOP, _torch_loop(module))


class _Finder:
    """Waits for one module to be imported."""

    def __init__(self, name: str, put_in: Callable[[ModuleType], None]) -> None:
        self.name, self.put_in = name, put_in

    def find_spec(self, name: str, path: Any, target: ModuleType | None = None) -> ModuleSpec | None:
        if name != self.name:
            return None
        from importlib.util import find_spec

        sys.meta_path.remove(self)
        spec = find_spec(name)
        if spec is not None and spec.loader is not None:
            _after(spec.loader, self.put_in)
        return spec


def _after(loader: Loader, put_in: Callable[[ModuleType], None]) -> None:
    run = loader.exec_module

    def exec_module(module: ModuleType) -> None:
        run(module)
        put_in(module)

    loader.exec_module = exec_module  # type: ignore[method-assign]


def _put_in(module: ModuleType) -> None:
    """Put our loop in torch's place, where torch has the two names that this rests on."""
    loop = getattr(module, _LOOP, None)
    if loop is not None and loop is not worker_loop and hasattr(module, _WRAPPER):
        module._torchdoctor_loop = loop  # type: ignore[attr-defined]
        setattr(module, _LOOP, worker_loop)


def _torch_loop(module: ModuleType) -> Callable[..., Any]:
    return getattr(module, "_torchdoctor_loop", None) or getattr(module, _LOOP)  # type: ignore[no-any-return]


def worker_loop(*arguments: Any, **options: Any) -> Any:
    """torch's own loop, in the worker process; what it wraps up is looked at first."""
    from importlib import import_module

    module = import_module(_WORKER)
    wrapper = getattr(module, _WRAPPER)

    def looked_at(exc_info: Any = None, where: str = "in background") -> Any:
        error = (exc_info or sys.exc_info())[1]
        written = _noted(error)
        wrapped = wrapper(exc_info, where)
        _send(wrapped, error)
        if not hasattr(error, "add_note"):  # and its traceback shows no notes
            wrapped.exc_msg += "".join(f"{note}\n" for note in written)
        return wrapped

    setattr(module, _WRAPPER, looked_at)
    return _torch_loop(module)(*arguments, **options)


# -- the record --------------------------------------------------------------------------------------------------------


def _send(wrapped: Any, error: BaseException | None) -> None:
    """Give the record of a worker's failure, operands and all, a place in what goes to the program.

    As bytes: what cannot be pickled must not be found out by the queue, which would lose the exception over it.
    """
    if not isinstance(error, Exception):
        return
    try:
        import pickle

        from torchdoctor.probes.failure import failure_of
        from torchdoctor.probes.received import RECORD

        setattr(wrapped, RECORD, pickle.dumps(failure_of(error)))
    except Exception:  # then the text has to do
        return


# -- the notes -------------------------------------------------------------------------------------------------------


def _noted(error: BaseException | None) -> list[str]:
    """Add notes to an exception in a worker; returns them. Never raises, and never loses the exception."""
    if error is None:
        return []
    try:
        written = [_NOTE + note for note in notes(error.__traceback__)]
        if hasattr(error, "add_note"):  # Python 3.11 and later
            for note in written:
                error.add_note(note)
    except Exception:  # the worker's own exception matters more than ours
        return []
    return written


def notes(traceback: TracebackType | None) -> Iterator[str]:
    """What the frames of a worker tell: the sample's index, the batch, and the shapes of the items to be collated."""
    steps: list[TracebackType] = []
    while traceback is not None:
        steps.append(traceback)
        traceback = traceback.tb_next
    for place, step in enumerate(steps):
        code = step.tb_frame.f_code
        if code.co_name == "fetch" and code.co_filename.replace("\\", "/").endswith("data/_utils/fetch.py"):
            yield from _of_fetch(step, [later.tb_frame for later in steps[place + 1 :]])
            return


def _of_fetch(step: TracebackType, inner: list[FrameType]) -> Iterator[str]:
    held = step.tb_frame.f_locals
    batch, fetcher = held.get("possibly_batched_index"), held.get("self")
    indexed = type(fetcher).__name__ == "_MapDatasetFetcher"
    import linecache

    line = linecache.getline(step.tb_frame.f_code.co_filename, step.tb_lineno)
    if "collate_fn" in line:
        yield from _of_batch(held.get("data"), batch if indexed else None)
    elif indexed:
        yield from _of_sample(batch, inner)
    elif isinstance(held.get("data"), list):
        yield f"sample {len(held['data'])} (from 0) of a batch of {_length(batch)}"


def _of_sample(batch: Any, inner: list[FrameType]) -> Iterator[str]:
    if not isinstance(batch, list):
        yield f"sample index {_short(batch)}"
        return
    for frame in inner[:2]:
        code = frame.f_code
        name = "idx" if code.co_name == "<listcomp>" else code.co_varnames[1] if code.co_argcount > 1 else ""
        index = frame.f_locals.get(name)
        if type(index) in (int, str, tuple) and index in batch:
            yield f"sample index {_short(index)}, in the batch {_short(batch)}"
            return
    yield f"sample of the batch {_short(batch)}"


def _of_batch(items: Any, indices: Any) -> Iterator[str]:
    if not isinstance(items, list):
        return
    texts = [_described(item) for item in items]
    usual = max(set(texts), key=texts.count)
    names = indices if isinstance(indices, list) and len(indices) == len(items) else list(range(len(items)))
    odd = [f"{_short(name)}: {text}" for name, text in zip(names, texts, strict=True) if text != usual]
    word = "sample index" if isinstance(indices, list) else "sample"
    yield f"items of the batch: {texts.count(usual)} of {len(items)} are {usual}"
    for text in odd[:_SHOWN]:
        yield f"item of {word} {text}"
    if len(odd) > _SHOWN:
        yield f"items beyond: {len(odd) - _SHOWN} more"


def _described(item: Any, depth: int = 0) -> str:
    """An item by its shapes: no code of its own is run but a tensor's."""
    kind = type(item)
    shape, dtype = getattr(item, "shape", None), getattr(item, "dtype", None)
    if shape is not None and dtype is not None:
        return f"{tuple(shape)} {str(dtype).removeprefix('torch.')}"
    if kind in (tuple, list) and depth < _DEEPEST:
        inside = ", ".join(_described(one, depth + 1) for one in item[:_SHOWN])
        return f"[{inside}{', ...' if len(item) > _SHOWN else ''}]" if kind is list else f"({inside})"
    if kind is dict and depth < _DEEPEST:
        return "{" + ", ".join(f"{_short(key)}: {_described(one, depth + 1)}" for key, one in item.items()) + "}"
    if kind is str:
        return f"str of {len(item)}"
    return kind.__name__


def _length(value: Any) -> str:
    return str(len(value)) if isinstance(value, list) else "1"


def _short(value: Any) -> str:
    text = repr(value) if type(value) in (int, str, list, tuple) else type(value).__name__
    return text if len(text) <= 80 else f"{text[:77]}..."
