"""Whether an event is the one that is meant, and which instance it belongs to.

0.8, "Correlation"; PROTOCOL section 3.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec

from evenweave.engine.merge import same

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from evenweave.plan.nodes import Correlate, EventMatch

INSTANCE = "workflowinstanceid"
TASK = "workflowtaskinstanceid"
"""The attributes that go out with every trigger and that services echo (DESIGN section 6)."""

_ABSENT = object()
_ENCODE = msgspec.json.Encoder(order="sorted").encode


def echo(event: Mapping[str, Any]) -> tuple[str, int] | None:
    """The (instance id, activation) that the event echoes; ("", 0) where what it echoes can be none.

    An event that an instance published carries its own activation: that is a trigger, and no echo.
    """
    task = event.get(TASK)
    if task is None:
        return None
    instance, _, activation = str(task).rpartition(":")
    if not instance or not activation.isascii() or not activation.isdigit():
        return "", 0
    if published_by(instance, event):
        return None
    return instance, int(activation)


def published_by(instance: str, event: Mapping[str, Any]) -> bool:
    """Whether the instance published the event: its id says so (PROTOCOL section 1)."""
    name, _, n = str(event.get("id", "")).rpartition(":")
    return name == instance and n.isascii() and n.isdigit()


def claim(match: EventMatch, event: Mapping[str, Any]) -> str:
    """The key that an instance stands for, once this event started it; empty where the definition has no rule.

    Values that the definition fixes say which event is meant, the others which instance.
    """
    rules = [rule for rule in match.correlate if rule.expected is None]
    found = values(rules, event) if rules else None
    return key(found) if found else ""


def fits(match: EventMatch, channel: str, event: Mapping[str, Any]) -> bool:
    """Whether the event is of the kind that is meant: by channel, and by type and source where those are named."""
    return (
        match.channel == channel
        and (match.type is None or match.type == event.get("type"))
        and (match.source is None or match.source == event.get("source") or _covers(match.source, event.get("source")))
    )


def values(rules: Sequence[Correlate], event: Mapping[str, Any]) -> dict[str, Any] | None:
    """The event's correlation values by name; none where it lacks one: then it is not the event that is meant."""
    found = {}
    for rule in rules:
        item = locate(rule, event)
        if item is _ABSENT:
            return None
        found[rule.name] = item
    return found


def locate(rule: Correlate, event: Mapping[str, Any]) -> Any:
    """The value of one rule in the event, or a mark that is equal to nothing."""
    if rule.location is None:
        return event.get(rule.name, _ABSENT)
    return at(rule.location, event)


def at(location: Sequence[str], event: Mapping[str, Any]) -> Any:
    """The value at a path into an event, or a mark that is equal to nothing."""
    item: Any = event
    for step in location:
        if isinstance(item, dict) and step in item:
            item = item[step]
        elif isinstance(item, list) and step.isdigit() and int(step) < len(item):
            item = item[int(step)]
        else:
            return _ABSENT
    return item


def is_absent(item: Any) -> bool:
    """Whether `locate` or `at` found nothing."""
    return item is _ABSENT


def key(found: Mapping[str, Any]) -> str:
    """The canonical form of correlation values: the tuple of (lower-case name, value), sorted by name.

    Values are compared as the event formats write them: an attribute that one transport carries as the text ``7`` and
    another as the number 7 is the same attribute (CloudEvents 1.0, section 3.1: every value has a canonical string).
    """
    if not found:
        return ""
    return _ENCODE([[name, _canonical(found[name])] for name in sorted(found)]).decode()


def agrees(expected: Any, found: Any) -> bool:
    """Whether a correlation value is the expected one."""
    return same(_canonical(expected), _canonical(found))


def _canonical(item: Any) -> Any:
    if item is True:
        return "true"
    if item is False:
        return "false"
    if isinstance(item, int | float):
        return str(int(item)) if isinstance(item, float) and item.is_integer() else str(item)
    return item


def _covers(pattern: str, source: Any) -> bool:
    # The specification's own example names its sources as MQTT filters do: /home/rooms/+
    if ("+" not in pattern and "#" not in pattern) or not isinstance(source, str):
        return False
    wanted, got = pattern.split("/"), source.split("/")
    for index, segment in enumerate(wanted):
        if segment == "#" and index == len(wanted) - 1:
            return True
        if index >= len(got) or segment not in {"+", got[index]}:
            return False
    return len(wanted) == len(got)
