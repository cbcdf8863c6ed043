"""What requests that carry a user's document have in common."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from evenweave import source
from evenweave.http.problem import Problem

if TYPE_CHECKING:
    from collections.abc import Iterable

    from starlette.requests import Request

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
        Problem: It is larger than the limit.
    """
    parts: list[bytes] = []
    size = 0
    async for part in request.stream():
        size += len(part)
        if size > limit:
            raise Problem(413, f"the body has more than {limit} bytes")
        parts.append(part)
    return b"".join(parts)


def describe_diagnostics(diagnostics: Iterable[Diagnostic]) -> list[dict[str, Any]]:
    """Diagnostics as `evenweave check --format json` prints them."""
    return [source.to_json(item) for item in diagnostics]
