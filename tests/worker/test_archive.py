"""Histories are run again: for a trace, for a fork, and to check that they lead to what is stored."""

from __future__ import annotations

from typing import Any

import pytest
from worker_house import ANSWER, ASK, House, answer, asking, consumed, event, flow, sleeping, waiting

from evenweave.worker.refusals import NotFound, NotPossible
from evenweave.worker.repair import Repair
from evenweave.worker.replay import CannotReplay

EVENTS = [consumed("A", "orderid"), consumed("B", "orderid"), ASK, ANSWER]
MARK: dict[str, Any] = {"name": "mark", "type": "inject", "data": {"mark": 1}}
ORDER = flow("order", waiting("begin", "A"), asking("ask"), MARK, sleeping("rest", "PT1M"), events=EVENTS)


async def run_order(house: House) -> str:
    """Run an instance from its event to its end."""
    await house.register(ORDER)
    await house.publish(event("1", "a", orderid="o1"))
    await house.jump(5)
    (ask,) = await house.log("ask")
    await house.publish(answer(ask, data={"price": 7}), channel="answer")
    await house.jump(60)
    (one,) = await house.instances()
    assert one.status == "completed"
    return one.id


async def test_history_leads_to_the_stored_state(house: House) -> None:
    """A replay of an instance comes to what is stored, at every stage of it."""
    await house.register(ORDER)
    await house.publish(event("1", "a", orderid="o1"))
    (one,) = await house.instances()
    assert await house.engine.archive.check(one.id)
    await house.command(one.id, "suspend")
    (ask,) = await house.log("ask")
    await house.publish(answer(ask), channel="answer")
    assert await house.engine.archive.check(one.id)
    await house.command(one.id, "resume")
    await house.jump(60)
    assert await house.statuses() == ["completed"]
    assert await house.engine.archive.check(one.id)


async def test_history_with_repairs_and_migrations_leads_to_the_stored_state(house: House) -> None:
    """Patches and versions are part of the history; where the first version is gone, it says so."""
    broken = {**MARK, "stateDataFilter": {"output": "${ .n * {} }"}}
    await house.register(flow("v", broken, sleeping("rest", "PT1M"), events=[], version="1"))
    one = await house.engine.start_instance("v", {"n": 3})
    skipped = await house.engine.start_instance("v", {"n": 4})
    await house.register(flow("v", MARK, sleeping("rest", "PT1M"), events=[], version="2"))
    await house.engine.workshop.repair(one, Repair("retry", "why", {".n": 5}, migrate=True))
    await house.engine.workshop.repair(skipped, Repair("skip", patch={".n": 6}))
    assert [each.status for each in await house.instances()] == ["waiting", "waiting"]
    assert [(await house.engine.instance(each)).data["n"] for each in (one, skipped)] == [5, 6]
    for each in (one, skipped):
        assert await house.engine.archive.check(each)
    await house.jump(60)
    for each in (one, skipped):
        assert await house.engine.archive.check(each)
    again = await house.engine.archive.fork(one, "rest", patch={})
    await house.engine.remove("v", "1")
    with pytest.raises(CannotReplay, match="cannot be run again"):
        await house.engine.archive.check(one)
    assert await house.engine.archive.check(again)


async def test_trace_tells_what_happened_and_how_long_it_took(house: House) -> None:
    """Each burst has its causes, each cause what was entered, left and published."""
    found = await house.engine.archive.trace(await run_order(house))
    assert [(each.revision, each.waited_s) for each in found.bursts] == [(1, 0.0), (2, 5.0), (3, 60.0)]
    assert [cause.cause["cause"] for each in found.bursts for cause in each.causes] == ["begin", "arrival", "deadline"]
    steps = [(step.what, step.name, step.kind) for step in found.bursts[0].causes[0].steps]
    assert steps[:3] == [("entered", "order", "do"), ("entered", "begin", "do"), ("ran", "", "await")]
    assert ("left", "begin", "do") in steps
    assert ("published", "", "ask") in steps
    left = {step.reference: step.took_s for step in found.bursts[1].causes[0].steps if step.what == "left"}
    assert left["/states/1/actions/0"] == 5.0
    (rest,) = [step for step in found.bursts[2].causes[0].steps if (step.what, step.kind) == ("left", "sleep")]
    assert rest.took_s == 60.0
    assert found.bursts[2].causes[0].status == "completed"


async def test_trace_of_nobody_is_not_found(house: House) -> None:
    """There is no trace, fork or check of an instance that is not there."""
    for asked in (
        house.engine.archive.trace("nobody"),
        house.engine.archive.check("nobody"),
        house.engine.archive.fork("nobody", "x", patch={}),
    ):
        with pytest.raises(NotFound):
            await asked


async def test_fork_begins_in_a_state_with_the_data_it_had(house: House) -> None:
    """A fork publishes what comes from there on under ids of its own, and nothing that came before."""
    one = await run_order(house)
    fork = await house.engine.archive.fork(one, "mark", patch={".extra": True}, command="c1")
    assert await house.engine.archive.fork(one, "/states/2", patch={}, command="c1") == fork
    assert len(await house.log("ask")) == 1
    view = await house.engine.instance(fork)
    assert (view.status, view.data["mark"], view.data["extra"]) == ("waiting", 1, True)
    assert await house.engine.archive.check(fork)
    again = await house.engine.archive.fork(one, "ask", patch={})
    asked = await house.log("ask")
    assert [each["workflowinstanceid"] for each in asked] == [one, again]
    await house.publish(answer(asked[1], data={"price": 9}), channel="answer")
    await house.jump(60)
    done = await house.engine.instance(again)
    assert (done.status, done.data["price"]) == ("completed", 9)
    assert await house.engine.archive.check(again)


async def test_fork_of_the_first_state_takes_the_event_again(house: House) -> None:
    """A fork that begins where the old one began takes the event that started it, and its key where that is free."""
    one = await run_order(house)
    fork = await house.engine.archive.fork(one, "begin", patch={})
    view = await house.engine.instance(fork)
    assert (view.status, view.correlation) == ("waiting", {"orderid": "o1"})
    assert [each.id for each in await house.engine.instances(key='[["orderid","o1"]]')] == [fork]
    other = await house.engine.archive.fork(fork, "ask", patch={})
    assert [each.id for each in await house.engine.instances(key='[["orderid","o1"]]')] == [fork]
    assert (await house.engine.instance(other)).correlation == {"orderid": "o1"}


async def test_fork_needs_a_state_that_it_was_in(house: House) -> None:
    """A state that is none, or that was not entered, is refused."""
    await house.register(ORDER)
    await house.publish(event("1", "a", orderid="o1"))
    (one,) = await house.instances()
    with pytest.raises(NotFound, match="nowhere"):
        await house.engine.archive.fork(one.id, "nowhere", patch={})
    with pytest.raises(NotPossible, match="never was"):
        await house.engine.archive.fork(one.id, "rest", patch={})
    with pytest.raises(NotFound, match="version"):
        await house.engine.archive.fork(one.id, "begin", patch={}, version="9")


async def test_fork_may_run_another_version(house: House) -> None:
    """A fork runs the version that is asked for."""
    one = await run_order(house)
    more: dict[str, Any] = {"name": "mark", "type": "inject", "data": {"mark": 2}}
    await house.register(
        flow("order", waiting("begin", "A"), asking("ask"), more, sleeping("rest", "PT1M"), events=EVENTS, version="2")
    )
    fork = await house.engine.archive.fork(one, "mark", patch={}, version="2")
    view = await house.engine.instance(fork)
    assert (view.version, view.data["mark"], view.data["price"]) == ("2", 2, 7)
