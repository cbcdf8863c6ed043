"""Asking running processes, from the command line."""

from __future__ import annotations

import http.client
import time
import urllib.error
import urllib.request
from typing import Any
from urllib.parse import urlencode

import click
import msgspec

DEV = "http://127.0.0.1:7400"
DEFAULTS = {
    "catalog": "http://127.0.0.1:7401",
    "engine": "http://127.0.0.1:7402",
    "runtime": "http://127.0.0.1:7403",
}
_TIMEOUT_S = 30.0
_NAMES = {"catalog": "Catalog", "engine": "Workflow Engine", "runtime": "Runtime"}


class ProblemAnswer(click.ClickException):
    """The process answered with a problem document.

    Attributes:
        status: The HTTP status.
        problem: The document.
    """

    def __init__(self, status: int, problem: dict[str, Any]) -> None:
        hint = f"\n{problem['hint']}" if problem.get("hint") else ""
        super().__init__(f"{problem.get('detail') or problem.get('title') or status}{hint}")
        self.status = status
        self.problem = problem


class Unreachable(click.ClickException):
    """Nobody listens there."""


class Remote:
    """One of the three processes; without an address, the one on its default port, or else `evenweave dev`."""

    def __init__(self, part: str, url: str | None) -> None:
        self._part = part
        self._urls = [url.rstrip("/")] if url else [DEFAULTS[part], DEV]

    def call(
        self, method: str, path: str, *, query: dict[str, Any] | None = None, body: bytes | None = None, **headers: str
    ) -> Any:
        """Send a request and return the JSON of the answer.

        Raises:
            ProblemAnswer: It was refused.
            Unreachable: Nobody listens.
        """
        given = {name: value for name, value in (query or {}).items() if value not in {None, ""}}
        suffix = f"?{urlencode(given)}" if given else ""
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        for url in self._urls:
            request = urllib.request.Request(f"{url}{path}{suffix}", data=body, method=method, headers=named)  # noqa: S310
            try:
                return _answer(request)
            except urllib.error.HTTPError as error:
                raise ProblemAnswer(error.code, _problem(error)) from None
            except (urllib.error.URLError, http.client.HTTPException, OSError, ValueError) as error:
                reason = getattr(error, "reason", error)
                if not isinstance(reason, ConnectionRefusedError):
                    break  # somebody is there: asking somebody else could do it twice
        where = " or ".join(self._urls)
        raise Unreachable(f"the {_NAMES[self._part]} does not answer at {where}: {_text(reason)}")

    def wait_ready(self, timeout_s: float) -> None:
        """Wait until it serves.

        Raises:
            click.ClickException: It does not within the time.
        """
        until = time.monotonic() + timeout_s
        while True:
            try:
                self.call("GET", "/readyz")
            except (ProblemAnswer, Unreachable):
                if time.monotonic() > until:
                    raise
                time.sleep(0.05)
            else:
                return


def _answer(request: urllib.request.Request) -> Any:
    # Straight to the process: a proxy of the environment is for other hosts, and the services do not take it either.
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    with opener.open(request, timeout=_TIMEOUT_S) as response:
        data = response.read()
        return msgspec.json.decode(data) if data else None


def _text(reason: object) -> str:
    return (reason.strerror if isinstance(reason, OSError) else "") or str(reason) or type(reason).__name__


def _problem(error: urllib.error.HTTPError) -> dict[str, Any]:
    try:
        problem = msgspec.json.decode(error.read())
    except msgspec.DecodeError:
        problem = None
    return problem if isinstance(problem, dict) else {"title": f"{error.code} {error.reason}"}
