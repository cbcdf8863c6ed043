"""An installation moves from one store to another, whole."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import asyncpg
import msgspec
import pytest

from evenweave.adapters.clocks import JumpingClock
from evenweave.adapters.sqlite import Database
from evenweave.adapters.stores.postgres import PostgresStore
from evenweave.adapters.stores.sqlite import MIGRATIONS, SqliteStore
from evenweave.adapters.stores.transfer import LEFT, TABLES, NotMovable
from evenweave.app import export_store, import_store
from evenweave.engine import Fiber, Frame, Instance, codec
from evenweave.ports.store import DefinitionRow, PendingCall, Position, Wait

if TYPE_CHECKING:
    from pathlib import Path

    from evenweave.ports.store import Store


async def fill(store: Store) -> None:
    """Something of everything."""
    made = store.begin()
    for name, status in (("a", "waiting"), ("b", "completed")):
        fibers = [Fiber(1, 0, 0, [Frame("/states/0", 1, {"n": 1}, deadline=9.5)], "sleep")]
        instance = Instance("default", name, "d", "1", "x", status, 1.0, 2.0, revision=1, data={"ü": 1}, fibers=fibers)  # type: ignore[arg-type]
        made.save(instance, codec.encode(instance), msgspec.msgpack.encode([]))
    made.define(DefinitionRow("d", "1", "x", "d.yaml", "text\n", b"{}", 1.0))
    made.claim("d", "k", "a")
    made.listen("d", "c", "", Wait("a", 3, 0))
    made.keep("d", "c", "k", {"id": "kept"}, 50.0)
    made.hold("a", "c", {"id": "held"})
    made.notify("a", "ended", b"\x00\xff")
    made.publish("a", "out", {"id": "sent"})
    made.park("a", "c", {"id": "parked"}, "why", 7.0)
    made.advance("c", Position("log", 8))
    made.call(PendingCall("a", 4, b"call"))
    assert await made.see(b"\x00key", b"\xffdigest") == "new"
    await made.queue()
    retiring = store.begin()
    retiring.disable("d", "x", True)
    await retiring.queue()
    removing = store.begin()
    ended = await removing.instance("b")
    assert ended is not None
    removing.remove_instance(ended, 3.0)
    await removing.queue()


async def list_all(store: Store) -> list[Any]:
    """What somebody sees of a store."""
    fresh = store.begin()
    instance = await store.instance("a")
    assert instance is not None
    return [
        (instance.status, instance.data, instance.due, instance.fibers[0].frames[0].data),
        [(each.id, each.digest, each.document, each.operations, each.disabled) for each in await store.definitions()],
        [each.id for each in await store.instances()],
        await store.due(10.0, 5),
        [each.revision for each in await store.history("a")],
        await fresh.claimant("d", "k"),
        list(await fresh.waits("d", "c", "")),
        [(kept.event, kept.expires) async for kept in fresh.kept("d", "c", None)],
        [each.event for each in await fresh.held("a")],
        [(each.kind, each.cause) for each in await fresh.notices("a")],
        [(each.instance, each.channel, each.event) for each in await store.outbox(0, 9)],
        [(each.event, each.reason, each.at) for each in await store.parked()],
        dict(await store.positions()),
        [(each.instance, each.activation, each.call) for each in await store.take_over_calls(9)],
        await fresh.see(b"\x00key", b"\xffdigest"),
        await fresh.known("b"),
    ]


async def test_everything_moves_to_postgresql_and_back(tmp_path: Path, postgres_url: str) -> None:
    """What a SQLite store had, a PostgreSQL store has, and another SQLite store after it; all go on from there."""
    clock = JumpingClock()
    store: Any = SqliteStore(Database.open(tmp_path / "old" / "engine.db", [MIGRATIONS]), clock)
    await fill(store)
    await store.close()
    there = await export_store(tmp_path / "old", "", tmp_path / "there")
    assert await import_store(tmp_path, postgres_url, tmp_path / "there") == there
    shared = await PostgresStore.open(postgres_url, clock)
    middle = await list_all(shared)
    with pytest.raises(NotMovable, match="works on it"):
        await export_store(tmp_path, postgres_url, tmp_path / "busy")
    await shared.close()
    back = await export_store(tmp_path, postgres_url, tmp_path / "back")
    assert back == there
    assert await import_store(tmp_path / "new", "", tmp_path / "back") == there
    store = SqliteStore(Database.open(tmp_path / "old" / "engine.db", [MIGRATIONS]), clock)
    expected = await list_all(store)
    await store.close()
    store = SqliteStore(Database.open(tmp_path / "new" / "engine.db", [MIGRATIONS]), clock)
    assert await list_all(store) == expected == middle
    await store.close()
    again = await PostgresStore.open(postgres_url, clock)
    made = again.begin()
    instance = Instance("default", "next", "d", "1", "x", "waiting", 1.0, 2.0, revision=1)
    made.save(instance, codec.encode(instance), msgspec.msgpack.encode([]))
    made.define(DefinitionRow("d", "2", "y", "d.yaml", "text", b"{}", 1.0))
    await made.queue()
    assert [each.id for each in await again.instances()] == ["a", "next"]
    assert [each.digest for each in await again.definitions()] == ["x", "y"]
    await again.close()


async def test_import_refuses_a_store_that_is_not_empty(tmp_path: Path, postgres_url: str) -> None:
    """Nothing is written over or mixed with what is there."""
    store = SqliteStore(Database.open(tmp_path / "old" / "engine.db", [MIGRATIONS]), JumpingClock())
    await fill(store)
    await store.close()
    await export_store(tmp_path / "old", "", tmp_path / "file")
    with pytest.raises(NotMovable, match="is not empty"):
        await import_store(tmp_path / "old", "", tmp_path / "file")
    await import_store(tmp_path, postgres_url, tmp_path / "file")
    with pytest.raises(NotMovable, match="is not empty"):
        await import_store(tmp_path, postgres_url, tmp_path / "file")


@pytest.mark.parametrize("to_postgres", [False, True])
async def test_a_damaged_file_is_refused_and_leaves_nothing(
    tmp_path: Path, postgres_url: str, to_postgres: bool
) -> None:
    """A file that ends too early, or is none, is said to be so at its line, and nothing of it is imported."""
    store = SqliteStore(Database.open(tmp_path / "old" / "engine.db", [MIGRATIONS]), JumpingClock())
    await fill(store)
    await store.close()
    await export_store(tmp_path / "old", "", tmp_path / "file")
    lines = (tmp_path / "file").read_bytes().splitlines(keepends=True)
    url = postgres_url if to_postgres else ""
    for number, (content, said) in enumerate(
        [
            (b"".join(lines[:-1]), "ends too early"),
            (b"", "is empty"),
            (b"{}\n", "is no export"),
            (lines[0].replace(b'"evenweave":1', b'"evenweave":99'), "another version"),
            (b"".join(lines[:3]) + lines[3][:20], "line 4: is damaged"),
        ]
    ):
        (tmp_path / "bad").write_bytes(content)
        with pytest.raises(NotMovable, match=said):
            await import_store(tmp_path / f"new{number}", url, tmp_path / "bad")
    counts = await import_store(tmp_path / "new", url, tmp_path / "file")
    assert counts["instances"] == 1


async def test_every_table_and_column_is_known(tmp_path: Path, postgres_url: str) -> None:
    """A table or column that a migration adds moves, or is left on purpose: the test tells who adds it."""
    await (await PostgresStore.open(postgres_url, JumpingClock())).close()
    database = Database.open(tmp_path / "engine.db", [MIGRATIONS])
    found: dict[str, set[str]] = {}
    names = database.reader.rows("select name from sqlite_master where type = 'table' and name not like 'sqlite_%'")
    for (name,) in names:
        found[name] = {row[1] for row in database.reader.rows(f"pragma table_info({name})")}
    await database.close()
    connection = await asyncpg.connect(postgres_url)
    for row in await connection.fetch(
        "select table_name, column_name from information_schema.columns where table_schema = current_schema()"
    ):
        found.setdefault(row[0], set()).add(row[1])
    await connection.close()
    assert set(found) - LEFT == set(TABLES)
    for name, columns in TABLES.items():
        assert found[name] - {"session"} - ({"sequence"} - set(columns)) == set(columns), name
