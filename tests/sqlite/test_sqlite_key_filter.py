"""The filter that tells new events from those that may be in the log."""

import hashlib
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from evenweave.adapters.brokers.embedded import MIGRATIONS, EmbeddedBroker
from evenweave.adapters.clocks import JumpingClock
from evenweave.adapters.sqlite import Database, KeyFilter, Unit

COUNT = 5_000
PAGES = ["select dedupe from broker_events where tenant = ? and dedupe > ? order by dedupe limit ?"]
_INSERT = (
    "insert into broker_events (tenant, channel, dedupe, appended_ms, event) values ('default', 'a', ?, 0, x'7b7d')"
)


def _key(number: int) -> bytes:
    return hashlib.blake2b(number.to_bytes(4, "big"), digest_size=16).digest()


@pytest.fixture
async def database(tmp_path: Path) -> AsyncIterator[Database]:
    """A log with many rows."""
    database = Database.open(tmp_path / "x.db", [MIGRATIONS])
    unit = Unit()
    for number in range(COUNT):
        unit.add(_INSERT, (_key(number),))
    await database.durable(unit)
    yield database
    await database.close()


def _wrong(filter_: KeyFilter) -> int:
    """Count what is not in the log among a thousand that the filter cannot rule out."""
    return sum(filter_.may_have(_key(10**6 + number)) for number in range(1_000))


@pytest.mark.parametrize("slots", [64, 2**20])
async def test_nothing_in_the_log_is_ever_called_new(database: Database, slots: int) -> None:
    """While it is built, after it was found too small, and when it is complete, no key that is there is denied."""
    clock = JumpingClock()
    pending = [_key(-1 % 2**32)]
    filter_ = KeyFilter(
        database.reader, PAGES, "default", clock, lambda: pending, first=(b"",), slots=slots, at_once_s=0
    )
    added = list(range(2 * 10**6, 2 * 10**6 + 40))
    for step in range(20):
        pending.append(_key(added[step]))
        filter_.add(pending[-1:])
        clock.jump(0.005)
        assert all(filter_.may_have(_key(number)) for number in (*range(0, COUNT, 50), *added[: step + 1]))
        assert filter_.may_have(pending[0])
    assert all(filter_.may_have(_key(number)) for number in range(COUNT))
    assert _wrong(filter_) < 100


async def test_new_events_are_known_to_be_new_from_the_first_one_on(database: Database) -> None:
    """It is complete when it is made, where that takes but a moment, and of the right size where it knows the count."""
    count = f"select {COUNT}"
    made = [
        KeyFilter(
            database.reader, PAGES, "default", JumpingClock(), list, first=(b"",), slots=64, count=each, at_once_s=s
        )
        for each, s in ((count, 1.0), (None, 1.0), (count, 0.0))
    ]
    assert all(made[0].may_have(_key(number)) for number in range(COUNT))
    assert _wrong(made[0]) < 100
    assert [_wrong(each) for each in made[1:]] == [1_000, 1_000]


async def test_a_filter_that_fills_is_built_anew(database: Database) -> None:
    """With ten times as many keys it still rules out nearly everything that is new."""
    clock = JumpingClock()
    filter_ = KeyFilter(database.reader, PAGES, "default", clock, list, first=(b"",), slots=64)
    clock.jump(1)
    more = Unit()
    for number in range(COUNT, 10 * COUNT):
        filter_.add([_key(number)])
        more.add(_INSERT, (_key(number),))
        if number % COUNT == 0:
            await database.durable(more)
            more = Unit()
    await database.durable(more)
    clock.jump(1)
    assert all(filter_.may_have(_key(number)) for number in range(10 * COUNT))
    assert _wrong(filter_) < 150


async def test_a_repeated_publish_is_one_event_in_a_long_log_after_a_restart(tmp_path: Path) -> None:
    """Before, while and after the filter is built, what was published by an earlier process is known."""
    events: list[tuple[str, dict[str, Any]]] = [
        ("a", {"specversion": "1.0", "id": str(number), "source": "/s", "type": "t"}) for number in range(COUNT)
    ]
    clock = JumpingClock()
    for _ in range(2):
        database = Database.open(tmp_path / "x.db", [MIGRATIONS])
        broker = await EmbeddedBroker.open(database, clock=clock)
        for step in range(5):
            await broker.publish(events[step * 1_000 : (step + 1) * 1_000])
            await broker.publish(events[:1_000])
            clock.jump(0.005)
        assert database.reader.value("select count(*) from broker_events") == COUNT
        await broker.close()
        await database.close()
