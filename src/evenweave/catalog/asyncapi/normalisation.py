"""Makes the one form of a service out of a document that was found good.

Direction is turned here and nowhere else (DESIGN, section 6): where AsyncAPI 2 says ``publish``, others publish and the
service receives, so the engine publishes; where it says ``subscribe``, the engine subscribes.
"""

from __future__ import annotations

from hashlib import sha256
from typing import TYPE_CHECKING, Any, Final

import msgspec

from evenweave.catalog.asyncapi.outline import Found, channels, layers, messages, operations, schema_format
from evenweave.catalog.asyncapi.references import Location, References
from evenweave.catalog.asyncapi.service import Channel, Parameter, Server, Service
from evenweave.plan.operation import Message, Operation
from evenweave.source import pointer

if TYPE_CHECKING:
    from evenweave.catalog.asyncapi.outline import Layers
    from evenweave.catalog.asyncapi.schemas import Schemas

__all__ = ["normalise"]

_COMPONENTS: Final = ("components", "messages")


def normalise(references: References, schemas: Schemas) -> Service:
    """Return the service that the document describes. The document *must* be without errors."""
    document = references.document
    value: dict[str, Any] = document.value
    info = value["info"]
    operations_ = tuple(_operation(found, references, schemas) for found in operations(references))
    channels_ = tuple(_channel(address, channel, references, schemas) for address, channel in channels(references))
    return Service(
        name=document.name,
        title=info["title"],
        version=info["version"],
        asyncapi=value["asyncapi"],
        digest=_digest(references),
        id=value.get("id", ""),
        description=info.get("description", ""),
        operations=operations_,
        channels=channels_,
        servers=tuple(_servers(references)),
    )


def _digest(references: References) -> str:
    """Return what pins the content: the document's, and that of the files of the bundle that it led to."""
    content = [references.document.value, *([other.name, other.value] for other in references.used)]
    return sha256(msgspec.json.encode(content, order="deterministic")).hexdigest()


def _operation(found: Found, references: References, schemas: Schemas) -> Operation:
    document = references.document
    message = found.layers.of[0].child("message")
    return Operation(
        ref=f"file://{document.name}#{found.operation_id}",
        service=document.value["info"]["title"],
        version=document.value["info"]["version"],
        operation_id=found.operation_id,
        channel=found.address,
        direction="publish" if found.verb == "publish" else "subscribe",
        messages=tuple(_messages(message, references, schemas)) if message else (),
    )


def _messages(start: Location, references: References, schemas: Schemas) -> list[Message]:
    normal: list[Message] = []
    default = str(references.document.value.get("defaultContentType", ""))
    for found in messages(start, references):
        if isinstance(found, Location):
            normal.append(_message(found, references, schemas, default))
        else:
            # The reference leads nowhere, which was warned of; its last part is the message's name all the same.
            ref = str(found.location.value)
            normal.append(Message(name=pointer.unescape(ref.rpartition("/")[2]), content_type=default))
    return normal


def _message(location: Location, references: References, schemas: Schemas, default: str) -> Message:
    over = layers(location, references)
    payload = location.child("payload")
    written = schema_format(over)
    schema: Any = None
    if payload is not None:
        schema = payload.value if written else schemas.alone(payload)
    return Message(
        name=over.text("name") or over.text("messageId") or _component(location),
        title=over.text("title"),
        content_type=over.text("contentType") or default,
        payload=schema,
        headers=_headers(over, schemas),
        correlation_id=_correlation_id(over, references),
        schema_format=written,
    )


def _component(location: Location) -> str:
    """Return the key of a message that is described as a component, or the empty text."""
    tokens = pointer.split(location.pointer)
    return tokens[-1] if len(tokens) == 3 and (tokens[0], tokens[1]) == _COMPONENTS else ""


def _headers(over: Layers, schemas: Schemas) -> Any:
    merged: Any = None
    for layer in over.every("headers"):
        schema = schemas.alone(layer)
        merged = schema if merged is None else _merge(merged, schema)
    return merged


def _merge(target: Any, patch: Any) -> Any:
    """Merge as RFC 7396 has it, into a new value."""
    if not isinstance(patch, dict):
        return patch
    result = dict(target) if isinstance(target, dict) else {}
    for key, item in patch.items():
        if item is None:
            result.pop(key, None)
        else:
            result[key] = _merge(result.get(key), item)
    return result


def _correlation_id(over: Layers, references: References) -> str | None:
    found = over.get("correlationId")
    followed = references.follow(found) if found else None
    place = followed.child("location") if isinstance(followed, Location) else None
    return place.value if place else None


def _channel(address: str, channel: Location, references: References, schemas: Schemas) -> Channel:
    value = channel.value
    parameters = channel.child("parameters")
    return Channel(
        address=address,
        description=value.get("description", ""),
        parameters=tuple(
            _parameter(str(name), followed, schemas)
            for name, place in (parameters.children() if parameters else ())
            if isinstance(followed := references.follow(place), Location)
        ),
        servers=tuple(value.get("servers", ())),
    )


def _parameter(name: str, location: Location, schemas: Schemas) -> Parameter:
    schema = location.child("schema")
    return Parameter(
        name=name,
        description=location.value.get("description", ""),
        schema=schemas.alone(schema) if schema else None,
        location=location.value.get("location"),
    )


def _servers(references: References) -> list[Server]:
    servers = references.root().child("servers")
    found: list[Server] = []
    for name, place in servers.children() if servers else ():
        server = references.follow(place)
        if isinstance(server, Location):
            found.append(
                Server(
                    name=str(name),
                    url=server.value["url"],
                    protocol=server.value["protocol"],
                    description=server.value.get("description", ""),
                )
            )
    return found
