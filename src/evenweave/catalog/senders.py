"""Who sends the events that definitions wait for, as far as the AsyncAPI documents say that are there."""

from __future__ import annotations

from typing import TYPE_CHECKING

from evenweave.plan.nodes import Emit
from evenweave.source import closest

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from evenweave.catalog.asyncapi import Service
    from evenweave.definitions.swf08 import Workflow
    from evenweave.plan.nodes import Plan
    from evenweave.source import Diagnostic, Document


def find_unsent(
    document: Document, workflow: Workflow, plan: Plan, *, services: Sequence[Service], plans: Iterable[Plan]
) -> Iterator[Diagnostic]:
    """A warning for each event that a definition waits for and that nobody sends.

    An event of a type of its own travels on the channel of that name (docs/serverless-workflow-0.8.md): a service sends
    it that sends on that channel, and a definition that publishes there. Events that are AsyncAPI operations have their
    sender in the document that they name.

    Args:
        document: The definition's document.
        workflow: The definition.
        plan: What it compiles to.
        services: The AsyncAPI documents that are there.
        plans: What the definitions that are there compile to, this one among them.
    """
    sent = {each.channel for service in services for each in service.operations if each.direction == "subscribe"}
    sent |= {node.channel for other in plans for node in other.nodes.values() if isinstance(node, Emit)}
    awaited = {accept.match.name for accept in plan.accepts}
    for event in workflow.events:
        if event.kind == "consumed" and not event.is_asyncapi and event.name in awaited and event.type not in sent:
            yield document.diagnostic(
                "SW503",
                f"{event.ref}/type",
                f'nobody sends events of the type "{event.type}"',
                severity="warning",
                hint=_hint(event.type, services, sent),
            )


def _hint(wanted: str, services: Sequence[Service], sent: set[str]) -> str:
    """What was perhaps meant: a message of that name that travels elsewhere, or a channel of nearly that name."""
    for service in services:
        for operation in service.operations:
            names = {operation.operation_id, *(message.name for message in operation.messages)}
            if operation.direction == "subscribe" and wanted in names:
                source = f"file://{service.name}#{operation.operation_id}"
                return f'{service.title} sends it on "{operation.channel}": write "type: asyncapi", "source: {source}"'
    near = closest(wanted, sorted(sent))
    if near is not None:
        return f'did you mean "{near}"?'
    return "give the AsyncAPI document of the service that sends on the channel of this name"
