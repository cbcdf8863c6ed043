"""The port `Broker` on a Runtime that is reached over HTTP."""

import io
from collections.abc import Mapping, Sequence
from itertools import groupby
from typing import Any, Self
from urllib.parse import quote

import aiohttp
import msgspec

from evenweave.cloudevents import BATCHED, STRUCTURED, CloudEventError, Event, encode, encode_batch
from evenweave.ports.broker import (
    ALL,
    DeadLetter,
    Delivery,
    Mode,
    NobodyTakes,
    Position,
    Refused,
    Replayed,
    Start,
    Subscription,
    Unavailable,
    UnknownDeadLetter,
    UnknownSubscription,
    Which,
)

# A Runtime that is alive answers a publish within a commit or two; longer, and it is better to try again.
_TIMEOUT_S = 30.0
_PIECE = 262_144
_LETTERS = "/v1/dead-letters"


class _Line(msgspec.Struct):
    channel: str
    log: str
    position: int
    attempt: int
    lease: str
    event: msgspec.Raw


class _Answer(msgspec.Struct):
    replayed: int = 0
    purged: int = 0
    left: list[dict[str, str]] = []


_decode_lines = msgspec.json.Decoder(_Line).decode_lines
_decode_subscription = msgspec.json.Decoder(Subscription).decode
_decode_subscriptions = msgspec.json.Decoder(list[Subscription]).decode
_decode_answer = msgspec.json.Decoder(_Answer).decode
_decode_dead_letter = msgspec.json.Decoder(DeadLetter).decode
_decode_dead_letters = msgspec.json.Decoder(list[DeadLetter]).decode
_encode = msgspec.json.Encoder().encode


class RemoteBroker:
    """A Runtime at `url`, such as http://127.0.0.1:7403.

    A 4xx is final (`Refused`); anything else, and no answer at all, is `Unavailable`. Publishing is all or none for
    neighbours on one channel, and for all events whose `subject` is their channel; what is published again after an
    error is deduped by the Runtime.
    """

    def __init__(self, url: str) -> None:
        self._url = url.rstrip("/")
        self._session: aiohttp.ClientSession | None = None

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    async def close(self) -> None:
        """Close the connections. Calls that wait end with `Unavailable`."""
        if self._session is not None:
            await self._session.close()
            self._session = None

    async def subscribe(
        self, group: str, channels: Sequence[str], *, mode: Mode = "share", start: Start = "earliest"
    ) -> Subscription:
        """See `Broker.subscribe`."""
        wanted = {"group": group, "channels": list(channels), "mode": mode, "from": start}
        return _decode_subscription(await self._call("POST", "/v1/subscriptions", body=wanted))

    async def unsubscribe(self, id: str, channels: Sequence[str] | None = None) -> None:  # noqa: A002
        """See `Broker.unsubscribe`."""
        if channels is None or channels:
            await self._call("DELETE", _path(id), query=[("channel", channel) for channel in channels or ()])

    async def subscriptions(self) -> list[Subscription]:
        """See `Broker.subscriptions`."""
        return _decode_subscriptions(await self._call("GET", "/v1/subscriptions"))

    async def publish(self, events: Sequence[tuple[str, Event]]) -> None:
        """See `Broker.publish`."""
        if len(events) > 1 and all(event.get("subject") == channel for channel, event in events):
            await self._publish(None, [event for _, event in events])
            return
        for channel, run in groupby(events, key=_get_channel):
            await self._publish(channel, [event for _, event in run])

    async def read(
        self,
        id: str,  # noqa: A002
        after: Mapping[str, Position],
        max: int = 256,  # noqa: A002
        wait_s: float = 0.0,
    ) -> list[Delivery]:
        """See `Broker.read`."""
        wanted = {"after": after, "max": max, "wait_s": wait_s}
        return _read_lines(await self._call("POST", _path(id, "/read"), body=wanted, wait_s=wait_s))

    async def acknowledge(self, id: str, through: Mapping[str, Position]) -> None:  # noqa: A002
        """See `Broker.acknowledge`."""
        await self._call("POST", _path(id, "/acks"), body={"ack": through})

    async def deliveries(
        self,
        id: str,  # noqa: A002
        max: int = 10,  # noqa: A002
        wait_s: float = 0.0,
        lease_s: float = 30.0,
    ) -> list[Delivery]:
        """See `Broker.deliveries`."""
        query = [("max", str(max)), ("wait_s", str(wait_s)), ("lease_s", str(lease_s))]
        return _read_lines(await self._call("GET", _path(id, "/deliveries"), query=query, wait_s=wait_s))

    async def settle(
        self,
        id: str,  # noqa: A002
        ack: Sequence[str] = (),
        retry: Sequence[tuple[str, str]] = (),
        reject: Sequence[tuple[str, str]] = (),
    ) -> None:
        """See `Broker.settle`."""
        body = {
            "ack": ack,
            "retry": [{"lease": lease, "reason": reason} for lease, reason in retry],
            "reject": [{"lease": lease, "reason": reason} for lease, reason in reject],
        }
        await self._call("POST", _path(id, "/acks"), body=body)

    async def dead_letters(self, after: str = "", max: int = 100, *, which: Which = ALL) -> list[DeadLetter]:  # noqa: A002
        """See `Broker.dead_letters`."""
        query = [("after", after), ("max", str(max)), *_query(which)]
        return _decode_dead_letters(await self._call("GET", _LETTERS, query=query))

    async def dead_letter(self, id: str) -> DeadLetter:  # noqa: A002
        """See `Broker.dead_letter`."""
        return _decode_dead_letter(await self._call("GET", f"{_LETTERS}/{quote(id, safe='')}"))

    async def replay(self, id: str) -> None:  # noqa: A002
        """See `Broker.replay`."""
        await self._call("POST", f"{_LETTERS}/{quote(id, safe='')}/replay")

    async def replay_all(self, which: Which = ALL) -> Replayed:
        """See `Broker.replay_all`."""
        answer = _decode_answer(await self._call("POST", f"{_LETTERS}/replay", query=_query_of_many(which)))
        return Replayed(answer.replayed, [(one["id"], one["reason"]) for one in answer.left])

    async def purge(self, id: str) -> None:  # noqa: A002
        """See `Broker.purge`."""
        await self._call("DELETE", f"{_LETTERS}/{quote(id, safe='')}")

    async def purge_all(self, which: Which = ALL) -> int:
        """See `Broker.purge_all`."""
        return _decode_answer(await self._call("DELETE", _LETTERS, query=_query_of_many(which))).purged

    async def _publish(self, channel: str | None, events: Sequence[Event]) -> None:
        try:
            data = encode(events[0]) if len(events) == 1 else encode_batch(events)
        except CloudEventError as error:
            raise Refused(f"an event for {channel} is refused: {error}") from None
        content_type = STRUCTURED if len(events) == 1 else BATCHED
        query = [] if channel is None else [("channel", channel)]
        await self._call("POST", "/v1/events", query=query, body=data, content_type=content_type)

    async def _call(
        self,
        method: str,
        path: str,
        *,
        query: Sequence[tuple[str, str]] = (),
        body: object = None,
        content_type: str = "application/json",
        wait_s: float = 0.0,
    ) -> bytes:
        data = None if body is None else _make_body(body if isinstance(body, bytes) else _encode(body))
        if self._session is None:
            connector = aiohttp.TCPConnector(limit=0)
            self._session = aiohttp.ClientSession(connector=connector, auto_decompress=False)
        try:
            async with self._session.request(
                method,
                self._url + path,
                params=query,
                data=data,
                headers={"content-type": content_type},
                timeout=aiohttp.ClientTimeout(total=_TIMEOUT_S + wait_s),
                allow_redirects=False,
            ) as response:
                answer = await response.read()
                status = response.status
        except (aiohttp.ClientError, OSError, TimeoutError, RuntimeError) as error:
            # A session that is closed while it connects raises RuntimeError.
            reason = str(error) or type(error).__name__
            raise Unavailable(f"the Runtime at {self._url} does not answer: {reason}") from error
        if 200 <= status < 300:
            return answer
        detail = _read_detail(answer) or f"status {status}"
        if status == 404 and path.startswith("/v1/subscriptions/"):
            raise UnknownSubscription(detail)
        if status == 404 and path.startswith(_LETTERS):
            raise UnknownDeadLetter(detail)
        if status == 409 and path.startswith(_LETTERS):
            raise NobodyTakes(detail)
        if 400 <= status < 500:
            raise Refused(f"the Runtime refuses: {detail}")
        raise Unavailable(f"the Runtime at {self._url} cannot do this now: {detail}")


def _path(id: str, rest: str = "") -> str:  # noqa: A002
    return f"/v1/subscriptions/{quote(id, safe='')}{rest}"


def _query(which: Which) -> list[tuple[str, str]]:
    given = [("channel", which.channel), ("group", which.group), ("older_s", str(which.older_s))]
    return [(name, value) for name, value in given if value is not None]


def _query_of_many(which: Which) -> list[tuple[str, str]]:
    return _query(which) if which != ALL else [("all", "true")]


def _make_body(body: bytes) -> bytes | io.BytesIO:
    # Large bodies are sent piece by piece, so that the loop goes on meanwhile.
    return body if len(body) <= _PIECE else io.BytesIO(body)


def _get_channel(pair: tuple[str, Event]) -> str:
    return pair[0]


def _read_lines(answer: bytes) -> list[Delivery]:
    return [
        Delivery(line.channel, line.log, line.position, body=bytes(line.event), attempt=line.attempt, lease=line.lease)
        for line in _decode_lines(answer)
    ]


def _read_detail(answer: bytes) -> str:
    try:
        problem: Any = msgspec.json.decode(answer)
        return str(problem["detail"])
    except (msgspec.DecodeError, TypeError, KeyError):
        return answer[:200].decode("utf-8", "replace")
