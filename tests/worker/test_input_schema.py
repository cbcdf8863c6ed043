"""The schema of a workflow's input."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
from worker_house import consumed, event, flow, waiting

from evenweave.worker.refusals import InvalidInput
from evenweave.worker.repair import Repair

if TYPE_CHECKING:
    from worker_house import House

SCHEMA = {"type": "object", "properties": {"age": {"type": "integer", "minimum": 18}}, "required": ["age"]}
SAY = {"name": "Say", "type": "inject", "data": {"said": True}}


def checking(id: str, schema: Any, *states: dict[str, Any], **rest: Any) -> bytes:  # noqa: A002
    """A definition as it is registered with the schema that it names."""
    document = json.loads(flow(id, *states, events=rest.pop("events", [])))
    return json.dumps(document | {"dataInputSchema": schema, "x-evenweave-files": {"file://in.json": SCHEMA}}).encode()


async def test_input_that_breaks_the_schema_starts_nothing(house: House) -> None:
    """A command with such an input is refused with everything that is wrong; one with another input starts."""
    await house.register(checking("adult", "file://in.json", SAY))
    with pytest.raises(InvalidInput, match=r"/age: 17 is less than the minimum of 18"):
        await house.engine.start_instance("adult", {"age": 17})
    assert await house.count() == 0
    id_ = await house.engine.start_instance("adult", {"age": 18})
    assert (await house.engine.instance(id_)).data == {"age": 18, "said": True}


async def test_schema_that_must_not_fail_stops_nothing(house: House) -> None:
    """With failOnValidationErrors: false an instance starts whatever its input is."""
    schema = {"schema": "file://in.json", "failOnValidationErrors": False}
    await house.register(checking("adult", schema, SAY))
    id_ = await house.engine.start_instance("adult", {"age": 17})
    assert (await house.engine.instance(id_)).status == "completed"


async def test_schema_is_not_applied_to_the_event_that_starts_an_instance(house: House) -> None:
    """An event's data is no input of the workflow."""
    document = checking("adult", "file://in.json", waiting("Wait", "Go"), SAY, events=[consumed("Go")])
    await house.register(document)
    await house.publish(event("g", "go"))
    assert await house.statuses() == ["completed"]


async def test_subflow_is_checked_before_any_state_and_can_be_mended(house: House) -> None:
    """The input of a child that breaks its schema stops the child with the reason; mended, both go on."""
    call = {"name": "Call", "type": "operation", "actions": [{"subFlowRef": "adult"}]}
    await house.register(flow("parent", call, events=[]))
    await house.register(checking("adult", "file://in.json", SAY))
    id_ = await house.engine.start_instance("parent", {"age": "old"})
    await house.settle()
    parent, child = await house.instances()
    assert parent.reason is not None
    assert child.reason is not None
    assert (child.status, child.reason.type, child.reason.reference) == ("faulted", "validation", "/dataInputSchema")
    assert (parent.status, parent.reason.type) == ("faulted", "validation")
    assert child.data == {"age": "old"}
    await house.engine.workshop.repair(child.id, Repair("retry", "", {".age": 70}))
    await house.settle()
    assert (await house.engine.instance(id_)).data == {"age": 70, "said": True}
