"""Python's garbage collector, held still while many objects are made that are no garbage."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def uncollected() -> Iterator[None]:
    """The collector stands still: trees and modules are many objects, and it would go through them for nothing.

    Where torch is loaded each full collection takes a tenth of a second. What is made here leaves no garbage to speak
    of: the circles of facts are broken where they are dropped (facts.file). A collector that is off stays off.
    """
    on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if on:
            gc.enable()
