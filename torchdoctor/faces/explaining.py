"""``with torchdoctor.explaining():`` for code whose exceptions somebody catches: a sweep, a server, a framework."""

from __future__ import annotations

import functools
import inspect
import sys
from collections.abc import Callable
from types import TracebackType
from typing import Any, TypeVar, cast

_F = TypeVar("_F", bound=Callable[..., Any])


class explaining:
    """Explains, on standard error, the exception that leaves the block, and lets it pass: the very same one.

    As a decorator, for functions, coroutine functions and generators, it does the same for each call::

        with torchdoctor.explaining():
            loss = model(images)

        @torchdoctor.explaining()
        def objective(trial): ...

    Of ``raise SystemExit(...) from error``, and of ``sys.exit(1)`` where an error is handled, it explains that error:
    no hook of Python's sees these. The decorated function does not show in the traceback (on Python 3.10 it is one
    frame more).
    """

    def __enter__(self) -> explaining:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        failed = _failed(error)
        if failed is not None and "torch" in sys.modules:
            from torchdoctor.faces.telling import tell

            tell(failed)

    def __call__(self, function: _F) -> _F:
        if inspect.iscoroutinefunction(function):
            made: Any = self._of_coroutine(function)
        elif inspect.isgeneratorfunction(function):
            made = self._of_generator(function)
        else:
            made = self._of_function(function)
        return cast(_F, functools.wraps(function)(made))

    def _of_function(self, function: Callable[..., Any]) -> Callable[..., Any]:
        def explained(*arguments: Any, **options: Any) -> Any:
            try:
                return function(*arguments, **options)
            except (Exception, SystemExit) as error:
                self._told(error)
                raise

        return explained

    def _of_coroutine(self, function: Callable[..., Any]) -> Callable[..., Any]:
        async def explained(*arguments: Any, **options: Any) -> Any:
            try:
                return await function(*arguments, **options)
            except (Exception, SystemExit) as error:
                self._told(error)
                raise

        return explained

    def _of_generator(self, function: Callable[..., Any]) -> Callable[..., Any]:
        def explained(*arguments: Any, **options: Any) -> Any:
            try:
                return (yield from function(*arguments, **options))
            except (Exception, SystemExit) as error:
                self._told(error)
                raise

        return explained

    def _told(self, error: BaseException) -> None:
        """Explain it without our own frame, which then is not in the traceback that is raised on."""
        traceback = error.__traceback__
        if traceback is not None and traceback.tb_next is not None:
            error.__traceback__ = traceback.tb_next
        self.__exit__(type(error), error, error.__traceback__)


def _failed(error: BaseException | None) -> Exception | None:
    """The error that is meant: of an exit that is no success, the one that it was raised from."""
    if isinstance(error, SystemExit) and error.code not in (None, 0):
        error = error.__cause__ or (None if error.__suppress_context__ else error.__context__)
    return error if isinstance(error, Exception) else None
