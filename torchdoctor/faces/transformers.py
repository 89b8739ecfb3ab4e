"""A callback for the Trainer of Transformers::

Trainer(callbacks=[torchdoctor.faces.transformers.Watching("runs/first")], ...)
"""

from __future__ import annotations

import atexit
import sys
from importlib import import_module
from typing import Any

from torchdoctor.errors import TorchdoctorError
from torchdoctor.faces.watching import WatchingCallback, ending, watch


def _callback() -> Any:
    try:
        return import_module("transformers").TrainerCallback
    except ImportError:
        raise TorchdoctorError("this callback needs Transformers: pip install transformers") from None


class Watching(WatchingCallback, _callback()):  # type: ignore[misc]
    """Watches each ``train`` from its beginning to its end; one that an exception ends, to the end of the program.

    ``folder`` takes the record, of several ranks a file each; None keeps it in memory. After ``train``, ``findings``
    are what is wrong.
    """

    def on_train_begin(self, args: Any, state: Any, control: Any, **others: Any) -> None:
        self._stop()
        self.run = watch(self.folder, quiet=self.quiet).start()
        atexit.register(self._stop)  # the Trainer tells its callbacks of no exception

    def on_train_end(self, args: Any, state: Any, control: Any, **others: Any) -> None:
        atexit.unregister(self._stop)
        if self.run is not None:
            self.run.stop()

    def _stop(self) -> None:
        if self.run is not None:
            self.run.stop(ending(getattr(sys, "last_type", None)))
