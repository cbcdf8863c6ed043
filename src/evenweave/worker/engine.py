"""The Workflow Engine as a whole: what faces call, and the tasks that keep it going."""

from __future__ import annotations

import asyncio
import contextlib
import uuid
from typing import TYPE_CHECKING, Any

import structlog

from evenweave.engine import Begin
from evenweave.plan.nodes import Validate
from evenweave.ports.store import StoreRefused, StoreUnavailable, Which
from evenweave.worker import identity
from evenweave.worker.archive import Archive
from evenweave.worker.calls import Calls
from evenweave.worker.children import Children
from evenweave.worker.definitions import Definitions, Registered
from evenweave.worker.delay import after_failures, pause
from evenweave.worker.figures import CensusTaker, Snapshot
from evenweave.worker.intake import Intake
from evenweave.worker.mover import Mover
from evenweave.worker.performing import Performer
from evenweave.worker.publishing import Publishing
from evenweave.worker.refusals import InvalidInput, NotFound, NotPossible
from evenweave.worker.registrar import Registrar, Registration
from evenweave.worker.repair import Repair, Workshop
from evenweave.worker.retention import Retention
from evenweave.worker.scheduling import Scheduling
from evenweave.worker.search import search
from evenweave.worker.settings import Settings
from evenweave.worker.suspicion import Suspicion
from evenweave.worker.timers import Timers
from evenweave.worker.view import InstanceView, successor, view

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping, Sequence

    from evenweave.definitions.swf08 import Profile
    from evenweave.engine.causes import Command
    from evenweave.plan.nodes import Plan
    from evenweave.ports.broker import Broker
    from evenweave.ports.catalog import Catalog
    from evenweave.ports.clock import Clock
    from evenweave.ports.functions import Functions, Secrets
    from evenweave.ports.store import DefinitionRow, HistoryEntry, InstanceSummary, Parked
    from evenweave.worker.batch import Batch
    from evenweave.worker.figures import MeasuredStore
    from evenweave.worker.reading import Reader
    from evenweave.worker.spans import Spans

__all__ = ["Engine", "NotFound", "NotPossible", "Registration"]


class Engine:
    """Registers definitions, takes events, moves instances, publishes.

    Attributes:
        workshop: Repairs instances, one or many.
        archive: Traces, forks and checks instances by their history.

    Args:
        store: Where everything is.
        broker: Where events come from and go to.
        catalog: Where operations are found.
        clock: The time.
        settings: Bounds and times.
        reader: How the broker's log is read: as a feed where it is in the same database, else over the port.
        spans: Makes spans of bursts.
        functions: Makes the calls to functions outside.
        secrets: Where the secrets of those calls are.
    """

    def __init__(
        self,
        store: MeasuredStore,
        broker: Broker,
        catalog: Catalog,
        clock: Clock,
        *,
        reader: Reader,
        settings: Settings | None = None,
        tenant: str = "default",
        spans: Spans | None = None,
        functions: Functions,
        secrets: Secrets,
    ) -> None:
        self.settings = settings or Settings()
        self.tenant = tenant
        self._store = store
        self._clock = clock
        self._reader = reader
        self._tasks: list[asyncio.Task[None]] = []
        self._failing: set[str] = set()
        self._log = structlog.get_logger("evenweave.engine")
        self._mover = Mover(store, clock, self.settings, tenant=tenant, definitions=Definitions([]))
        self._registrar = Registrar(self._mover, broker, catalog, clock, reader=reader)
        self.archive = Archive(self._mover)
        self.workshop = Workshop(self._mover, self._registrar)
        self._timers = Timers(self._mover, clock)
        self._retention = Retention(self._mover, clock)
        self._children = Children(self._mover, clock)
        self._calls = Calls(self._mover, clock, Performer(functions, secrets, self.settings, self._find_plan))
        self._mover.spans = spans
        self._mover.on_called = self._calls.add
        self._mover.on_withdrawn = self._calls.withdraw
        self._census = CensusTaker(store, clock)
        self._mover.on_due = self._timers.set
        self._scheduling = Scheduling(self._mover, clock)
        self._mover.on_defined = self._scheduling.changed
        self._mover.on_noticed = self._children.set
        self._mover.on_ended = self._registrar.on_ended
        self._publishing = None if store.holds_log else Publishing(self._mover, broker, clock)
        self._suspicion = Suspicion(self._mover)
        self._intake = Intake(
            self._mover,
            reader,
            self._publishing,
            self._suspicion,
            clock=clock,
            resubscribe=self._registrar.resubscribe,
        )

    # Life.

    async def start(self) -> None:
        """Take up what an earlier run left, and serve."""
        await self._registrar.load()
        self._suspicion.begin(await self._store.take_up())
        if self._publishing is not None:
            self._store.when_outgoing(self._publishing.add)
            self._serve("publishing", self._publishing.run)
            if self._store.is_shared:
                self._serve("adopting", self._publishing.adopt)
        self._serve("subscribing", self._registrar.run)
        self._serve("definitions", self._registrar.watch)
        self._serve("intake", self._intake.run)
        self._serve("reading", self._reader.run)
        self._serve("timers", self._timers.run)
        self._serve("children", self._children.run)
        self._serve("calls", self._calls.run)
        self._serve("schedules", self._scheduling.run)
        if self._retention.wanted:
            self._serve("retention", self._retention.run)

    def _find_plan(self, definition: str, digest: str) -> Plan | None:
        return self._mover.definitions.plan(definition, digest)

    async def stop(self) -> None:
        """Stop taking anything; what was queued is the store's to write."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        if self._tasks:
            self._tasks.clear()
            await self._calls.stop()
            # Where that, or what was queued before it, cannot be written, this was no clean stop.
            with contextlib.suppress(StoreRefused, StoreUnavailable):
                await self._store.let_go()

    @property
    def ready(self) -> bool:
        """Whether its tasks run and it is subscribed to what its definitions need."""
        return bool(self._tasks) and not self._failing and not self._store.failing and self._registrar.agreed

    # Definitions.

    async def register(
        self, name: str, data: bytes, *, strict: bool = False, profile: Profile | None = None
    ) -> Registration:
        """Register a definition; it serves new instances, running ones keep theirs.

        It is read by the profile, where one is given, else as it says itself.

        Raises:
            InvalidDocument: It has mistakes; nothing was registered.
            CatalogUnavailable: The Catalog did not answer.
            evenweave.ports.broker.BrokerError: The Runtime did not take the subscription.
        """
        return await self._registrar.register(name, data, strict=strict, profile=profile)

    async def remove(self, definition: str, version: str | None = None) -> None:
        """Let a definition, or one version of it, start no more instances.

        The channels that only starts needed are given up at once; the rest goes after its last instance.

        Raises:
            NotFound: There is none that starts instances.
        """
        await self._registrar.remove(definition, version)

    async def disable(self, definition: str, version: str, *, disabled: bool = True) -> None:
        """Let a version start no instances for a time, or (``disabled=False``) start them again.

        While it is disabled the newest other version starts instances, if there is one; else the channels of its starts
        are given up, and what comes there waits in the log as long as that keeps it.

        Raises:
            NotFound: There is no such version.
            evenweave.ports.broker.BrokerError: The Runtime did not take the subscription.
        """
        await self._registrar.disable(definition, version, disabled=disabled)

    def starts(self, row: DefinitionRow) -> bool:
        """Whether it is this registration of its definition that starts instances."""
        flow = self._mover.definitions.flows.get(row.id)
        newest = None if flow is None else flow.newest
        return newest is not None and newest.row.digest == row.digest

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
            InvalidInput: The data does not fit the definition's schema.
        """
        if not isinstance(data, dict):
            raise NotPossible("the input of an instance is a JSON object")
        # A caller that gives no id asks for a new instance each time.
        id = identity.of_command(self.tenant, definition, command or uuid.uuid4().hex)  # noqa: A001

        async def work(batch: Batch) -> None:
            flow = batch.definitions.flows.get(definition)
            plan = None if flow is None else flow.plan
            if plan is None:
                raise NotFound(f'no definition "{definition}" starts instances')
            if plan.starts:
                raise NotPossible(
                    f'"{definition}" begins with an event: publish one on {", ".join(sorted(plan.start_channels))}'
                )
            first = plan.nodes.get(plan.root.body.first or "")
            problems = first.schema.problems(data) if isinstance(first, Validate) else ()
            if problems:
                raise InvalidInput(f'the input does not fit the schema of "{definition}": {"; ".join(problems)}')
            await batch.begin(plan, id, Begin(data))

        await (await self._mover.move(work)).durable
        return id

    async def command(self, id: str, command: Command) -> None:  # noqa: A002
        """Suspend, resume, cancel, retry or skip: see `Workshop.repair`."""
        assert command.verb != "fault", "that is no command of people"
        await self.workshop.repair(id, Repair(command.verb, command.reason, command.patch))

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
            following = await batch.transaction.instance(successor(instance)) if instance.continued else None
            if following is not None and not following.ended:
                # A cancel of whoever started it finds the one that goes on through this one.
                raise NotPossible(f"instance {following.id} goes on for {id}: delete it after that has ended")
            batch.transaction.remove_instance(instance, batch.now)

        await (await self._mover.move(work)).durable

    async def instances(
        self,
        which: Which | None = None,
        *,
        status: str = "",
        definition: str = "",
        key: str = "",
        after: int = 0,
        limit: int = 100,
    ) -> Sequence[InstanceSummary]:
        """A page of instances, oldest first; ``key`` is a canonical correlation key that they stand for.

        ``which`` narrows them, or the most common of what it says by itself.
        """
        which = which or Which(status=status, definition=definition)
        return await self._store.instances(which, key=key, after=after, limit=limit)

    async def search(
        self, which: Which, wanted: Mapping[str, Any], *, after: int = 0, limit: int = 100
    ) -> Sequence[InstanceSummary]:
        """A page of instances by correlation key, else by values in their data: see `evenweave.worker.search`."""
        return await search(self._store, which, wanted, after=after, limit=limit)

    async def instance(self, id: str) -> InstanceView:  # noqa: A002
        """An instance with its data and what it waits for, as it is durable.

        Raises:
            NotFound: There is no such instance.
        """
        instance = await self._store.instance(id)
        if instance is None:
            raise NotFound(f"no instance {id}")
        children = await self._store.children(id)
        return view(instance, self._mover.definitions.plan(instance.definition, instance.digest), children)

    async def history(self, id: str) -> Sequence[HistoryEntry]:  # noqa: A002
        """The bursts of an instance.

        Raises:
            NotFound: There is no such instance.
        """
        await self.instance(id)
        return await self._store.history(id)

    async def parked(self, after: int = 0, limit: int = 100) -> Sequence[Parked]:
        """What was put aside because nobody could handle it, oldest first."""
        return await self._store.parked(after, limit)

    def subscriptions(self) -> list[dict[str, Any]]:
        """The channels that each definition takes events of: to start, and for running instances."""
        return [
            {
                "definition": flow.id,
                "starts": sorted(flow.plan.start_channels) if flow.plan is not None else [],
                "waits": sorted({channel for plan in flow.plans for channel in plan.later_channels}),
            }
            for flow in self._mover.definitions.flows.values()
        ]

    async def figures(self) -> Snapshot:
        """The figures of this moment; asking keeps nobody waiting, however many instances there are."""
        return Snapshot(
            figures=self._mover.figures,
            census=await self._census.take(),
            commits=self._store.commits,
            backlog=0 if self._publishing is None else self._publishing.backlog,
            bytes=self._store.count_bytes(),
            definitions=sum(each.row.active for each in self._mover.definitions),
            ready=self.ready,
        )

    # How it keeps going.

    def _serve(self, name: str, work: Callable[[], Awaitable[None]]) -> None:
        self._tasks.append(asyncio.get_running_loop().create_task(self._keep_going(name, work)))

    async def _keep_going(self, name: str, work: Callable[[], Awaitable[None]]) -> None:
        """Serve, and begin anew after a failure that nobody foresaw: the rest of the engine depends on it."""
        failures = 0
        while True:
            try:
                await work()
            except Exception:  # noqa: BLE001 - it is logged, and shows in `ready`
                failures += 1
                self._failing.add(name)
                with contextlib.suppress(OSError):  # the log may lie on the disk that is full
                    self._log.critical("a part of the engine failed and begins anew", part=name, exc_info=True)
                await pause(self._clock, after_failures(failures))
                self._failing.discard(name)
            else:
                return
