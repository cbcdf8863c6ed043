"""The dedupe keys of the log: in memory, in runs, on their way from run to run, and gone with their events."""

import hashlib
import random
from collections.abc import AsyncIterator, Iterable, Sequence
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
        self.newest = 0
        self.there: dict[int, int] = {}
        self.coming: set[bytes] = set()
        self.open()

    def open(self) -> None:
        """Begin anew, as a process does that finds the file as another one left it."""
        self.keys = Keys(self.database, "default", self.clock, lambda: self.coming, run_keys=16, step_keys=20)

    async def append(self, count: int, *, again: Sequence[int] = ()) -> None:
        """Commit some events, and those of some numbers once more."""
        numbers = [*range(self.newest + 1, self.newest + 1 + count), *again]
        keys = {make_key(number): position for position, number in enumerate(numbers, self.last + 1)}
        unit = Unit()
        for key, position in keys.items():
            unit.add(INSERT, (position, "default", key))
        self.coming.update(keys)
        self.keys.add(self.coming)
        await self.database.durable(unit)
        self.coming.clear()
        self.newest += count
        self.last += len(numbers)
        self.there.update(zip(numbers, keys.values(), strict=True))
        self.keys.committed(keys.items(), self.last)

    def trim(self, numbers: Iterable[int]) -> Unit:
        """Submit that events are deleted."""
        unit = Unit()
        gone = sorted(self.there.pop(number) for number in numbers)
        for position in gone:
            unit.add(DELETE, (position,))
        self.keys.trim(unit, gone)
        self.database.submit(unit)
        return unit

    async def empty(self, number: int) -> None:
        """Take an event's key away, as a dead letter's is that is replayed."""
        unit = Unit()
        unit.add(EMPTY, (self.there.pop(number),))
        await self.database.durable(unit)

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
        wrong = [n for n in range(1, self.newest + 50) if self.keys.has(make_key(n)) is not (n in self.there)]
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


def trim(log: Log, draw: random.Random) -> None:
    """Delete some of the oldest."""
    oldest = sorted(log.there)[: draw.choice([10, 100])]
    log.trim(draw.sample(oldest, len(oldest) * 9 // 10))


@pytest.mark.parametrize("seed", range(30))
async def test_the_keys_are_those_of_the_log(log: Log, seed: int) -> None:
    """Whatever comes, goes, fails, and is left half done by a process that died: what is there is known, no more."""
    draw = random.Random(seed)
    for _ in range(60):
        match draw.choice("aaaarrrttefogjj"):
            case "a":
                await log.append(draw.choice([1, 5, 16, 40]))
            case "g":
                gone = sorted(set(range(1, log.newest + 1)) - log.there.keys())
                await log.append(3, again=draw.sample(gone, min(len(gone), 5)))
            case "r":
                await log.rest(draw.choice([0.0, 0.01, 1.0]), draw.randint(1, 5))
            case "t" if log.there:
                trim(log, draw)
                await log.rest()
            case "j" if log.there:
                # The clock goes on while something is on its way.
                for _ in range(4):
                    log.clock.jump(draw.choice([0.0, 0.01]))
                    if draw.random() < 0.5:
                        trim(log, draw)
                await log.rest()
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
        log.trim(sorted(log.there)[1:17])
        await log.rest()
        await log.rest(0.01, 10)
    await log.rest(0.01, 200)
    log.check()
    assert log.count("broker_keys") < 64
    assert log.count("broker_runs") < 8


@pytest.mark.parametrize("steps", range(7))
async def test_a_step_that_is_on_its_way_is_not_taken_again(log: Log, steps: int) -> None:
    """However long its commit takes, and whatever else would have runs put together: no key is left behind."""
    for _ in range(8):
        await log.append(16)
        await log.rest(0.0, 2)
    await log.rest(0.01, steps)
    log.clock.jump(0.01)
    log.trim([1])
    log.clock.jump(0.01)
    await log.rest(0.01, 30)
    log.check()
    assert log.count("broker_runs") == 1
    assert log.count("broker_keys") == 128
    assert not log.database.commits.failures


async def test_a_key_may_come_again(log: Log) -> None:
    """An event whose first copy is gone is new, though a run has its key; then two that are put together have it."""
    await log.append(16)
    await log.rest(0.0, 2)
    await log.empty(3)
    log.trim([4])
    await log.append(14, again=[3, 4])
    log.check()
    for _ in range(6):
        await log.rest(0.0, 2)
        await log.append(16)
    await log.rest(0.01, 100)
    log.check()
    assert log.count("broker_runs") == 1
    assert not log.database.commits.failures


async def test_keys_of_events_that_go_while_they_are_moved_go_too(log: Log) -> None:
    """What is trimmed from a run while it is written anew counts when it is chosen again."""
    for _ in range(20):
        await log.append(60)
        await log.rest(0.0, 2)
        oldest = sorted(log.there)[:-1]
        for share in (oldest[:30], oldest[30:45], oldest[45:]):
            log.trim(share)
            await log.database.durable(Unit())
            await log.rest(0.01)
        await log.rest(0.01, 4)
    await log.rest(1.0, 300)
    log.check()
    assert log.count("broker_keys") <= 2


async def test_runs_that_lost_keys_are_written_anew(tmp_path: Path) -> None:
    """A file in which putting runs together left keys behind, or half done for ever, opens and knows its events."""
    path = tmp_path / "old.db"
    connection = apsw.Connection(str(path))
    connection.execute("create table schema_versions (component text primary key, version integer not null) strict")
    for _, script in MIGRATIONS.scripts()[:2]:
        connection.execute(script)
    connection.execute("insert into schema_versions values ('broker', 2)")
    for number in (*range(1, 101), 7):
        connection.execute(INSERT.replace("?, ?", "null, ?", 1), ("default", make_key(number)))
    connection.execute("insert into broker_runs values ('default', 3, 0, 60, 60, 0, 9)")
    connection.execute(
        "insert into broker_keys select tenant, 8, dedupe, position from broker_events where position < 50"
    )
    connection.close()
    database = Database.open(path, [MIGRATIONS])
    log = Log(database)
    log.last, log.newest = 101, 100
    log.there = {number: number for number in range(1, 101)}
    log.check()
    await log.append(40)
    await log.rest(0.01, 30)
    log.check()
    log.keys.close()
    await database.close()


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
    _, first = MIGRATIONS.scripts()[0]
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
    log.last = log.newest = 100
    log.there = {number: number for number in range(1, 101)}
    log.check()
    await log.append(20)
    await log.rest(0.0, 3)
    log.check()
    broker = await EmbeddedBroker.open(database, clock=log.clock, tenant="other")
    assert all(broker._intake.find(make_key(500 + number)) for number in range(1, 101))
    await broker.close()
    await database.close()
