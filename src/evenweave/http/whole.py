"""Catalog, Workflow Engine and Runtime behind one port, as `evenweave dev` serves them.

Where two of them answer for one path, it is the Runtime's: its subscriptions show what the definitions made.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Receive, Scope, Send

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
        if path.startswith(_CATALOG):
            await self._catalog(scope, receive, send)
        elif path.startswith(_ENGINE):
            await self._engine(scope, receive, send)
        else:
            await self._runtime(scope, receive, send)
