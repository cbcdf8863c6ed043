"""What instances have for one another: each changes only its own row, and leaves a notice in the other's inbox.

PROTOCOL section 2: the start, the end and the cancelling of a child, and the instance that goes on for another one, are
inbox rows in the sender's transaction. Whoever takes them is `evenweave.worker.children`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec
from msgspec import Struct

from evenweave.engine import Begin, ChildEnded, Command
from evenweave.worker import identity

if TYPE_CHECKING:
    from evenweave.engine import Cause, Dismiss, Instance, Launch
    from evenweave.ports.store import NoticeKind
    from evenweave.worker.batch import Batch
    from evenweave.worker.working import Working

BY_PARENT = "parent"
"""The type of the reason of an instance that was cancelled because the one around it ended."""

_ENCODE = msgspec.msgpack.Encoder().encode
_TOLD = frozenset({"completed", "cancelled", "faulted"})


class Launched(Struct, frozen=True):
    """An instance that is to be started.

    Attributes:
        definition: The id of its definition.
        version: The version that was asked for; empty for any.
        digest: Of the registration that would have started it when it was asked for.
        begin: How it begins.
    """

    definition: str
    version: str
    digest: str
    begin: Begin


def launch(batch: Batch, working: Working, effect: Launch) -> None:
    """Let another instance be started, in the trace of this one."""
    instance = working.instance
    found = batch.definitions.find(effect.definition, effect.version)
    digest = "" if found is None else found.row.digest
    begin = effect.begin
    if working.span is not None:
        traceparent, tracestate = working.span.context
        begin = msgspec.structs.replace(begin, traceparent=traceparent, tracestate=tracestate)
    launched = Launched(effect.definition, effect.version, digest, begin)
    leave(batch, identity.of_child(batch.tenant, instance.id, effect.n), "begin", _ENCODE(launched))


def dismiss(batch: Batch, instance: Instance, effect: Dismiss) -> None:
    """Let an instance that this one started be cancelled."""
    command = Command("cancel", f"instance {instance.id} of {instance.definition} went on without it", BY_PARENT)
    tell(batch, identity.of_child(batch.tenant, instance.id, effect.n), "cancel", command)


def tell_parent(batch: Batch, working: Working) -> None:
    """Tell the instance that started this one how it ended, or that it stopped with a fault."""
    instance = working.instance
    ended = describe_end(instance)
    if ended is not None and instance.parent is not None:
        traceparent, tracestate = working.burst.context if working.span is None else working.span.context
        ended = msgspec.structs.replace(ended, traceparent=traceparent, tracestate=tracestate)
        tell(batch, instance.parent[0], "ended", ended)


def describe_end(instance: Instance) -> ChildEnded | None:
    """What the instance that started this one is told; nothing where it goes on, or nobody there waits for it."""
    if instance.status not in _TOLD or instance.continued or instance.parent is None:
        return None
    ended = ChildEnded(instance.parent[1], instance.id, instance.definition, instance.status)
    reason = instance.reason
    if instance.status == "completed":
        return msgspec.structs.replace(ended, data=instance.data)
    if reason is None:
        return ended
    if reason.type == BY_PARENT:
        return None
    kind = "cancelled" if reason.type == "command" else reason.type
    return msgspec.structs.replace(ended, type=kind, title=reason.title)


def tell(batch: Batch, instance: str, kind: NoticeKind, cause: Cause) -> None:
    """Leave a cause in the inbox of an instance."""
    leave(batch, instance, kind, _ENCODE(cause))


def leave(batch: Batch, instance: str, kind: NoticeKind, notice: bytes) -> None:
    """Leave a notice, and remember for whom."""
    batch.transaction.notify(instance, kind, notice)
    batch.noticed[instance] = None


def note_unknown(working: Working) -> None:
    """Let the history say what a burst did not find, before the cause that made it look."""
    working.causes += [each for each in working.burst.unknown if each not in working.causes]
