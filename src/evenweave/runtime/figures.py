"""What the Runtime counts. Plain numbers, added to on the hot path; faces read them when they are asked."""

from bisect import bisect_left
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from evenweave.ports.broker import Broker

COMMIT_SECONDS = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0)
COMMIT_ROWS = (1, 5, 10, 25, 50, 100, 250, 500, 1_000, 2_500, 5_000)


class Histogram:
    """How often a value was at most each of `bounds`; the last of `counts` is for what was above them all."""

    __slots__ = ("bounds", "counts", "total")

    def __init__(self, bounds: Sequence[float]) -> None:
        self.bounds = bounds
        self.counts = [0] * (len(bounds) + 1)
        self.total = 0.0

    def observe(self, value: float) -> None:
        """Count a value."""
        self.counts[bisect_left(self.bounds, value)] += 1
        self.total += value


class Commits:
    """What a database did. Written by the thread that commits, read by others."""

    __slots__ = ("failures", "rows", "seconds")

    def __init__(self) -> None:
        self.seconds = Histogram(COMMIT_SECONDS)
        self.rows = Histogram(COMMIT_ROWS)
        self.failures = 0


@dataclass(slots=True)
class GroupTally:
    """What became of the deliveries of the groups of one name, since the start; of a reader, only what it read.

    What was settled counts when it is durable.
    """

    delivered: int = 0
    acknowledged: int = 0
    retried: int = 0
    dead_lettered: int = 0
    expired: int = 0


@dataclass(slots=True)
class Tally:
    """What became of events, since the start."""

    duplicates: int = 0
    replayed: int = 0
    purged: int = 0
    trimmed: int = 0
    groups: dict[str, GroupTally] = field(default_factory=dict)

    def of(self, group: str) -> GroupTally:
        """Return the tally of the groups of a name."""
        tally = self.groups.get(group)
        if tally is None:
            tally = self.groups[group] = GroupTally()
        return tally


@dataclass(frozen=True, slots=True)
class Lag:
    """How far a group is behind in a channel: events it has yet to acknowledge, and how long the oldest lies there.

    `events` is counted up to 1,000,000. Of groups with one name, the one that is furthest behind.
    """

    group: str
    channel: str
    events: int
    seconds: float


@dataclass(frozen=True, slots=True)
class Figures:
    """The state of a Runtime at a moment: what it has counted since its start, and what it has looked up just now.

    `appended` is by channel, `leases` by group, `dead_letters` by the channel they were on; `bytes` is the size of the
    database with its WAL.
    """

    tally: Tally
    commits: Commits
    appended: Mapping[str, int]
    leases: Mapping[str, int]
    polls: int
    lags: Sequence[Lag]
    dead_letters: Mapping[str, int]
    last_position: int
    bytes: int


class MeasuredBroker(Broker, Protocol):
    """A broker that can say how it is."""

    async def check(self) -> None:
        """Return where events can be taken. Raises `Unavailable` where the last commit failed, and another one too."""
        ...

    async def figures(self) -> Figures:
        """Return the figures of this moment. Must not keep others waiting, however long the log is."""
        ...
