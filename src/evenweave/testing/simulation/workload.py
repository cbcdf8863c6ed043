"""What the simulated workers have to do: definitions that meet each way by which an event finds its instance.

Each order is of one kind; its events come in any order, so that half of them are there before anybody waits for them.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    import random
    from collections.abc import Sequence

SHOP = b"""
asyncapi: 2.2.0
info: {title: Shop, version: '1'}
channels:
  ask: {publish: {operationId: ask, message: {name: Ask, payload: {type: object}}}}
  answer: {subscribe: {operationId: answer, message: {name: Answer, payload: {type: object}}}}
  tell: {publish: {operationId: tell, message: {name: Tell, payload: {type: object}}}}
"""

_ASK = {"name": "Ask", "type": "asyncapi", "kind": "produced", "source": "file://shop.yaml#ask"}
_ANSWER = {"name": "Answer", "type": "asyncapi", "kind": "consumed", "source": "file://shop.yaml#answer"}
_TELL = {"name": "Tell", "type": "asyncapi", "kind": "produced", "source": "file://shop.yaml#tell"}
_ASKING = {"eventRef": {"triggerEventRef": "Ask", "resultEventRef": "Answer"}}
_TELLING = {"name": "Told", "type": "operation", "actions": [{"eventRef": {"triggerEventRef": "Tell"}}], "end": True}


class Kind(NamedTuple):
    """A kind of order.

    Attributes:
        starts: The type of the event that starts it, or of the first of those that do.
        later: The types of the events that it waits for, or that it needs to begin.
        asks: How often its instances ask the shop.
        instances: How many instances it comes to.
        given_up: It has no other event that it needs to begin: that which came is a dead letter in the end.
    """

    starts: str
    later: Sequence[str] = ()
    asks: int = 0
    instances: int = 1
    given_up: bool = False

    @property
    def tells(self) -> int:
        """How often its instances tell the shop that they have ended."""
        return 0 if self.given_up else 1


KINDS = {
    "keyed": Kind("new", ("pay",), asks=1),
    "waiting": Kind("sent", ("found",)),
    "forked": Kind("split", asks=2),
    "timed": Kind("nap", asks=1),
    "nested": Kind("make", asks=1, instances=2),
    "joined": Kind("left", ("right",)),
    "paired": Kind("one", ("other",)),
    "alone": Kind("half", instances=0, given_up=True),
}


def _event(name: str, *, key: str | None = None) -> dict[str, Any]:
    found: dict[str, Any] = {"name": name, "type": name, "source": "", "kind": "consumed"}
    if key is not None:
        rule = {"contextAttributeName": "order"} | ({"contextAttributeValue": key} if key else {})
        found["correlation"] = [rule]
    return found


def _begin(name: str, *actions: dict[str, Any], then: str) -> dict[str, Any]:
    entry = {"eventRefs": [name], "actions": list(actions)}
    return {"name": "Begun", "type": "event", "onEvents": [entry], "transition": then}


def _gather(*names: str, timeout: str = "PT1H") -> dict[str, Any]:
    entries = [{"eventRefs": [name]} for name in names]
    state = {"name": "Begun", "type": "event", "exclusive": False, "onEvents": entries, "transition": "Told"}
    return {**state, "timeouts": {"eventTimeout": timeout}}


def _wait(name: str) -> dict[str, Any]:
    return {"name": "Waiting", "type": "event", "onEvents": [{"eventRefs": [name]}], "transition": "Told"}


def _definition(id_: str, events: list[dict[str, Any]], *states: dict[str, Any]) -> bytes:
    known = {"id": id_, "name": id_, "version": "1", "specVersion": "0.8"}
    return json.dumps({**known, "events": events, "states": list(states)}).encode()


def definitions() -> list[bytes]:
    """The definitions: starts with a key, a wait with one, a fork, a timer, a child, starts by two events."""
    branches = [{"name": f"branch{number}", "actions": [_ASKING]} for number in range(2)]
    split = {"name": "Both", "type": "parallel", "branches": branches, "transition": "Told"}
    nap = {"name": "Napping", "type": "sleep", "duration": "PT2S", "transition": "Asking"}
    asking = {"name": "Asking", "type": "operation", "actions": [_ASKING]}
    part = {"name": "Part", "type": "operation", "actions": [{"subFlowRef": "part"}], "transition": "Told"}
    asked, told = [_ASK, _ANSWER], [_TELL]
    return [
        _definition(
            "keyed",
            [_event("new", key=""), _event("pay", key=""), *asked, *told],
            _begin("new", _ASKING, then="Waiting"),
            _wait("pay"),
            _TELLING,
        ),
        _definition(
            "waiting",
            [_event("sent"), _event("found", key="${ .n }"), *told],
            _begin("sent", then="Waiting"),
            _wait("found"),
            _TELLING,
        ),
        _definition("forked", [_event("split"), *asked, *told], _begin("split", then="Both"), split, _TELLING),
        _definition(
            "timed",
            [_event("nap"), *asked, *told],
            _begin("nap", then="Napping"),
            nap,
            {**asking, "transition": "Told"},
            _TELLING,
        ),
        _definition("part", asked, {**asking, "end": True}),
        _definition("nested", [_event("make"), *told], _begin("make", then="Part"), part, _TELLING),
        _definition(
            "joined", [_event("left", key=""), _event("right", key=""), *told], _gather("left", "right"), _TELLING
        ),
        _definition(
            "alone",
            [_event("half", key=""), _event("never", key=""), *told],
            _gather("half", "never", timeout="PT2S"),
            _TELLING,
        ),
        # Any two of these make a pair: what is told is the order of the second one, so each is told once.
        _definition("paired", [_event("one"), _event("other"), *told], _gather("one", "other"), _TELLING),
    ]


class Order(NamedTuple):
    """One order: its kind, and its events, each with the time at which it is published."""

    name: str
    kind: str
    events: Sequence[tuple[float, str, dict[str, Any]]]


def orders(drawn: random.Random, count: int, during_s: float) -> list[Order]:
    """Draw orders: of all kinds or of a few, so that more of them have to do with one another."""
    made = []
    kinds = drawn.sample(sorted(KINDS), drawn.randint(1, len(KINDS)))
    for number in range(count):
        kind = drawn.choice(kinds)
        at = drawn.random() * during_s
        events = []
        for type_ in (KINDS[kind].starts, *KINDS[kind].later):
            # Mostly at the same moment: that is where they miss each other.
            later = drawn.choice((0.0, 0.0, drawn.random() * 0.02, drawn.random() * 3))
            events.append((at + later, type_, _new(f"{kind}-{number}", type_)))
        made.append(Order(f"{kind}-{number}", kind, events))
    return made


def _new(name: str, type_: str) -> dict[str, Any]:
    return {
        "specversion": "1.0",
        "id": f"{name}/{type_}",
        "source": "/customers",
        "type": type_,
        "order": name,
        "data": {"n": name},
    }


def answer(asked: dict[str, Any]) -> dict[str, Any]:
    """What the shop answers: the same to the same question."""
    echoed = {key: asked[key] for key in ("workflowinstanceid", "workflowtaskinstanceid")}
    made = {"specversion": "1.0", "id": f"{asked['id']}/answer", "source": "/shop", "type": "Answer", **echoed}
    return {**made, "subject": "answer", "data": {"answered": True}}
