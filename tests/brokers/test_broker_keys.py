"""The dedupe keys of the log: in memory, in runs, on their way from run to run, and gone with their events."""

import hashlib
import random
from collections.abc import AsyncIterator, Iterable
from contextlib import suppress
from pathlib import Path

import apsw
import pytest

from evenweave.adapters.brokers.embedded import MIGRATIONS, EmbeddedBroker
from evenweave.adapters.brokers.embedded.keys import Keys
from evenweave.adapters.clocks import JumpingClock
from evenweave.adapters.sqlite import Database, Dropped, Unit

INSERT = (
    "insert into broker_events (position, tenant, channel, dedupe, appended_ms, event) values (?, ?, 'a', ?, 0, x'')"
)
DELETE = "delete from broker_events where position = ?"
EMPTY = "update broker_events set dedupe = randomblob(16) where position = ?"
OTHER = "insert into broker_events (tenant, channel, dedupe, appended_ms, event) values ('other', 'a', ?, 0, x'')"


def make_key(position: int) -> bytes:
    """The key of the event at a position."""
    return hashlib.blake2b(position.to_bytes(4, "big"), digest_size=16).digest()


class Log:
    """A log with its keys, and what it has to say of them."""

    def __init__(self, database: Database) -> None:
        self.database = database
        self.clock = JumpingClock()
        self.last = 0
        self.there: set[int] = set()
        self.coming: set[bytes] = set()
        self.open()

    def open(self) -> None:
        """Begin anew, as a process does that finds the file as another one left it."""
        self.keys = Keys(self.database, "default", self.clock, lambda: self.coming, run_keys=16, step_keys=20)

    async def append(self, count: int) -> None:
        """Commit some events."""
        positions = range(self.last + 1, self.last + 1 + count)
        unit = Unit()
        for position in positions:
            self.coming.add(make_key(position))
            unit.add(INSERT, (position, "default", make_key(position)))
        self.keys.add(self.coming)
        await self.database.durable(unit)
        self.coming.clear()
        self.last += count
        self.there.update(positions)
        self.keys.committed([(make_key(position), position) for position in positions], self.last)

    async def trim(self, positions: Iterable[int]) -> None:
        """Delete events."""
        unit = Unit()
        gone = sorted(positions)
        for position in gone:
            unit.add(DELETE, (position,))
        self.keys.trim(unit, gone)
        await self.database.durable(unit)
        self.there.difference_update(gone)

    async def empty(self, position: int) -> None:
        """Take an event's key away, as a dead letter's is that is replayed."""
        unit = Unit()
        unit.add(EMPTY, (position,))
        await self.database.durable(unit)
        self.there.discard(position)

    async def rest(self, seconds: float = 0.0, turns: int = 1) -> None:
        """Let what is due be done."""
        for _ in range(turns):
            self.clock.jump(seconds)
            with suppress(Dropped):
                await self.database.durable(Unit())

    def fail_next(self) -> None:
        """Have everything that is submitted behind this be dropped."""
        unit = Unit()
        unit.add("insert into broker_logs (tenant, id) values ('default', 'x'), ('default', ?)", ("y",))
        self.database.submit(unit)

    def check(self) -> None:
        """It knows the events that are there, and no others."""
        wrong = [n for n in range(1, self.last + 50) if self.keys.has(make_key(n)) is not (n in self.there)]
        assert not wrong

    def count(self, table: str) -> int:
        """How many rows a table of this tenant has."""
        return int(self.database.reader.value(f"select count(*) from {table} where tenant = 'default'"))


@pytest.fixture
async def log(tmp_path: Path) -> AsyncIterator[Log]:
    """An empty log."""
    database = Database.open(tmp_path / "x.db", [MIGRATIONS])
    log = Log(database)
    yield log
    log.keys.close()
    await database.close()


@pytest.mark.parametrize("seed", range(30))
async def test_the_keys_are_those_of_the_log(log: Log, seed: int) -> None:
    """Whatever comes, goes, fails, and is left half done by a process that died: what is there is known, no more."""
    draw = random.Random(seed)
    for _ in range(60):
        match draw.choice("aaaarrrtefo"):
            case "a":
                await log.append(draw.choice([1, 5, 16, 40]))
            case "r":
                await log.rest(draw.choice([0.0, 0.01, 1.0]), draw.randint(1, 5))
            case "t" if log.there:
                oldest = sorted(log.there)[: draw.choice([10, 100])]
                await log.trim(draw.sample(oldest, len(oldest) * 9 // 10))
            case "e" if log.there:
                await log.empty(draw.choice(sorted(log.there)))
            case "f":
                log.fail_next()
                log.clock.jump(1)
                await log.rest()
            case _:
                log.keys.close()
                await log.database.durable(Unit())
                log.open()
        log.check()
    await log.rest(1.0, 200)
    log.check()
    assert log.database.reader.value("select count(*) from broker_runs where target is not null") == 0
    assert log.count("broker_keys") <= 2 * len(log.there) + 16


async def test_runs_are_put_together(log: Log) -> None:
    """Many keys are in few runs, and in each of these but once."""
    for _ in range(200):
        await log.append(16)
        await log.rest(0.01, 3)
    await log.rest(0.01, 1_000)
    log.check()
    assert log.count("broker_keys") == 3_200
    assert log.count("broker_runs") == 200 // 64 + 200 % 64 // 8


async def test_keys_of_events_that_are_gone_go(log: Log) -> None:
    """One event that stays, as a dead letter does, does not keep the keys of the others."""
    for _ in range(40):
        await log.append(16)
        await log.rest(0.01, 3)
    while len(log.there) > 17:
        await log.trim(sorted(log.there)[1:17])
        await log.rest(0.01, 10)
    await log.rest(0.01, 200)
    log.check()
    assert log.count("broker_keys") < 64
    assert log.count("broker_runs") < 8


async def test_other_tenants_keys_are_theirs(log: Log) -> None:
    """The same key in the log of another tenant is another event."""
    await log.append(16)
    await log.rest(0.0, 2)
    assert log.count("broker_runs") == 1
    others = Keys(log.database, "other", log.clock, tuple, run_keys=16)
    assert not any(others.has(make_key(number)) for number in range(1, 17))
    others.close()


async def test_a_log_from_before_there_were_runs(tmp_path: Path) -> None:
    """Its events are known, those of every tenant, and it goes on from there."""
    path = tmp_path / "old.db"
    connection = apsw.Connection(str(path))
    connection.execute("create table schema_versions (component text primary key, version integer not null) strict")
    ((_, first), _) = MIGRATIONS.scripts()
    connection.execute(first)
    connection.execute("insert into schema_versions values ('broker', 1)")
    for number in range(1, 101):
        connection.execute(INSERT, (number, "default", make_key(number)))
        connection.execute(
            OTHER.replace("(tenant", "(position, tenant").replace("('other'", "(?, 'other'"),
            (1000 + number, make_key(500 + number)),
        )
    connection.close()
    database = Database.open(path, [MIGRATIONS])
    log = Log(database)
    log.last, log.there = 100, set(range(1, 101))
    log.check()
    await log.append(20)
    await log.rest(0.0, 3)
    log.check()
    broker = await EmbeddedBroker.open(database, clock=log.clock, tenant="other")
    assert all(broker._intake.find(make_key(500 + number)) for number in range(1, 101))
    await broker.close()
    await database.close()
