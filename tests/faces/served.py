"""Faces on a real server, and a plain client to ask them."""

import io
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any
from urllib.parse import urlencode

import aiohttp
import msgspec
from yarl import URL

from evenweave.http.server import Server

SERVICE = b"""asyncapi: 2.6.0
info: {title: Parcels, version: 1.0.0}
channels:
  parcel/in:
    publish: {operationId: sendParcel, message: {name: Parcel}}
  parcel/out:
    subscribe: {operationId: parcelSent, message: {name: Sent}}
"""
EVENT_DEFINITION = b"""id: parcels
version: '1'
specVersion: '0.8'
name: Parcels
states:
  - name: send
    type: event
    onEvents:
      - eventRefs: [wanted]
        actions: [{eventRef: {triggerEventRef: send, resultEventRef: sent}}]
    end: true
events:
  - {name: wanted, type: parcel.wanted, source: /shop}
  - {name: send, kind: produced, type: asyncapi, source: 'file://parcels.yaml#sendParcel'}
  - {name: sent, type: asyncapi, source: 'file://parcels.yaml#parcelSent'}
"""
COMMAND_DEFINITION = b"""id: sums/of two
version: '1.0'
specVersion: '0.8'
name: Sums
states:
  - {name: add, type: inject, data: {a: 1}, stateDataFilter: {output: '${ {sum: (.a + .b)} }'}, end: true}
"""


class Answer:
    """What a face answered."""

    def __init__(self, status: int, kind: str, headers: Any, body: bytes) -> None:
        self.status = status
        self.kind = kind
        self.headers = headers
        self.body = body

    @property
    def json(self) -> Any:
        """The body, JSON."""
        return msgspec.json.decode(self.body)

    def problem(self, status: int) -> Any:
        """The body, which must be a problem document of this status (RFC 9457)."""
        assert self.status == status, self.body
        assert self.kind == "application/problem+json"
        found = self.json
        assert found["type"] == "about:blank"
        assert found["status"] == status
        assert found["title"]
        assert found["detail"]
        return found


class Asking:
    """Asks one server."""

    def __init__(self, url: str, session: aiohttp.ClientSession) -> None:
        self.url = url
        self._session = session

    async def __call__(self, method: str, path: str, body: Any = None, **query: Any) -> Answer:
        """Send a request; a body that is not bytes is sent as JSON. The path goes out as it is quoted."""
        data = body if body is None or isinstance(body, bytes) else msgspec.json.encode(body)
        url = URL(self.url + path + (f"?{urlencode(query)}" if query else ""), encoded=True)
        async with self._session.request(method, url, data=None if data is None else io.BytesIO(data)) as response:
            return Answer(response.status, response.content_type, response.headers, await response.read())


@asynccontextmanager
async def served(app: Any, *, on_stop: Any = None) -> AsyncIterator[Asking]:
    """Serve an application on a free port."""
    server = await Server.start(app, on_stop=on_stop)
    try:
        async with aiohttp.ClientSession() as session:
            yield Asking(server.url, session)
    finally:
        await server.stop()
