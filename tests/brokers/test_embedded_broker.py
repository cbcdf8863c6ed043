"""What only the embedded broker does: restarts, the engine on the same database, failed commits, retention."""

import asyncio
import os
import subprocess
import sys
import textwrap
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import msgspec
import pytest

from evenweave.adapters.brokers.embedded import MIGRATIONS, EmbeddedBroker
from evenweave.adapters.clocks import JumpingClock
from evenweave.adapters.sqlite import Database, Dropped, RowRefused, Unit
from evenweave.ports.broker import Delivery, Refused, Unavailable
from evenweave.runtime.rules import Rules

Make = Callable[..., dict[str, Any]]
HOUR_S = 3_600.0


@asynccontextmanager
async def _opened(
    path: Path | None, clock: JumpingClock | None = None, rules: Rules | None = None
) -> AsyncIterator[tuple[EmbeddedBroker, Database]]:
    database = Database.open(path, [MIGRATIONS])
    broker = await EmbeddedBroker.open(database, clock=clock or JumpingClock(), rules=rules, jitter=lambda: 0.0)
    try:
        yield broker, database
    finally:
        await broker.close()
        await database.close()


def _numbers(deliveries: Sequence[Delivery]) -> list[int]:
    return [delivery.event["data"]["n"] for delivery in deliveries]


def _spoiled() -> Unit:
    """Make a unit that the database refuses."""
    unit = Unit()
    unit.add("insert into broker_logs (tenant, id) values (?, ?)", ("default", "a second log of this tenant"))
    return unit


async def test_a_restart_keeps_groups_positions_and_failures(tmp_path: Path, make_event: Make) -> None:
    """After a restart what was acknowledged stays so, what was in hand comes again, and attempts go on counting."""
    path = tmp_path / "x.db"
    async with _opened(path) as (broker, _):
        group = await broker.subscribe("shop", ["a"])
        await broker.publish([("a", make_event()) for _ in range(5)])
        held = await broker.deliveries(group.id)
        await broker.settle(group.id, ack=[held[1].lease, held[3].lease], retry=[(held[2].lease, "busy")])
    async with _opened(path) as (broker, _):
        assert [one.id for one in await broker.subscriptions()] == [group.id]
        again = await broker.deliveries(group.id)
        assert _numbers(again) == [1, 3, 5]
        assert [one.attempt for one in again] == [1, 2, 1]
        assert again[0].log == held[0].log
        await broker.publish([("a", make_event())])
        [new] = await broker.deliveries(group.id)
        assert new.position == held[-1].position + 1


async def test_a_worker_that_outlives_the_broker_is_believed(tmp_path: Path, make_event: Make) -> None:
    """An acknowledgement under a lease of the process before spares everybody a second delivery."""
    path = tmp_path / "x.db"
    async with _opened(path) as (broker, _):
        group = await broker.subscribe("shop", ["a"])
        await broker.publish([("a", make_event()) for _ in range(4)])
        held = await broker.deliveries(group.id)
    async with _opened(path) as (broker, _):
        await broker.settle(group.id, ack=[held[2].lease, held[0].lease, f"other.{held[1].position}.1"])
        assert _numbers(await broker.deliveries(group.id)) == [2, 4]
        await broker.settle(group.id, ack=[f"{held[0].log}.999.1"])


async def test_services_never_see_what_is_not_committed(make_event: Make, tmp_path: Path) -> None:
    """An event in a unit that is not committed is in the overlay only: the engine's feed has it, services do not."""
    async with _opened(tmp_path / "x.db") as (broker, database):
        shop = await broker.subscribe("shop", ["a"])
        feed = broker.reader((await broker.subscribe("engine", ["a"], mode="read")).id)
        unit = Unit()
        broker.append(unit, [("a", make_event())])
        committed = asyncio.create_task(database.durable(unit))
        await asyncio.sleep(0)
        assert await broker.deliveries(shop.id) == []
        assert _numbers(feed.take()) == [1]
        await committed
        assert _numbers(await broker.deliveries(shop.id)) == [1]


async def test_a_published_event_commits_with_the_burst_it_causes(tmp_path: Path, make_event: Make) -> None:
    """The feed is woken before the writer: the engine's unit shares the commit of the event that caused it."""
    async with _opened(tmp_path / "x.db") as (broker, database):
        group = await broker.subscribe("engine", ["in"], mode="read")
        feed = broker.reader(group.id)
        committed: list[int] = []

        async def run_engine() -> None:
            while events := await feed.read():
                unit = Unit()
                broker.append(unit, [("out", make_event())])
                broker.acknowledge_in(unit, group.id, {"in": events[-1].position})
                database.submit(unit, lambda error: committed.append(0 if error is None else 1))

        engine = asyncio.create_task(run_engine())
        await asyncio.sleep(0)
        await broker.publish([("in", make_event())])
        assert committed == [0]
        assert (await broker.subscriptions())[0].positions["in"][1] == 1
        assert len(await broker.deliveries((await broker.subscribe("shop", ["out"])).id)) == 1
        await broker.close()
        await engine


async def test_a_failed_unit_leaves_the_event_and_takes_back_its_own(tmp_path: Path, make_event: Make) -> None:
    """When the engine's unit fails, what it published is gone, what it read comes again, and others lose nothing."""
    async with _opened(tmp_path / "x.db") as (broker, database):
        shop = await broker.subscribe("shop", ["in", "out"])
        group = await broker.subscribe("engine", ["in"], mode="read")
        feed = broker.reader(group.id)
        await broker.publish([("in", make_event())])
        [event] = await feed.read()
        epoch = feed.epoch
        unit = _spoiled()
        broker.append(unit, [("out", make_event())])
        broker.acknowledge_in(unit, group.id, {"in": event.position})
        failed = asyncio.create_task(database.durable(unit))
        await asyncio.sleep(0)
        # Behind the failed unit: dropped with it, and published all the same.
        await broker.publish([("in", make_event())])
        with pytest.raises(RowRefused):
            await failed
        assert feed.epoch > epoch
        assert _numbers(await feed.read()) == [1, 3]
        assert [(one.channel, *_numbers([one])) for one in await broker.deliveries(shop.id)] == [("in", 1), ("in", 3)]
        assert dict((await broker.subscriptions())[0].positions) == {"in": (event.log, 0)}


async def test_settling_behind_a_failed_unit_is_done_again(tmp_path: Path, make_event: Make) -> None:
    """Acknowledgements, failures and subscriptions that were dropped with somebody's unit are made anew."""
    async with _opened(tmp_path / "x.db") as (broker, database):
        group = await broker.subscribe("shop", ["a"])
        await broker.publish([("a", make_event()) for _ in range(3)])
        held = await broker.deliveries(group.id)
        database.submit(_spoiled())
        await asyncio.gather(
            broker.settle(group.id, ack=[held[0].lease], retry=[(held[1].lease, "busy")]),
            broker.settle(group.id, reject=[(held[2].lease, "bad")]),
            broker.subscribe("late", ["a"]),
        )
        assert len(await broker.dead_letters()) == 1
        assert [one.group for one in await broker.subscriptions()] == ["late", "shop"]
    async with _opened(tmp_path / "x.db") as (broker, _):
        [again] = await broker.deliveries(group.id)
        assert (again.position, again.attempt) == (held[1].position, 2)


async def test_a_full_disk_is_unavailable_and_passes(tmp_path: Path, make_event: Make) -> None:
    """With a full disk publishing and settling say `Unavailable`, and nothing is half done; later they work."""
    async with _opened(tmp_path / "x.db") as (broker, database):
        group = await broker.subscribe("shop", ["a"])
        await broker.publish([("a", make_event())])
        [held] = await broker.deliveries(group.id)
        await database.durable(_pragma(f"pragma max_page_count = {database.reader.value('pragma page_count')}"))
        large = make_event(data={"n": 2, "text": "x" * 100_000})
        results = await asyncio.gather(
            broker.publish([("a", large)]), broker.settle(group.id, ack=[held.lease]), return_exceptions=True
        )
        assert [type(result) for result in results] == [Unavailable, Unavailable]
        assert "full" in str(results[0])
        await database.durable(_pragma("pragma max_page_count = 100000"))
        assert await broker.deliveries(group.id) == []
        await broker.settle(group.id, ack=[held.lease])
        await broker.publish([("a", large)])
        [new] = await broker.deliveries(group.id)
        assert (new.event, new.position) == (large, held.position + 1)


def _pragma(sql: str) -> Unit:
    unit = Unit()
    unit.add(sql, ())
    return unit


async def test_an_append_that_is_refused_changes_nothing(make_event: Make) -> None:
    """Events for the engine's unit are checked before any is added; a repeated one is added once."""
    async with _opened(None) as (broker, database):
        unit = Unit()
        with pytest.raises(Refused):
            broker.append(unit, [("a", make_event()), ("a", make_event(data="x" * 1_048_576))])
        assert not unit
        event = make_event()
        broker.append(unit, [("a", event), ("a", event)])
        await database.durable(unit)
        await broker.publish([("a", event)])
        group = await broker.subscribe("shop", ["a"])
        assert len(await broker.deliveries(group.id)) == 1


async def test_a_repeated_event_waits_for_its_first_copy(tmp_path: Path, make_event: Make) -> None:
    """A duplicate is answered when the first copy is durable, also where that is in the engine's unit and fails."""
    async with _opened(tmp_path / "x.db") as (broker, database):
        event = make_event()
        unit = _spoiled()
        broker.append(unit, [("a", event)])
        failed = asyncio.create_task(database.durable(unit))
        await asyncio.sleep(0)
        await broker.publish([("a", event)])
        with pytest.raises(RowRefused):
            await failed
        assert database.reader.value("select count(*) from broker_events") == 1


async def test_a_lookup_that_fails_leaves_nothing_behind(tmp_path: Path, make_event: Make) -> None:
    """Where reading fails in the middle of a publication, none of its events counts as on its way."""
    async with _opened(tmp_path / "x.db") as (broker, database):
        old, new = make_event(), make_event()
        await broker.publish([("a", old)])
        database.reader._connection.set_progress_handler(lambda: True, 1)
        unit = Unit()
        with pytest.raises(Unavailable, match="the log cannot be read"):
            await broker.publish([("a", new), ("a", old)])
        with pytest.raises(Unavailable, match="the log cannot be read"):
            broker.append(unit, [("a", new), ("a", old)])
        with pytest.raises(Unavailable, match="the log cannot be read"):
            broker.append(unit, [("a", new), ("another channel", make_event())])
        database.reader._connection.set_progress_handler(None)
        await asyncio.wait_for(broker.publish([("a", new)]), 10)
        assert database.reader.value("select count(*) from broker_events") == 2


async def test_deliveries_whose_events_cannot_be_read_come_later(tmp_path: Path, make_event: Make) -> None:
    """What was tried before, what is new and what is to be a dead letter waits until the log can be read again."""
    clock = JumpingClock()
    rules = Rules(attempts=2)
    async with _opened(tmp_path / "x.db", clock, rules) as (broker, database):
        group = await broker.subscribe("shop", ["a"])
        await broker.publish([("a", make_event(data={"n": number})) for number in range(4)])
        first, _ = await broker.deliveries(group.id, 2)
        await broker.settle(group.id, retry=[(first.lease, "busy")])
        clock.jump(60)
        broker._log.forget("a", broker._log.horizon)
        database.reader._connection.set_progress_handler(lambda: True, 1)
        with pytest.raises(Unavailable):
            await broker.deliveries(group.id)
        database.reader._connection.set_progress_handler(None)
        clock.jump(60)
        leased = await broker.deliveries(group.id)
        assert sorted(_numbers(leased)) == [0, 1, 2, 3]
        lease = next(each.lease for each in leased if _numbers([each]) == [0])
        database.reader._connection.set_progress_handler(lambda: True, 1)
        with pytest.raises(Unavailable):
            await broker.settle(group.id, reject=[(lease, "broken")])
        database.reader._connection.set_progress_handler(None)
        await broker.settle(group.id, reject=[(lease, "broken")])
        assert len(await broker.dead_letters()) == 1


async def test_an_event_on_its_own_is_in_order_with_those_around_it(tmp_path: Path, make_event: Make) -> None:
    """What the database refuses, or drops behind it, nobody is handed, though later positions were committed before."""
    async with _opened(tmp_path / "x.db") as (broker, database):
        group = await broker.subscribe("shop", ["a"])
        intake = broker._intake
        first, bad, dropped, last = (intake.prepare("a", make_event(data={"n": number})) for number in range(4))
        batches = [intake.publish([first]), intake.publish([bad], alone=True)]
        batches[1].unit.add("insert into broker_logs (tenant, id) values (?, ?)", ("default", "another"))
        batches += [intake.publish([dropped], alone=True), intake.publish([last])]
        errors = await asyncio.gather(*(batch.outcome() for batch in batches))
        assert [type(error) for error in errors] == [type(None), RowRefused, Dropped, Dropped]
        await broker.publish([("a", dropped[1])])
        assert _numbers(await broker.deliveries(group.id)) == [0, 2]
        assert database.reader.value("select count(*) from broker_events") == 2


async def test_old_events_are_read_from_the_database(tmp_path: Path, make_event: Make) -> None:
    """Groups that lag behind what memory holds get everything, once, in order, across the seam."""
    async with _opened(tmp_path / "x.db", rules=Rules(tail_events=3)) as (broker, _):
        for _ in range(5):
            await broker.publish([("a", make_event()), ("b", make_event())])
        group = await broker.subscribe("shop", ["a", "b"])
        reader = await broker.subscribe("engine", ["b", "a"], mode="read")
        taken = [number for _ in range(4) for number in _numbers(await broker.deliveries(group.id, max=3))]
        assert taken == list(range(1, 11))
        assert _numbers(await broker.read(reader.id, {})) == list(range(1, 11))
        assert _numbers(broker.reader(reader.id).take()) == list(range(1, 11))
        assert _numbers(await broker.read(reader.id, {}, max=4)) == [1, 2, 3, 4]


async def _trim(clock: JumpingClock, database: Database) -> int:
    """Let a round of trimming pass, and return how many rows are left."""
    clock.jump(10)
    for _ in range(20):
        await database.durable(Unit())
    return int(database.reader.value("select count(*) from broker_events"))


async def test_rows_go_when_all_have_acknowledged_and_an_hour_is_over(tmp_path: Path, make_event: Make) -> None:
    """A row lives for an hour at least, and until the slowest group has it; the newest one stays as a mark."""
    clock = JumpingClock()
    async with _opened(tmp_path / "x.db", clock, Rules(trim_rows=2)) as (broker, database):
        fast, slow = [await broker.subscribe(name, ["a"]) for name in ("fast", "slow")]
        await broker.publish([("a", make_event()) for _ in range(6)])
        await broker.publish([("nobody", make_event())])
        taken = await broker.deliveries(fast.id)
        await broker.settle(fast.id, ack=[one.lease for one in taken])
        assert await _trim(clock, database) == 7
        clock.jump(HOUR_S)
        await broker.publish([("late", make_event())])
        # The channel without groups is trimmed by age alone.
        assert await _trim(clock, database) == 7
        taken = await broker.deliveries(slow.id, max=5)
        await broker.settle(slow.id, ack=[one.lease for one in taken])
        assert await _trim(clock, database) == 2
        await broker.unsubscribe(slow.id)
        assert await _trim(clock, database) == 1


async def test_positions_go_on_after_everything_was_trimmed(tmp_path: Path, make_event: Make) -> None:
    """No position comes twice, even if the log was emptied before a restart."""
    clock = JumpingClock()
    async with _opened(tmp_path / "x.db", clock) as (broker, database):
        await broker.publish([("a", make_event()) for _ in range(3)])
        clock.jump(HOUR_S)
        assert await _trim(clock, database) == 1
    async with _opened(tmp_path / "x.db", clock) as (broker, _):
        group = await broker.subscribe("shop", ["a"], start="end")
        await broker.publish([("a", make_event())])
        [delivery] = await broker.deliveries(group.id)
        assert delivery.position == 4


async def test_dead_letters_stay_for_thirty_days(tmp_path: Path, make_event: Make) -> None:
    """Dead letters outlive the events around them, then go too."""
    clock = JumpingClock()
    async with _opened(tmp_path / "x.db", clock) as (broker, database):
        group = await broker.subscribe("shop", ["a"])
        await broker.publish([("a", make_event())])
        [delivery] = await broker.deliveries(group.id)
        await broker.settle(group.id, reject=[(delivery.lease, "bad")])
        await broker.publish([("mark", make_event())])
        clock.jump(29 * 24 * HOUR_S)
        await _trim(clock, database)
        assert len(await broker.dead_letters()) == 1
        clock.jump(24 * HOUR_S)
        await _trim(clock, database)
        assert await broker.dead_letters() == []


async def test_a_broadcast_group_that_nobody_polls_goes(tmp_path: Path) -> None:
    """A group of one process that is gone does not hold up the log for ever; one that polls stays."""
    clock = JumpingClock()
    async with _opened(tmp_path / "x.db", clock) as (broker, database):
        gone, there = [await broker.subscribe("all", ["a"], mode="broadcast") for _ in range(2)]
        share = await broker.subscribe("shop", ["a"])
        for _ in range(2):
            clock.jump(HOUR_S * 0.6)
            await broker.deliveries(there.id)
            await _trim(clock, database)
        assert {one.id for one in await broker.subscriptions()} == {there.id, share.id}
        assert gone.id != there.id


async def test_a_closed_broker_lets_everybody_go(make_event: Make) -> None:
    """Closing ends polls and feeds with nothing."""
    async with _opened(None) as (broker, _):
        group = await broker.subscribe("shop", ["a"])
        feed = broker.reader((await broker.subscribe("engine", ["a"], mode="read")).id)
        waiting = [asyncio.create_task(broker.deliveries(group.id, wait_s=30)), asyncio.create_task(feed.read())]
        await asyncio.sleep(0)
        await broker.close()
        assert await asyncio.gather(*waiting) == [[], []]
    with pytest.raises(Unavailable):
        await broker.publish([("a", make_event())])


async def test_two_tenants_share_a_file_and_nothing_else(tmp_path: Path, make_event: Make) -> None:
    """Each tenant has its own log id, groups and dedupe keys; positions do not collide."""
    clock = JumpingClock()
    async with _opened(tmp_path / "x.db", clock) as (broker, database):
        await broker.publish([("a", make_event())])
        await broker.close()
        other = await EmbeddedBroker.open(database, clock=clock, tenant="other")
        assert await other.subscriptions() == []
        group = await other.subscribe("shop", ["a"])
        assert await other.deliveries(group.id) == []
        await other.publish([("a", make_event(id="1", data={"n": 1}))])
        [delivery] = await other.deliveries(group.id)
        assert delivery.position == 2
        await other.close()


_VICTIM = """
    import asyncio, sys
    from evenweave.adapters.brokers.embedded import MIGRATIONS, EmbeddedBroker
    from evenweave.adapters.clocks import SystemClock
    from evenweave.adapters.sqlite import Database

    async def main():
        broker = await EmbeddedBroker.open(Database.open(sys.argv[1], [MIGRATIONS]), clock=SystemClock())
        group = await broker.subscribe("shop", ["a"])
        numbers = iter(range(1_000_000))

        async def publish():
            for number in numbers:
                event = {"specversion": "1.0", "id": str(number), "source": "/s", "type": "t", "data": {"n": number}}
                await broker.publish([("a", event)])
                print("published", number, flush=True)

        async def consume():
            while True:
                taken = await broker.deliveries(group.id, 3, 5.0)
                await broker.settle(group.id, ack=[one.lease for one in taken])
                print("".join(f"settled {one.event['data']['n']}\\n" for one in taken), end="", flush=True)

        await asyncio.gather(*(publish() for _ in range(8)), *(consume() for _ in range(4)))

    asyncio.run(main())
"""


def _run_and_kill(path: Path, lines: int) -> list[str]:
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)}
    command = [sys.executable, "-c", textwrap.dedent(_VICTIM), str(path)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, env=environment, text=True) as victim:
        assert victim.stdout is not None
        said = [victim.stdout.readline() for _ in range(lines)]
        victim.kill()
        return said + victim.stdout.read().split("\n")[:-1]


async def test_nothing_that_was_answered_is_lost_in_a_kill(tmp_path: Path) -> None:
    """After SIGKILL every answered publish is there, once, and nothing comes again whose settling was answered."""
    said = await asyncio.to_thread(_run_and_kill, tmp_path / "x.db", 3_000)
    published = {int(line.split()[1]) for line in said if line.startswith("published")}
    settled = {int(line.split()[1]) for line in said if line.startswith("settled")}
    async with _opened(tmp_path / "x.db") as (broker, database):
        [group] = await broker.subscriptions()
        rest = list[int]()
        while taken := await broker.deliveries(group.id, max=500):
            rest += _numbers(taken)
        rows = database.reader.rows("select event from broker_events order by position")
    stored = [msgspec.json.decode(row[0])["data"]["n"] for row in rows]
    assert len(stored) == len(set(stored))
    assert published <= set(stored)
    assert settled
    assert settled.isdisjoint(rest)
    # Settled durably, and killed before it could say so: four workers with three each.
    assert len(set(stored) - set(rest) - settled) <= 12


async def test_submitting_behind_a_failure_reports_dropped(tmp_path: Path) -> None:
    """An engine unit behind a failed one is dropped: what it was built on may be gone."""
    async with _opened(tmp_path / "x.db") as (_, database):
        database.submit(_spoiled())
        with pytest.raises(Dropped):
            await database.durable(Unit())
