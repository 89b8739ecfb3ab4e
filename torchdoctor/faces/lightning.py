"""A callback for Lightning: ``Trainer(callbacks=[torchdoctor.faces.lightning.Watching("runs/first")])``."""

from __future__ import annotations

from importlib import import_module
from typing import Any

from torchdoctor.errors import TorchdoctorError
from torchdoctor.faces.watching import WatchingCallback, ending, watch


def _callback() -> Any:
    """Lightning's base class, of whichever of its two packages is installed."""
    for name in ("lightning.pytorch", "pytorch_lightning"):
        try:
            return import_module(name).Callback
        except ImportError:
            continue
    raise TorchdoctorError("this callback needs Lightning: pip install lightning")


class Watching(WatchingCallback, _callback()):  # type: ignore[misc]
    """Watches each ``fit`` from its start to its end, or to the exception that ends it.

    ``folder`` takes the record, of several ranks a file each; None keeps it in memory. After ``fit``, ``findings`` are
    what is wrong. Validation and checkpoints lie between the steps, as in any other loop.
    """

    def on_train_start(self, trainer: Any, pl_module: Any) -> None:
        self.run = watch(self.folder, quiet=self.quiet).start()

    def on_train_end(self, trainer: Any, pl_module: Any) -> None:
        if self.run is not None:
            self.run.stop()

    def on_exception(self, trainer: Any, pl_module: Any, exception: BaseException) -> None:
        if self.run is not None:
            self.run.stop(ending(type(exception)))
