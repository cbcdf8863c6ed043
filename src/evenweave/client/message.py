"""What a handler gets and what it may give back."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from hashlib import blake2b
from typing import Any

from evenweave.cloudevents import Event

_CONTEXT = frozenset(
    ("specversion", "id", "source", "type", "subject", "time", "datacontenttype", "dataschema", "data", "data_base64")
)
# Attributes that tell of one event alone; everything else an event carries besides the context goes on to its replies,
# because the answer is found by it: workflowinstanceid, workflowtaskinstanceid, traceparent, what correlates.
_OF_ONE_EVENT = frozenset(
    (
        "sequence",
        "sequencetype",
        "dataref",
        "expirytime",
        "recordedtime",
        "sampledrate",
        "severitytext",
        "severitynumber",
        "deadletterreason",
        "deadlettergroup",
        "deadletterchannel",
        "deadletterattempts",
        "replayfor",
        "replayid",
    )
)


@dataclass(frozen=True, slots=True)
class Message:
    """An event that was delivered to this service.

    `event` has all its attributes (CloudEvents 1.0) and `data`; `attempt` counts from 1.
    """

    channel: str
    event: Event
    attempt: int = 1

    @property
    def id(self) -> str:
        """The event's id: together with `source` the same at each attempt."""
        return str(self.event["id"])

    @property
    def source(self) -> str:
        """Who published the event."""
        return str(self.event["source"])

    @property
    def type(self) -> str:
        """The kind of event."""
        return str(self.event["type"])

    @property
    def data(self) -> Any:
        """The event's data as plain Python values; None where it has none."""
        return self.event.get("data")

    def get(self, attribute: str, default: Any = None) -> Any:
        """Return an attribute of the event, such as `orderid`."""
        return self.event.get(attribute, default)


@dataclass(frozen=True, slots=True)
class Reply:
    """An event to publish in answer to a message.

    `channel` None is the subscriber's `reply` channel; `type` None is the channel's name. `extensions` are added to the
    attributes that are taken over from the message, and win over them.
    """

    data: Any = None
    channel: str | None = None
    type: str | None = None
    subject: str | None = None
    extensions: Mapping[str, str | int | bool] = field(default_factory=dict)


def make_event(
    channel: str,
    data: Any,
    *,
    id: str,  # noqa: A002
    source: str,
    type: str | None,  # noqa: A002
    subject: str | None,
    extensions: Mapping[str, Any],
) -> Event:
    """Return a CloudEvent for `channel`. Its subject, where none is given, is the channel, as in EventMesh."""
    event: Event = {
        "specversion": "1.0",
        "id": id,
        "source": source,
        "type": type or channel,
        "subject": subject or channel,
        "time": datetime.now(UTC).isoformat().replace("+00:00", "Z"),
    }
    event |= {name: value for name, value in extensions.items() if value is not None}
    if data is not None:
        event["datacontenttype"] = "application/json"
        event["data"] = data
    return event


def make_replies(message: Message, result: Any, *, reply: str | None, source: str) -> Iterator[tuple[str, Event]]:
    """Yield (channel, event) for what a handler returned. Raises TypeError where that names no channel."""
    if result is None:
        return
    explicit = isinstance(result, Reply)
    several = isinstance(result, list | tuple) and bool(result) and all(isinstance(one, Reply) for one in result)
    replies = result if several else [result if explicit else Reply(result)]
    echo = {name: value for name, value in message.event.items() if name not in _CONTEXT and name not in _OF_ONE_EVENT}
    ordinals: dict[str, int] = {}
    for one in replies:
        channel = one.channel or reply
        if channel is None:
            raise TypeError(
                f"the handler of {message.channel} returned something, and nothing says where to: "
                "give its subscriber a reply channel, or return Reply(data, channel=...)"
            )
        ordinal = ordinals[channel] = ordinals.get(channel, -1) + 1
        id_ = derive_id(message.source, message.id, channel, ordinal)
        yield (
            channel,
            make_event(
                channel,
                one.data,
                id=id_,
                source=source,
                type=one.type,
                subject=one.subject,
                extensions=echo | dict(one.extensions),
            ),
        )


def derive_id(source: str, id: str, channel: str, ordinal: int) -> str:  # noqa: A002
    """Return the id of a reply: the same whenever the same trigger is handled (PROTOCOL section 1)."""
    text = "\0".join((source, id, channel, str(ordinal)))
    return blake2b(text.encode("utf-8", "surrogatepass"), digest_size=16).hexdigest()
