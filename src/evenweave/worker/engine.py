"""The Workflow Engine as a whole: what faces call, and the tasks that keep it going."""

from __future__ import annotations

import asyncio
import random
import uuid
from typing import TYPE_CHECKING, Any

import structlog
from msgspec import Struct

from evenweave import source
from evenweave.engine import Begin
from evenweave.errors import EvenweaveError
from evenweave.ports.broker import BrokerError
from evenweave.ports.store import Position, StoreRefused, StoreUnavailable
from evenweave.runtime.backoff import Backoff
from evenweave.worker import identity
from evenweave.worker.definitions import Definitions, Registered
from evenweave.worker.intake import Intake
from evenweave.worker.mover import Mover
from evenweave.worker.publishing import Publishing
from evenweave.worker.registration import invalid, prepare, restore
from evenweave.worker.settings import Settings
from evenweave.worker.timers import Timers
from evenweave.worker.view import InstanceView, view

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine, Sequence

    from evenweave.engine import Instance
    from evenweave.engine.causes import Command
    from evenweave.ports.broker import Broker, Subscription
    from evenweave.ports.catalog import Catalog
    from evenweave.ports.clock import Clock
    from evenweave.ports.store import DefinitionRow, HistoryEntry, InstanceSummary, Store
    from evenweave.source import Diagnostic
    from evenweave.worker.batch import Batch
    from evenweave.worker.reading import Reader

BACKOFF = Backoff(first_s=0.1, cap_s=5.0)


class NotFound(EvenweaveError):
    """There is no such definition or instance."""


class NotPossible(EvenweaveError):
    """What was asked for does not fit the state of things; the message says why."""


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


class Engine:
    """Registers definitions, takes events, moves instances, publishes.

    Args:
        store: Where everything is.
        broker: Where events come from and go to.
        catalog: Where operations are found.
        clock: The time.
        settings: Bounds and times.
        reader: How the broker's log is read: as a feed where it is in the same database, else over the port.
        subscribed: Told of the engine's own subscription whenever it changes.
    """

    def __init__(
        self,
        store: Store,
        broker: Broker,
        catalog: Catalog,
        clock: Clock,
        *,
        reader: Reader,
        subscribed: Callable[[Subscription], None],
        settings: Settings | None = None,
        tenant: str = "default",
    ) -> None:
        self.settings = settings or Settings()
        self.tenant = tenant
        self._store = store
        self._broker = broker
        self._catalog = catalog
        self._clock = clock
        self._reader = reader
        self._subscribed = subscribed
        self._tasks: list[asyncio.Task[None]] = []
        self._registering = asyncio.Lock()
        self._gate = asyncio.Lock()
        self._reconcile = asyncio.Event()
        self._ready = asyncio.Event()
        self._log = structlog.get_logger("evenweave.engine")
        self._mover = Mover(store, clock, self.settings, tenant=tenant, definitions=Definitions([]))
        self._timers = Timers(self._mover, clock)
        self._mover.on_due = self._timers.set
        self._mover.on_ended = self._on_ended
        self._publishing = None if store.holds_log else Publishing(self._mover, broker, clock)
        self._intake = Intake(self._mover, reader, self._publishing, gate=self._gate, resubscribe=self._resubscribe)

    # Life.

    async def start(self) -> None:
        """Take up what an earlier run left, and serve.

        Raises:
            InvalidDocument: A stored definition cannot be read by this version.
        """
        self._mover.definitions = Definitions([restore(row) for row in await self._store.definitions()])
        self._serve(self._keep_subscribed())
        self._serve(self._intake.run())
        self._serve(self._reader.run())
        self._serve(self._timers.run())
        if self._publishing is not None:
            self._store.when_outgoing(self._publishing.add)
            self._serve(self._publishing.run())
        self._reconcile.set()

    async def stop(self) -> None:
        """Stop taking anything; what was queued is the store's to write."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        self._tasks.clear()

    @property
    def ready(self) -> bool:
        """Whether its tasks run and it is subscribed to what its definitions need."""
        return self._ready.is_set() and not any(task.done() for task in self._tasks)

    # Definitions.

    async def register(self, name: str, data: bytes, *, strict: bool = False) -> Registration:
        """Register a definition; it serves new instances, running ones keep theirs.

        Raises:
            InvalidDocument: It has mistakes; nothing was registered.
            CatalogUnavailable: The Catalog did not answer.
            evenweave.ports.broker.BrokerError: The Runtime did not take the subscription.
        """
        async with self._registering:
            registered, diagnostics = await prepare(name, data, self._catalog, now=self._mover.now())
            if strict and diagnostics:
                raise invalid(name, source.strict(diagnostics))
            row = registered.row
            flow = self._mover.definitions.flows.get(row.id)
            newest = None if flow is None else flow.newest
            if newest is not None and newest.row.digest == row.digest:
                return Registration(newest.row, False, diagnostics)
            await self._take_up(registered)
            return Registration(row, True, diagnostics)

    async def remove(self, definition: str, version: str | None = None) -> None:
        """Let a definition, or one version of it, start no more instances.

        The channels that only starts needed are given up at once; the rest goes after its last instance.

        Raises:
            NotFound: There is none that starts instances.
        """
        async with self._registering:
            flow = self._mover.definitions.flows.get(definition)
            retiring = [
                each
                for each in (flow.registered if flow is not None else ())
                if each.row.active and version in {None, each.row.version}
            ]
            if not retiring:
                raise NotFound(f'no definition "{definition}"' + (f' of version "{version}"' if version else ""))

            async def work(batch: Batch) -> None:
                for each in retiring:
                    batch.transaction.retire(definition, each.row.digest)

            await (await self._mover.move(work)).durable
            gone = {each.row.digest for each in retiring}
            self._mover.definitions = Definitions(
                [
                    _retired(each) if each.row.id == definition and each.row.digest in gone else each
                    for each in self._mover.definitions
                ]
            )
            await self._clean_up()
        self._reconcile.set()
        await self._unsubscribe_superfluous()

    def definitions(self) -> Sequence[DefinitionRow]:
        """The definitions that start instances or still have some, in the order of registration."""
        return [each.row for each in self._mover.definitions]

    def definition(self, id: str, version: str | None = None) -> Registered:  # noqa: A002
        """The newest registration of a definition, or of one of its versions.

        Raises:
            NotFound: There is none.
        """
        flow = self._mover.definitions.flows.get(id)
        for each in reversed(flow.registered if flow is not None else []):
            if version is None or each.row.version == version:
                return each
        raise NotFound(f'no definition "{id}"' + (f' of version "{version}"' if version else ""))

    # Instances.

    async def start_instance(self, definition: str, data: Any, *, command: str | None = None) -> str:
        """Start an instance by a command, and return its id; the same command starts only one.

        Raises:
            NotFound: There is no definition that starts instances.
            NotPossible: The definition is started by events only, or the data is no object.
        """
        flow = self._mover.definitions.flows.get(definition)
        plan = None if flow is None else flow.plan
        if plan is None:
            raise NotFound(f'no definition "{definition}" starts instances')
        if plan.starts:
            raise NotPossible(
                f'"{definition}" begins with an event: publish one on {", ".join(sorted(plan.start_channels))}'
            )
        if not isinstance(data, dict):
            raise NotPossible("the input of an instance is a JSON object")
        # A caller that gives no id asks for a new instance each time.
        id = identity.of_command(self.tenant, definition, command or uuid.uuid4().hex)  # noqa: A001

        async def work(batch: Batch) -> None:
            await batch.begin(plan, id, Begin(data))

        await (await self._mover.move(work)).durable
        return id

    async def command(self, id: str, command: Command) -> None:  # noqa: A002
        """Suspend, resume or cancel an instance.

        Raises:
            NotFound: There is no such instance.
            evenweave.engine.life.NotAllowed: Its status does not allow it.
        """

        async def work(batch: Batch) -> None:
            working = await batch.open(id)
            if working is None:
                raise NotFound(f"no instance {id}")
            batch.apply(working, command)

        await (await self._mover.move(work)).durable

    async def delete_instance(self, id: str) -> None:  # noqa: A002
        """Remove an ended instance with its history.

        Raises:
            NotFound: There is no such instance.
            NotPossible: It has not ended.
        """

        async def work(batch: Batch) -> None:
            instance = await batch.transaction.instance(id)
            if instance is None:
                raise NotFound(f"no instance {id}")
            if not instance.ended:
                raise NotPossible(f"instance {id} is {instance.status}: cancel it first")
            batch.transaction.remove_instance(instance, batch.now)

        await (await self._mover.move(work)).durable

    async def instances(
        self, *, status: str = "", definition: str = "", key: str = "", after: int = 0, limit: int = 100
    ) -> Sequence[InstanceSummary]:
        """A page of instances, oldest first."""
        return await self._store.instances(status=status, definition=definition, key=key, after=after, limit=limit)

    async def instance(self, id: str) -> InstanceView:  # noqa: A002
        """An instance with its data and what it waits for.

        Raises:
            NotFound: There is no such instance.
        """
        instance = await self._store.begin().instance(id)
        if instance is None:
            raise NotFound(f"no instance {id}")
        return view(instance, self._mover.definitions.plan(instance.definition, instance.digest))

    async def history(self, id: str) -> Sequence[HistoryEntry]:  # noqa: A002
        """The bursts of an instance.

        Raises:
            NotFound: There is no such instance.
        """
        await self.instance(id)
        return await self._store.history(id)

    def subscriptions(self) -> list[dict[str, Any]]:
        """The channels that each definition takes events of: to start, and for running instances."""
        return [
            {
                "definition": flow.id,
                "starts": sorted(flow.plan.start_channels) if flow.plan is not None else [],
                "waits": sorted({channel for each in flow.registered for channel in each.plan.later_channels}),
            }
            for flow in self._mover.definitions.flows.values()
        ]

    # How it keeps going.

    async def _take_up(self, registered: Registered) -> None:
        """Subscribe, then store the definition and the positions of its channels in one commit (PROTOCOL section 4)."""
        row = registered.row
        wanted = Definitions([*_without(self._mover.definitions, row), registered])
        async with self._gate:
            subscription = await self._subscribe(wanted)
            known = await self._store.positions()

            async def work(batch: Batch) -> None:
                batch.transaction.define(row)
                for channel, (log, position) in ({} if subscription is None else subscription.positions).items():
                    if channel not in known:
                        batch.transaction.advance(channel, Position(log, position))

            await (await self._mover.move(work)).durable
            self._mover.definitions = wanted
        if subscription is not None:
            self._subscribed(subscription)

    def _serve(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.get_running_loop().create_task(work)
        task.add_done_callback(self._on_task_done)
        self._tasks.append(task)

    def _on_task_done(self, task: asyncio.Task[None]) -> None:
        error = None if task.cancelled() else task.exception()
        if error is not None:
            self._log.critical("a task of the engine failed, restart it", error=repr(error), exc_info=error)

    async def _subscribe(self, wanted: Definitions) -> Subscription | None:
        channels = sorted(wanted.channels())
        if not channels:
            return None
        return await self._broker.subscribe(self.settings.group, channels, mode="read")

    async def _resubscribe(self) -> None:
        self._ready.clear()
        self._reconcile.set()
        await self._ready.wait()

    async def _keep_subscribed(self) -> None:
        """Make the Runtime's list agree with the definitions, now and whenever it may not."""
        failures = 0
        while True:
            await self._reconcile.wait()
            self._reconcile.clear()
            try:
                async with self._registering:
                    await self._clean_up()
                    subscription = await self._subscribe(self._mover.definitions)
                if subscription is not None:
                    self._subscribed(subscription)
                await self._unsubscribe_superfluous()
            except (BrokerError, StoreRefused, StoreUnavailable) as error:
                failures += 1
                delay_s = BACKOFF.delay_s(failures, random.random())  # noqa: S311 - jitter
                self._log.warning("subscribing waits", error=str(error), delay_s=round(delay_s, 2))
                await asyncio.sleep(delay_s)
                self._reconcile.set()
            else:
                failures = 0
                self._ready.set()

    async def _unsubscribe_superfluous(self) -> None:
        for subscription in await self._broker.subscriptions():
            if subscription.group != self.settings.group:
                continue
            superfluous = sorted(set(subscription.positions) - self._mover.definitions.channels())
            if superfluous:
                await self._broker.unsubscribe(subscription.id, superfluous)

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

        await (await self._mover.move(work)).durable
        self._mover.definitions = Definitions([each for each in self._mover.definitions if each not in gone])

    def _on_ended(self, instances: list[Instance]) -> None:
        for instance in instances:
            flow = self._mover.definitions.flows.get(instance.definition)
            if flow is None or any(
                not each.row.active and each.row.digest == instance.digest for each in flow.registered
            ):
                self._reconcile.set()
                return


def _without(definitions: Definitions, row: DefinitionRow) -> list[Registered]:
    return [each for each in definitions if (each.row.id, each.row.digest) != (row.id, row.digest)]


def _retired(registered: Registered) -> Registered:
    row = registered.row
    values = {name: getattr(row, name) for name in row.__struct_fields__}
    return Registered(type(row)(**{**values, "active": False}), registered.plan)
