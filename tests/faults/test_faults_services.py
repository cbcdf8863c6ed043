"""Services that answer twice, too late, rubbish or never, and definitions that always fail."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from faulty_house import answer, asking, begun, flow

from evenweave.engine.causes import Command

if TYPE_CHECKING:
    from faulty_house import House


async def test_reply_to_an_instance_that_is_gone_is_a_dead_letter(faulty: House) -> None:
    """A reply to an instance that was cancelled, or even deleted, changes nothing and says late."""
    await faulty.engine.register("flow.json", flow("asking", asking()))
    await faulty.publish("begun", begun("1"), begun("2"))
    cancelled, deleted = [each.id for each in await faulty.engine.instances()]
    for each in (cancelled, deleted):
        await faulty.engine.command(each, Command("cancel"))
    await faulty.settle()
    await faulty.engine.delete_instance(deleted)
    asks = await faulty.log("ask")
    await faulty.publish("answer", *(answer(ask, f"r{number}", data={}) for number, ask in enumerate(asks)))
    assert await faulty.statuses() == ["cancelled"]
    letters = await faulty.log("dead-letter/answer")
    assert [letter["id"] for letter in letters] == ["r0", "r1"]
    assert all(str(letter["deadletterreason"]).startswith("late: ") for letter in letters)


async def test_reply_that_comes_twice_counts_once(faulty: House) -> None:
    """The same reply again is dropped silently; a second one of another id is a dead letter; the first counted."""
    await faulty.engine.register("flow.json", flow("asking", asking("${ {paid: .n} }")))
    await faulty.publish("begun", begun("1"))
    (ask,) = await faulty.log("ask")
    first = answer(ask, "r1", data={"n": 1})
    await faulty.publish("answer", first)
    await faulty.publish("answer", first, answer(ask, "r2", data={"n": 2}))
    (instance,) = await faulty.engine.instances()
    found = await faulty.engine.instance(instance.id)
    assert (found.status, found.data["paid"]) == ("completed", 1)
    assert [letter["id"] for letter in await faulty.log("dead-letter/answer")] == ["r2"]


@pytest.mark.parametrize(
    "rubbish", [{"data": "<html>"}, {"data": None}, {"data": [1]}, {"data_base64": "AAEC"}, {"data": 7}, {}]
)
async def test_rubbish_in_a_reply_faults_its_instance_alone(faulty: House, rubbish: dict[str, Any]) -> None:
    """An answer of which the definition can make nothing faults its instance with place and reason; others go on."""
    await faulty.engine.register("flow.json", flow("asking", asking("${ {paid: (.payment.amount | floor)} }")))
    await faulty.publish("begun", begun("1"), begun("2"))
    bad, good = await faulty.log("ask")
    await faulty.publish("answer", answer(bad, "r1", **rubbish), answer(good, "r2", data={"payment": {"amount": 2.5}}))
    assert await faulty.statuses() == ["faulted", "completed"]
    first, second = await faulty.engine.instances()
    reason = (await faulty.engine.instance(first.id)).reason
    assert reason is not None
    assert reason.reference.startswith("/states/1/")
    assert (await faulty.engine.instance(second.id)).data["paid"] == 2


async def test_service_that_never_answers_leaves_its_instance_waiting_in_sight(faulty: House) -> None:
    """An instance without an answer waits for ever, says for what and since when, and can be cancelled."""
    await faulty.engine.register("flow.json", flow("asking", asking()))
    await faulty.publish("begun", begun("1"))
    (instance,) = await faulty.engine.instances()
    await faulty.jump(30 * 86_400)
    view = await faulty.engine.instance(instance.id)
    assert view.status == "waiting"
    (wait,) = view.waits
    assert wait.kind == "event"
    assert "answer" in str(wait.events)
    assert wait.since == faulty.clock.now() / 1000 - 30 * 86_400
    await faulty.engine.command(instance.id, Command("cancel"))
    await faulty.settle()
    assert await faulty.statuses() == ["cancelled"]


async def test_definition_whose_expression_always_fails_harms_no_other(faulty: House) -> None:
    """Each of its instances is faulted with the expression's place and message, amid a batch in which others end."""
    failing = {"name": "fail", "type": "inject", "data": {}, "stateDataFilter": {"output": "${ .name | error }"}}
    await faulty.engine.register("failing.json", flow("failing", failing))
    await faulty.engine.register("fine.json", flow("fine", {"name": "fine", "type": "inject", "data": {"fine": True}}))
    await faulty.publish("begun", *(begun(str(number)) for number in range(50)))
    for status, definition in (("faulted", "failing"), ("completed", "fine")):
        found = await faulty.engine.instances(definition=definition)
        assert [each.status for each in found] == [status] * 50
    (first, *_) = await faulty.engine.instances(definition="failing")
    reason = (await faulty.engine.instance(first.id)).reason
    assert reason is not None
    assert reason.reference.startswith("/states/1")
    assert faulty.engine.ready
    assert await faulty.engine.parked() == []
