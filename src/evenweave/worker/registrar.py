"""Keeps the table of definitions and the engine's subscription in step (PROTOCOL section 4)."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

import msgspec
import structlog
from msgspec import Struct

from evenweave import source
from evenweave.errors import EvenweaveError
from evenweave.ports.broker import BrokerError
from evenweave.ports.store import Position, StoreRefused, StoreUnavailable
from evenweave.worker.definitions import Definitions, Registered
from evenweave.worker.delay import Failures
from evenweave.worker.refusals import NotFound
from evenweave.worker.registration import invalid, prepare, restore

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Sequence

    from evenweave.definitions.swf08 import Profile
    from evenweave.engine import Instance
    from evenweave.ports.broker import Broker, Subscription
    from evenweave.ports.catalog import Catalog
    from evenweave.ports.clock import Clock
    from evenweave.ports.store import DefinitionRow, Transaction
    from evenweave.source import Diagnostic
    from evenweave.worker.batch import Batch
    from evenweave.worker.mover import Mover
    from evenweave.worker.reading import Reader


class Registration(Struct, frozen=True):
    """What came of a registration.

    Attributes:
        row: The definition.
        created: False where it was the newest already, with the same content.
        diagnostics: The warnings.
    """

    row: DefinitionRow
    created: bool
    diagnostics: Sequence[Diagnostic]


class Registrar:
    """Registers and removes definitions, and makes the Runtime's list of subscriptions agree with them.

    Whatever changes either does so under one lock; intake needs none: a table is exchanged together with its
    transaction, and from then on reading begins anew, with the channels that the new table needs.
    """

    def __init__(
        self,
        mover: Mover,
        broker: Broker,
        catalog: Catalog,
        clock: Clock,
        *,
        reader: Reader,
    ) -> None:
        self._mover = mover
        self._store = mover.store
        self._broker = broker
        self._catalog = catalog
        self._clock = clock
        self._reader = reader
        self._lock = asyncio.Lock()
        self._reconcile = asyncio.Event()
        self._agreed = asyncio.Event()
        self._changed = asyncio.Event()
        self._log = structlog.get_logger("evenweave.registrar")

    @property
    def agreed(self) -> bool:
        """Whether the engine is subscribed to what its definitions need."""
        return self._agreed.is_set()

    async def load(self) -> None:
        """Take up the definitions of an earlier run."""
        version = await self._store.version()
        registered = [restore(row) for row in await self._store.definitions()]
        for each in registered:
            if each.row.broken:
                self._log.error(
                    "a definition cannot run", definition=each.row.id, version=each.row.version, reason=each.row.broken
                )
        await self._mover.adopt(Definitions(registered, version), self._reader.reset)
        self._store.when_defined(self._changed.set)
        self._reconcile.set()

    async def register(self, name: str, data: bytes, *, strict: bool, profile: Profile | None) -> Registration:
        """See `Engine.register`."""
        async with self._alone():
            registered, diagnostics = await prepare(
                name, data, self._catalog, self._mover.definitions, now=self._mover.now(), profile=profile
            )
            if strict and source.has_errors(source.strict(diagnostics)):
                raise invalid(name, source.strict(diagnostics))
            row = registered.row
            flow = self._mover.definitions.flows.get(row.id)
            newest = None if flow is None else flow.newest
            if newest is not None and newest.plan is not None and newest.row.digest == row.digest:
                return Registration(newest.row, False, diagnostics)
            others = [
                each for each in self._mover.definitions if (each.row.id, each.row.digest) != (row.id, row.digest)
            ]
            try:
                await self._take_up(Definitions([*others, registered]), lambda transaction: transaction.define(row))
            except EvenweaveError:
                # It may be subscribed to what nobody needs now.
                self._reconcile.set()
                raise
            return Registration(row, True, diagnostics)

    async def remove(self, definition: str, version: str | None) -> None:
        """See `Engine.remove`."""
        async with self._alone():
            flow = self._mover.definitions.flows.get(definition)
            retiring = [
                each
                for each in (flow.registered if flow is not None else ())
                if each.row.active and version in {None, each.row.version}
            ]
            if not retiring:
                raise NotFound(f'no definition "{definition}"' + (f' of version "{version}"' if version else ""))

            def write(transaction: Transaction) -> None:
                for each in retiring:
                    transaction.retire(definition, each.row.digest)

            left = [_changed(each, active=False) if each in retiring else each for each in self._mover.definitions]
            await self._exchange(Definitions(left), write)

    async def disable(self, definition: str, version: str, *, disabled: bool) -> None:
        """See `Engine.disable`."""
        async with self._alone():
            flow = self._mover.definitions.flows.get(definition)
            found = [each for each in (flow.registered if flow is not None else ()) if each.row.version == version]
            if not found:
                raise NotFound(f'no definition "{definition}" of version "{version}"')
            changing = [each for each in found if each.row.active and each.row.disabled is not disabled]

            def write(transaction: Transaction) -> None:
                for each in changing:
                    transaction.disable(definition, each.row.digest, disabled)

            table = [
                _changed(each, disabled=disabled) if each in changing else each for each in self._mover.definitions
            ]
            if changing:
                await self._exchange(Definitions(table), write)

    def tidy(self) -> None:
        """Instances left a version: what only they needed can go."""
        self._reconcile.set()

    async def run(self) -> None:
        """Make the Runtime's list agree with the definitions, now and whenever it may not; until cancelled."""
        failures = Failures(self._clock, self._log)
        while True:
            await self._reconcile.wait()
            self._reconcile.clear()
            try:
                async with self._alone():
                    await self._clean_up()
                    subscription = await self._subscribe(self._mover.definitions)
                    if subscription is not None:
                        self._reader.subscribed(subscription)
                    await self._unsubscribe_superfluous()
            except (BrokerError, StoreRefused, StoreUnavailable) as error:
                self._reconcile.set()
                await failures.wait("subscribing waits", error)
            else:
                failures.end()
                self._agreed.set()

    async def watch(self) -> None:
        """Take up what other workers change in the definitions, until cancelled."""
        failures = Failures(self._clock, self._log)
        while True:
            await self._changed.wait()
            self._changed.clear()
            try:
                if await self._store.version() != self._mover.definitions.version:
                    async with self._alone():
                        pass
            except StoreUnavailable as error:
                self._changed.set()
                await failures.wait("definitions wait for the store", error)
            else:
                failures.end()

    @asynccontextmanager
    async def _alone(self) -> AsyncIterator[None]:
        """While entered, nobody else changes definitions or subscriptions, and the table here is the newest."""
        async with self._lock, self._store.exclusively():
            await self._take_up_others()
            yield

    async def _take_up_others(self) -> None:
        version = await self._store.version()
        if version == self._mover.definitions.version:
            return
        known = {(each.row.id, each.row.digest): each for each in self._mover.definitions}
        registered = []
        for row in await self._store.definitions():
            there = known.get((row.id, row.digest))
            registered.append(restore(row) if there is None or there.plan is None else Registered(row, there.plan))
        await self._mover.adopt(Definitions(registered, version), self._reader.reset)
        self._reconcile.set()

    async def resubscribe(self) -> None:
        """The group is gone: return once there is one again."""
        self._agreed.clear()
        self._reconcile.set()
        await self._agreed.wait()

    def on_ended(self, instances: list[Instance]) -> None:
        """Instances ended: what only they needed can go."""
        flows = self._mover.definitions.flows
        for instance in instances:
            flow = flows.get(instance.definition)
            if flow is not None and any(
                not each.row.active and each.row.digest == instance.digest for each in flow.registered
            ):
                self._reconcile.set()
                return

    async def _exchange(self, wanted: Definitions, write: Callable[[Transaction], None]) -> None:
        """Let another table of definitions run: subscribe to what it needs more, give up what it does not."""
        if wanted.channels() <= self._mover.definitions.channels():

            async def work(batch: Batch) -> None:
                write(batch.transaction)

            # Once this is durable, so is every instance that it started: only then is it known whether one is left.
            await (await self._mover.move(work, definitions=wanted)).durable
        else:
            await self._take_up(wanted, write)
        try:
            await self._clean_up()
            await self._unsubscribe_superfluous()
        except BrokerError as error:
            self._log.warning("unsubscribing waits for the broker", error=str(error))
            self._reconcile.set()

    async def _take_up(self, wanted: Definitions, write: Callable[[Transaction], None]) -> None:
        """Subscribe, then store the change and the positions of the channels in one commit."""
        subscription = await self._subscribe(wanted)
        stored = await self._store.positions()

        async def work(batch: Batch) -> None:
            write(batch.transaction)
            for channel, place in ({} if subscription is None else subscription.positions).items():
                if channel not in wanted.channels():
                    continue
                known = stored.get(channel)
                if self._store.holds_log:
                    # It was left once and is taken up there; of channels that were not, the log itself knows how far.
                    if known is not None and known.log == place[0]:
                        batch.transaction.advance(channel, known)
                elif known is None:
                    batch.transaction.advance(channel, Position(*place))

        moved = await self._mover.move(work, definitions=wanted, queued=self._reader.reset)
        await moved.durable
        if subscription is not None:
            self._reader.subscribed(subscription)

    async def _subscribe(self, wanted: Definitions) -> Subscription | None:
        channels = sorted(wanted.channels())
        if not channels:
            return None
        return await self._broker.subscribe(self._mover.settings.group, channels, mode=self._reader.mode)

    async def _unsubscribe_superfluous(self) -> None:
        """Give up the channels that no definition needs, but only those that the engine knows that it subscribed.

        Others are there because its folder was lost: they wait for their definitions, and so does everything while a
        definition is broken, for nobody knows what it needs.
        """
        definitions = self._mover.definitions
        if definitions.broken:
            return
        known = await self._store.positions()
        for subscription in await self._broker.subscriptions():
            if subscription.group == self._mover.settings.replaces:
                # Nobody reads by it any more, and the log keeps for it what it did not acknowledge.
                await self._broker.unsubscribe(subscription.id)
            if subscription.group != self._mover.settings.group:
                continue
            superfluous = sorted(set(subscription.positions) - definitions.channels())
            if not self._store.holds_log:
                foreign = [channel for channel in superfluous if channel not in known]
                superfluous = [channel for channel in superfluous if channel in known]
                if foreign:
                    self._log.warning("channels wait for definitions that are not registered", channels=foreign)
            if superfluous:
                await self._leave(subscription, superfluous)
                await self._broker.unsubscribe(subscription.id, superfluous)

    async def _leave(self, subscription: Subscription, channels: Sequence[str]) -> None:
        """Remember how far channels were read: who subscribes to them again must not get the same events twice."""
        if not self._store.holds_log:
            return  # the positions are there anyway

        async def work(batch: Batch) -> None:
            for channel in channels:
                batch.transaction.leave(channel, Position(*subscription.positions[channel]))

        await (await self._mover.move(work)).durable

    async def _clean_up(self) -> None:
        """Remove retired definitions of which no instance is left."""
        gone = [
            each
            for each in self._mover.definitions
            if not each.row.active and not await self._store.has_live(each.row.id, each.row.digest)
        ]
        if not gone:
            return

        async def work(batch: Batch) -> None:
            for each in gone:
                batch.transaction.remove_definition(each.row.id, each.row.digest)

        left = Definitions([each for each in self._mover.definitions if each not in gone])
        await (await self._mover.move(work, definitions=left)).durable


def _changed(registered: Registered, **changes: bool) -> Registered:
    return Registered(msgspec.structs.replace(registered.row, **changes), registered.plan)
