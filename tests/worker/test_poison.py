"""One bad instance never fails the batch: PROTOCOL section 2."""

from __future__ import annotations

from typing import TYPE_CHECKING

import apsw
import pytest
import structlog
from worker_house import SERVICE, House, consumed, event, flow, sleeping, waiting

from evenweave.adapters.clocks import JumpingClock
from evenweave.app import Whole
from evenweave.engine import codec
from evenweave.engine.burst import Limits
from evenweave.engine.life import NotAllowed
from evenweave.worker.engine import NotPossible

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable
    from pathlib import Path

PLAIN = flow("plain", waiting("begin", "A"), waiting("then", "B"), events=[consumed("A"), consumed("B")])
BY_KEY = flow(
    "keyed",
    waiting("begin", "A"),
    waiting("then", "B"),
    events=[consumed("A", "orderid"), consumed("B", "orderid")],
)


@pytest.fixture
async def reopen(tmp_path: Path) -> AsyncIterator[Callable[..., Awaitable[House]]]:
    """Open the house on its file, anew each time, with something done to the file in between."""
    clock = JumpingClock()
    opened: list[Whole] = []

    async def again(plant: Callable[[apsw.Connection], None] | None = None) -> House:
        if opened:
            await opened.pop().stop()
        if plant is not None:
            connection = apsw.Connection(str(tmp_path / "all.db"))
            plant(connection)
            connection.close()
        whole = await Whole.start(tmp_path / "all.db", clock=clock)
        opened.append(whole)
        await whole.catalog.register("shop.yaml", SERVICE)
        return House(whole, clock)

    yield again
    await opened.pop().stop()


async def begin(house: House, *names: str) -> list[str]:
    """Start an instance by each event, and return their ids in that order."""
    await house.broker.publish([("a", event(name, "a", orderid=name)) for name in names])
    await house.until(house.count, len(names))
    return [each.id for each in await house.engine.instances()]


def refuse(instance: str, when: str) -> Callable[[apsw.Connection], None]:
    """Let the database refuse the rows of one instance."""

    def plant(connection: apsw.Connection) -> None:
        connection.execute(
            f"create trigger planted before update on instances when new.id = '{instance}' and {when} "
            "begin select raise(abort, 'planted'); end"
        )

    return plant


async def test_refused_row_suspends_its_instance_and_no_other(reopen: Callable[..., Awaitable[House]]) -> None:
    """An event that meets three instances completes two; the one whose row is refused is suspended with the reason."""
    house = await reopen()
    await house.register(PLAIN)
    ids = await begin(house, "1", "2", "3")
    house = await reopen(refuse(ids[1], "new.status = 'completed'"))
    await house.broker.publish([("b", event("go", "b"))])
    await house.until(house.statuses, ["completed", "suspended", "completed"])
    bad = await house.engine.instance(ids[1])
    assert bad.reason is not None
    assert "planted" in bad.reason.title
    (parked,) = await house.engine.parked()
    assert (parked.instance, parked.channel, parked.event["id"]) == (ids[1], "b", "go")


async def test_row_that_cannot_be_written_at_all_leaves_its_instance_as_it_is(
    reopen: Callable[..., Awaitable[House]],
) -> None:
    """Where not even the suspension can be written the event is parked, and the events around it are handled."""
    house = await reopen()
    await house.register(BY_KEY)
    names = [str(number) for number in range(40)]
    ids = await begin(house, *names)
    house = await reopen(refuse(ids[17], "true"))
    await house.broker.publish([("b", event(f"go {name}", "b", orderid=name)) for name in names])
    wanted = ["completed"] * 40
    wanted[17] = "waiting"
    await house.until(house.statuses, wanted)
    (parked,) = await house.engine.parked()
    assert parked.event["id"] == "go 17"
    assert "planted" in parked.reason


async def test_refused_start_parks_its_event_and_starts_the_others(reopen: Callable[..., Awaitable[House]]) -> None:
    """A start whose row is refused parks its event, and is there as suspended; the other starts of the batch happen."""

    def plant(connection: apsw.Connection) -> None:
        connection.execute(
            "create trigger planted before insert on instances when "
            "(select count(*) from instances) = 2 and new.status = 'waiting' and not exists (select 1 from parked) "
            "begin select raise(abort, 'planted'); end"
        )

    house = await reopen()
    await house.register(PLAIN)
    house = await reopen(plant)
    await house.broker.publish([("a", event(str(number), "a")) for number in range(6)])
    await house.until(house.statuses, ["waiting", "waiting", "suspended", "waiting", "waiting", "waiting"])
    (parked,) = await house.engine.parked()
    assert parked.event["id"] == "2"


async def test_step_that_raises_suspends_its_instance_alone(reopen: Callable[..., Awaitable[House]]) -> None:
    """A defect in a step parks the cause and suspends the instance with the reason; others of the batch move."""
    house = await reopen()
    await house.register(PLAIN)
    ids = await begin(house, "1", "2", "3")

    def plant(connection: apsw.Connection) -> None:
        (state,) = connection.execute("select state from instances where id = ?", (ids[0],)).fetchone()
        instance = codec.decode(state)
        instance.fibers[0].frames[-1].position = "/nowhere"
        connection.execute("update instances set state = ? where id = ?", (codec.encode(instance), ids[0]))

    house = await reopen(plant)
    await house.broker.publish([("b", event("go", "b"))])
    await house.until(house.statuses, ["suspended", "completed", "completed"])
    bad = await house.engine.instance(ids[0])
    assert bad.reason is not None
    assert "KeyError" in bad.reason.title
    assert len(await house.engine.parked()) == 1


async def test_unreadable_state_parks_its_events_alone(reopen: Callable[..., Awaitable[House]]) -> None:
    """An event for an instance whose state is damaged is parked with the reason; the others go on."""
    house = await reopen()
    await house.register(BY_KEY)
    ids = await begin(house, "1", "2")
    house = await reopen(lambda db: db.execute("update instances set state = x'ff00' where id = ?", (ids[0],)))
    await house.broker.publish([("b", event("go 1", "b", orderid="1")), ("b", event("go 2", "b", orderid="2"))])
    await house.until(house.statuses, ["waiting", "completed"])
    (parked,) = await house.engine.parked()
    assert parked.event["id"] == "go 1"
    assert "format" in parked.reason


async def test_state_above_its_limit_suspends_its_instance_alone(house: House) -> None:
    """A state that would become too large is not written: its last cause is parked and the instance suspended."""
    await house.register(BY_KEY)
    large = {"first": "x" * 700_000}
    await house.publish(event("1", "a", orderid="x", data=large), event("2", "a", orderid="y"))
    await house.publish(event("3", "b", orderid="x", data={"second": "y" * 700_000}), event("4", "b", orderid="y"))
    assert await house.statuses() == ["suspended", "completed"]
    (parked,) = await house.engine.parked()
    assert "1048576" in parked.reason
    (bad, _) = await house.instances()
    assert bad.data == large
    await house.command(bad.id, "resume")
    assert await house.statuses() == ["waiting", "completed"]


async def test_start_that_fails_is_suspended_and_can_only_be_cancelled(
    open_house: Callable[..., Awaitable[House]],
) -> None:
    """An instance whose beginning was parked has nothing to resume."""
    house = await open_house(limits=Limits(state_bytes=10_000))
    await house.register(PLAIN)
    await house.publish(event("1", "a", data={"large": "x" * 20_000}))
    assert await house.statuses() == ["suspended"]
    (bad,) = await house.engine.instances()
    with pytest.raises(NotPossible):
        await house.command(bad.id, "resume")
    await house.command(bad.id, "cancel")
    with pytest.raises(NotAllowed):
        await house.command(bad.id, "cancel")
    assert await house.statuses() == ["cancelled"]


async def test_refused_deadline_does_not_stop_the_others(reopen: Callable[..., Awaitable[House]]) -> None:
    """Of deadlines that fall due together, one that cannot be written is left alone; the others fire."""
    house = await reopen()
    await house.register(flow("sleepy", waiting("begin", "A"), sleeping("rest", "PT10S"), events=[consumed("A")]))
    ids = await begin(house, "1", "2", "3", "4")
    house = await reopen(refuse(ids[1], "true"))
    with structlog.testing.capture_logs() as logs:
        house.clock.jump(11)
        await house.until(house.statuses, ["completed", "waiting", "completed", "completed"])
        for number in range(5, 15):
            await house.broker.publish([("a", event(str(number), "a"))])
            await house.until(house.count, number)
        assert [each["event"] for each in logs].count("a deadline cannot be written") <= 3
        house.clock.jump(31)
        await house.until(house.statuses, ["completed", "waiting", *["completed"] * 12])


async def test_event_that_the_log_refuses_faults_its_instance(house: House) -> None:
    """What the broker will never take is parked, and its instance faulted with the reason."""
    twice = {"name": "Twice", "type": "twice", "source": "", "kind": "produced"}
    action = {"eventRef": {"triggerEventRef": "Twice", "data": "${ {one: .x, two: .x} }"}}
    say = {"name": "say", "type": "operation", "actions": [action]}
    await house.register(
        flow("loud", waiting("begin", "A"), say, waiting("then", "B"), events=[consumed("A"), consumed("B"), twice])
    )
    await house.publish(event("1", "a", data={"x": "y" * 600_000}), event("2", "a", data={"x": 1}))
    assert await house.statuses() == ["faulted", "waiting"]
    (bad, _) = await house.instances()
    assert bad.reason is not None
    assert bad.reason.type == "publish"
    assert len(await house.engine.parked()) == 1
    assert len(await house.log("twice")) == 1
