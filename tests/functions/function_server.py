"""A server on loopback that notes what it is asked, and answers as it is told."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec
from aiohttp import web

from evenweave.adapters.functions.http import Documents, HttpClient, HttpFunctions
from evenweave.engine.calling import Invocation, Values
from evenweave.ports.functions import Auth, Request

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable
    from pathlib import Path


class Asked(msgspec.Struct):
    """A request that came."""

    method: str
    path: str
    query: dict[str, Any]
    headers: dict[str, str]
    body: str

    @property
    def json(self) -> Any:
        """The body as JSON."""
        return msgspec.json.decode(self.body)


class Server:
    """See the module; ``answers`` by path: a value as JSON, or a response; or a ``handler``."""

    def __init__(self) -> None:
        self.asked: list[Asked] = []
        self.answers: dict[str, Any] = {}
        self.url = ""
        self.handler: Callable[[web.Request], Awaitable[web.StreamResponse]] | None = None
        self._runner: web.AppRunner | None = None

    async def start(self) -> None:
        """Listen on a free port."""
        app = web.Application()
        app.router.add_route("*", "/{path:.*}", self._serve)
        self._runner = web.AppRunner(app)
        await self._runner.setup()
        site = web.TCPSite(self._runner, "127.0.0.1", 0)
        await site.start()
        host, port = self._runner.addresses[0][:2]
        self.url = f"http://{host}:{port}"

    async def stop(self) -> None:
        """Stop listening."""
        if self._runner is not None:
            await self._runner.cleanup()

    def functions(self, folder: Path | None = None, **more: Any) -> HttpFunctions:
        """Functions whose requests to any host that is used here come to this server."""
        resolve = dict.fromkeys(("api.example.org", "localhost"), self.url)
        client = HttpClient(**{"resolve": resolve, **more})
        return HttpFunctions(client, Documents(folder, client))

    async def _serve(self, request: web.Request) -> web.StreamResponse:
        if self.handler is not None:
            return await self.handler(request)
        query = {name: request.query.getall(name) for name in request.query}
        plain = {name: values[0] if len(values) == 1 else values for name, values in query.items()}
        headers = {name.lower(): value for name, value in request.headers.items()}
        self.asked.append(
            Asked(request.method, request.raw_path.partition("?")[0], plain, headers, await request.text())
        )
        answer = self.answers.get(request.path, {"ok": True})
        if callable(answer):
            answer = answer(self.asked[-1])
        if isinstance(answer, web.StreamResponse):
            return answer
        return web.Response(body=msgspec.json.encode(answer), content_type="application/json")


def asking(
    operation: str,
    arguments: Any = ...,
    *,
    type: str = "rest",  # noqa: A002
    data: Any = None,
    auth: Auth | None = None,
    select: str = "",
) -> Request:
    """A call."""
    given = None if arguments is ... else Values(arguments)
    invocation = Invocation("i:7", "f", "call", type, operation, data=data, arguments=given, select=select)
    return Request(invocation, None if arguments is ... else arguments, auth, 10.0)
