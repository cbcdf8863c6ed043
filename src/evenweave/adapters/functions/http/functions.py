"""Calls functions over HTTP."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from evenweave.adapters.functions.http import graphql, odata, openapi, rest
from evenweave.adapters.functions.http.auth import Authenticator
from evenweave.adapters.functions.http.documents import Found
from evenweave.ports.functions import CallFailed

if TYPE_CHECKING:
    from evenweave.adapters.functions.http.client import Answer, HttpClient
    from evenweave.adapters.functions.http.documents import Documents
    from evenweave.adapters.functions.http.openapi import Prepared
    from evenweave.ports.functions import Request

LOCALHOST = "http://localhost"
KEY = "idempotency-key"


class HttpFunctions:
    """See `evenweave.ports.functions.Functions`; for functions of the types rest, graphql and odata.

    Attributes:
        authenticator: Gives the headers of credentials.
    """

    def __init__(self, client: HttpClient, documents: Documents) -> None:
        self._client = client
        self._documents = documents
        self.authenticator = Authenticator(client)

    async def call(self, request: Request) -> Any:
        """Call it."""
        invocation = request.invocation
        uri, _, name = invocation.operation.rpartition("#")
        match invocation.type:
            case "rest":
                return (await self._send(request, await self._prepare(request))).result()
            case "graphql":
                endpoint, _, operation = uri.rpartition("#")
                query = graphql.write(operation, name, request.arguments, invocation.select)
                prepared = openapi.Prepared("POST", endpoint, json={"query": query})
                return graphql.read((await self._send(request, prepared)).result(), name)
            case "odata":
                return (await self._send(request, odata.prepare(uri, name, request.arguments))).result()
            case _:
                raise CallFailed("unknown-function", f"{invocation.type} is no type of function over HTTP")

    async def close(self) -> None:
        """Close the connections."""
        await self._client.close()

    async def _prepare(self, request: Request) -> Prepared:
        invocation = request.invocation
        given = invocation.arguments is not None
        arguments = request.arguments if given else invocation.data
        short = rest.SHORT.fullmatch(invocation.operation)
        if short is not None:
            return rest.prepare(short[1], short[2], arguments, LOCALHOST, given=given)
        uri, _, name = invocation.operation.rpartition("#")

        async def credentials() -> Any:
            return await self.authenticator.headers(request.auth)

        found = await self._find(request, uri, credentials)
        base = LOCALHOST if "localhost" in self._client.resolve else found.origin or LOCALHOST
        return openapi.prepare(openapi.find(found.value, name), arguments, base, given=given)

    async def _find(self, request: Request, uri: str, credentials: Any) -> Found:
        """The document of an operation: the one that is a part of the definition, else what is there now."""
        part = request.files.get(uri)
        if part is None:
            return await self._documents.find(uri, credentials)
        if not isinstance(part, dict):
            raise CallFailed("document", f'the document "{uri}" of the definition is no object')
        return Found(part, "")

    async def _send(self, request: Request, prepared: Prepared) -> Answer:
        """Send it with the credentials; a token that is refused is asked for once more."""
        while True:
            headers = {
                **prepared.headers,
                KEY: request.invocation.key,
                **await self.authenticator.headers(request.auth),
            }
            answer = await self._client.request(
                prepared.method, prepared.url, headers=headers, json=prepared.json, form=prepared.form
            )
            if answer.status != 401 or request.auth is None or not self.authenticator.forget(request.auth):
                return answer
