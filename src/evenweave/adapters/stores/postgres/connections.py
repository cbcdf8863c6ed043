"""Connections to PostgreSQL: opened when they are needed, and again after they were lost."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any, Protocol
from urllib.parse import urlsplit, urlunsplit

import asyncpg

from evenweave.adapters.stores.postgres.errors import FAILURES, PostgresUnusable, explain, is_lost
from evenweave.ports.store import StoreUnavailable

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence

CONNECT_S = 10.0
STATEMENT_S = 60.0

SETTINGS: Mapping[str, str] = {
    # A worker that is frozen in a transaction must not hold its locks for ever.
    "idle_in_transaction_session_timeout": "30000",
    "jit": "off",
    "timezone": "UTC",
}
LOOKUPS: Mapping[str, str] = {
    # Plans are made while tables are empty and kept while they grow: only an index is ever right for a few keys.
    "enable_seqscan": "off",
    "enable_hashjoin": "off",
    "enable_mergejoin": "off",
}


class Dial(Protocol):
    """Opens a connection to the server of a URL."""

    async def __call__(self, url: str, settings: Mapping[str, str]) -> asyncpg.Connection:
        """See `connect`."""


class Link:
    """One connection, used by one caller at a time.

    Args:
        url: ``postgresql://...``; parameters that asyncpg does not know are settings of the session.
        name: What the server's list of sessions shows behind ``evenweave``.
        settings: Of the session, beside those that every one has.
        prepare: Called with each new connection.
        dial: Opens a connection; `connect` where none is given.
    """

    def __init__(
        self,
        url: str,
        name: str,
        settings: Mapping[str, str] = LOOKUPS,
        prepare: Callable[[asyncpg.Connection], Awaitable[None]] | None = None,
        *,
        dial: Dial | None = None,
    ) -> None:
        self._url = url
        self._settings = {**SETTINGS, **settings, "application_name": f"evenweave {name}"}
        self._prepare = prepare
        self._dial = dial or connect
        self._connection: asyncpg.Connection | None = None
        self._lock = asyncio.Lock()
        self._closed = False

    async def rows(self, sql: str, *parameters: Any) -> Sequence[asyncpg.Record]:
        """All rows of a statement that stands alone.

        Raises:
            StoreUnavailable: The server does not answer.
        """
        try:
            async with self.use() as connection:
                found: Sequence[asyncpg.Record] = await connection.fetch(sql, *parameters)
                return found
        except FAILURES as error:
            raise explain(error) from error

    async def row(self, sql: str, *parameters: Any) -> asyncpg.Record | None:
        """The first row."""
        rows = await self.rows(sql, *parameters)
        return rows[0] if rows else None

    async def value(self, sql: str, *parameters: Any) -> Any:
        """The first column of the first row, or nothing."""
        rows = await self.rows(sql, *parameters)
        return rows[0][0] if rows else None

    @asynccontextmanager
    async def use(self) -> AsyncIterator[asyncpg.Connection]:
        """The connection for several statements; one that was lost meanwhile is opened anew the next time.

        What the driver raises is passed on as it is.
        """
        async with self._lock:
            connection = await self._open()
            try:
                yield connection
            except asyncio.CancelledError:
                # Nobody knows how far the statement came.
                self._drop()
                raise
            except Exception as error:
                if is_lost(error) or connection.is_closed() or connection.is_in_transaction():
                    self._drop()
                raise

    async def close(self) -> None:
        """Close it for good."""
        self._closed = True
        async with self._lock:
            connection, self._connection = self._connection, None
            if connection is not None:
                try:
                    await connection.close(timeout=2.0)
                except FAILURES:
                    connection.terminate()

    def _drop(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.terminate()

    async def _open(self) -> asyncpg.Connection:
        if self._closed:
            raise StoreUnavailable("the store has been closed")
        if self._connection is None or self._connection.is_closed():
            self._connection = None
            connection = await self._dial(self._url, self._settings)
            try:
                if self._prepare is not None:
                    await self._prepare(connection)
            except BaseException:
                connection.terminate()
                raise
            self._connection = connection
        return self._connection


async def connect(url: str, settings: Mapping[str, str]) -> asyncpg.Connection:
    """Open a connection. Raises what the driver does, or `PostgresUnusable` where the URL is none."""
    try:
        return await asyncpg.connect(
            url, timeout=CONNECT_S, command_timeout=STATEMENT_S, server_settings=dict(settings)
        )
    except (ValueError, asyncpg.exceptions.ClientConfigurationError) as error:
        raise PostgresUnusable(f"{hide_password(url)}: is no usable URL of a database: {error}") from error


def hide_password(url: str) -> str:
    """The URL for people and logs."""
    try:
        parts = urlsplit(url)
        if parts.password is None:
            return url
        host = parts.netloc.rpartition("@")[2]
        return urlunsplit(parts._replace(netloc=f"{parts.username or ''}:***@{host}"))
    except ValueError:
        return url.rsplit("@", maxsplit=1)[-1]
