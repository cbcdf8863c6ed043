"""The time that continueAs gives the instance that goes on, through the store and its inboxes."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
from worker_house import House, flow, sleeping

from evenweave.adapters.clocks import JumpingClock
from evenweave.app import Whole, export_store, import_store
from evenweave.errors import InvalidDocument
from evenweave.worker import Settings
from evenweave.worker.refusals import NotPossible
from evenweave.worker.repair import Repair

if TYPE_CHECKING:
    from pathlib import Path

SAY = {"name": "Say", "type": "inject", "data": {"said": True}}
REPORT = {"name": "Report", "type": "inject", "data": {"reported": True}, "end": True}
GIVEN = {"duration": "PT1H", "interrupt": True, "runBefore": "Report"}


def giving(name: str, other: str, limit: Any, *states: dict[str, Any]) -> bytes:
    """A definition that goes on as another one, and gives it its time."""
    end = {"continueAs": {"workflowId": other, "workflowExecTimeout": limit}}
    return flow(name, *(states or (SAY,)), {**SAY, "name": "End", "end": end}, events=[])


async def newest(house: House) -> Any:
    """The instance that was started last."""
    return (await house.instances())[-1]


async def test_given_time_ends_the_instance_that_goes_on(house: House) -> None:
    """After the given time the state that it names runs, and the instance ends as cancelled."""
    await house.register(giving("first", "second", GIVEN))
    await house.register(flow("second", sleeping("Wait", "P1D", end=True), REPORT, events=[]))
    await house.engine.start_instance("first", {})
    await house.settle()
    await house.jump(3599)
    assert (await newest(house)).status == "waiting"
    await house.jump(1)
    second = await newest(house)
    assert (second.status, second.data) == ("cancelled", {"said": True, "reported": True})
    assert "workflowExecTimeout of first's continueAs" in second.reason.title
    assert await house.engine.archive.check(second.id)


async def test_each_of_a_chain_has_the_time_that_it_is_given(house: House) -> None:
    """A definition that goes on as itself gives each instance its time anew."""
    await house.register(giving("again", "again", "PT1H", sleeping("Wait", "PT40M")))
    await house.engine.start_instance("again", {})
    await house.settle()
    for _ in range(4):
        await house.jump(2400)
    assert await house.statuses() == [*["completed"] * 4, "waiting"]
    await house.engine.workshop.repair((await newest(house)).id, Repair("suspend"))
    await house.jump(7200)
    await house.command((await newest(house)).id, "resume")
    assert await house.statuses() == [*["completed"] * 4, "cancelled"]


async def test_parent_of_one_whose_given_time_is_over_sees_the_time_out(house: House) -> None:
    """A subflow that goes on and takes too long is an error of the parent's action, of the type timeout."""
    call = {"name": "Call", "type": "operation", "actions": [{"subFlowRef": "first"}]}
    await house.register(flow("parent", call, events=[]))
    await house.register(giving("first", "second", "PT1H"))
    await house.register(flow("second", sleeping("Wait", "P1D"), events=[]))
    id_ = await house.engine.start_instance("parent", {})
    await house.settle()
    await house.jump(3600)
    parent = await house.engine.instance(id_)
    assert parent.reason is not None
    assert (parent.status, parent.reason.type) == ("faulted", "timeout")


async def test_missing_state_is_mended_by_another_version(house: House) -> None:
    """What is to run before the end is missing: the instance stops at its beginning until it is moved."""
    await house.register(giving("first", "second", GIVEN))
    await house.register(flow("second", sleeping("Wait", "P1D"), events=[]))
    await house.engine.start_instance("first", {})
    await house.settle()
    second = await newest(house)
    assert (second.status, second.reason.type) == ("faulted", "unknown-state")
    await house.register(flow("second", sleeping("Wait", "P1D", end=True), REPORT, events=[], version="2"))
    await house.engine.workshop.repair(second.id, Repair("retry", migrate=True))
    await house.settle()
    assert (await newest(house)).status == "waiting"
    with pytest.raises(NotPossible, match='no state "Report" to run before the end'):
        await house.engine.archive.fork(second.id, "Wait", patch={}, version="1")
    fork = await house.engine.archive.fork(second.id, "Wait", patch={})
    await house.jump(3600)
    assert await house.statuses() == ["completed", "cancelled", "cancelled"]
    assert (await house.engine.instance(fork)).data == {"said": True, "reported": True}
    assert await house.engine.archive.check(second.id)


async def test_given_time_outlives_restart_retry_and_move(tmp_path: Path) -> None:
    """Started again on its file, mended after a fault, and moved to another store, it has what is left of its time."""
    clock = JumpingClock()

    async def open_(folder: str) -> House:
        return House(await Whole.start(tmp_path / folder / "engine.db", settings=Settings(), clock=clock), clock)

    async def status() -> str:
        clock.jump(0)  # a wait for no time that began behind the last jump is over
        return (await house.statuses())[-1]

    bad = {
        "name": "Break",
        "type": "operation",
        "actions": [{"eventRef": {"triggerEventRef": "Told", "data": "${ .n.x + 1 }"}}],
    }
    told = {"name": "Told", "type": "told", "kind": "produced"}
    (tmp_path / "old").mkdir()
    (tmp_path / "new").mkdir()
    house = await open_("old")
    await house.register(giving("first", "second", GIVEN))
    await house.register(flow("second", bad, sleeping("Wait", "P1D", end=True), REPORT, events=[told]))
    await house.engine.start_instance("first", {"n": 1})
    await house.until(status, "faulted")
    await house.whole.stop()
    clock.jump(1000)
    house = await open_("old")
    stopped = await newest(house)
    await house.engine.workshop.repair(stopped.id, Repair("retry", "", {".n": {"x": 1}}))
    await house.until(status, "waiting")
    await house.whole.stop()
    clock.jump(1000)
    await export_store(tmp_path / "old", "", tmp_path / "moved")
    await import_store(tmp_path / "new", "", tmp_path / "moved")
    house = await open_("new")
    assert await status() == "waiting"
    clock.jump(1599)
    await house.settle()
    assert await status() == "waiting"
    clock.jump(1)
    await house.until(status, "cancelled")
    ended = await house.engine.instance(stopped.id)
    assert (ended.data["reported"], ended.updated - ended.started) == (True, 3600)
    assert await house.engine.archive.check(stopped.id)
    await house.whole.stop()


async def test_what_goes_on_and_is_not_there_is_said_at_registration(house: House) -> None:
    """The registration of a definition comes with warnings for workflows and states that it names of others."""
    made = await house.engine.register("first.json", giving("first", "second", GIVEN))
    assert _warnings(made.diagnostics) == ["SW521"]
    await house.register(flow("second", sleeping("Wait", "P1D"), events=[]))
    made = await house.engine.register("first.json", giving("first", "second", GIVEN))
    assert _warnings(made.diagnostics) == ["SW522"]
    with pytest.raises(InvalidDocument) as refused:
        await house.engine.register("first.json", giving("first", "second", GIVEN), strict=True)
    assert [item.code for item in refused.value.diagnostics if item.severity == "error"] == ["SW522"]
    await house.register(flow("second", sleeping("Wait", "P1D", end=True), REPORT, events=[], version="2"))
    made = await house.engine.register("first.json", giving("first", "second", GIVEN), strict=True)
    assert _warnings(made.diagnostics) == []


async def test_what_is_only_said_does_not_count_where_warnings_do(house: House) -> None:
    """A definition that is strictly registered may be said something of that is no warning."""
    document = json.loads(flow("first", SAY, events=[])) | {"errors": [{"name": "never"}]}
    made = await house.engine.register("first.json", json.dumps(document).encode(), strict=True)
    assert {(item.code, item.severity) for item in made.diagnostics} == {("SW027", "info"), ("SW114", "info")}


def _warnings(diagnostics: Any) -> list[str]:
    return [item.code for item in diagnostics if item.severity == "warning"]
