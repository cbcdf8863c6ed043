"""The stores that are measured: for each a floor, Evenweave on it, and where DBOS keeps its own state."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

import postgres
from floor import SqliteFloor
from subject import Subject

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable
    from pathlib import Path


class Engine(Protocol):
    """What is measured: it runs orders, each to its end."""

    async def place(self, order: dict[str, Any]) -> None:
        """Place an order and return when it has ended."""

    async def close(self) -> None:
        """Stop."""


class Store(NamedTuple):
    """A store.

    Attributes:
        name: As in ``results.json``.
        missing: Says why it cannot be measured here; nothing where it can.
        floor: Opens the floor, with files, if it has any, in an empty folder.
        subject: Opens Evenweave, likewise.
        dbos: Where DBOS keeps its state, as the URL of a database.
    """

    name: str
    missing: Callable[[], Awaitable[str]]
    floor: Callable[[Path], Awaitable[Engine]]
    subject: Callable[[Path], Awaitable[Engine]]
    dbos: Callable[[Path], str]


async def _always() -> str:
    return ""


async def _sqlite_floor(folder: Path) -> Engine:
    return SqliteFloor(folder / "floor.db")


async def _sqlite_subject(folder: Path) -> Engine:
    return await Subject.start(folder / "subject.db")


async def _postgres_floor(_: Path) -> Engine:
    return await postgres.PostgresFloor.start()


STORES = (
    Store(
        name="sqlite",
        missing=_always,
        floor=_sqlite_floor,
        subject=_sqlite_subject,
        dbos=lambda folder: f"sqlite:///{folder / 'dbos.db'}",
    ),
    Store(
        name="postgresql",
        missing=postgres.missing,
        floor=_postgres_floor,
        subject=postgres.open_subject,
        dbos=lambda _: postgres.name_database("evenweave_bench_dbos"),
    ),
)
