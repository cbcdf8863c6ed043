"""The process of `crash_child`, killed (SIGKILL) by one order whenever the engine begins it: nothing can catch that."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from pathlib import Path
from typing import Any

import crash_child

from evenweave.engine.burst import Burst
from evenweave.engine.causes import Begin

FATAL = "2"


def plant() -> None:
    """Wrap the step from outside: nothing of the product knows of this."""
    apply = Burst.apply

    def die(burst: Burst, cause: Any) -> bool:
        if isinstance(cause, Begin) and cause.event is not None and cause.event["data"]["order"] == FATAL:
            os.kill(os.getpid(), signal.SIGKILL)
        return apply(burst, cause)

    Burst.apply = die  # type: ignore[method-assign]


if __name__ == "__main__":
    plant()
    if len(sys.argv) == 3:
        asyncio.run(crash_child.run_whole(Path(sys.argv[1]), int(sys.argv[2])))
    else:
        asyncio.run(crash_child.run_engine(Path(sys.argv[1]), sys.argv[2], sys.argv[3]))
