"""The SQLite store keeps the contract of its port."""

from __future__ import annotations

from typing import TYPE_CHECKING

import apsw
import pytest

from evenweave.adapters.clocks import JumpingClock
from evenweave.adapters.sqlite import Database, Unit
from evenweave.adapters.stores.sqlite import MIGRATIONS, SqliteStore
from evenweave.ports.store import HistoryEntry
from evenweave.testing.store import StoreContract

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path


class SqliteBench:
    """A store on a file."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.clock = JumpingClock()
        self.store = self._open()

    async def reopen(self) -> None:
        """Close the file and open it again."""
        await self.store.close()
        self.store = self._open()

    async def poison(self, instance: str) -> None:
        """Let a trigger refuse an instance."""
        unit = Unit()
        unit.add(
            f"create trigger planted before update on instances when new.id = '{instance}' "
            "begin select raise(abort, 'planted'); end",
            (),
        )
        await self.store.database.durable(unit)

    def _open(self) -> SqliteStore:
        database = Database.open(self.path, [MIGRATIONS])
        return SqliteStore(database, self.clock)


class TestSqliteStore(StoreContract):
    """The contract, on SQLite."""

    @pytest.fixture
    async def bench(self, tmp_path: Path) -> AsyncIterator[SqliteBench]:
        """An empty store."""
        bench = SqliteBench(tmp_path / "engine.db")
        yield bench
        await bench.store.close()


async def test_store_forgets_cold_instances_but_none_that_is_not_durable(tmp_path: Path) -> None:
    """The cache of decoded instances is bounded, and a state that only it knows stays in it."""
    from evenweave.adapters.stores.hot import Hot
    from evenweave.engine import Instance

    def make(name: str) -> Instance:
        return Instance("default", name, "d", "1", "x", "waiting", 0.0, 0.0)

    hot = Hot(2)
    hot.pin("pinned", 1, make("pinned"))
    for name in ("a", "b", "c"):
        hot.remember(name, make(name))
    assert [hot.get(name) is not None for name in ("a", "b", "c", "pinned")] == [False, True, True, True]
    hot.settle("pinned", 1)
    assert [hot.get(name) is not None for name in ("b", "c", "pinned")] == [False, True, True]
    hot.pin("c", 2, None)
    assert hot.is_gone("c")
    assert hot.get("c") is None


async def test_histories_of_an_older_file_are_kept(tmp_path: Path) -> None:
    """Those that lay under the ids of their instances lie under their numbers, each still that of its instance."""
    path = tmp_path / "engine.db"
    connection = apsw.Connection(str(path))
    connection.execute("create table schema_versions (component text primary key, version integer not null) strict")
    for _, script in MIGRATIONS.scripts()[:6]:
        connection.execute(script)
    connection.execute("insert into schema_versions values (?, 6)", (MIGRATIONS.component,))
    for name in ("one", "two"):
        connection.execute(
            "insert into instances "
            "(tenant, id, definition, version, digest, status, revision, started, updated, state) "
            "values ('default', ?, 'd', '1', '', 'waiting', 2, 0, 0, x'')",
            (name,),
        )
        for revision in (2, 1):
            row = (name, revision, f"{name} {revision}".encode())
            connection.execute("insert into history values ('default', ?, ?, 7.5, ?)", row)
    connection.close()
    bench = SqliteBench(path)
    for name in ("one", "two"):
        found = await bench.store.history(name)
        assert found == [HistoryEntry(revision, 7.5, f"{name} {revision}".encode()) for revision in (1, 2)]
    await bench.store.forget_histories(["one"])
    assert not await bench.store.history("one")
    assert len(await bench.store.history("two")) == 2
    await bench.store.close()
