"""Where a watch listens: optimizer hooks, and a stopwatch around five of torch's own functions.

Nothing here intercepts operations: no function mode, no dispatch mode, no hook on a module or a gradient. What torch's
compiler traces stays what it is: it passes over the files of this folder (see ``_pass_over``), and the optimizer hooks,
which it does trace, are empty to it. Without listeners all of it is taken away again.
"""

from __future__ import annotations

import functools
import gc
import os
import sys
from time import perf_counter as clock

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from types import ModuleType
    from typing import Any

    from torchdoctor.probes.recorder import Recorder

_listeners: tuple[Recorder, ...] = ()
_removers: list[Callable[[], None]] = []
_collecting = 0.0
_at_fork = False
_OURS = "_torchdoctor_own"


def listen(recorder: Recorder) -> None:
    """Tell a recorder what happens from now on; where torch is not loaded yet, from when it is. Loads no torch."""
    global _listeners, _at_fork
    _listeners = (*_listeners, recorder)
    if not _at_fork and hasattr(os, "register_at_fork"):
        os.register_at_fork(after_in_child=_forked)
        _at_fork = True
    if len(_listeners) == 1:
        from torchdoctor.probes.loading import when_loaded

        when_loaded("torch", _put_in)


def leave(recorder: Recorder) -> None:
    """Tell it nothing any more."""
    global _listeners
    _listeners = tuple(one for one in _listeners if one is not recorder)
    if not _listeners:
        _take_away()


def _take_away() -> None:
    from torchdoctor.probes.loading import wait_no_longer

    for put_in in (_put_in, _put_into_loader, _pass_over):
        wait_no_longer(put_in)
    while _removers:
        _removers.pop()()


def _forked() -> None:
    """A forked process is another one: a worker of a loader mostly. Nothing of ours goes on in it."""
    global _listeners
    for one in _listeners:
        one.forked()
    _listeners = ()
    _take_away()


def _put_in(torch: ModuleType) -> None:
    if _removers or not _listeners:
        return
    from torchdoctor.probes.loading import when_loaded

    for path, name, around in (
        ("torch.autograd", "backward", _around_backward),
        ("torch.serialization", "save", _around_save),
        ("torch", "save", _around_save),
    ):
        _replace(sys.modules.get(path), name, around)
    when_loaded("torch.utils.data.dataloader", _put_into_loader)
    _hook_optimizers(torch)
    gc.callbacks.append(_collects)
    _removers.append(lambda: gc.callbacks.remove(_collects))
    when_loaded("torch._dynamo.trace_rules", _pass_over)


def _put_into_loader(module: ModuleType) -> None:
    if _listeners:
        _replace(getattr(module, "_BaseDataLoaderIter", None), "__next__", _around_next)
        _replace(getattr(module, "DataLoader", None), "_get_iterator", _around_start)


def _replace(owner: Any, name: str, around: Callable[[Callable[..., Any]], Callable[..., Any]]) -> None:
    """Put a stopwatch around a function. Where somebody has built on it meanwhile, it stays and only passes on."""
    own = vars(owner).get(name) if owner is not None else None
    if own is None or hasattr(own, _OURS):
        return
    ours = functools.wraps(own)(around(own))
    setattr(ours, _OURS, own)
    setattr(owner, name, ours)

    def remove() -> None:
        if vars(owner).get(name) is ours:
            setattr(owner, name, own)

    _removers.append(remove)


def _hook_optimizers(torch: Any) -> None:
    optimizer = sys.modules.get("torch.optim.optimizer")
    before = getattr(optimizer, "register_optimizer_step_pre_hook", None)
    after = getattr(optimizer, "register_optimizer_step_post_hook", None)
    if before is not None and after is not None:
        for register, hook in zip((before, after), _hooks(torch.compiler.is_dynamo_compiling), strict=True):
            _removers.append(register(hook).remove)


def _hooks(compiling: Callable[[], bool]) -> tuple[Callable[..., None], ...]:
    """The two hooks. The compiler traces into them where a whole optimizer is compiled: there they are empty.

    A function of a file that it passes over would break the graph; so they are of none.
    """

    def before_step(optimizer: Any, arguments: Any, options: Any) -> None:
        if not compiling():
            start = clock()
            for one in _listeners:
                try:
                    one.optimizing(optimizer, start)
                except Exception as fault:
                    one.failed(fault)

    def after_step(optimizer: Any, arguments: Any, options: Any) -> None:
        if not compiling():
            end = clock()
            for one in _listeners:
                try:
                    one.optimized(optimizer, end)
                except Exception as fault:
                    one.failed(fault)

    for hook in (before_step, after_step):
        hook.__code__ = hook.__code__.replace(co_filename="<torchdoctor>")
    return before_step, after_step


def _pass_over(module: ModuleType) -> None:
    """Have torch's compiler leave this folder's functions alone, should one be called where it listens."""
    try:
        module.add("torchdoctor.probes")
    except Exception:  # then it looks at them, finds nothing to compile, and leaves them as they are
        return


# -- what is told ------------------------------------------------------------------------------------------------------


def _tell(what: str, *arguments: Any) -> None:
    """Tell the listeners. One that fails takes itself out: never an exception of ours in the user's program.

    What each step passes through, its batch, backward and optimizer, does the same without a further call.
    """
    for one in _listeners:
        try:
            getattr(one, what)(*arguments)
        except Exception as fault:
            one.failed(fault)


def _around_backward(own: Callable[..., Any]) -> Callable[..., Any]:
    def backward(*arguments: Any, **options: Any) -> Any:
        start = clock()
        try:
            result = own(*arguments, **options)
        except BaseException as error:
            _unseen(error)
            raise
        end = clock()
        for one in _listeners:
            try:
                one.backward(arguments[0] if arguments else options.get("tensors"), start, end)
            except Exception as fault:
                one.failed(fault)
        return result

    return backward


def _around_next(own: Callable[..., Any]) -> Callable[..., Any]:
    def __next__(self: Any) -> Any:
        start = clock()
        try:
            batch = own(self)
        except BaseException as error:
            _unseen(error)
            raise
        end = clock()
        for one in _listeners:
            try:
                one.fetched(self, batch, start, end)
            except Exception as fault:
                one.failed(fault)
        return batch

    return __next__


def _around_start(own: Callable[..., Any]) -> Callable[..., Any]:
    def _get_iterator(self: Any) -> Any:
        start = clock()
        try:
            iterator = own(self)
        except BaseException as error:
            _unseen(error)
            raise
        _tell("started", self, start, clock())
        return iterator

    return _get_iterator


def _around_save(own: Callable[..., Any]) -> Callable[..., Any]:
    def save(*arguments: Any, **options: Any) -> Any:
        start = clock()
        try:
            return own(*arguments, **options)
        except BaseException as error:
            _unseen(error)
            raise
        finally:
            _tell("saved", start, clock())

    return save


def _unseen(error: BaseException) -> None:
    """Take our own frame out of the traceback of what is raised on."""
    traceback = error.__traceback__
    if traceback is not None and traceback.tb_next is not None:
        error.__traceback__ = traceback.tb_next


def _collects(phase: str, info: dict[str, int]) -> None:
    global _collecting
    if phase == "start":
        _collecting = clock()
    elif _collecting:
        _tell("collected", clock() - _collecting)
        _collecting = 0.0
