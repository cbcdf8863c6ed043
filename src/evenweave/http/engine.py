"""The Workflow Engine over HTTP (PROTOCOL section 5)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec
from starlette.applications import Starlette
from starlette.responses import Response
from starlette.routing import Route

from evenweave.definitions.swf08 import PROFILES
from evenweave.engine.causes import Cause
from evenweave.engine.life import NotAllowed
from evenweave.engine.migration import CannotMigrate
from evenweave.engine.patching import BadPatch
from evenweave.errors import InvalidDocument
from evenweave.http.asking import Fork, decode, read_keys, read_meant, read_order, read_page, read_which
from evenweave.http.documents import (
    QuotedPaths,
    describe_diagnostics,
    limited_body,
    named_body,
    part,
)
from evenweave.http.metrics import TEXT_FORMAT, CountedRoutes, make_engine_families, render
from evenweave.http.problem import Problem, make_handlers
from evenweave.ports.broker import BrokerError
from evenweave.ports.catalog import CatalogUnavailable
from evenweave.ports.store import StoreRefused, StoreUnavailable
from evenweave.source import closest
from evenweave.worker.refusals import InvalidInput, NotFound, NotPossible
from evenweave.worker.repair import AT_ONCE
from evenweave.worker.replay import CannotReplay

if TYPE_CHECKING:
    from starlette.requests import Request
    from starlette.types import ASGIApp

    from evenweave.definitions.swf08 import Profile
    from evenweave.ports.store import DefinitionRow
    from evenweave.worker import Engine

_ENCODE = msgspec.json.Encoder().encode
_CAUSES = msgspec.msgpack.Decoder(list[Cause])
_INPUT_BYTES = 1024 * 1024
_STATUSES: dict[type[Exception], int] = {
    NotFound: 404,
    NotPossible: 409,
    InvalidInput: 400,
    BadPatch: 400,
    CannotReplay: 409,
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
            Route(f"{definition}/{{version}}/disable", self._disable_definition, methods=["POST"]),
            Route(f"{definition}/{{version}}/enable", self._enable_definition, methods=["POST"]),
            Route("/v1/instances", self._list_instances, methods=["GET"]),
            Route(instance, self._show_instance, methods=["GET"]),
            Route(instance, self._delete_instance, methods=["DELETE"]),
            Route(f"{instance}/history", self._show_history, methods=["GET"]),
            Route(f"{instance}/trace", self._show_trace, methods=["GET"]),
            Route(f"{instance}/fork", self._fork, methods=["POST"]),
            Route("/v1/instances/{verb}", self._command_many, methods=["POST"]),
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
            registration = await self._engine.register(name, body, strict=strict, profile=_profile(request))
        except InvalidDocument as error:
            raise Problem(422, error.message, {"diagnostics": describe_diagnostics(error.diagnostics)}) from None
        answer = self._describe(registration.row) | {"diagnostics": describe_diagnostics(registration.diagnostics)}
        return _answer(answer, 201 if registration.created else 200)

    async def _list_definitions(self, _request: Request) -> Response:
        return _answer([self._describe(row) for row in self._engine.definitions()])

    async def _show_definition(self, request: Request) -> Response:
        found = self._engine.definition(*_named(request))
        operations = msgspec.json.decode(found.row.operations)
        return _answer(self._describe(found.row) | {"document": found.row.document, "operations": operations})

    async def _remove_definition(self, request: Request) -> Response:
        await self._engine.remove(*_named(request))
        return Response(status_code=204)

    async def _disable_definition(self, request: Request) -> Response:
        await self._engine.disable(part(request, "id"), part(request, "version"))
        return await self._show_definition(request)

    async def _enable_definition(self, request: Request) -> Response:
        await self._engine.disable(part(request, "id"), part(request, "version"), disabled=False)
        return await self._show_definition(request)

    async def _start(self, request: Request) -> Response:
        body = await limited_body(request, _INPUT_BYTES)
        data = decode(body, Any) if body else {}
        id_ = await self._engine.start_instance(part(request, "id"), data, command=request.query_params.get("command"))
        return _answer({"id": id_}, 201)

    async def _list_instances(self, request: Request) -> Response:
        which, (key, wanted), (after, limit) = read_which(request), read_keys(request), read_page(request)
        if wanted:
            return _answer(await self._engine.search(which, wanted, after=after, limit=limit))
        return _answer(await self._engine.instances(which, key=key, after=after, limit=limit))

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

    async def _show_trace(self, request: Request) -> Response:
        children = request.query_params.get("children") == "true"
        return _answer(await self._engine.archive.trace(part(request, "id"), children=children))

    async def _fork(self, request: Request) -> Response:
        fork: Fork = decode(await limited_body(request, _INPUT_BYTES), Fork)
        forked = await self._engine.archive.fork(
            part(request, "id"), fork.at, patch=fork.set, version=fork.to, command=fork.command
        )
        return _answer({"id": forked}, 201)

    async def _command(self, request: Request) -> Response:
        repair, _ = read_order(part(request, "verb"), await limited_body(request, _INPUT_BYTES))
        try:
            await self._engine.workshop.repair(part(request, "id"), repair)
        except CannotMigrate as error:
            raise Problem(409, error.message, {"missing": msgspec.to_builtins(error.missing)}) from None
        return await self._show_instance(request)

    async def _command_many(self, request: Request) -> Response:
        repair, ids = read_order(part(request, "verb"), await limited_body(request, _INPUT_BYTES), many=True)
        after, limit = read_page(request, default=AT_ONCE)
        if ids is None:
            which = read_meant(request, repair)
            made = await self._engine.workshop.repair_page(which, repair, after=after, limit=limit)
        else:
            made = await self._engine.workshop.repair_some(ids, repair)
        return _answer(made)

    def _describe(self, row: DefinitionRow) -> dict[str, Any]:
        return {
            "id": row.id,
            "version": row.version,
            "digest": row.digest,
            "file": row.file,
            "active": row.active,
            "disabled": row.disabled,
            "starts": self._engine.starts(row),
            "created": row.created,
        }

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


def _profile(request: Request) -> Profile | None:
    """How the definition is to be read, where the request says so.

    Raises:
        Problem: There is no such profile.
    """
    wanted = request.query_params.get("profile")
    if wanted is None:
        return None
    if wanted not in PROFILES:
        near = closest(wanted, PROFILES)
        hint = f'did you mean "{near}"?' if near else f"there are {' and '.join(PROFILES)}"
        raise Problem(400, f'there is no profile "{wanted}"', {"hint": hint})
    return wanted


def _named(request: Request) -> tuple[str, str | None]:
    """The definition and, where the path has one, the version that a request is about."""
    return part(request, "id"), part(request, "version") if "version" in request.path_params else None


def _answer(value: object, status: int = 200) -> Response:
    return Response(_ENCODE(value), status, media_type="application/json")
