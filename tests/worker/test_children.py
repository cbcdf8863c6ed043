"""Instances that start others: subflows and continueAs, through the store and its inboxes."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
from worker_house import consumed, event, flow, sleeping, waiting

from evenweave.engine.causes import Command
from evenweave.worker.refusals import NotPossible
from evenweave.worker.repair import Repair

if TYPE_CHECKING:
    from worker_house import House


def calling(name: str, *calls: Any, mode: str = "sequential", **rest: Any) -> dict[str, Any]:
    """An operation state with one action for each subflow."""
    actions = [{"subFlowRef": each} for each in calls]
    return {"name": name, "type": "operation", "actionMode": mode, "actions": actions, **rest}


def setting(name: str, data: dict[str, Any], **rest: Any) -> dict[str, Any]:
    """An inject state."""
    return {"name": name, "type": "inject", "data": data, **rest}


def going_on(other: Any) -> dict[str, Any]:
    """What ends a state by letting another definition go on."""
    return {"end": {"continueAs": other}}


def detached(id: str, **more: Any) -> dict[str, Any]:  # noqa: A002
    """A subflow that is not waited for."""
    return {"workflowId": id, "invoke": "async", **more}


GO = consumed("Go")
PARENT = flow("parent", calling("Call", "child"), events=[])
WAITING_CHILD = flow("child", sleeping("Wait", "PT1H"), setting("Say", {"said": "hello"}), events=[])
BROKEN = {
    "name": "Break",
    "type": "operation",
    "actions": [{"eventRef": {"triggerEventRef": "Told", "data": "${ .n + .order }"}}],
    "end": True,
}
TOLD = {"name": "Told", "type": "told", "kind": "produced"}
BROKEN_CHILD = flow("child", BROKEN, events=[TOLD])


async def by_definition(house: House) -> dict[str, Any]:
    """The newest instance of each definition."""
    return {each.definition: each for each in await house.instances()}


async def test_subflow_runs_on_the_data_of_its_action_and_its_output_is_the_result(house: House) -> None:
    """The child gets the action's data as its input; what it ends with is merged into the state's data."""
    action = {
        "subFlowRef": "child",
        "actionDataFilter": {"fromStateData": "${ .order }", "results": "${ .double }", "toStateData": "${ .price }"},
    }
    await house.register(flow("parent", {"name": "Call", "type": "operation", "actions": [action]}, events=[]))
    double = {
        "name": "Double",
        "type": "inject",
        "data": {},
        "stateDataFilter": {"output": "${ {double: (.amount * 2)} }"},
    }
    await house.register(flow("child", double, events=[]))
    id_ = await house.engine.start_instance("parent", {"order": {"amount": 21}})
    await house.settle()
    parent, child = await house.engine.instance(id_), (await by_definition(house))["child"]
    assert (parent.status, parent.data) == ("completed", {"order": {"amount": 21}, "price": 42})
    assert (child.status, child.data) == ("completed", {"double": 42})


async def test_parent_waits_for_a_child_that_waits(house: House) -> None:
    """The parent goes on when the child ends, an hour later."""
    await house.register(PARENT)
    await house.register(WAITING_CHILD)
    await house.engine.start_instance("parent", {"n": 1})
    await house.settle()
    assert await house.statuses() == ["waiting", "waiting"]
    await house.jump(3600)
    assert (await by_definition(house))["parent"].data == {"n": 1, "said": "hello"}
    assert await house.statuses() == ["completed", "completed"]


async def test_subflow_of_a_version_is_that_version(house: House) -> None:
    """A version that is asked for is taken although a newer one is there; without one the newest is."""
    await house.register(flow("parent", calling("Call", {"workflowId": "child", "version": "1"}, "child"), events=[]))
    for version in ("1", "2"):
        data = {f"of{version}": True}
        await house.register(flow("child", setting("Say", data), events=[], version=version))
    id_ = await house.engine.start_instance("parent", {})
    await house.settle()
    assert (await house.engine.instance(id_)).data == {"of1": True, "of2": True}


async def test_unknown_subflow_is_a_fault_that_retry_mends_once_it_is_registered(house: House) -> None:
    """A subflow that is not registered stops the instance at its action; registered, a retry goes on."""
    await house.register(PARENT)
    id_ = await house.engine.start_instance("parent", {})
    await house.settle()
    stopped = await house.engine.instance(id_)
    assert stopped.status == "faulted"
    assert stopped.reason is not None
    assert (stopped.reason.type, stopped.reason.reference) == ("unknown-workflow", "/states/0/actions/0")
    assert 'no definition "child"' in stopped.reason.title
    assert await house.engine.archive.check(id_)
    await house.register(flow("child", setting("Say", {"said": 1}), events=[]))
    await house.command(id_, "retry")
    assert (await house.engine.instance(id_)).data == {"said": 1}
    assert await house.engine.archive.check(id_)


async def test_child_that_faults_stops_its_parent_and_mended_lets_it_go_on(house: House) -> None:
    """The fault stays visible on the child and is an error of the parent's action; mending the child mends both."""
    await house.register(PARENT)
    await house.register(BROKEN_CHILD)
    await house.engine.start_instance("parent", {"n": 1, "order": {}})
    await house.settle()
    found = await by_definition(house)
    assert [found["parent"].status, found["child"].status] == ["faulted", "faulted"]
    reason = found["parent"].reason
    assert (reason.type, reason.reference) == ("expression", "/states/0/actions/0")
    assert found["child"].id in reason.title
    await house.engine.workshop.repair(found["child"].id, Repair("retry", "", {".order": 2}))
    await house.settle()
    assert await house.statuses() == ["completed", "completed"]
    assert await house.engine.archive.check(found["parent"].id)


async def test_retry_of_a_parent_starts_its_faulted_child_anew(house: House) -> None:
    """A retry of the parent runs its action again: with another child, and the stopped one is cancelled."""
    await house.register(PARENT)
    await house.register(BROKEN_CHILD)
    id_ = await house.engine.start_instance("parent", {"n": 1, "order": {}})
    await house.settle()
    await house.engine.workshop.repair(id_, Repair("retry", "", {".order": 2}))
    await house.settle()
    assert await house.statuses() == ["completed", "cancelled", "completed"]
    assert (await house.engine.instance(id_)).data == {"n": 1, "order": 2}
    assert await house.engine.archive.check(id_)


async def test_cancelled_child_is_an_error_of_its_parent(house: House) -> None:
    """A child that somebody cancels gives no result: its parent stops there and says why."""
    await house.register(PARENT)
    await house.register(WAITING_CHILD)
    await house.engine.start_instance("parent", {})
    await house.settle()
    child = (await by_definition(house))["child"].id
    await house.command(child, "cancel")
    parent = (await by_definition(house))["parent"]
    assert (parent.status, parent.reason.type) == ("faulted", "cancelled")


async def test_cancel_of_a_parent_ends_the_children_that_may_not_go_on_alone(house: House) -> None:
    """By onParentComplete a child is cancelled with its parent, waited for or not, or goes on."""
    calls = [
        detached("child"),
        detached("child", onParentComplete="continue"),
        {"workflowId": "child", "onParentComplete": "terminate"},
    ]
    await house.register(flow("parent", calling("Call", *calls), events=[]))
    await house.register(WAITING_CHILD)
    id_ = await house.engine.start_instance("parent", {})
    await house.settle()
    assert await house.statuses() == ["waiting"] * 4
    await house.command(id_, "cancel")
    assert await house.statuses() == ["cancelled", "cancelled", "waiting", "cancelled"]
    ended = (await house.instances())[1]
    assert ended.reason is not None
    assert (ended.reason.type, id_ in ended.reason.title) == ("parent", True)
    await house.jump(3600)
    assert await house.statuses() == ["cancelled", "cancelled", "completed", "cancelled"]


async def test_parent_that_completes_ends_the_children_that_may_not_go_on_alone(house: House) -> None:
    """A parent does not wait for asynchronous children; at its end they end or go on."""
    calls = [detached("child"), detached("child", onParentComplete="continue")]
    await house.register(flow("parent", calling("Call", *calls), sleeping("Work", "PT1M"), events=[]))
    await house.register(WAITING_CHILD)
    id_ = await house.engine.start_instance("parent", {"n": 1})
    await house.settle()
    await house.jump(60)
    assert await house.statuses() == ["completed", "cancelled", "waiting"]
    assert (await house.engine.instance(id_)).data == {"n": 1}


async def test_asynchronous_child_that_fails_is_no_error_of_its_parent(house: House) -> None:
    """Errors of subflows that are not waited for do not propagate."""
    await house.register(flow("parent", calling("Call", detached("child")), sleeping("Work", "PT1M"), events=[]))
    await house.register(BROKEN_CHILD)
    await house.engine.start_instance("parent", {"n": 1, "order": {}})
    await house.settle()
    assert await house.statuses() == ["waiting", "faulted"]
    await house.jump(60)
    assert await house.statuses() == ["completed", "cancelled"]


async def test_branch_that_is_not_needed_takes_its_child_with_it(house: House) -> None:
    """Where enough branches have ended, the children of the others are cancelled, and their late ends are nothing."""
    branches = [
        {"name": "slow", "actions": [{"subFlowRef": "child"}]},
        {"name": "fast", "actions": [{"subFlowRef": "quick"}]},
    ]
    state = {"name": "Both", "type": "parallel", "branches": branches, "completionType": "atLeast", "numCompleted": 1}
    await house.register(flow("parent", state, events=[]))
    await house.register(WAITING_CHILD)
    await house.register(flow("quick", setting("Say", {"quick": True}), events=[]))
    id_ = await house.engine.start_instance("parent", {})
    await house.settle()
    assert (await house.engine.instance(id_)).data == {"quick": True}
    assert (await by_definition(house))["child"].status == "cancelled"


async def test_suspended_parent_takes_the_result_when_it_resumes(house: House) -> None:
    """What a child has for a suspended parent waits in its inbox; children go on meanwhile."""
    await house.register(PARENT)
    await house.register(WAITING_CHILD)
    id_ = await house.engine.start_instance("parent", {})
    await house.settle()
    await house.command(id_, "suspend")
    await house.jump(3600)
    assert await house.statuses() == ["suspended", "completed"]
    await house.command(id_, "resume")
    assert (await house.engine.instance(id_)).data == {"said": "hello"}


async def test_suspended_child_keeps_its_parent_waiting(house: House) -> None:
    """A suspended child is no error; resumed, it ends and its parent goes on."""
    await house.register(PARENT)
    await house.register(WAITING_CHILD)
    await house.engine.start_instance("parent", {})
    await house.settle()
    child = (await by_definition(house))["child"].id
    await house.command(child, "suspend")
    await house.jump(3600)
    assert await house.statuses() == ["waiting", "suspended"]
    await house.command(child, "resume")
    await house.settle()
    assert await house.statuses() == ["completed", "completed"]


async def test_definitions_that_call_one_another_for_ever_stop_at_a_bound(house: House) -> None:
    """A cycle of subflows ends with a fault that goes up to the first of them."""
    await house.register(flow("parent", calling("Call", "child"), events=[]))
    await house.register(flow("child", calling("Call", "parent"), events=[]))
    id_ = await house.engine.start_instance("parent", {})
    for _ in range(10):
        await house.settle()
    first = await house.engine.instance(id_)
    assert (first.status, await house.count()) == ("faulted", 17)
    assert first.reason is not None
    assert first.reason.type == "limit"


async def test_continue_as_ends_the_instance_and_another_goes_on(house: House) -> None:
    """The other begins with the data that continueAs gives it, else with the output."""
    end = going_on({"workflowId": "second", "data": {"count": "${ .count + 1 }"}})
    await house.register(flow("first", setting("Say", {"count": 1}, **end), events=[]))
    await house.register(flow("second", setting("Say", {"second": True}, **going_on("third")), events=[]))
    await house.register(flow("third", setting("Say", {"third": True}), events=[]))
    await house.engine.start_instance("first", {})
    await house.settle()
    found = await house.instances()
    assert [(each.definition, each.status) for each in found] == [
        (name, "completed") for name in ("first", "second", "third")
    ]
    assert [each.data for each in found] == [
        {"count": 1},
        {"count": 2, "second": True},
        {"count": 2, "second": True, "third": True},
    ]


async def test_continue_as_terminates_what_else_runs(house: House) -> None:
    """Another branch that still waits ends with the instance that is continued."""
    end = going_on("second")
    await house.register(flow("first", setting("Say", {"n": 1}), calling("Call", detached("child"), **end), events=[]))
    await house.register(flow("second", sleeping("Wait", "PT1M"), events=[]))
    await house.register(WAITING_CHILD)
    await house.engine.start_instance("first", {})
    await house.settle()
    found = await by_definition(house)
    assert {name: each.status for name, each in found.items()} == {
        "first": "completed",
        "child": "cancelled",
        "second": "waiting",
    }


async def test_parent_sees_one_call_and_the_last_result_of_a_child_that_continues(house: House) -> None:
    """However often the child continues as another definition, the parent gets what the last one ends with."""
    await house.register(PARENT)
    await house.register(flow("child", setting("Say", {"a": 1}, **going_on("next")), events=[]))
    await house.register(flow("next", sleeping("Wait", "PT1M", **going_on("last")), events=[]))
    await house.register(flow("last", setting("Say", {"last": True}), events=[]))
    id_ = await house.engine.start_instance("parent", {})
    await house.settle()
    assert (await house.engine.instance(id_)).status == "waiting"
    await house.jump(60)
    await house.settle()
    parent = await house.engine.instance(id_)
    assert (parent.status, parent.data) == ("completed", {"a": 1, "last": True})


async def test_cancel_of_a_parent_reaches_the_last_of_a_chain(house: House) -> None:
    """The instance that goes on for a child is cancelled as the child would have been."""
    await house.register(PARENT)
    await house.register(flow("child", setting("Say", {"a": 1}, **going_on("next")), events=[]))
    await house.register(flow("next", sleeping("Wait", "PT1M"), events=[]))
    id_ = await house.engine.start_instance("parent", {})
    await house.settle()
    await house.command(id_, "cancel")
    found = await by_definition(house)
    assert [found[name].status for name in ("parent", "child", "next")] == ["cancelled", "completed", "cancelled"]


async def test_continue_as_something_unknown_is_a_fault(house: House) -> None:
    """The instance stays where it is, with the reason, until the other definition is there."""
    await house.register(flow("first", setting("Say", {"n": 1}, **going_on("second")), events=[]))
    id_ = await house.engine.start_instance("first", {})
    await house.settle()
    stopped = await house.engine.instance(id_)
    assert stopped.reason is not None
    assert (stopped.status, stopped.reason.reference) == ("faulted", "/states/0/end/continueAs")
    await house.register(flow("second", setting("Say", {"m": 2}), events=[]))
    await house.command(id_, "retry")
    assert await house.statuses() == ["completed", "completed"]


async def test_instances_that_continue_without_waiting_are_bounded(open_house: Any) -> None:
    """A definition that continues as itself at once stops after a number of instances; one that waits goes on."""
    from evenweave.engine import Limits

    house = await open_house(limits=Limits(bursts=5))
    await house.register(flow("busy", setting("Say", {"n": 1}, **going_on("busy")), events=[]))
    await house.register(flow("calm", sleeping("Wait", "PT1M", **going_on("calm")), events=[]))
    await house.engine.start_instance("busy", {})
    await house.settle()
    assert await house.statuses() == [*["completed"] * 5, "faulted"]
    await house.engine.start_instance("calm", {})
    for _ in range(12):
        await house.jump(60)
    assert (await house.statuses())[6:] == [*["completed"] * 12, "waiting"]


async def test_child_is_started_once_by_an_event_that_comes_twice(house: House) -> None:
    """A parent that an event started has its child, however often the event is published."""
    await house.register(flow("parent", waiting("Wait", "Go"), calling("Call", "child"), events=[GO]))
    await house.register(WAITING_CHILD)
    await house.publish(event("g", "go"))
    await house.publish(event("g", "go"))
    assert await house.count(definition="child") == 1


async def test_input_of_a_subflow_is_an_object(house: House) -> None:
    """Data that is no object cannot be the input of a workflow: that is an error of the action."""
    action = {"subFlowRef": "child", "actionDataFilter": {"fromStateData": "${ .n }"}}
    await house.register(flow("parent", {"name": "Call", "type": "operation", "actions": [action]}, events=[]))
    await house.register(WAITING_CHILD)
    id_ = await house.engine.start_instance("parent", {"n": 1})
    await house.settle()
    stopped = await house.engine.instance(id_)
    assert stopped.reason is not None
    assert (stopped.reason.type, "an object, this is 1" in stopped.reason.title) == ("data", True)


async def test_skip_leaves_a_child_that_faulted_where_it_is(house: House) -> None:
    """A parent that goes on behind the action has no result of it, and the child stays to be looked at."""
    await house.register(PARENT)
    await house.register(BROKEN_CHILD)
    id_ = await house.engine.start_instance("parent", {"n": 1, "order": {}})
    await house.settle()
    await house.engine.command(id_, Command("skip"))
    await house.settle()
    assert await house.statuses() == ["completed", "faulted"]
    assert (await house.engine.instance(id_)).data == {"n": 1, "order": {}}


async def test_error_of_a_subflow_is_caught_by_its_parent(house: House) -> None:
    """OnErrors takes the parent another way by the type of the child's error; the child stays stopped, to be seen."""
    caught = {"onErrors": [{"errorRef": "broken", "transition": "Mend"}], "end": True}
    states = (calling("Call", "child", **caught), setting("Mend", {"mended": True}))
    document = json.loads(flow("parent", *states, events=[]))
    await house.register(json.dumps(document | {"errors": [{"name": "broken", "code": "expression"}]}).encode())
    await house.register(BROKEN_CHILD)
    id_ = await house.engine.start_instance("parent", {"n": 1, "order": {}})
    await house.settle()
    assert await house.statuses() == ["completed", "faulted"]
    assert (await house.engine.instance(id_)).data == {"n": 1, "order": {}, "mended": True}
    assert await house.engine.archive.check(id_)


async def test_time_out_of_an_action_takes_its_subflow_with_it(house: House) -> None:
    """A subflow that is not done in time is cancelled, and the parent stops with the time-out."""
    state = calling("Call", "child", timeouts={"actionExecTimeout": "PT1M"})
    await house.register(flow("parent", state, events=[]))
    await house.register(WAITING_CHILD)
    await house.engine.start_instance("parent", {})
    await house.settle()
    await house.jump(60)
    parent, child = await house.instances()
    assert parent.reason is not None
    assert (parent.status, parent.reason.type, child.status) == ("faulted", "timeout", "cancelled")


async def test_instance_that_another_goes_on_for_is_deleted_after_it(house: House) -> None:
    """A link of a chain stays while the chain lives: who cancels its parent finds the last one through it."""
    await house.register(flow("first", setting("Say", {"n": 1}, **going_on("second")), events=[]))
    await house.register(flow("second", sleeping("Wait", "PT1M"), events=[]))
    id_ = await house.engine.start_instance("first", {})
    await house.settle()
    first, second = await house.instances()
    assert (first.continued_by, second.continues) == (second.id, first.id)
    with pytest.raises(NotPossible, match=f"{second.id} goes on for {id_}"):
        await house.engine.delete_instance(id_)
    await house.jump(60)
    await house.engine.delete_instance(id_)
    assert await house.statuses() == ["completed"]
