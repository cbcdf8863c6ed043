"""Starts instances by time (0.8, "Schedule Definition").

The times of a schedule follow from its definition. The store holds only until when each was heeded, and every start has
an id that derives from its time: so none is lost by a crash, and none happens twice.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, NamedTuple

import structlog

from evenweave.engine import Begin
from evenweave.ports.store import StoreRefused, StoreUnavailable
from evenweave.worker import identity
from evenweave.worker.delay import Failures

if TYPE_CHECKING:
    from collections.abc import Sequence

    from evenweave.plan.schedule import Schedule
    from evenweave.ports.clock import Clock, Timer
    from evenweave.worker.batch import Batch
    from evenweave.worker.definitions import Registered
    from evenweave.worker.mover import Mover

LOOK_S = 60.0
"""How long the next time is believed to be as far as it was: people set clocks, and computers sleep."""

Key = tuple[str, str]


class _Start(NamedTuple):
    """A schedule whose time has come."""

    registered: Registered
    at: float


class Scheduling:
    """Heeds the schedules of the definitions that start instances; a newer one, or none, takes the place of an older.

    Of the times that passed while nobody looked only the last one starts an instance. A schedule that begins to run, or
    is enabled again, has no times before that.
    """

    def __init__(self, mover: Mover, clock: Clock) -> None:
        self._mover = mover
        self._clock = clock
        self._wake = asyncio.Event()
        self._alarm: Timer | None = None
        self._through: dict[Key, float] | None = None
        self._running: set[Key] = set()
        self._looked = 0.0
        self._log = structlog.get_logger("evenweave.scheduling")

    def changed(self) -> None:
        """The table of definitions is another one."""
        self._wake.set()

    async def run(self) -> None:
        """Serve until cancelled."""
        failures = Failures(self._clock, self._log)
        while True:
            self._wake.clear()
            try:
                following = await self._heed()
                failures.end()
            except (StoreRefused, StoreUnavailable) as error:
                await failures.wait("schedules wait for the store", error)
                continue
            if following is None or following > self._mover.now():
                self._arm(following)
                await self._wake.wait()

    async def _heed(self) -> float | None:
        """Start what is due, and say when the next one is."""
        scheduled = self._find()
        through = self._through
        first = through is None
        if through is None:
            through = self._through = {} if not scheduled else dict(await self._mover.store.schedules())
        keys = {_key(each): each for each in scheduled}
        # One that was registered since then begins with its registration.
        looked, self._looked = self._looked, self._mover.now()
        new = [
            each for key, each in keys.items() if not first and key not in self._running and each.row.created < looked
        ]
        if new:
            await self._begin(new, through)
        self._running = set(keys)
        now = self._mover.now()
        due = []
        for key, each in keys.items():
            at = _schedule(each).latest(self._since(each, through), now, each.row.created)
            if at is not None:
                due.append(_Start(each, at))
            through.setdefault(key, each.row.created)
        if due:
            await self._start(due, through)
        return min(
            (
                at
                for each in scheduled
                if (at := _schedule(each).following(self._since(each, through), each.row.created)) is not None
            ),
            default=None,
        )

    def _find(self) -> list[Registered]:
        """The registrations that start instances by time."""
        found = (flow.newest for flow in self._mover.definitions.flows.values())
        return [each for each in found if each is not None and each.plan is not None and each.plan.schedule is not None]

    def _since(self, registered: Registered, through: dict[Key, float]) -> float:
        return max(registered.row.created, through.get(_key(registered), 0.0))

    async def _begin(self, new: Sequence[Registered], through: dict[Key, float]) -> None:
        """From now on these are heeded: what was before, while they started nothing, is over."""
        now = self._mover.now()

        async def work(batch: Batch) -> None:
            for each in new:
                batch.transaction.heed(*_key(each), now)

        await (await self._mover.move(work)).durable
        through.update(dict.fromkeys(map(_key, new), now))

    async def _start(self, due: Sequence[_Start], through: dict[Key, float]) -> None:
        """Start instances in one transaction; where the store refuses it, each in one of its own."""
        try:
            await self._start_in_one(due)
        except StoreRefused as error:
            if not error.own:
                raise
            if len(due) > 1:
                for each in due:
                    await self._start([each], through)
                return
            row = due[0].registered.row
            self._log.error("a start by time cannot be written", definition=row.id, at=due[0].at, error=str(error))
        through.update({_key(each.registered): each.at for each in due})

    async def _start_in_one(self, due: Sequence[_Start]) -> None:
        async def work(batch: Batch) -> None:
            for registered, at in due:
                flow = batch.definitions.flows.get(registered.row.id)
                newest = None if flow is None else flow.newest
                if newest is None or newest.row.digest != registered.row.digest or newest.plan is None:
                    continue  # it was replaced, disabled or removed meanwhile
                id_ = identity.of_time(batch.tenant, registered.row.id, at)
                await batch.begin(newest.plan, id_, Begin({}))
                batch.transaction.heed(*_key(registered), at)

        await (await self._mover.move(work)).durable

    def _arm(self, at: float | None) -> None:
        if self._alarm is not None:
            self._alarm.cancel()
            self._alarm = None
        if at is not None:
            delay_s = min(max(0.0, at - self._mover.now()), LOOK_S)
            self._alarm = self._clock.call_later(delay_s, self._wake.set)


def _key(registered: Registered) -> Key:
    return registered.row.id, registered.row.digest


def _schedule(registered: Registered) -> Schedule:
    assert registered.plan is not None
    assert registered.plan.schedule is not None
    return registered.plan.schedule
