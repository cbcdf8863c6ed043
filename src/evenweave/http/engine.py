"""The Workflow Engine over HTTP (PROTOCOL section 5)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, get_args

import msgspec
from starlette.applications import Starlette
from starlette.responses import Response
from starlette.routing import Route

from evenweave.engine.causes import Cause, Command
from evenweave.engine.instance import Status
from evenweave.engine.life import NotAllowed
from evenweave.errors import InvalidDocument
from evenweave.http.documents import (
    QuotedPaths,
    describe_diagnostics,
    limited_body,
    named_body,
    part,
    whole_number,
)
from evenweave.http.metrics import TEXT_FORMAT, CountedRoutes, make_engine_families, render
from evenweave.http.problem import Problem, make_handlers
from evenweave.ports.broker import BrokerError
from evenweave.ports.catalog import CatalogUnavailable
from evenweave.ports.store import StoreRefused, StoreUnavailable
from evenweave.worker.engine import NotFound, NotPossible

if TYPE_CHECKING:
    from starlette.requests import Request
    from starlette.types import ASGIApp

    from evenweave.ports.store import DefinitionRow
    from evenweave.worker import Engine

_ENCODE = msgspec.json.Encoder().encode
_CAUSES = msgspec.msgpack.Decoder(list[Cause])
_INPUT_BYTES = 1024 * 1024
_PAGE, _PAGE_MOST = 100, 1000
_LIFE = get_args(Status)
_STATUSES: dict[type[Exception], int] = {
    NotFound: 404,
    NotPossible: 409,
    NotAllowed: 409,
    CatalogUnavailable: 503,
    BrokerError: 503,
    StoreUnavailable: 503,
    StoreRefused: 500,
}


class Reason(msgspec.Struct, forbid_unknown_fields=True):
    """The body of a command: why it is given."""

    reason: str = ""


class EngineFace:
    """Answers for definitions and instances."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._requests: dict[tuple[str, int], int] = {}

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

    def app(self) -> ASGIApp:
        """An application that serves the engine alone."""
        health = [
            Route("/healthz", self._health, methods=["GET"]),
            Route("/readyz", self._readiness, methods=["GET"]),
            Route("/metrics", self._metrics, methods=["GET"]),
        ]
        routes = [*self.routes(), *health]
        inner = Starlette(routes=routes, exception_handlers=make_handlers(_STATUSES))
        return QuotedPaths(CountedRoutes(inner, routes, self._requests))

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
        found = self._engine.definition(*_named(request))
        operations = msgspec.json.decode(found.row.operations)
        return _answer(_describe(found.row) | {"document": found.row.document, "operations": operations})

    async def _remove_definition(self, request: Request) -> Response:
        await self._engine.remove(*_named(request))
        return Response(status_code=204)

    async def _start(self, request: Request) -> Response:
        body = await limited_body(request, _INPUT_BYTES)
        data = _decode(body, Any) if body else {}
        id_ = await self._engine.start_instance(part(request, "id"), data, command=request.query_params.get("command"))
        return _answer({"id": id_}, 201)

    async def _list_instances(self, request: Request) -> Response:
        query = request.query_params
        status = query.get("status", "")
        if status and status not in _LIFE:
            raise Problem(400, f'there is no status "{status[:40]}"; there are {", ".join(_LIFE)}')
        found = await self._engine.instances(
            status=status,
            definition=query.get("definition", ""),
            key=query.get("key", ""),
            after=whole_number(request, "after", 0, 2**63 - 1),
            limit=max(whole_number(request, "max", _PAGE, _PAGE_MOST), 1),
        )
        return _answer(found)

    async def _show_instance(self, request: Request) -> Response:
        return _answer(await self._engine.instance(part(request, "id")))

    async def _delete_instance(self, request: Request) -> Response:
        await self._engine.delete_instance(part(request, "id"))
        return Response(status_code=204)

    async def _show_history(self, request: Request) -> Response:
        entries = await self._engine.history(part(request, "id"))
        return _answer(
            [{"revision": each.revision, "at": each.at, "causes": _CAUSES.decode(each.causes)} for each in entries]
        )

    async def _command(self, request: Request) -> Response:
        verb = part(request, "verb")
        if verb not in {"suspend", "resume", "cancel"}:
            raise Problem(404, f'an instance cannot be asked to "{verb}"; it can suspend, resume and cancel')
        body = await limited_body(request, _INPUT_BYTES)
        reason = _decode(body, Reason).reason if body else ""
        command = Command(verb, reason)  # type: ignore[arg-type]
        await self._engine.command(part(request, "id"), command)
        return await self._show_instance(request)

    async def _list_subscriptions(self, _request: Request) -> Response:
        return _answer(self._engine.subscriptions())

    async def _metrics(self, _request: Request) -> Response:
        families = make_engine_families(await self._engine.figures(), self._requests)
        return Response(render(families), media_type=TEXT_FORMAT)

    async def _health(self, _request: Request) -> Response:
        return _answer({"status": "ok"})

    async def _readiness(self, _request: Request) -> Response:
        if not self._engine.ready:
            raise Problem(503, "the engine is not ready: it is not yet subscribed to what its definitions need")
        return _answer({"status": "ready"})


def _named(request: Request) -> tuple[str, str | None]:
    """The definition and, where the path has one, the version that a request is about."""
    return part(request, "id"), part(request, "version") if "version" in request.path_params else None


def _decode(body: bytes, kind: Any) -> Any:
    try:
        return msgspec.json.decode(body, type=kind)
    except (msgspec.DecodeError, RecursionError) as error:
        raise Problem(400, f"the body is not what is asked for here: {error}") from None


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
