"""What is wrong once a load of orders is over: by the services' journals, the store, and the histories run again."""

from __future__ import annotations

import asyncio
import re
import sqlite3
from typing import TYPE_CHECKING, Protocol

from evenweave.app import check_histories_of_file, check_histories_of_store

if TYPE_CHECKING:
    from pathlib import Path

    from evenweave.cli.demo.orders import Order, Orders
    from evenweave.worker.histories import Checked

EMPTY = ("waits", "outbox", "inbox", "correlations", "parked", "calls", "kept")
"""Tables in which nothing may be left."""

MANY = 1_000_000


class Place(Protocol):
    """Where the engine stores its instances."""

    def count(self, sql: str) -> int:
        """A number out of it."""
        ...

    def check_histories(self) -> Checked:
        """Run every history again."""
        ...


class File:
    """A data file."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def count(self, sql: str) -> int:
        """A number out of it."""
        connection = sqlite3.connect(f"file:{self._path}?mode=ro", uri=True, timeout=30)
        try:
            return int(connection.execute(sql).fetchone()[0] or 0)
        finally:
            connection.close()

    def check_histories(self) -> Checked:
        """Run every history again."""
        return asyncio.run(check_histories_of_file(self._path, most=MANY))


class Schema:
    """A schema of a PostgreSQL database."""

    def __init__(self, database: str, name: str) -> None:
        self._database = database
        self._name = name

    @classmethod
    def of(cls, url: str) -> Schema:
        """The one that a URL names."""
        database, _, name = url.rpartition("search_path=")
        return cls(database[:-1], name)

    @property
    def url(self) -> str:
        """What a process is told."""
        return f"{self._database}{'&' if '?' in self._database else '?'}search_path={self._name}"

    def create(self) -> None:
        """Make it."""
        asyncio.run(query(self._database, f"create schema {self._name}"))

    def drop(self) -> None:
        """Remove it with everything in it."""
        asyncio.run(query(self._database, f"set lock_timeout = '60s'; drop schema {self._name} cascade"))

    def count(self, sql: str) -> int:
        """A number out of it."""
        return int(asyncio.run(query(self._database, re.sub(r"from (\w+)", rf"from {self._name}.\1", sql))))

    def check_histories(self) -> Checked:
        """Run every history again."""
        return asyncio.run(check_histories_of_store(self.url, most=MANY))


async def query(url: str, sql: str) -> int:
    """A number out of PostgreSQL; nothing is 0."""
    import asyncpg

    connection = await asyncpg.connect(url, timeout=30)
    try:
        if sql.startswith("select"):
            return int(await connection.fetchval(sql) or 0)
        await connection.execute(sql)
        return 0
    finally:
        await connection.close()


class Findings:
    """What was found so far: how many processes were killed, and what became of the orders.

    Attributes:
        histories: How many were run again and led to the stored state.
        said: What is wrong, a sentence each.
    """

    def __init__(self) -> None:
        self.kills = self.lost = self.doubled = self.stuck = self.histories = 0
        self.said: list[str] = []

    @property
    def wrong(self) -> int:
        """How much is wrong."""
        return self.lost + self.doubled + self.stuck

    def judge(self, orders: Orders, placed: int, place: Place) -> None:
        """Read the journals, the store and the histories."""
        list(orders.look())
        known = list(orders.known.values())
        self._add("lost", placed - sum(map(has_ended, known)), f"of {placed} orders did not end")
        self._add("doubled", sum(map(is_doubled, known)), "orders were asked for, paid or shipped by two events")
        instances = place.count("select count(*) from instances")
        self._add("doubled", max(0, instances - placed), "instances too many")
        self._add("lost", max(0, placed - instances), "instances are missing")
        unended = place.count("select count(*) from instances where status <> 'completed'")
        self._add("stuck", unended, "instances have not completed")
        for table in EMPTY:
            self._add("stuck", place.count(f"select count(*) from {table}"), f"rows are left in {table}")
        checked = place.check_histories()
        self.histories += checked.same
        self._add("lost", checked.gone + len(checked.wrong), f"histories do not lead there: {checked.wrong[:3]}")

    def _add(self, word: str, count: int, what: str) -> None:
        if count:
            setattr(self, word, getattr(self, word) + count)
            self.said.append(f"{word}: {count} {what}")


def is_over(orders: Orders, placed: int, place: Place) -> bool:
    """Whether each order has ended, and nothing is left to be done in the store."""
    list(orders.look())
    if sum(map(has_ended, orders.known.values())) < placed:
        return False
    left = ["instances where status <> 'completed'", *EMPTY]
    return not any(place.count(f"select count(*) from {each}") for each in left)


def has_ended(order: Order) -> bool:
    """Whether the services saw it to its end, as its payment said."""
    paid, denied, shipped = ("paid" in order.events, "denied" in order.events, "shipped" in order.events)
    return paid != denied and shipped == paid


def is_doubled(order: Order) -> bool:
    """Whether a service was asked twice, by different events, or the order was taken by two instances."""
    return any(len(events) > 1 for events in order.events.values()) or len(order.instances) > 1
