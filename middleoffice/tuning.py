"""What a serving process does once, when everything is imported, so that requests and batches cost less."""

from __future__ import annotations

import gc
import sys


def tune_process() -> None:
    """Keep what start-up made out of every later garbage collection, and hand the interpreter over sooner.

    A bulk load makes tens of thousands of short-lived objects: walking the some hundred thousand of the
    application each time took a fifth of it. The thread that stores rows waits for the one that makes them at
    most half a millisecond, not five.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(20_000, 20, 50)
    sys.setswitchinterval(0.0005)
