"""Errors as RFC 9457 problem documents."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any

import msgspec
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from evenweave.errors import EvenweaveError

MEDIA_TYPE = "application/problem+json"

Handler = Callable[[Request, Exception], Awaitable[Response]]


@dataclass(eq=False)
class Problem(Exception):
    """What went wrong, for the client. May be raised by a route; `members` are added to the document."""

    status: int
    detail: str
    members: Mapping[str, Any] = field(default_factory=dict)
    headers: Mapping[str, str] = field(default_factory=dict)

    def body(self) -> bytes:
        """Return the problem document."""
        document = {
            "type": "about:blank",
            "title": HTTPStatus(self.status).phrase,
            "status": self.status,
            "detail": self.detail,
        }
        return msgspec.json.encode(document | dict(self.members))

    def response(self) -> Response:
        """Return it as a response."""
        return Response(self.body(), self.status, dict(self.headers), MEDIA_TYPE)


def make_problem(error: Exception, statuses: Mapping[type[Exception], int]) -> Problem:
    """Return what a client is told of `error`: the status of its nearest class in `statuses`, and its message.

    An error of no class known there is a 500 that says nothing of the inside.
    """
    if isinstance(error, Problem):
        return error
    if isinstance(error, HTTPException):
        return Problem(error.status_code, error.detail, headers=error.headers or {})
    for kind in type(error).__mro__:
        if kind in statuses:
            status = statuses[kind]
            members = {"hint": error.hint} if isinstance(error, EvenweaveError) and error.hint else {}
            message = error.message if isinstance(error, EvenweaveError) else str(error)
            return Problem(
                status, message, members, {"retry-after": "1"} if status == HTTPStatus.SERVICE_UNAVAILABLE else {}
            )
    return Problem(500, "an error inside Evenweave; its log has more")


def make_handlers(statuses: Mapping[type[Exception], int]) -> dict[Any, Handler]:
    """Return the exception handlers of a Starlette application: every error is a problem document."""

    async def answer(_request: Request, error: Exception) -> Response:
        return make_problem(error, statuses).response()

    kinds: list[type[Exception]] = [HTTPException, Problem, *statuses, Exception]
    return dict.fromkeys(kinds, answer)
