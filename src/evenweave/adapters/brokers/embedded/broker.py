"""The embedded broker: a log, its groups, and their leases, on one SQLite database."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Self

from evenweave.adapters.brokers.embedded.batch import Batch
from evenweave.adapters.brokers.embedded.feed import Feed
from evenweave.adapters.brokers.embedded.handing import Handing
from evenweave.adapters.brokers.embedded.intake import Intake, Prepared
from evenweave.adapters.brokers.embedded.letters import Letters
from evenweave.adapters.brokers.embedded.log import Log, find_log_id
from evenweave.adapters.brokers.embedded.measuring import Measuring
from evenweave.adapters.brokers.embedded.polling import Pollers
from evenweave.adapters.brokers.embedded.registry import Registry
from evenweave.adapters.brokers.embedded.settling import Settling, draw_jitter
from evenweave.adapters.brokers.embedded.trimmer import Trimmer
from evenweave.adapters.sqlite import Database, Dropped, Lookups, Migrations, RowRefused, Unit, load_statements
from evenweave.cloudevents import Event
from evenweave.ports.broker import (
    ALL,
    DeadLetter,
    Delivery,
    Mode,
    Position,
    Refused,
    Replayed,
    Start,
    Subscription,
    Unavailable,
    Which,
)
from evenweave.ports.clock import Clock
from evenweave.runtime.figures import Figures, Tally
from evenweave.runtime.group import Group
from evenweave.runtime.rules import Rules, check_name

MIGRATIONS = Migrations("broker", "evenweave.adapters.brokers.embedded")

_SQL = load_statements("evenweave.adapters.brokers.embedded")
_MODES = ("share", "read", "broadcast")


class EmbeddedBroker:
    """The port `Broker` on a database of this process, and what an engine on the same database may do besides.

    The engine puts what it publishes and what it acknowledges into its own unit of work (`append`, `acknowledge_in`)
    and reads what is appended before it is committed (`reader`): PROTOCOL section 2, SQLite. Services get only what is
    committed. Leases live in memory: after a restart what was in somebody's hands comes again.
    """

    def __init__(
        self,
        database: Database,
        log_id: str,
        *,
        clock: Clock,
        tenant: str,
        rules: Rules,
        jitter: Callable[[], float],
    ) -> None:
        """Use `open` instead."""
        self._database = database
        self._tenant = tenant
        self._clock = clock
        self._rules = rules
        self._tally = Tally()
        lookups = Lookups(database.reader, "the log", Unavailable)
        self._log = Log(log_id, tenant, lookups, rules.tail_events, rules.tail_bytes)
        self._registry = Registry(database, tenant, log_id)
        self._intake = Intake(
            database,
            self._log,
            tenant=tenant,
            clock=clock,
            rules=rules,
            tally=self._tally,
            appended=self._on_append,
            committed=self._on_commit,
            failed=self._on_failure,
        )
        self._settling = Settling(self._log, self._intake, tenant, rules, jitter)
        self._handing = Handing(self._log, self._intake, self._settling, clock, self._tally)
        self._letters = Letters(
            lookups, self._log, self._intake, self._registry, tenant=tenant, clock=clock, commit=self._committed
        )
        self._measuring = Measuring(database, self._log, self._registry, tenant, clock, self._tally)
        self._trimmer = Trimmer(database, self._intake.keys, tenant, clock, rules, self._tally, self._drop_idle)
        self._feeds: dict[str, Feed] = {}
        self._pollers = Pollers(self._registry, clock, rules)
        self._closed = False
        for group in self._registry:
            group.polled_s = clock.monotonic()
        self._trimmer.start()

    @classmethod
    async def open(
        cls,
        database: Database,
        *,
        clock: Clock,
        tenant: str = "default",
        rules: Rules | None = None,
        jitter: Callable[[], float] = draw_jitter,
    ) -> Self:
        """Open the broker on a database that was opened with `MIGRATIONS`. The caller closes the database."""
        log_id = await find_log_id(database, tenant)
        return cls(database, log_id, clock=clock, tenant=tenant, rules=rules or Rules(), jitter=jitter)

    async def close(self) -> None:
        """Let everybody who waits go, with nothing."""
        self._closed = True
        self._trimmer.close()
        self._intake.close()
        for feed in self._feeds.values():
            feed.close()
        self._pollers.close()

    # Groups

    async def subscribe(
        self, group: str, channels: Sequence[str], *, mode: Mode = "share", start: Start = "earliest"
    ) -> Subscription:
        """See `Broker.subscribe`."""
        check_name("group", group)
        for channel in channels:
            check_name("channel", channel)
        if mode not in _MODES or start not in ("earliest", "end"):
            raise Refused(f"a subscription has a mode of {', '.join(_MODES)}, and starts at earliest or end")
        wanted = Group(self._registry.make_id(group, mode), group, mode)
        wanted.polled_s = self._clock.monotonic()
        while True:
            known = self._registry.get(wanted.id)
            if known is not None and known.mode != mode:
                raise Refused(f"the group {group} is there already, in mode {known.mode}")
            new = [channel for channel in dict.fromkeys(channels) if known is None or channel not in known.cursors]
            if known is not None and not new:
                return self._registry.describe(known)
            batch = self._intake.own()
            floor = self._log.last if start == "end" else 0
            self._registry.add_rows(batch.unit, wanted, self._clock.now(), new, floor)
            if await self._committed(batch):
                self._registry.load(wanted, new)
                self._wake(wanted.id)

    async def unsubscribe(self, id: str, channels: Sequence[str] | None = None) -> None:  # noqa: A002
        """See `Broker.unsubscribe`."""
        while (group := self._registry.get(id)) is not None:
            batch = self._intake.own()
            self._registry.delete_rows(batch.unit, group, channels)
            if await self._committed(batch):
                self._registry.remove(group, channels)
                self._wake(id)
                return

    async def subscriptions(self) -> list[Subscription]:
        """See `Broker.subscriptions`."""
        return [self._registry.describe(group) for group in sorted(self._registry, key=lambda one: (one.name, one.id))]

    # Publishing

    async def publish(self, events: Sequence[tuple[str, Event]]) -> None:
        """See `Broker.publish`."""
        prepared = [self._intake.prepare(channel, event) for channel, event in events]
        alone = False
        while True:
            self._check_open()
            batch = self._intake.publish(prepared, alone=alone)
            error = None if batch is None else await batch.outcome()
            if error is None:
                return
            if isinstance(error, RowRefused):
                # Someone's rows in this unit are at fault. Each in a unit of its own, it shows whose.
                if alone:
                    raise Refused(f"the log refuses these events: {error}") from error
                alone = True
            elif not isinstance(error, Dropped):
                raise Unavailable(str(error)) from error

    def append(self, unit: Unit, events: Iterable[tuple[str, Event]]) -> None:
        """Put events into a unit of the same database: they are published when it is committed.

        Must be called in the same stretch of code, without an `await` in between, as the `Database.submit` of the unit,
        and only if that follows. Raises `Refused` before anything is changed.
        """
        self.append_prepared(unit, [self.prepare(channel, event) for channel, event in events])

    def prepare(self, channel: str, event: Event) -> Prepared:
        """Make an event ready for `append_prepared`. Raises `Refused` where the log will never take it."""
        return self._intake.prepare(channel, event)

    def append_prepared(self, unit: Unit, prepared: Iterable[Prepared]) -> None:
        """As `append`, for events that were prepared before; does not raise."""
        batch = self._intake.of(unit)
        self._intake.append_new(batch, prepared)
        self._intake.announce(batch)

    # Readers

    def reader(self, id: str) -> Feed:  # noqa: A002
        """Return the feed of a group in mode `read`, for the engine on the same database; one a group."""
        self._find(id, leased=False)
        feed = self._feeds.get(id)
        if feed is None:
            feed = self._feeds[id] = Feed(lambda positions, limit: self._feed(id, positions, limit))
        return feed

    def acknowledge_in(self, unit: Unit, id: str, through: Mapping[str, int]) -> None:  # noqa: A002
        """Acknowledge positions of a reader within a unit of the same database. As for `append`, submit must follow."""
        group = self._find(id, leased=False)
        self._intake.of(unit)
        for channel, position in through.items():
            cursor = group.cursors.get(channel)
            if cursor is not None and position > cursor.reach:
                cursor.acknowledge_through(position)
                row = (position, position, b"", self._tenant, group.id, channel)
                unit.add(_SQL["update_cursor"], row)

    async def read(
        self,
        id: str,  # noqa: A002
        after: Mapping[str, Position],
        max: int = 256,  # noqa: A002
        wait_s: float = 0.0,
    ) -> list[Delivery]:
        """See `Broker.read`."""
        limit = self._limit(max)

        def collect() -> list[Delivery]:
            group = self._find(id, leased=False)
            group.polled_s = self._clock.monotonic()
            positions = {channel: cursor.floor for channel, cursor in group.cursors.items()}
            for channel, (log_id, position) in after.items():
                if channel in positions:
                    positions[channel] = position if log_id == self._log.id else 0
            return self._handing.read(group, positions, self._log.horizon, limit)

        return await self._pollers.poll(id, collect, wait_s)

    async def acknowledge(self, id: str, through: Mapping[str, Position]) -> None:  # noqa: A002
        """See `Broker.acknowledge`."""
        done = False
        while not done:
            group = self._find(id, leased=False)
            batch = self._intake.own()
            for channel, (log_id, position) in through.items():
                cursor = group.cursors.get(channel)
                if cursor is not None and log_id == self._log.id and cursor.reach < position <= self._log.horizon:
                    cursor.acknowledge_through(position)
                    batch.cursors[cursor] = group
            done = await self._committed(batch)

    # Leases

    async def deliveries(
        self,
        id: str,  # noqa: A002
        max: int = 10,  # noqa: A002
        wait_s: float = 0.0,
        lease_s: float = 30.0,
    ) -> list[Delivery]:
        """See `Broker.deliveries`."""
        limit = self._limit(max)
        if not 0 < lease_s <= self._rules.lease_max_s:
            raise Refused(f"a lease lasts at most {self._rules.lease_max_s:g} s")

        def take() -> list[Delivery]:
            return self._handing.take(self._find(id, leased=True), limit, lease_s)

        return await self._pollers.poll(id, take, wait_s)

    async def settle(
        self,
        id: str,  # noqa: A002
        ack: Sequence[str] = (),
        retry: Sequence[tuple[str, str]] = (),
        reject: Sequence[tuple[str, str]] = (),
    ) -> None:
        """See `Broker.settle`."""
        done = False
        while not done:
            group = self._find(id, leased=True)
            batch = self._intake.own()
            self._settling.settle(batch, group, ack, retry, reject, now_s=self._clock.monotonic())
            done = await self._committed(batch)
        if retry:
            # Pollers sleep until what they knew was due.
            self._wake(id)

    # Dead letters

    async def dead_letters(self, after: str = "", max: int = 100, *, which: Which = ALL) -> list[DeadLetter]:  # noqa: A002
        """See `Broker.dead_letters`."""
        self._check_open()
        return await self._letters.find(after, self._limit(max), which)

    async def dead_letter(self, id: str) -> DeadLetter:  # noqa: A002
        """See `Broker.dead_letter`."""
        self._check_open()
        return self._letters.get(id)

    async def replay(self, id: str) -> None:  # noqa: A002
        """See `Broker.replay`."""
        await self._letters.replay(id)

    async def replay_all(self, which: Which = ALL) -> Replayed:
        """See `Broker.replay_all`."""
        return await self._letters.replay_all(which)

    async def purge(self, id: str) -> None:  # noqa: A002
        """See `Broker.purge`."""
        await self._letters.purge(id)

    async def purge_all(self, which: Which = ALL) -> int:
        """See `Broker.purge_all`."""
        return await self._letters.purge_all(which)

    # Figures

    async def check(self) -> None:
        """See `MeasuredBroker.check`."""
        self._check_open()
        await self._measuring.check()

    async def figures(self) -> Figures:
        """See `MeasuredBroker.figures`."""
        self._check_open()
        return await self._measuring.figures(self._pollers.count())

    # How it works

    def _check_open(self) -> None:
        if self._closed:
            raise Unavailable("the broker has been closed")

    def _find(self, id: str, *, leased: bool) -> Group:  # noqa: A002
        group = self._registry.find(id)
        if leased is (group.mode == "read"):
            raise Refused(f"the group {group.name} is in mode {group.mode}: it {'reads' if leased else 'takes leases'}")
        return group

    def _limit(self, max: int) -> int:  # noqa: A002
        if max < 1:
            raise Refused("max must be at least 1")
        return min(max, self._rules.batch_events)

    async def _committed(self, batch: Batch) -> bool:
        """Submit the batch and wait for it. False: it was dropped, do it again."""
        self._check_open()
        self._intake.submit(batch)
        error = await batch.outcome()
        if error is None or isinstance(error, Dropped | RowRefused):
            return error is None
        raise Unavailable(str(error)) from error

    def _feed(self, id: str, positions: dict[str, int], limit: int) -> list[Delivery]:  # noqa: A002
        group = self._registry.get(id)
        return [] if group is None else self._handing.follow(group, positions, limit)

    def _wake(self, id: str) -> None:  # noqa: A002
        self._pollers.wake(id)
        feed = self._feeds.get(id)
        if feed is not None:
            feed.wake()

    def _on_append(self, channels: set[str]) -> None:
        for id_, feed in self._feeds.items():
            group = self._registry.get(id_)
            if group is not None and not channels.isdisjoint(group.cursors):
                feed.wake()

    def _on_commit(self, batch: Batch) -> None:
        if not batch.channels:
            return
        for id_ in self._pollers:
            group = self._registry.get(id_)
            if group is not None and not batch.channels.isdisjoint(group.cursors):
                self._wake(id_)

    def _on_failure(self, batch: Batch) -> None:
        now_s = self._clock.monotonic()
        for group, undos in batch.undos.items():
            group.restore(undos, now_s)
            self._wake(group.id)
        self._registry.reload_readers()
        for feed in self._feeds.values():
            feed.restart()

    def _drop_idle(self) -> None:
        """Drop broadcast groups that nobody polls any more: they would hold up the trimming for ever."""
        before_s = self._clock.monotonic() - self._rules.broadcast_idle_s
        for group in list(self._registry):
            if group.mode == "broadcast" and group.polled_s < before_s:
                batch = self._intake.own()
                self._registry.delete_rows(batch.unit, group, None)
                self._registry.remove(group, None)
                self._intake.submit(batch)
