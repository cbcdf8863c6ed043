"""What the remote broker makes of a Runtime that is away, or answers strangely."""

import asyncio
import socket
from typing import Any

import pytest

from evenweave.adapters.brokers.remote import RemoteBroker
from evenweave.http.server import Server
from evenweave.ports.broker import Refused, Unavailable, UnknownSubscription

EVENT: dict[str, Any] = {"specversion": "1.0", "id": "1", "source": "/s", "type": "t"}


def _answer(status: int, body: bytes, headers: list[tuple[bytes, bytes]] | None = None) -> Any:
    """Make an application that gives one and the same answer."""

    async def app(scope: Any, receive: Any, send: Any) -> None:
        await send({"type": "http.response.start", "status": status, "headers": headers or []})
        await send({"type": "http.response.body", "body": body})

    return app


@pytest.mark.parametrize(
    ("status", "body", "kind", "reason"),
    [
        (400, b'{"detail": "no channel"}', Refused, "no channel"),
        (413, b"rubbish", Refused, "rubbish"),
        (404, b"{}", UnknownSubscription, "{}"),
        (302, b"", Unavailable, "status 302"),
        (500, b'{"detail": "an error inside"}', Unavailable, "an error inside"),
        (503, b"[]", Unavailable, r"\[\]"),
    ],
)
async def test_a_4xx_is_final_and_the_rest_is_not(status: int, body: bytes, kind: type[Exception], reason: str) -> None:
    """A 4xx is `Refused`, a 404 of a subscription `UnknownSubscription`, anything else `Unavailable`."""
    server = await Server.start(_answer(status, body, [(b"location", b"http://127.0.0.1:1/")]))
    async with RemoteBroker(server.url + "/") as broker:
        with pytest.raises(kind, match=reason) as caught:
            await broker.read("x", {})
        assert type(caught.value) is kind
    await server.stop()


async def test_nobody_listening_is_unavailable() -> None:
    """A Runtime that is not there is an error to try again on, with its address."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    async with RemoteBroker(f"http://127.0.0.1:{port}") as broker:
        with pytest.raises(Unavailable, match=f"127.0.0.1:{port} does not answer"):
            await broker.publish([("a", EVENT)])


async def test_a_call_that_waits_ends_when_the_broker_is_closed() -> None:
    """Closing ends calls that wait with `Unavailable`."""
    reached = asyncio.Event()

    async def hang(scope: Any, receive: Any, send: Any) -> None:
        reached.set()
        while (await receive())["type"] != "http.disconnect":
            pass

    server = await Server.start(hang)
    broker = RemoteBroker(server.url)
    call = asyncio.create_task(broker.subscriptions())
    await reached.wait()
    await broker.close()
    with pytest.raises(Unavailable):
        await call
    await server.stop()


async def test_events_of_several_channels_go_in_order() -> None:
    """Neighbours on one channel are one request; events that name their channel by their subject are one for all."""
    requests: list[tuple[bytes, bytes]] = []

    async def record(scope: Any, receive: Any, send: Any) -> None:
        body = (await receive())["body"]
        requests.append((scope["query_string"], body))
        await _answer(202, b"")(scope, receive, send)

    server = await Server.start(record)
    async with RemoteBroker(server.url) as broker:
        await broker.publish([("a", EVENT), ("a", EVENT | {"id": "2"}), ("b", EVENT)])
        await broker.publish([("a", EVENT | {"subject": "a"}), ("b", EVENT | {"subject": "b"})])
        await broker.publish([])
    await server.stop()
    assert [(query, body[:1]) for query, body in requests] == [(b"channel=a", b"["), (b"channel=b", b"{"), (b"", b"[")]
