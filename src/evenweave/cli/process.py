"""How the interpreter is set up in a process that does nothing but serve."""

from __future__ import annotations

import asyncio
import gc
import sys
from typing import Final

COLLECT_AFTER: Final = 20_000, 20, 50
"""How many objects more than before the collector of cycles waits for, and how often it looks at the older ones."""

SWITCH_S: Final = 0.0001
"""How long a thread may keep others from running Python."""


def tune_process() -> None:
    """Set the process up; to be called once, before its parts start.

    Events, states and rows are made and dropped by the thousand and hold no cycles, so looking for cycles as often as
    the interpreter does by itself is mostly wasted: some tenth of an order's CPU time (docs/performance.md). And the
    writer, back from the disk, should not wait 5 ms for its turn while the loop computes.
    """
    gc.set_threshold(*COLLECT_AFTER)
    sys.setswitchinterval(SWITCH_S)


def new_loop() -> asyncio.AbstractEventLoop:
    """A loop for it: uvloop's, where it is installed (the extra `fast`)."""
    try:
        import uvloop  # noqa: PLC0415
    except ImportError:
        return asyncio.new_event_loop()
    loop: asyncio.AbstractEventLoop = uvloop.new_event_loop()
    return loop
