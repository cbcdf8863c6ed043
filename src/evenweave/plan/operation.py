"""What a plan knows of an AsyncAPI operation: where it goes through, which way, and what its messages look like.

The Catalog makes these values out of documents (:mod:`evenweave.catalog`). They carry nothing of the document's version
or layout, and two documents that say the same give the same values, so a digest over their encoding pins a definition
to what it resolved to (PROTOCOL, section 1).
"""

from __future__ import annotations

from typing import Any, Literal

import msgspec

__all__ = ["Direction", "Message", "Operation", "encode"]

#: What the **engine** does on the operation's channel: the opposite of what the service does.
Direction = Literal["publish", "subscribe"]


class Message(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One message that may travel through an operation's channel.

    ``name`` is what events of it are typed by, and may be empty: then the operation's id is. ``payload`` and
    ``headers`` are JSON Schemas (draft-07) that stand alone: every reference in them leads into them. None lets
    anything pass. ``payload`` of another ``schema_format`` than JSON Schema is kept as the document has it and is not
    checked. ``correlation_id`` is the location of the correlation id, such as ``$message.payload#/order/id``, or None.
    """

    name: str = ""
    title: str = ""
    content_type: str = ""
    payload: Any = None
    headers: Any = None
    correlation_id: str | None = None
    schema_format: str = ""


class Operation(msgspec.Struct, frozen=True, kw_only=True):
    """One operation of a service, as the engine sees it.

    ``ref`` is how it is found for good: ``file://<document>#<operation id>``. ``service`` is the title of the service,
    ``version`` that of its document (``info.version``). ``channel`` is the address that events travel through, with its
    parameters in braces. Without ``messages`` anything may travel.
    """

    ref: str
    service: str
    version: str
    operation_id: str
    channel: str
    direction: Direction
    messages: tuple[Message, ...] = ()


def encode(operation: Operation) -> bytes:
    """Return ``operation`` as JSON, the same bytes for the same meaning: keys of schemas are sorted."""
    return msgspec.json.encode(operation, order="deterministic")
