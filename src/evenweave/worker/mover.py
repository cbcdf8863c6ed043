"""Runs batches one after the other: whatever moves instances in this process goes through here."""

from __future__ import annotations

import asyncio
import random
from types import MappingProxyType
from typing import TYPE_CHECKING, NamedTuple

import structlog

from evenweave.ports.store import StoreConflict
from evenweave.worker.batch import Batch
from evenweave.worker.blocking import Poisoned
from evenweave.worker.figures import Figures
from evenweave.worker.turns import log_turns, name_cause

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterable, Mapping

    from evenweave.engine import Instance
    from evenweave.engine.calling import Invocation
    from evenweave.ports.clock import Clock
    from evenweave.ports.store import Store
    from evenweave.worker.blocking import Block
    from evenweave.worker.definitions import Definitions
    from evenweave.worker.settings import Settings
    from evenweave.worker.spans import Spans

CONFLICTS = 20
"""After so many conflicts in a row, some seconds, whoever asked is told."""

_NOBODY: Mapping[str, Block] = MappingProxyType({})


class Moved(NamedTuple):
    """What became of work: ``durable`` is done when its transaction is, or has its error; which instances it moved."""

    durable: asyncio.Future[None]
    instances: list[str]


class _Work(NamedTuple):
    """See `Mover.move`."""

    work: Callable[[Batch], Awaitable[None]]
    blocked: Mapping[str, Block]
    definitions: Definitions | None
    queued: Callable[[], None] | None


class Mover:
    """Makes transactions out of work, and keeps one bad instance from stopping the others (PROTOCOL section 2).

    Attributes:
        figures: What it counts.
        spans: What makes spans of bursts, if something does.
        on_due: Told of the earliest deadline that a batch set, once that is durable.
        on_ended: Told of the instances that a batch ended, once that is durable.
        on_called: Told of the calls that a batch asked for, once they are durable.
        on_withdrawn: Told of the calls whose results nobody waits for any more.
        on_defined: Told that another table of definitions runs, once that is durable.
        on_noticed: Told of the instances for which a batch left notices, once those are durable.
    """

    def __init__(
        self, store: Store, clock: Clock, settings: Settings, *, tenant: str, definitions: Definitions
    ) -> None:
        self.store = store
        self.settings = settings
        self.tenant = tenant
        self.figures = Figures()
        self.spans: Spans | None = None
        self.on_due: Callable[[float], None] = _nothing
        self.on_ended: Callable[[list[Instance]], None] = _nothing
        self.on_called: Callable[[Iterable[tuple[tuple[str, int], Invocation]]], None] = _nothing
        self.on_withdrawn: Callable[[Iterable[tuple[str, int]]], None] = _nothing
        self.on_defined: Callable[[], None] = _no_one
        self.on_noticed: Callable[[Iterable[str]], None] = _nothing
        self._definitions = definitions
        self._replaced: tuple[asyncio.Future[None], Definitions] | None = None
        self._clock = clock
        self._turn = asyncio.Lock()
        self._log = structlog.get_logger("evenweave.worker")

    def now(self) -> float:
        """Seconds since the epoch."""
        return self._clock.now() / 1000

    @property
    def definitions(self) -> Definitions:
        """What runs. A table whose transaction failed gives way to the one before, ere any other batch is made."""
        if self._replaced is not None and self._replaced[0].done():
            durable, before = self._replaced
            self._replaced = None
            if durable.cancelled() or durable.exception() is not None:
                self._definitions = before
        return self._definitions

    async def move(
        self,
        work: Callable[[Batch], Awaitable[None]],
        *,
        blocked: Mapping[str, Block] = _NOBODY,
        definitions: Definitions | None = None,
        queued: Callable[[], None] | None = None,
        again: bool = True,
    ) -> Moved:
        """Do the work in one transaction and queue it.

        Args:
            work: May be called again, with the causes put aside that made it fail; it must only use its batch.
            blocked: Instances that must not move, because the store refused their rows.
            definitions: What runs from this transaction on: batches behind it use them, unless it fails.
            queued: Called once the transaction is queued, before any other batch is made.
            again: Whether to do the work again where another worker was faster (`StoreConflict`), before ``durable`` is
                done; what then becomes of it, also an error of the work, is the future's.
        """
        work_on = _Work(work, blocked, definitions, queued)
        if not (again and self.store.is_shared):
            return await self._move(work_on)
        conflicts = 0
        while True:
            try:
                moved = await self._move(work_on)
                break
            except StoreConflict:
                conflicts += 1
                if conflicts >= CONFLICTS:
                    raise
                await self._let_others(conflicts)
        return Moved(asyncio.ensure_future(self._until_durable(work_on, moved, conflicts)), moved.instances)

    async def adopt(self, definitions: Definitions, adopted: Callable[[], None]) -> None:
        """Let a table of definitions run that is in the store already; then call ``adopted``, before any batch."""
        async with self._turn:
            self._definitions, self._replaced = definitions, None
            adopted()

    async def _until_durable(self, work: _Work, moved: Moved, conflicts: int) -> None:
        current: Moved | None = moved
        while True:
            try:
                if current is None:
                    current = await self._move(work)
                await current.durable
                return
            except StoreConflict:
                conflicts += 1
                if conflicts >= CONFLICTS:
                    raise
                await self._let_others(conflicts)
                current = None

    async def _let_others(self, conflicts: int) -> None:
        """Wait a moment, longer each time."""
        self.figures.conflicts += 1
        await asyncio.sleep(random.uniform(0.2, 1.0) * min(0.002 * 2**conflicts, 0.2))  # noqa: S311 - jitter

    async def _move(self, work_on: _Work) -> Moved:
        work, blocked, definitions, queued = work_on
        poison: dict[tuple[str, str], str] = {}
        async with self._turn:
            while True:
                batch = Batch(
                    self.store,
                    self.definitions,
                    self.settings,
                    tenant=self.tenant,
                    now=self.now(),
                    poison=poison,
                    blocked=blocked,
                    spans=self.spans,
                )
                try:
                    await work(batch)
                    await batch.finish()
                except Poisoned as error:
                    key = (error.instance, repr(error.cause))
                    if key in poison:
                        raise
                    poison[key] = error.reason
                    self.figures.poisoned += 1
                    self._log.error(
                        "cause put aside", instance=error.instance, reason=error.reason, **name_cause(error.cause)
                    )
                    continue
                break
            durable = asyncio.ensure_future(batch.transaction.queue())
            if definitions is not None:
                definitions.version = self.definitions.version + 1
                self._replaced = durable, self.definitions
                self._definitions = definitions
            if queued is not None:
                queued()
        durable.add_done_callback(lambda done: self._tell(done, batch, defined=definitions is not None))
        return Moved(durable, batch.moved)

    def _tell(self, durable: asyncio.Future[None], batch: Batch, *, defined: bool) -> None:
        if durable.cancelled() or durable.exception() is not None:
            self.figures.failures += 1
            return
        if batch.due is not None:
            self.on_due(batch.due)
        if batch.ended:
            self.on_ended(batch.ended)
        if batch.called:
            self.on_called(batch.called.items())
        if batch.withdrawn:
            self.on_withdrawn(batch.withdrawn)
        if defined:
            self.on_defined()
        if batch.noticed:
            self.on_noticed(batch.noticed)
        self.figures.add(batch.tally)
        if self.spans is not None:
            self.spans.end(batch.spans)
        if batch.tally.turns:
            log_turns(self._log.bind(), batch.tally.turns)


def _no_one() -> None:
    pass


def _nothing(_: object) -> None:
    pass
