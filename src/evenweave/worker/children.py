"""Takes the notices that instances leave one another, and starts, moves and ends instances by them."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import msgspec
import structlog

from evenweave.engine import Arrival, Cause, ChildEnded
from evenweave.engine.codec import UnreadableState
from evenweave.ports.store import Expected, StoreRefused, StoreUnavailable
from evenweave.worker import identity
from evenweave.worker.delay import Failures
from evenweave.worker.halving import halve
from evenweave.worker.notices import Launched, leave, tell
from evenweave.worker.routing import give_or_hold
from evenweave.worker.working import OPEN

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from evenweave.ports.clock import Clock
    from evenweave.ports.store import Notice
    from evenweave.worker.batch import Batch
    from evenweave.worker.blocking import Block
    from evenweave.worker.mover import Mover

AT_ONCE = 256
OTHERS_S = 5.0

_CAUSE = msgspec.msgpack.Decoder(Cause)
_LAUNCHED = msgspec.msgpack.Decoder(Launched)


class Children:
    """Notices are in the store; memory holds only for whom there may be some.

    A notice is removed in the transaction in which it moves its instance. One that its instance cannot take now, for it
    is suspended or stopped by a fault, stays until somebody lets it go on.
    """

    def __init__(self, mover: Mover, clock: Clock) -> None:
        self._mover = mover
        self._clock = clock
        self._waiting: dict[str, None] = {}
        self._wake = asyncio.Event()
        self._log = structlog.get_logger("evenweave.children")

    def set(self, instances: Iterable[str]) -> None:
        """There may be notices for these."""
        self._waiting.update(dict.fromkeys(instances))
        self._wake.set()

    async def run(self) -> None:
        """Serve until cancelled: first what an earlier run left."""
        failures = Failures(self._clock, self._log)
        read: int | None = 0
        while True:
            try:
                if read is not None:
                    read = await self._read(read)
                    continue
                self._wake.clear()
                while self._waiting:
                    await self._move(list(self._waiting)[:AT_ONCE])
                failures.end()
            except (StoreRefused, StoreUnavailable) as error:
                await failures.wait("notices wait for the store", error)
                continue
            if self._mover.store.is_shared:
                read = await self._wait_for_others()
            else:
                await self._wake.wait()

    async def _wait_for_others(self) -> int | None:
        """Wait for notices; after a while, those of workers that are gone are looked for, from the beginning."""
        timer = self._clock.call_later(OTHERS_S, self._wake.set)
        try:
            await self._wake.wait()
        finally:
            timer.cancel()
        return None if self._waiting else 0

    async def _read(self, after: int) -> int | None:
        """Find whom notices are for; how far was read, until there are no more."""
        found = await self._mover.store.noticed(after, AT_ONCE)
        self._waiting.update(dict.fromkeys(instance for _, instance in found))
        return found[-1][0] if found else None

    async def _move(self, instances: Sequence[str]) -> None:
        # What cannot be taken stays in the store, and is found again at the next start.
        await halve(instances, self._move_in_one, accuse=self._accuse, give_up=self._drop)

    def _accuse(self, instance: str, error: StoreRefused) -> None:
        self._log.error("a notice cannot be taken", instance=instance, error=str(error))

    def _drop(self, instance: str) -> None:
        self._waiting.pop(instance, None)

    async def _move_in_one(self, instances: Sequence[str], block: Block | None) -> None:
        async def work(batch: Batch) -> None:
            await batch.transaction.expect(Expected(instances=instances))
            for instance in instances:
                for notice in await batch.transaction.notices(instance):
                    if not await self._take(batch, instance, notice):
                        break
                    batch.transaction.drop_notice(instance, notice)

        # What comes for them from here on is found by another round.
        for instance in instances:
            self._waiting.pop(instance, None)
        try:
            moved = await self._mover.move(work, blocked={} if block is None else {instances[0]: block})
            await moved.durable
        except BaseException:
            self._waiting.update(dict.fromkeys(instances))
            raise

    async def _take(self, batch: Batch, instance: str, notice: Notice) -> bool:
        """Let an instance take a notice; false where it cannot now."""
        if notice.kind == "begin":
            await self._begin(batch, instance, _LAUNCHED.decode(notice.cause))
            return True
        try:
            working = await batch.open(instance)
        except UnreadableState as error:
            self._log.error("an instance cannot be read", instance=instance, error=str(error))
            return False
        if working is None:
            return True  # it was deleted
        if working.instance.ended:
            if notice.kind == "cancel" and working.instance.continued:
                # Another one goes on for it, and so for whoever started it.
                leave(
                    batch, identity.of_child(batch.tenant, instance, working.instance.continued), "cancel", notice.cause
                )
            return True
        cause = _CAUSE.decode(notice.cause)
        if isinstance(cause, Arrival):
            await give_or_hold(batch, working, cause)
            return True
        if await batch.give(working, cause):
            return True
        # What it has left meanwhile is nothing to it any more.
        return isinstance(cause, ChildEnded) and working.instance.status in OPEN and not working.stranded

    async def _begin(self, batch: Batch, instance: str, launched: Launched) -> None:
        plan = batch.definitions.plan(launched.definition, launched.digest)
        if plan is None:
            # The registration that it was meant for went in the moment between: the one that starts instances now does.
            found = batch.definitions.find(launched.definition, launched.version)
            plan = None if found is None else found.plan
        if plan is not None:
            await batch.begin(plan, instance, launched.begin)
            return
        reason = f'no definition "{launched.definition}" starts instances any more'
        parent = launched.begin.parent
        if parent is None:
            batch.park(instance, "", {"cause": msgspec.to_builtins(launched)}, reason)
            return
        ended = ChildEnded(parent[1], instance, launched.definition, "faulted", type="unknown-workflow", title=reason)
        tell(batch, parent[0], "ended", ended)
