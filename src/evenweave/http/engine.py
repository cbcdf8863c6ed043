"""The Workflow Engine over HTTP (PROTOCOL section 5)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec
from starlette.applications import Starlette
from starlette.responses import Response
from starlette.routing import Route

from evenweave.engine.causes import Cause, Command
from evenweave.engine.life import NotAllowed
from evenweave.errors import InvalidDocument
from evenweave.http.documents import describe_diagnostics, limited_body, named_body
from evenweave.http.problem import Problem, make_handlers
from evenweave.ports.broker import BrokerError
from evenweave.ports.catalog import CatalogUnavailable
from evenweave.ports.store import StoreRefused, StoreUnavailable
from evenweave.worker.engine import NotFound, NotPossible

if TYPE_CHECKING:
    from starlette.requests import Request

    from evenweave.ports.store import DefinitionRow
    from evenweave.worker import Engine

_ENCODE = msgspec.json.Encoder().encode
_CAUSES = msgspec.msgpack.Decoder(list[Cause])
_INPUT_BYTES = 1024 * 1024
_PAGE = 100
_STATUSES: dict[type[Exception], int] = {
    NotFound: 404,
    NotPossible: 409,
    NotAllowed: 409,
    CatalogUnavailable: 503,
    BrokerError: 503,
    StoreUnavailable: 503,
    StoreRefused: 500,
}


class EngineFace:
    """Answers for definitions and instances."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def routes(self) -> list[Route]:
        """The routes."""
        definition, instance = "/v1/definitions/{id}", "/v1/instances/{id}"
        return [
            Route("/v1/definitions", self._register, methods=["POST"]),
            Route("/v1/definitions", self._list_definitions, methods=["GET"]),
            Route(f"{definition}/instances", self._start, methods=["POST"]),
            Route(definition, self._show_definition, methods=["GET"]),
            Route(definition, self._remove_definition, methods=["DELETE"]),
            Route(f"{definition}/{{version}}", self._show_definition, methods=["GET"]),
            Route(f"{definition}/{{version}}", self._remove_definition, methods=["DELETE"]),
            Route("/v1/instances", self._list_instances, methods=["GET"]),
            Route(instance, self._show_instance, methods=["GET"]),
            Route(instance, self._delete_instance, methods=["DELETE"]),
            Route(f"{instance}/history", self._show_history, methods=["GET"]),
            Route(f"{instance}/{{verb}}", self._command, methods=["POST"]),
            Route("/v1/subscriptions", self._list_subscriptions, methods=["GET"]),
        ]

    def app(self) -> Starlette:
        """An application that serves the engine alone."""
        health = [
            Route("/healthz", self._health, methods=["GET"]),
            Route("/readyz", self._readiness, methods=["GET"]),
        ]
        return Starlette(routes=[*self.routes(), *health], exception_handlers=make_handlers(_STATUSES))

    async def _register(self, request: Request) -> Response:
        name, body, strict = await named_body(request)
        try:
            registration = await self._engine.register(name, body, strict=strict)
        except InvalidDocument as error:
            raise Problem(422, error.message, {"diagnostics": describe_diagnostics(error.diagnostics)}) from None
        answer = _describe(registration.row) | {"diagnostics": describe_diagnostics(registration.diagnostics)}
        return _answer(answer, 201 if registration.created else 200)

    async def _list_definitions(self, _request: Request) -> Response:
        return _answer([_describe(row) for row in self._engine.definitions()])

    async def _show_definition(self, request: Request) -> Response:
        found = self._engine.definition(request.path_params["id"], request.path_params.get("version"))
        operations = msgspec.json.decode(found.row.operations)
        return _answer(_describe(found.row) | {"document": found.row.document, "operations": operations})

    async def _remove_definition(self, request: Request) -> Response:
        await self._engine.remove(request.path_params["id"], request.path_params.get("version"))
        return Response(status_code=204)

    async def _start(self, request: Request) -> Response:
        body = await limited_body(request, _INPUT_BYTES)
        try:
            data = msgspec.json.decode(body) if body else {}
        except msgspec.DecodeError as error:
            raise Problem(400, f"the input is no JSON: {error}") from None
        id_ = await self._engine.start_instance(
            request.path_params["id"], data, command=request.query_params.get("command")
        )
        return _answer({"id": id_}, 201)

    async def _list_instances(self, request: Request) -> Response:
        query = request.query_params
        try:
            after, limit = int(query.get("after", "0")), int(query.get("max", _PAGE))
        except ValueError:
            raise Problem(400, "after and max are whole numbers") from None
        found = await self._engine.instances(
            status=query.get("status", ""),
            definition=query.get("definition", ""),
            key=query.get("key", ""),
            after=after,
            limit=min(max(limit, 1), 1000),
        )
        return _answer(found)

    async def _show_instance(self, request: Request) -> Response:
        return _answer(await self._engine.instance(request.path_params["id"]))

    async def _delete_instance(self, request: Request) -> Response:
        await self._engine.delete_instance(request.path_params["id"])
        return Response(status_code=204)

    async def _show_history(self, request: Request) -> Response:
        entries = await self._engine.history(request.path_params["id"])
        return _answer(
            [{"revision": each.revision, "at": each.at, "causes": _CAUSES.decode(each.causes)} for each in entries]
        )

    async def _command(self, request: Request) -> Response:
        verb = request.path_params["verb"]
        if verb not in {"suspend", "resume", "cancel"}:
            raise Problem(404, f'an instance cannot be asked to "{verb}"; it can suspend, resume and cancel')
        body = await limited_body(request, _INPUT_BYTES)
        try:
            reason = msgspec.json.decode(body, type=dict[str, Any]).get("reason", "") if body else ""
        except msgspec.DecodeError as error:
            raise Problem(400, f"the body is no JSON object: {error}") from None
        await self._engine.command(request.path_params["id"], Command(verb, str(reason)))
        return await self._show_instance(request)

    async def _list_subscriptions(self, _request: Request) -> Response:
        return _answer(self._engine.subscriptions())

    async def _health(self, _request: Request) -> Response:
        return _answer({"status": "ok"})

    async def _readiness(self, _request: Request) -> Response:
        if not self._engine.ready:
            raise Problem(503, "the engine is not ready: it is not yet subscribed to what its definitions need")
        return _answer({"status": "ready"})


def _describe(row: DefinitionRow) -> dict[str, Any]:
    return {
        "id": row.id,
        "version": row.version,
        "digest": row.digest,
        "file": row.file,
        "active": row.active,
        "created": row.created,
    }


def _answer(value: object, status: int = 200) -> Response:
    return Response(_ENCODE(value), status, media_type="application/json")
