"""What the Workflow Engine counts. Plain numbers, added to on the hot path; faces read them when they are asked.

A batch counts for itself (`Tally`), and what it counted becomes part of the `Figures` once its transaction is durable:
what is rolled back, or handled again, is not counted twice.
"""

from __future__ import annotations

import asyncio
import datetime
from bisect import bisect_left
from typing import TYPE_CHECKING, NamedTuple, Protocol

from evenweave.ports.store import Census, Store
from evenweave.runtime.figures import Commits, Histogram

if TYPE_CHECKING:
    from collections.abc import Sequence

    from evenweave.engine import Instance
    from evenweave.ports.broker import Delivery
    from evenweave.ports.clock import Clock

LATENCY_SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
LATE_SECONDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 5.0, 30.0, 300.0)
BATCH_EVENTS = (1, 2, 5, 10, 25, 50, 100, 250, 500, 1_000)
CENSUS_SHARE = 20
"""A census rests this many times as long as it took, so that it never costs more than a twentieth of a core."""


class Tally:
    """What one batch did; it counts where the batch becomes durable.

    Attributes:
        events: How many events of a channel had which outcome.
        turns: Instances whose status is another one than before, with the status before.
        bursts: Bursts that were written.
        nodes: Nodes that were entered in them.
        published: Events that instances published.
        refused: Events that will never be taken by the broker.
        parked: Causes that were put aside.
        dead_letters: Events given up, by channel.
        lates_s: How late each deadline was, in seconds.
        calls: Results of calls that were consumed.
        results_dropped: Results of calls that nobody waited for any more.
    """

    __slots__ = (
        "bursts",
        "calls",
        "dead_letters",
        "events",
        "lates_s",
        "nodes",
        "parked",
        "published",
        "refused",
        "results_dropped",
        "turns",
    )

    def __init__(self) -> None:
        self.events: dict[tuple[str, str], int] = {}
        self.turns: list[tuple[Instance, str]] = []
        self.bursts = 0
        self.nodes = 0
        self.published = 0
        self.refused = 0
        self.parked = 0
        self.dead_letters: dict[str, int] = {}
        self.lates_s: list[float] = []
        self.calls = 0
        self.results_dropped = 0

    def take(self, channel: str, outcome: str) -> None:
        """Count an event."""
        key = (channel, outcome)
        self.events[key] = self.events.get(key, 0) + 1


class Figures:
    """What an engine did since its start; what its transactions did counts once they are durable.

    Attributes:
        events: How many events of a channel (first) had which outcome (second).
        started: Instances started, by definition.
        turned: Instances that became completed, cancelled, faulted or suspended, by definition and that status.
        dead_letters: Events given up, by channel.
        latency: Seconds from the moment an event was taken to its being durable.
        batches: How many events were taken in one transaction.
        deadlines: How many seconds after its time a deadline moved its instance.
        poisoned: Causes that made a step fail that must not fail.
        conflicts: Transactions that were made again because another worker was faster.
        retries: Attempts to publish that failed and are made again.
        calls: Results of calls to functions that were consumed.
        results_dropped: Results of calls that nobody waited for any more.
        reached: The position of the newest durable event of each channel.
        lags_s: How old that event was when it was durable, by its own ``time``.
    """

    def __init__(self) -> None:
        self.events: dict[tuple[str, str], int] = {}
        self.started: dict[str, int] = {}
        self.turned: dict[tuple[str, str], int] = {}
        self.dead_letters: dict[str, int] = {}
        self.transactions = 0
        self.failures = 0
        self.conflicts = 0
        self.bursts = 0
        self.nodes = 0
        self.published = 0
        self.refused = 0
        self.parked = 0
        self.poisoned = 0
        self.retries = 0
        self.calls = 0
        self.results_dropped = 0
        self.latency = Histogram(LATENCY_SECONDS)
        self.batches = Histogram(BATCH_EVENTS)
        self.deadlines = Histogram(LATE_SECONDS)
        self.reached: dict[str, int] = {}
        self.lags_s: dict[str, float] = {}

    def add(self, tally: Tally) -> None:
        """A batch became durable."""
        self.transactions += 1
        self.bursts += tally.bursts
        self.nodes += tally.nodes
        self.published += tally.published
        self.refused += tally.refused
        self.parked += tally.parked
        self.calls += tally.calls
        self.results_dropped += tally.results_dropped
        for key, count in tally.events.items():
            self.events[key] = self.events.get(key, 0) + count
        for channel, count in tally.dead_letters.items():
            self.dead_letters[channel] = self.dead_letters.get(channel, 0) + count
        for late_s in tally.lates_s:
            self.deadlines.observe(late_s)
        for instance, before in tally.turns:
            definition, status = instance.definition, instance.status
            if before == "pending" and status == "cancelled":
                continue  # it never began
            if before == "pending" and status != "suspended":
                self.started[definition] = self.started.get(definition, 0) + 1
            if status not in {"waiting", "running", "pending"}:
                key = (definition, status)
                self.turned[key] = self.turned.get(key, 0) + 1

    def settle(self, deliveries: Sequence[Delivery], took_s: float, now: float) -> None:
        """Events that were taken together became durable.

        Args:
            deliveries: The events.
            took_s: How long that took, from the moment they were read.
            now: Seconds since the epoch.
        """
        count = len(deliveries)
        if not count:
            return
        self.batches.observe(count)
        latency = self.latency
        latency.counts[bisect_left(latency.bounds, took_s)] += count
        latency.total += took_s * count
        for channel, newest in {delivery.channel: delivery for delivery in deliveries}.items():
            self.reached[channel] = newest.position
            try:
                made = datetime.datetime.fromisoformat(newest.event["time"])
            except (KeyError, TypeError, ValueError):
                continue  # an event needs no time, and its maker may write it as he likes
            # Clocks of other machines may be ahead of ours.
            self.lags_s[channel] = max(0.0, now - made.timestamp())


class MeasuredStore(Store, Protocol):
    """A store that can say how it is."""

    @property
    def commits(self) -> Commits:
        """What its database did since the start."""
        ...

    def count_bytes(self) -> int:
        """The size of its database."""
        ...


class Snapshot(NamedTuple):
    """The figures of an engine at a moment.

    Attributes:
        figures: What it did since its start; it goes on counting.
        census: What is in the store; it may be a little older.
        commits: What the database did.
        backlog: Events that wait to be published.
        bytes: The size of the database.
        definitions: Definitions that start instances.
        ready: Whether the engine serves.
    """

    figures: Figures
    census: Census
    commits: Commits
    backlog: int
    bytes: int
    definitions: int
    ready: bool


class CensusTaker:
    """Counts what is in a store when somebody asks, but no more often than the store can bear."""

    def __init__(self, store: Store, clock: Clock) -> None:
        self._store = store
        self._clock = clock
        self._turn = asyncio.Lock()
        self._last: Census | None = None
        self._again_at = 0.0

    async def take(self) -> Census:
        """The newest count; who asks while one is being made gets that one."""
        async with self._turn:
            began = self._clock.monotonic()
            if self._last is None or began >= self._again_at:
                self._last = await self._store.census()
                ended = self._clock.monotonic()
                self._again_at = ended + CENSUS_SHARE * (ended - began)
            return self._last
