"""A loop whose time passes only when nothing else can happen, and the clock that goes by it."""

from __future__ import annotations

import asyncio
import contextlib
import contextvars
import selectors
from typing import TYPE_CHECKING, Any

import asyncpg

from evenweave.errors import EvenweaveError

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine

    from evenweave.ports.clock import Timer

EPOCH_MS = 1_767_225_600_000

PROCESS: contextvars.ContextVar[str] = contextvars.ContextVar("process", default="")
"""Which simulated process a task belongs to; tasks inherit it from whoever creates them."""


class Stalled(EvenweaveError):
    """Nothing will ever happen again, though somebody waits."""


class _Passing(selectors.BaseSelector):
    """Waits by letting the time of its loop pass."""

    def __init__(self) -> None:
        self.time_s = 0.0
        self._map: dict[Any, selectors.SelectorKey] = {}

    def register(self, fileobj: Any, events: int, data: Any = None) -> selectors.SelectorKey:
        key = self._map[fileobj] = selectors.SelectorKey(fileobj, -1, events, data)
        return key

    def unregister(self, fileobj: Any) -> selectors.SelectorKey:
        return self._map.pop(fileobj)

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        if timeout is None:
            raise Stalled("everybody waits for somebody else")
        self.time_s += max(0.0, timeout)
        return []

    def get_map(self) -> Any:
        return self._map


class VirtualLoop(asyncio.SelectorEventLoop):
    """An event loop in virtual time; deterministic, as no thread and no socket takes part."""

    def __init__(self) -> None:
        self._passing = _Passing()
        super().__init__(self._passing)
        self._processes: dict[str, dict[asyncio.Task[Any], None]] = {}
        self.set_task_factory(self._make_task)  # type: ignore[arg-type]
        self.failures: list[str] = []
        """What tasks failed of that nobody foresaw; of mishaps nobody need ask for the answer."""
        self.set_exception_handler(self._note)

    def time(self) -> float:
        """Seconds since the start of the simulation."""
        return self._passing.time_s

    def kill(self, process: str) -> None:
        """End every task of a process; what they hold of others is theirs to give up."""
        for task in list(self._processes.pop(process, ())):
            task.cancel()

    def end(self) -> None:
        """End everything that still runs, and close the loop."""
        for process in list(self._processes):
            self.kill(process)
        self.call_soon(self.stop)
        with contextlib.suppress(Stalled):
            self.run_forever()
        self.close()

    def _note(self, _loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
        error = context.get("exception")
        if error is not None and not isinstance(error, EvenweaveError | OSError | asyncpg.PostgresError):
            self.failures.append(f"failed: {type(error).__name__}: {error}")

    def _make_task(
        self, loop: asyncio.AbstractEventLoop, coroutine: Coroutine[Any, Any, Any], **named: Any
    ) -> asyncio.Task[Any]:
        task: asyncio.Task[Any] = asyncio.Task(coroutine, loop=loop, **named)
        context = named.get("context")
        process = PROCESS.get() if context is None else context.get(PROCESS, "")
        tasks = self._processes.setdefault(process, {})
        tasks[task] = None
        task.add_done_callback(lambda done: tasks.pop(done, None))
        return task


class SimulatedClock:
    """The port `Clock` in the time of a `VirtualLoop`; ``skew_ms`` is how far this one is wrong."""

    def __init__(self, loop: VirtualLoop, skew_ms: int = 0) -> None:
        self._loop = loop
        self._skew_ms = skew_ms

    def now(self) -> int:
        """Milliseconds since 1970-01-01T00:00Z."""
        return EPOCH_MS + self._skew_ms + round(self._loop.time() * 1000)

    def monotonic(self) -> float:
        """Seconds since the start of the simulation."""
        return self._loop.time()

    def call_later(self, delay_s: float, callback: Callable[[], None]) -> Timer:
        """Call ``callback`` after ``delay_s`` seconds."""
        return self._loop.call_later(max(0.0, delay_s), callback)
