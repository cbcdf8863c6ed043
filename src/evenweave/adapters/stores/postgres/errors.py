"""What can go wrong with a PostgreSQL database, and what the caller can do about each.

EvenweaveError
+-- PostgresUnusable     no such server, user or database, or not the rights: the worker does not start
+-- PostgresTooNew       a newer Evenweave changed the tables in a way that this one does not know
StoreUnavailable         the server is away, full, read-only or shutting down: try again
StoreRefused             the rows themselves are at fault
StoreConflict            another worker was faster: do the work again
"""

from __future__ import annotations

import asyncpg

from evenweave.errors import EvenweaveError
from evenweave.ports.store import StoreConflict, StoreRefused, StoreUnavailable


class PostgresUnusable(EvenweaveError):
    """The database cannot be used as it is named."""


class PostgresTooNew(EvenweaveError):
    """The tables were changed by a newer version of Evenweave."""


AGAIN = (asyncpg.DeadlockDetectedError, asyncpg.SerializationError, asyncpg.LockNotAvailableError)
"""Nobody's fault, and gone when the same statements are run once more (40P01, 40001, 55P03)."""

FAILURES = (asyncpg.PostgresError, asyncpg.InterfaceError, asyncpg.InternalClientError, OSError)
"""What the driver raises, whatever went wrong; a connection that breaks may also show as an error of its own states."""

# Classes of SQLSTATE that say that the rows are at fault: data, integrity, limits, and what a trigger raises.
_OWN = ("22", "23", "54", "P0")


def is_lost(error: BaseException) -> bool:
    """Whether the connection is gone, so that nobody knows what became of the last statement."""
    lost = (
        OSError,
        TimeoutError,
        asyncpg.ConnectionDoesNotExistError,
        asyncpg.InterfaceError,
        asyncpg.InternalClientError,
    )
    if isinstance(error, asyncpg.exceptions.AdminShutdownError | asyncpg.exceptions.CrashShutdownError):
        return True
    return isinstance(error, lost) and not isinstance(error, asyncpg.exceptions.DataError)


def is_own(error: BaseException) -> bool:
    """Whether the rows or statements themselves are at fault, rather than the server or the disk."""
    if isinstance(error, asyncpg.exceptions.DataError | UnicodeError | OverflowError):
        return True  # a value that cannot even be sent
    state = getattr(error, "sqlstate", None)
    return isinstance(error, asyncpg.PostgresError) and state is not None and state[:2] in _OWN


def explain(error: BaseException) -> EvenweaveError:
    """The error of the port for one of the driver."""
    match error:
        case StoreConflict() | StoreRefused() | StoreUnavailable():
            return error
        case _ if is_own(error):
            return StoreRefused(f"PostgreSQL refuses the rows: {_text(error)}", own=True)
        case asyncpg.ReadOnlySQLTransactionError():
            return StoreUnavailable("PostgreSQL is read-only: a replica, or set to be so")
        case asyncpg.DiskFullError():
            return StoreUnavailable("the disk of PostgreSQL is full, nothing was written")
        case asyncpg.InvalidCatalogNameError() | asyncpg.InvalidAuthorizationSpecificationError():
            return StoreUnavailable(f"PostgreSQL does not let us in: {_text(error)}")
        case _:
            return StoreUnavailable(f"PostgreSQL does not answer as it should: {_text(error)}")


def _text(error: BaseException) -> str:
    said = str(error).strip() or type(error).__name__
    return said.splitlines()[0]
