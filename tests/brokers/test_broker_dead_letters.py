"""Dead letters: listed by filter, shown, replayed to the group that could not take them, purged."""

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, Protocol

import pytest

from evenweave.adapters.brokers.embedded import MIGRATIONS, EmbeddedBroker
from evenweave.adapters.clocks import JumpingClock
from evenweave.adapters.sqlite import Database, Unit
from evenweave.ports.broker import Broker, DeadLetter, Delivery, NobodyTakes, Refused, UnknownDeadLetter, Which
from evenweave.runtime.deadletters import replay_id
from evenweave.runtime.rules import Rules

HOUR_S = 3_600.0
_CURSOR = "select floor, reach, missing from broker_cursors where group_id = ?"
_ROW = "select channel, event from broker_events where position = ?"


class Clock(Protocol):
    """A clock that is moved by hand."""

    def jump(self, seconds: float) -> None:
        """Move on."""

    async def asked(self) -> None:
        """Return when somebody waits."""


class Bench(Protocol):
    """See conftest."""

    broker: Broker
    clock: Clock


Make = Callable[..., dict[str, Any]]


def _numbers(deliveries: Sequence[Delivery]) -> list[int]:
    return [delivery.event["data"]["n"] for delivery in deliveries]


async def _reject(broker: Broker, group: str, reason: str = "bad") -> None:
    """Reject whatever a group has waiting."""
    while taken := await broker.deliveries(group, max=500):
        await broker.settle(group, reject=[(one.lease, reason) for one in taken])


async def _floor(broker: Broker, group: str, channel: str) -> int:
    [found] = [one for one in await broker.subscriptions() if one.group == group]
    return found.positions[channel][1]


async def test_dead_letters_are_listed_by_filter_and_page(bench: Bench, make_event: Make) -> None:
    """The list may be narrowed to a channel, a group and an age, and goes on behind the last one."""
    broker = bench.broker
    one = await broker.subscribe("one", ["a", "b"])
    two = await broker.subscribe("two", ["a"])
    await broker.publish([("a", make_event()), ("b", make_event())])
    await _reject(broker, one.id)
    bench.clock.jump(HOUR_S)
    await _reject(broker, two.id)

    async def found(**which: Any) -> list[tuple[str, str]]:
        return [(letter.group, letter.channel) for letter in await broker.dead_letters(which=Which(**which))]

    assert await found() == [("one", "a"), ("one", "b"), ("two", "a")]
    assert await found(channel="a") == [("one", "a"), ("two", "a")]
    assert await found(group="one") == [("one", "a"), ("one", "b")]
    assert await found(group="one", channel="b") == [("one", "b")]
    assert await found(older_s=HOUR_S / 2) == [("one", "a"), ("one", "b")]
    assert await found(channel="b", group="two") == []
    [first] = await broker.dead_letters(max=1, which=Which(group="one"))
    [second] = await broker.dead_letters(after=first.id, which=Which(group="one"))
    assert (first.channel, second.channel) == ("a", "b")


async def test_a_dead_letter_is_shown(bench: Bench, make_event: Make) -> None:
    """One is found by its id, as the list has it; an id that is none is an error of its own."""
    shop = await bench.broker.subscribe("shop", ["a"])
    await bench.broker.publish([("a", make_event())])
    await _reject(bench.broker, shop.id, "no stock")
    [letter] = await bench.broker.dead_letters()
    assert await bench.broker.dead_letter(letter.id) == letter
    assert letter.reason == "no stock"
    for unknown in ("999999", "x", "1", "\u00b2", "9" * 30):
        with pytest.raises(UnknownDeadLetter):
            await bench.broker.dead_letter(unknown)


async def test_a_replay_reaches_the_group_that_could_not_take_it_alone(bench: Bench, make_event: Make) -> None:
    """The event comes again, marked, with all its attempts, to its group; the letter is gone; others pass over it."""
    broker = bench.broker
    shop = await broker.subscribe("shop", ["a"])
    other = await broker.subscribe("other", ["a"])
    reader = await broker.subscribe("engine", ["a"], mode="read")
    event = make_event(orderid="x")
    await broker.publish([("a", event)])
    [taken] = await broker.deliveries(other.id)
    await broker.settle(other.id, ack=[taken.lease])
    [read] = await broker.read(reader.id, {})
    await broker.acknowledge(reader.id, {"a": (read.log, read.position)})
    await _reject(broker, shop.id)
    [letter] = await broker.dead_letters()
    await broker.replay(letter.id)
    assert await broker.dead_letters() == []
    assert await broker.deliveries(other.id) == []
    assert await broker.read(reader.id, {}) == []
    [again] = await broker.deliveries(shop.id)
    assert again.event == event | {"replayfor": "shop", "replayid": f"{again.log}.{letter.id}"}
    assert (again.channel, again.attempt) == ("a", 1)
    # Those that passed over it count as having acknowledged it.
    assert await _floor(broker, "other", "a") == again.position
    assert await _floor(broker, "engine", "a") == again.position
    assert await _floor(broker, "shop", "a") < again.position
    with pytest.raises(UnknownDeadLetter):
        await broker.replay(letter.id)


async def test_a_replay_that_fails_is_a_new_dead_letter_and_another_replay(bench: Bench, make_event: Make) -> None:
    """It dies again as the event that was published, and each replay has an id of its own."""
    broker = bench.broker
    shop = await broker.subscribe("shop", ["a"])
    event = make_event()
    await broker.publish([("a", event)])
    ids = set[str]()
    for attempt in range(3):
        await _reject(broker, shop.id, f"reason {attempt}")
        [letter] = await broker.dead_letters()
        assert letter.reason == f"reason {attempt}"
        assert {name for name in letter.event if name not in event} == {
            "deadletterreason",
            "deadlettergroup",
            "deadletterchannel",
            "deadletterattempts",
        }
        await broker.replay(letter.id)
        [again] = await broker.deliveries(shop.id)
        ids.add(replay_id(again.event))
        await broker.settle(shop.id, retry=[(again.lease, "later")])
        bench.clock.jump(1)
    assert len(ids) == 3
    assert replay_id(event) == ""


async def test_a_reader_gets_its_own_replays(bench: Bench, make_event: Make) -> None:
    """The engine's group reads a replay for it between other events, and passes over others' in between."""
    broker = bench.broker
    reader = await broker.subscribe("engine", ["a"], mode="read")
    shop = await broker.subscribe("shop", ["a"])
    late = make_event() | {"deadlettergroup": "engine", "deadletterchannel": "a", "deadletterreason": "late"}
    await broker.publish([("a", make_event()), ("dead-letter/a", late)])
    await _reject(broker, shop.id)
    for letter in await broker.dead_letters():
        await broker.replay(letter.id)
    await broker.publish([("a", make_event())])
    found = await broker.read(reader.id, {})
    assert [(one.event["data"]["n"], one.event.get("replayfor")) for one in found] == [
        (2, None),
        (1, "engine"),
        (3, None),
    ]
    assert "deadletterreason" not in found[1].event
    assert _numbers(await broker.read(reader.id, {"a": (found[1].log, found[1].position)}, max=1)) == [3]
    assert _numbers(await broker.deliveries(shop.id)) == [2, 3]


async def test_a_replay_wakes_a_poll_of_its_group(bench: Bench, make_event: Make) -> None:
    """Who waits for events gets a replay at once."""
    broker = bench.broker
    shop = await broker.subscribe("shop", ["a"])
    await broker.publish([("a", make_event())])
    await _reject(broker, shop.id)
    poll = asyncio.create_task(broker.deliveries(shop.id, wait_s=30))
    await bench.clock.asked()
    assert (await broker.replay_all()).count == 1
    assert _numbers(await poll) == [1]


async def test_a_replay_without_a_taker_is_refused(bench: Bench, make_event: Make) -> None:
    """Where the group is gone, or takes the channel no more, the letter stays and the reason is told."""
    broker = bench.broker
    shop = await broker.subscribe("shop", ["a"])
    gone = await broker.subscribe("gone", ["a"])
    await broker.publish([("a", make_event()), ("dead-letter/b", make_event())])
    for group in (shop, gone):
        await _reject(broker, group.id)
    await broker.unsubscribe(gone.id)
    anonymous, _, of_gone = await broker.dead_letters()
    assert (anonymous.channel, anonymous.group) == ("b", "")
    with pytest.raises(NobodyTakes, match="no group gone takes the channel a"):
        await broker.replay(of_gone.id)
    with pytest.raises(NobodyTakes, match="without a name"):
        await broker.replay(anonymous.id)
    replayed = await broker.replay_all()
    assert replayed.count == 1
    assert [id_ for id_, _ in replayed.left] == [anonymous.id, of_gone.id]
    assert [letter.id for letter in await broker.dead_letters()] == [anonymous.id, of_gone.id]


async def test_many_are_replayed_or_purged_by_filter(bench: Bench, make_event: Make) -> None:
    """A filter picks among more of them than one transaction takes; each is replayed once."""
    broker = bench.broker
    one = await broker.subscribe("one", ["a", "b"])
    two = await broker.subscribe("two", ["a"])
    await broker.publish([("a", make_event()) for _ in range(450)] + [("b", make_event())])
    for group in (one, two):
        await _reject(broker, group.id)
    assert await broker.purge_all(Which(group="two", channel="a")) == 450
    assert await broker.purge_all(Which(older_s=1)) == 0
    counts = await asyncio.gather(broker.replay_all(Which(channel="a")), broker.replay_all(Which(channel="a")))
    assert sum(counted.count for counted in counts) == 450
    again = await broker.deliveries(one.id, max=1000)
    assert sorted(_numbers(again)) == list(range(1, 451))
    assert await broker.deliveries(two.id) == []
    assert [letter.channel for letter in await broker.dead_letters()] == ["b"]


async def test_a_purged_dead_letter_is_gone_for_everybody(bench: Bench, make_event: Make) -> None:
    """Nobody gets it any more, not even a group on the dead-letter channel that had it in hand before."""
    broker = bench.broker
    shop = await broker.subscribe("shop", ["a"])
    await broker.publish([("a", make_event()), ("a", make_event())])
    await _reject(broker, shop.id)
    undertaker = await broker.subscribe("undertaker", ["dead-letter/a"])
    first, _ = await broker.deliveries(undertaker.id)
    await broker.settle(undertaker.id, retry=[(first.lease, "busy")])
    await broker.purge(str(first.position))
    bench.clock.jump(1)
    assert await broker.deliveries(undertaker.id) == []
    late = await broker.subscribe("late", ["dead-letter/a"])
    assert _numbers(await broker.deliveries(late.id)) == [2]
    with pytest.raises(UnknownDeadLetter):
        await broker.purge(str(first.position))


async def test_the_marks_of_a_replay_are_the_runtimes_alone(bench: Bench, make_event: Make) -> None:
    """A producer that sends them, as a service that echoes all attributes does, is heard by all; its event is not."""
    broker = bench.broker
    shop = await broker.subscribe("shop", ["a"])
    event = make_event(data={"n": 1, "text": '"replayfor"'})
    await broker.publish([("a", event | {"replayfor": "other", "replayid": "x"}), ("a", make_event(replayid="y"))])
    first, second = await broker.deliveries(shop.id)
    assert first.event == event
    assert "replayid" not in second.event


@asynccontextmanager
async def _opened(path: Path, clock: JumpingClock | None = None) -> AsyncIterator[tuple[EmbeddedBroker, Database]]:
    database = Database.open(path, [MIGRATIONS])
    rules = Rules(tail_events=3)
    broker = await EmbeddedBroker.open(database, clock=clock or JumpingClock(), rules=rules, jitter=lambda: 0.0)
    try:
        yield broker, database
    finally:
        await broker.close()
        await database.close()


async def _dead(broker: EmbeddedBroker, make_event: Make, count: int = 1) -> list[DeadLetter]:
    shop = await broker.subscribe("shop", ["a"])
    await broker.publish([("a", make_event()) for _ in range(count)])
    await _reject(broker, shop.id)
    return await broker.dead_letters(max=1000)


async def test_replays_are_passed_over_after_a_restart_too(tmp_path: Path, make_event: Make) -> None:
    """What is read from the database is known as a replay by its body, and a passed position stays passed."""
    async with _opened(tmp_path / "x.db") as (broker, _):
        letters = await _dead(broker, make_event, 8)
        assert (await broker.replay_all()).count == len(letters)
        await broker.publish([("a", make_event())])
    async with _opened(tmp_path / "x.db") as (broker, _):
        late = await broker.subscribe("late", ["a"])
        reader = await broker.subscribe("engine", ["a"], mode="read")
        feed = broker.reader(reader.id)
        assert _numbers(await broker.deliveries(late.id, max=3)) == [1, 2, 3]
        assert _numbers(await broker.deliveries(late.id, max=100)) == [4, 5, 6, 7, 8, 9]
        assert _numbers(await broker.read(reader.id, {})) == [*range(1, 9), 9]
        assert _numbers(feed.take(8)) == list(range(1, 9))
        assert _numbers(feed.take(1)) == [9]
    async with _opened(tmp_path / "x.db") as (broker, _):
        shop = await broker.subscribe("shop", ["a"])
        assert _numbers(await broker.deliveries(shop.id, max=100)) == [*range(1, 9), 9]


async def test_a_worker_that_outlives_the_broker_does_not_bring_others_replays(
    tmp_path: Path, make_event: Make
) -> None:
    """Taking up what an earlier process handed out passes over what that one passed over."""
    async with _opened(tmp_path / "x.db") as (broker, database):
        await _dead(broker, make_event)
        other = await broker.subscribe("other", ["a"], start="end")
        await broker.publish([("a", make_event())])
        await broker.replay_all()
        await broker.publish([("a", make_event())])
        [cursor] = database.reader.rows(_CURSOR, (other.id,))
        held = await broker.deliveries(other.id)
        assert _numbers(held) == [2, 3]
    async with _opened(tmp_path / "x.db") as (broker, database):
        # As if the process had died before it wrote what it had handed out.
        unit = Unit()
        unit.add(f"update broker_cursors set floor = ?, reach = ?, missing = ? where group_id = '{other.id}'", cursor)
        await database.durable(unit)
    async with _opened(tmp_path / "x.db") as (broker, _):
        await broker.settle(other.id, ack=[held[1].lease])
        assert _numbers(await broker.deliveries(other.id)) == [2]


async def test_an_interrupted_replay_is_done_again_as_a_whole(tmp_path: Path, make_event: Make) -> None:
    """Behind a unit that fails, a replay is made anew: once, and the letter goes with it."""
    async with _opened(tmp_path / "x.db") as (broker, database):
        [letter] = await _dead(broker, make_event)
        spoiled = Unit()
        spoiled.add("insert into broker_logs (tenant, id) values (?, ?)", ("default", "a second one"))
        database.submit(spoiled)
        results = await asyncio.gather(broker.replay(letter.id), broker.purge(letter.id), return_exceptions=True)
        assert [type(result) for result in results] == [type(None), UnknownDeadLetter]
        [shop] = await broker.subscriptions()
        assert _numbers(await broker.deliveries(shop.id)) == [1]


async def test_no_position_comes_twice_after_the_newest_row_was_purged(tmp_path: Path, make_event: Make) -> None:
    """A dead letter may be the newest row of the log: its place stays taken, its content does not."""
    clock = JumpingClock()
    async with _opened(tmp_path / "x.db", clock) as (broker, database):
        [letter] = await _dead(broker, make_event)
        await broker.purge(letter.id)
        assert database.reader.row(_ROW, (int(letter.id),)) == ("", b"")
    async with _opened(tmp_path / "x.db", clock) as (broker, database):
        [shop] = await broker.subscriptions()
        await broker.publish([("a", make_event())])
        [new] = await broker.deliveries(shop.id)
        assert new.position == int(letter.id) + 1
        await broker.settle(shop.id, ack=[new.lease])
        clock.jump(HOUR_S + 10)
        for _ in range(20):
            await database.durable(Unit())
        assert database.reader.value("select count(*) from broker_events") == 1


async def test_the_index_finds_dead_letters(tmp_path: Path) -> None:
    """A few dead letters in a long log are not found by walking through it."""
    from evenweave.adapters.brokers.embedded.letters import _SQL

    async with _opened(tmp_path / "x.db") as (_, database):
        for name, values in (("dead_letters", ("t", 0, 9, 9)), ("dead_letters_of_channel", ("t", "c", 0, 9, 9))):
            plan = " ".join(str(row[3]) for row in database.reader.rows(f"explain query plan {_SQL[name]}", values))
            assert "INDEX broker_events_channel" in plan
            assert "SCAN broker_events" not in plan


async def test_a_filter_that_makes_no_sense_is_refused(bench: Bench) -> None:
    """Ids and ages that are none are errors."""
    with pytest.raises(Refused):
        await bench.broker.dead_letters(after="x")
    with pytest.raises(Refused):
        await bench.broker.dead_letters(which=Which(older_s=-1))
    with pytest.raises(Refused):
        await bench.broker.purge_all(Which(older_s=float("nan")))
