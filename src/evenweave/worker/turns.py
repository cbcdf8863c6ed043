"""What the log says of instances whose status is another one than before."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any

from evenweave.engine import Arrival

if TYPE_CHECKING:
    from collections.abc import Iterable

    from evenweave.engine import Cause, Instance

REASON_LENGTH = 500


def log_turns(log: Any, turns: Iterable[tuple[Instance, str]]) -> None:
    """Tell of instances, each with its status before: once it is durable, for the log must not be ahead of the store.

    Beginnings and ends are for debugging: a line of each would cost a sixth of what an order costs. That an instance
    faulted or is suspended is a warning, for somebody has to do something.
    """
    chatty = log.is_enabled_for(logging.DEBUG)
    for instance, before in turns:
        status = instance.status
        if status in {"faulted", "suspended"}:
            reason = instance.reason
            log.warning(
                f"instance {status}",
                **_name(instance),
                kind=None if reason is None else reason.type,
                reason=None if reason is None else reason.title[:REASON_LENGTH],
                reference=None if reason is None else reason.reference,
            )
        elif before in {"faulted", "suspended"} and not instance.ended:
            log.info("instance goes on", **_name(instance), before=before)
        elif chatty:
            if before == "pending" and status == "cancelled":
                reason = instance.reason
                log.debug("instance never began", **_name(instance), reason=None if reason is None else reason.title)
                continue
            if before == "pending":
                log.debug("instance started", **_name(instance))
            if instance.ended:
                log.debug("instance ended", **_name(instance), status=status)


def name_cause(cause: Cause) -> dict[str, str]:
    """The ids of what moves an instance: the event's, where it is one, and never its data."""
    event = getattr(cause, "event", None)
    if event is None:
        return {"cause": type(cause).__name__.lower()}
    named = {"event_id": str(event.get("id", "")), "source": str(event.get("source", ""))}
    return {"channel": cause.channel, **named} if isinstance(cause, Arrival) else named


def _name(instance: Instance) -> dict[str, str]:
    return {"instance": instance.id, "definition": instance.definition, "version": instance.version}
