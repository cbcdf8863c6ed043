"""The Runtime, as a service sees it: four calls over HTTP (PROTOCOL section 5)."""

import io
from collections.abc import Sequence
from itertools import groupby
from typing import Any
from urllib.parse import quote

import aiohttp
import msgspec

from evenweave.client.errors import PublishRefused, RuntimeAway, UnknownGroup
from evenweave.cloudevents import BATCHED, STRUCTURED, Event, encode, encode_batch

_TIMEOUT_S = 30.0
_PIECE = 262_144


class Delivery(msgspec.Struct):
    """A line of deliveries."""

    channel: str
    attempt: int
    lease: str
    event: Event


class Settlement(msgspec.Struct, omit_defaults=True):
    """What becomes of leases: the body of the route `acks`."""

    ack: list[str] = []
    retry: list[dict[str, str]] = []
    reject: list[dict[str, str]] = []


class _Subscribed(msgspec.Struct):
    id: str


_decode_lines = msgspec.json.Decoder(Delivery).decode_lines
_decode_subscribed = msgspec.json.Decoder(_Subscribed).decode
_encode = msgspec.json.Encoder().encode


class Connection:
    """Calls to the Runtime at `url`. All raise `RuntimeAway` (try again) or `PublishRefused` (final)."""

    def __init__(self, url: str) -> None:
        self.url = url.rstrip("/")
        self._session = aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0))

    async def close(self) -> None:
        """Close the connections."""
        await self._session.close()

    async def publish(self, events: Sequence[tuple[str, Event]]) -> None:
        """Return when all events, in order, are durable. Neighbours go together where the Runtime can tell where to."""
        for channel, run in groupby(events, key=_get_address):
            batch = [event for _, event in run]
            body = encode(batch[0]) if len(batch) == 1 else encode_batch(batch)
            query = {} if channel is None else {"channel": channel}
            await self._call("POST", "/v1/events", query, body, STRUCTURED if len(batch) == 1 else BATCHED)

    async def subscribe(self, group: str, channel: str, mode: str, start: str) -> str:
        """Return the id of the group's subscription, once it is durable."""
        wanted = {"group": group, "channels": [channel], "mode": mode, "from": start}
        return _decode_subscribed(await self._call("POST", "/v1/subscriptions", {}, _encode(wanted))).id

    async def unsubscribe(self, id: str) -> None:  # noqa: A002
        """Take the group away."""
        await self._call("DELETE", f"/v1/subscriptions/{quote(id, safe='')}")

    async def take(self, id: str, count: int, wait_s: float, lease_s: float) -> list[Delivery]:  # noqa: A002
        """Return up to `count` deliveries. Raises `UnknownGroup` where the Runtime has lost the subscription."""
        query = {"max": str(count), "wait_s": str(wait_s), "lease_s": str(lease_s)}
        path = f"/v1/subscriptions/{quote(id, safe='')}/deliveries"
        return _decode_lines(await self._call("GET", path, query, wait_s=wait_s))

    async def settle(self, id: str, settlement: Settlement) -> None:  # noqa: A002
        """Settle leases, durably."""
        await self._call("POST", f"/v1/subscriptions/{quote(id, safe='')}/acks", {}, _encode(settlement))

    async def _call(
        self,
        method: str,
        path: str,
        query: dict[str, str] | None = None,
        body: bytes | None = None,
        content_type: str = "application/json",
        *,
        wait_s: float = 0.0,
    ) -> bytes:
        try:
            async with self._session.request(
                method,
                self.url + path,
                params=query,
                data=body if body is None or len(body) <= _PIECE else io.BytesIO(body),
                headers={"content-type": content_type},
                timeout=aiohttp.ClientTimeout(total=_TIMEOUT_S + wait_s),
            ) as response:
                answer = await response.read()
                status = response.status
        except (aiohttp.ClientError, OSError, TimeoutError) as error:
            reason = str(error) or type(error).__name__
            raise RuntimeAway(f"the Runtime at {self.url} does not answer: {reason}", "is it running?") from error
        if 200 <= status < 300:
            return answer
        detail = _read_detail(answer) or f"status {status}"
        if status == 404 and path.startswith("/v1/subscriptions/"):
            raise UnknownGroup(detail)
        if 400 <= status < 500:
            raise PublishRefused(f"the Runtime refuses: {detail}")
        raise RuntimeAway(f"the Runtime at {self.url} cannot do this now: {detail}")


def _get_address(pair: tuple[str, Event]) -> str | None:
    """Return what the query has to say of the channel: nothing where the event's subject names it."""
    channel, event = pair
    return None if event.get("subject") == channel else channel


def _read_detail(answer: bytes) -> str:
    try:
        problem: Any = msgspec.json.decode(answer)
        return str(problem["detail"])
    except (msgspec.DecodeError, TypeError, KeyError):
        return answer[:200].decode("utf-8", "replace")
