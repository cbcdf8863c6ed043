"""From event definitions and AsyncAPI operations to what the engine matches and publishes."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Final

from evenweave.plan.nodes import Accept, Correlate, Emit, EventMatch, Into, Leave
from evenweave.source import pointer

if TYPE_CHECKING:
    from collections.abc import Mapping

    from evenweave.definitions.swf08 import model
    from evenweave.plan.nodes import Edge
    from evenweave.plan.operation import Operation
    from evenweave.plan.swf08.expressions import Expressions
    from evenweave.plan.template import Template
    from evenweave.source import Diagnostic, Document

CORRELATION_ID: Final = "correlationid"
"""The name under which an AsyncAPI correlation id is a correlation value."""

FIXED: Final = frozenset(
    {
        *("specversion", "id", "source", "type", "subject", "time", "datacontenttype", "data", "data_base64"),
        *("workflowinstanceid", "workflowtaskinstanceid", "sequence"),
    }
)
"""Context attributes that make an event what it is (PROTOCOL section 1); a definition cannot set them."""

_ATTRIBUTE = re.compile("[a-z0-9]+")


class Events:
    """Compiles what travels: the events of a workflow, and the operations of its asyncapi functions."""

    def __init__(
        self,
        document: Document,
        workflow: model.Workflow,
        operations: Mapping[str, Operation],
        expressions: Expressions,
        diagnostics: list[Diagnostic],
    ) -> None:
        self._document = document
        self._workflow = workflow
        self._diagnostics = diagnostics
        self._operations = operations
        self._expressions = expressions
        for use in workflow.operations():
            operation = operations.get(use.operation)
            if operation is None:
                diagnostics.append(
                    document.diagnostic("SW501", use.ref, f'the Catalog knows no operation "{use.operation}"')
                )
            elif use.direction is not None and use.direction != operation.direction:
                diagnostics.append(_backwards(document, use, operation))

    def operation(self, ref: str) -> Operation:
        """The operation of a reference as written."""
        return self._operations[ref]

    def accept(self, name: str, into: Into, *, echo: bool = False, then: Edge | None = None) -> Accept:
        """What takes the events of a definition's name."""
        event = self._workflow.event(name)
        return Accept(self.match(event), echo=echo, data_only=event.data_only, into=into, then=then)

    def match(self, event: model.EventDef) -> EventMatch:
        """Which events an event definition means.

        With the type ``asyncapi`` the channel of the operation decides. An event of a type of its own travels on the
        channel that is named by that type.
        """
        rules = tuple(
            Correlate(
                rule.context_attribute_name.lower(),
                None,
                None
                if rule.context_attribute_value is None
                else self._expressions.template(rule.context_attribute_value),
            )
            for rule in event.correlation
        )
        if event.is_asyncapi:
            operation = self._operations[event.source or ""]
            return EventMatch(event.name, operation.channel, correlate=rules or located(operation))
        return EventMatch(event.name, event.type, event.type, event.source or None, rules)

    def subscription(self, operation: Operation, name: str) -> EventMatch:
        """The events of an operation that a service sends, for a function that waits on it."""
        return EventMatch(name, operation.channel, correlate=located(operation))

    def emit(
        self,
        position: str,
        name: str,
        data: model.Value | None,
        attributes: Mapping[str, model.Value],
        then: Edge = Leave.EXIT,
        *,
        answered: bool = False,
    ) -> Emit:
        """The node that publishes an event of a definition's name; ``answered``: its task waits for the reply."""
        event = self._workflow.event(name)
        common: dict[str, Any] = {
            "position": position,
            "name": name,
            "then": then,
            "data": None if data is None else self._expressions.template(data),
            "attributes": self._attributes(attributes),
        }
        if event.is_asyncapi:
            return Emit(**common, **publication(self._operations[event.source or ""], answered=answered))
        return Emit(**common, channel=event.type, type=event.type, source=event.source or None)

    def _attributes(self, written: Mapping[str, model.Value]) -> dict[str, Template]:
        found: dict[str, Template] = {}
        for name, value in written.items():
            known = name.lower()  # CloudEvents names are lower-case; definitions in the wild write patientId
            if known in FIXED:
                self._refuse(value.ref, f'"{name}" is set by the engine', "leave it out, or take another name")
            elif not _ATTRIBUTE.fullmatch(known):
                hint = "CloudEvents allows letters and digits"
                self._refuse(value.ref, f'"{name}" cannot be the name of a context attribute', hint)
            else:
                found[known] = self._expressions.template(value)
        return found

    def _refuse(self, ref: str, message: str, hint: str) -> None:
        self._diagnostics.append(self._document.diagnostic("SW505", ref, message, hint=hint, part="key"))


def publication(operation: Operation, *, answered: bool = True) -> dict[str, Any]:
    """What publishing on an operation needs: its channel, the event's type, and where the correlation id is.

    Args:
        operation: The operation.
        answered: The task that publishes waits for the reply itself; else another node may wait for it by that id.
    """
    message = operation.messages[0] if operation.messages else None
    rules = located(operation)
    return {
        "channel": operation.channel,
        "type": (message.name if message is not None and message.name else operation.operation_id),
        "locate": rules[0].location if rules else None,
        "binds": "" if answered or not rules else rules[0].name,
    }


def located(operation: Operation) -> tuple[Correlate, ...]:
    """The correlation rule of AsyncAPI: the ``correlationId`` location that all messages of the operation share."""
    places = {message.correlation_id for message in operation.messages}
    place = places.pop() if len(places) == 1 else None
    if place is None:
        return ()
    where, _, fragment = place.partition("#")
    steps = tuple(pointer.split(fragment))
    if where == "$message.payload":
        return (Correlate(CORRELATION_ID, ("data", *steps)),)
    if where == "$message.header" and len(steps) == 1:
        return (Correlate(CORRELATION_ID, (steps[0].lower(),)),)
    return ()


def _backwards(document: Document, use: model.OperationUse, operation: Operation) -> Diagnostic:
    if use.direction == "publish":
        kind, does, cannot, word, other = "produced", "sends", "receives", "publish", "consumed"
    else:
        kind, does, cannot, word, other = "consumed", "receives", "sends", "subscribe", "produced"
    return document.diagnostic(
        "SW502",
        use.ref,
        f'the event "{use.name}" is {kind}, but the service {does} on "{operation.operation_id}" and {cannot} nothing',
        hint=f"name an operation that it {cannot} on (AsyncAPI 2.x `{word}`), or make the event `kind: {other}`",
    )
