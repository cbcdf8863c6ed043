"""Waiting instances by bulk insert: rows like those that the engine itself writes, many at a time.

One instance is run to its wait by the engine. Its rows, with its names replaced by those of another, are the rows of
that other: the names have the same lengths, so that what is encoded stays right.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import apsw

from evenweave.app import TENANT
from evenweave.cloudevents import digest
from evenweave.worker import identity

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from evenweave.app import Whole

CHANNEL = "ticket"
DEFINITION = b"""
id: tickets
version: '1'
specVersion: '0.8'
name: Tickets that wait to be paid
start: Take
states:
  - name: Take
    type: event
    onEvents: [{eventRefs: [Ticket]}]
    transition: Wait
  - name: Wait
    type: event
    onEvents: [{eventRefs: [Paid]}]
    transition: Rest
  - name: Rest
    type: sleep
    duration: P30D
    end: true
events:
  - {name: Ticket, source: '', type: ticket, kind: consumed, correlation: [{contextAttributeName: ticket}]}
  - {name: Paid, source: '', type: paid, kind: consumed, correlation: [{contextAttributeName: ticket}]}
"""
SLEEPING = DEFINITION.replace(b"id: tickets", b"id: sleepers").replace(b"transition: Wait", b"transition: Rest")
"""The same without the wait for the payment: each has a deadline in thirty days."""

TABLES = {"instances": "id", "history": "i.id", "correlations": "instance", "waits": "instance"}
"""The tables that an instance has rows in, each with what names it there."""
_CHUNK = 10_000


def make_event(number: int) -> dict[str, Any]:
    """The event that starts an instance."""
    name = f"ticket-{number:09}"
    return {
        "specversion": "1.0",
        "id": name,
        "source": "/bench",
        "type": CHANNEL,
        "subject": CHANNEL,
        "ticket": name,
        "data": {"ticket": name, "seat": "12F", "price": 19.99},
    }


def name_instance(definition: str, number: int) -> str:
    """The id of the instance that it starts."""
    event = make_event(number)
    return identity.of_event(TENANT, definition, event["source"], event["id"], digest(CHANNEL, event))


async def write_first(whole: Whole, number: int = 0) -> None:
    """Let the engine itself start the instances that the others are like."""
    await whole.broker.publish([(CHANNEL, make_event(number))])


def seed(path: Path, definition: str, count: int) -> None:
    """Add the instances 1 to ``count`` to a database that nobody has open and that holds the instance 0."""
    connection = apsw.Connection(str(path))
    connection.execute("pragma journal_mode = wal")
    connection.execute("pragma synchronous = off")
    first = name_instance(definition, 0)
    for table, column in TABLES.items():
        select, insert = make_statements(connection, table)
        template = list(connection.execute(f"{select} where {column} = ?", (first,)))
        for begin in range(1, count + 1, _CHUNK):
            with connection:
                for row in template:
                    numbers = range(begin, min(begin + _CHUNK, count + 1))
                    connection.executemany(insert, _rename(row, definition, first, numbers))
    connection.execute("pragma wal_checkpoint(truncate)")
    connection.close()


def make_statements(connection: apsw.Connection, table: str) -> tuple[str, str]:
    """How rows are read, without the numbers that only say in which order instances came, and how they are written."""
    if table == "history":
        select = "select i.id, h.revision, h.at, h.causes from history h join instances i on i.sequence = h.instance"
        values = "select sequence, ?2, ?3, ?4 from instances where id = ?1"
        return select, f"insert into history (instance, revision, at, causes) {values}"
    names = [row[1] for row in connection.execute(f"pragma table_info({table})") if row[1] != "sequence"]
    columns, values = ", ".join(names), ", ".join("?" * len(names))
    return f"select {columns} from {table}", f"insert into {table} ({columns}) values ({values})"


def _rename(row: tuple[Any, ...], definition: str, first: str, numbers: range) -> Iterator[tuple[Any, ...]]:
    old = make_event(0)["id"]
    for number in numbers:
        new, instance = make_event(number)["id"], name_instance(definition, number)
        yield tuple(_replace(_replace(value, first, instance), old, new) for value in row)


def _replace(value: Any, old: str, new: str) -> Any:
    if isinstance(value, str):
        return value.replace(old, new)
    if isinstance(value, bytes):
        return value.replace(old.encode(), new.encode())
    return value
