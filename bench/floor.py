"""The floor: the least that any engine has to do for an order, on the same store, with no workflow language at all.

Three durable transitions an order, each an upsert of the instance, a row of the event and a row of the outbox, by one
writer that commits what gathered while the last commit ran. A transition is released to the next step only after its
commit.
"""

from __future__ import annotations

import asyncio
import threading
from collections import deque
from typing import TYPE_CHECKING, Any

import apsw
import msgspec

if TYPE_CHECKING:
    from pathlib import Path

_ENCODE = msgspec.json.Encoder().encode
_DECODE = msgspec.json.Decoder().decode
_BATCH = 2000

_SCHEMA = """
create table instances (id integer primary key, status text, state text, data blob);
create table events (sequence integer primary key, instance integer, type text, data blob);
create table outbox (sequence integer primary key, channel text, data blob);
"""
_UPSERT = """
insert into instances values (?, ?, ?, ?)
on conflict (id) do update set status = excluded.status, state = excluded.state, data = excluded.data
"""

Transition = tuple[tuple[Any, ...], tuple[Any, ...], tuple[Any, ...]]


class Orders:
    """What an order does, on any store."""

    def __init__(self) -> None:
        self._number = 0

    async def place(self, order: dict[str, Any]) -> None:
        """Run an order."""
        self._number += 1
        number, body = self._number, _ENCODE(order)
        data = {"order": _DECODE(body)}
        await self._put(((number, "running", "A", _ENCODE(data)), (number, "order", body), ("order", body)))
        reply = _ENCODE({"orderId": order["orderId"], "status": "ok"})
        data["booked"] = _DECODE(reply)
        await self._put(((number, "running", "B", _ENCODE(data)), (number, "booked", reply), ("payment", reply)))
        reply = _ENCODE({"orderId": order["orderId"], "status": "success"})
        data["payment"] = _DECODE(reply)
        assert data["payment"]["status"] == "success"
        await self._put(((number, "completed", "C", _ENCODE(data)), (number, "paid", reply), ("shipment", reply)))

    def _put(self, transition: Transition) -> asyncio.Future[None]:
        raise NotImplementedError


class SqliteFloor(Orders):
    """The floor on SQLite, WAL and synchronous=FULL."""

    def __init__(self, path: Path) -> None:
        super().__init__()
        self._path = path
        self._loop = asyncio.get_running_loop()
        self._queue: deque[tuple[Transition, asyncio.Future[None]]] = deque()
        self._wake = threading.Event()
        self._stop = False
        self._thread = threading.Thread(target=self._write, daemon=True)
        self._thread.start()

    async def close(self) -> None:
        """Stop the writer."""
        self._stop = True
        self._wake.set()
        await asyncio.to_thread(self._thread.join)

    def _put(self, transition: Transition) -> asyncio.Future[None]:
        future: asyncio.Future[None] = self._loop.create_future()
        self._queue.append((transition, future))
        self._wake.set()
        return future

    def _write(self) -> None:
        connection = apsw.Connection(str(self._path))
        for pragma in ("journal_mode = wal", "synchronous = full", "wal_autocheckpoint = 4000"):
            connection.execute(f"pragma {pragma}")
        connection.execute(_SCHEMA)
        while not self._stop:
            self._wake.wait()
            self._wake.clear()
            while self._queue:
                batch = [self._queue.popleft() for _ in range(min(_BATCH, len(self._queue)))]
                connection.execute("begin immediate")
                connection.executemany(_UPSERT, [each[0] for each, _ in batch])
                connection.executemany("insert into events values (null, ?, ?, ?)", [each[1] for each, _ in batch])
                connection.executemany("insert into outbox values (null, ?, ?)", [each[2] for each, _ in batch])
                connection.execute("commit")
                self._loop.call_soon_threadsafe(_release, [future for _, future in batch])
        connection.close()


def _release(futures: list[asyncio.Future[None]]) -> None:
    for future in futures:
        if not future.done():
            future.set_result(None)
