"""The Catalog over HTTP (PROTOCOL section 5)."""

from __future__ import annotations

from http import HTTPStatus

import aiohttp
import msgspec

from evenweave.errors import UnknownOperation
from evenweave.plan.operation import Operation
from evenweave.ports.catalog import CatalogUnavailable

_TIMEOUT = aiohttp.ClientTimeout(total=10)
_OPERATION = msgspec.json.Decoder(Operation)


class RemoteCatalog:
    """See `evenweave.ports.catalog.Catalog`.

    Args:
        url: Where the Catalog listens.
    """

    def __init__(self, url: str) -> None:
        self._url = url.rstrip("/")
        self._session: aiohttp.ClientSession | None = None

    async def operation(self, ref: str) -> Operation:
        """The operation of a reference; the newest version answers."""
        if self._session is None:
            self._session = aiohttp.ClientSession(timeout=_TIMEOUT)
        try:
            async with self._session.get(f"{self._url}/v1/operations", params={"ref": ref}) as response:
                body = await response.read()
                if response.status == HTTPStatus.NOT_FOUND:
                    problem = msgspec.json.decode(body)
                    raise UnknownOperation(problem.get("detail", ""), ref, problem.get("hint", ""))
                if response.status != HTTPStatus.OK:
                    raise CatalogUnavailable(f"the Catalog at {self._url} answered {response.status}")
                return _OPERATION.decode(body)
        except (aiohttp.ClientError, TimeoutError, msgspec.MsgspecError) as error:
            raise CatalogUnavailable(
                f"the Catalog at {self._url} did not answer: {error or type(error).__name__}", "is it running?"
            ) from error

    async def close(self) -> None:
        """Let go of the connections."""
        if self._session is not None:
            await self._session.close()
            self._session = None
