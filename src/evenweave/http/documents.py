"""What requests that carry a user's document have in common."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from urllib.parse import unquote

from starlette.requests import ClientDisconnect

from evenweave import source
from evenweave.http.problem import Problem

if TYPE_CHECKING:
    from collections.abc import Iterable

    from starlette.requests import Request
    from starlette.types import ASGIApp, Receive, Scope, Send

    from evenweave.source import Diagnostic

DOCUMENT_BYTES = 4 * 1024 * 1024


async def named_body(request: Request) -> tuple[str, bytes, bool]:
    """The name, the bytes of a document, and whether warnings count as errors.

    Raises:
        Problem: It has no name, or more than 4 MiB.
    """
    name = request.query_params.get("name", "")
    if not name:
        raise Problem(400, "name the document: ?name=orderService.yaml")
    return name, await limited_body(request, DOCUMENT_BYTES), request.query_params.get("strict") in {"1", "true"}


async def limited_body(request: Request, limit: int) -> bytes:
    """The body of a request.

    Raises:
        Problem: It is larger than the limit, or does not come whole.
    """
    parts: list[bytes] = []
    size = 0
    try:
        async for part in request.stream():
            size += len(part)
            if size > limit:
                raise Problem(413, f"the body has more than {limit} bytes")
            parts.append(part)
    except ClientDisconnect:
        raise Problem(400, "the client went away before its request was complete") from None
    return b"".join(parts)


class QuotedPaths:
    """Routes by the path as the client quoted it, so that a name may hold a slash; `part` reads it."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request."""
        raw = scope.get("raw_path")
        if raw:
            scope = {**scope, "path": raw.decode("latin-1")}
        await self._app(scope, receive, send)


def part(request: Request, name: str) -> str:
    """A part of the path."""
    return unquote(request.path_params[name])


def whole_number(request: Request, name: str, default: int, most: int) -> int:
    """A whole number of the query, from 0 on.

    Raises:
        Problem: It is none, or larger than the most.
    """
    text = request.query_params.get(name, str(default))
    if not (text.isascii() and text.isdigit() and len(text) < 20 and int(text) <= most):
        raise Problem(400, f"{name}: must be a whole number from 0 to {most}, not {text[:40]!r}")
    return int(text)


def describe_diagnostics(diagnostics: Iterable[Diagnostic]) -> list[dict[str, Any]]:
    """Diagnostics as `evenweave check --format json` prints them."""
    return [source.to_json(item) for item in diagnostics]
