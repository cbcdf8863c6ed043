"""The Catalog over HTTP (PROTOCOL section 5)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

import msgspec
from starlette.applications import Starlette
from starlette.responses import Response
from starlette.routing import Route

from evenweave.errors import InvalidDocument, UnknownOperation
from evenweave.http.documents import QuotedPaths, describe_diagnostics, named_body, part
from evenweave.http.metrics import TEXT_FORMAT, CountedRoutes, make_catalog_families, render
from evenweave.http.problem import Problem, make_handlers

if TYPE_CHECKING:
    from collections.abc import Sequence

    from starlette.requests import Request
    from starlette.types import ASGIApp

    from evenweave.catalog.asyncapi import Service
    from evenweave.plan.operation import Operation
    from evenweave.runtime.figures import Commits
    from evenweave.source import Diagnostic

_ENCODE = msgspec.json.Encoder().encode
_STATUSES: dict[type[Exception], int] = {UnknownOperation: 404, InvalidDocument: 422}


class Row(Protocol):
    """A version of a document."""

    name: str
    number: int
    digest: str
    document: str
    created: float


class Documents(Protocol):
    """What the face needs of the Catalog."""

    async def register(self, name: str, data: bytes, *, strict: bool = False) -> tuple[Any, bool, Sequence[Diagnostic]]:
        """Register a document."""
        ...

    def services(self) -> list[Service]:
        """The newest version of each service."""
        ...

    def document(self, name: str, number: int | None = None) -> Any:
        """A version of a document."""
        ...

    async def remove(self, name: str) -> None:
        """Remove a document."""
        ...

    async def operation(self, ref: str) -> Operation:
        """Find an operation."""
        ...

    @property
    def commits(self) -> Commits:
        """What the database did since the start."""
        ...

    def count_bytes(self) -> int:
        """The size of the database."""
        ...


class CatalogFace:
    """Answers for documents and operations."""

    def __init__(self, catalog: Documents) -> None:
        self._catalog = catalog
        self._requests: dict[tuple[str, int], int] = {}

    def routes(self) -> list[Route]:
        """The routes."""
        return [
            Route("/v1/documents", self._register, methods=["POST"]),
            Route("/v1/documents", self._list, methods=["GET"]),
            Route("/v1/documents/{name}", self._show, methods=["GET"]),
            Route("/v1/documents/{name}", self._remove, methods=["DELETE"]),
            Route("/v1/documents/{name}/{version:int}", self._show, methods=["GET"]),
            Route("/v1/operations", self._operation, methods=["GET"]),
        ]

    def app(self) -> ASGIApp:
        """An application that serves the Catalog alone."""
        routes = [*self.routes(), Route("/metrics", self._metrics, methods=["GET"]), *health_routes()]
        inner = Starlette(routes=routes, exception_handlers=make_handlers(_STATUSES))
        return QuotedPaths(CountedRoutes(inner, routes, self._requests))

    async def _metrics(self, _request: Request) -> Response:
        services = self._catalog.services()
        families = make_catalog_families(
            len(services),
            sum(len(service.operations) for service in services),
            self._catalog.commits,
            self._catalog.count_bytes(),
            self._requests,
        )
        return Response(render(families), media_type=TEXT_FORMAT)

    async def _register(self, request: Request) -> Response:
        name, body, strict = await named_body(request)
        try:
            row, created, diagnostics = await self._catalog.register(name, body, strict=strict)
        except InvalidDocument as error:
            raise Problem(422, error.message, {"diagnostics": describe_diagnostics(error.diagnostics)}) from None
        answer = _describe(row) | {"diagnostics": describe_diagnostics(diagnostics)}
        return _answer(answer, 201 if created else 200)

    async def _list(self, _request: Request) -> Response:
        return _answer(
            [
                _describe(self._catalog.document(service.name))
                | {
                    "title": service.title,
                    "id": service.id,
                    "info_version": service.version,
                    "asyncapi": service.asyncapi,
                    "operations": [
                        {"id": one.operation_id, "channel": one.channel, "direction": one.direction}
                        for one in service.operations
                    ],
                }
                for service in self._catalog.services()
            ]
        )

    async def _show(self, request: Request) -> Response:
        row = self._catalog.document(part(request, "name"), request.path_params.get("version"))
        return _answer(_describe(row) | {"document": row.document})

    async def _remove(self, request: Request) -> Response:
        await self._catalog.remove(part(request, "name"))
        return Response(status_code=204)

    async def _operation(self, request: Request) -> Response:
        ref = request.query_params.get("ref")
        if not ref:
            raise Problem(400, "name the operation: ?ref=file://orderService.yaml%23sendOrder")
        return _answer(await self._catalog.operation(ref))


def health_routes() -> list[Route]:
    """Whether the process is there, and whether it serves."""

    async def health(_request: Request) -> Response:
        return _answer({"status": "ok"})

    return [Route("/healthz", health, methods=["GET"]), Route("/readyz", health, methods=["GET"])]


def _describe(row: Row) -> dict[str, Any]:
    return {"name": row.name, "version": row.number, "digest": row.digest, "created": row.created}


def _answer(value: object, status: int = 200) -> Response:
    return Response(_ENCODE(value), status, media_type="application/json")
