"""Catalog, Workflow Engine and Runtime behind one port, as `evenweave dev` serves them.

Where two of them answer for one path, it is the Runtime's: its subscriptions show what the definitions made.
What they count is answered together: the names of no two figures are alike.
"""

from __future__ import annotations

from http import HTTPStatus
from typing import TYPE_CHECKING

from evenweave.http.metrics import TEXT_FORMAT

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Message, Receive, Scope, Send

_CATALOG = ("/v1/documents", "/v1/operations")
_ENGINE = ("/v1/definitions", "/v1/instances", "/readyz")


class WholeFace:
    """Passes each request to the face that answers for its path."""

    def __init__(self, catalog: ASGIApp, engine: ASGIApp, runtime: ASGIApp) -> None:
        self._catalog = catalog
        self._engine = engine
        self._runtime = runtime

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request."""
        path = scope.get("path", "")
        if path == "/metrics":
            await self._join(scope, receive, send)
            return
        if path.startswith(_CATALOG):
            await self._catalog(scope, receive, send)
        elif path.startswith(_ENGINE):
            await self._engine(scope, receive, send)
        else:
            await self._runtime(scope, receive, send)

    async def _join(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer with what all three answer, one after the other; where one fails, with its failure."""
        bodies = list[bytes]()
        for app in (self._catalog, self._engine, self._runtime):
            messages: list[Message] = []

            async def keep(message: Message, into: list[Message] = messages) -> None:
                into.append(message)

            # Who routes a request leaves its marks in the scope.
            await app(dict(scope), receive, keep)
            if messages[0]["status"] != HTTPStatus.OK:
                for message in messages:
                    await send(message)
                return
            bodies += [message.get("body", b"") for message in messages[1:]]
        body = b"".join(bodies)
        headers = [(b"content-type", TEXT_FORMAT.encode()), (b"content-length", str(len(body)).encode())]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": body})
