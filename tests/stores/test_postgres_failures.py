"""What the PostgreSQL store does where the server, the connection, or a row fails."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import asyncpg
import msgspec
import pytest

from evenweave.adapters.clocks import JumpingClock
from evenweave.adapters.stores.postgres import PostgresStore, PostgresTooNew, PostgresUnusable
from evenweave.adapters.stores.postgres.commit import Commit
from evenweave.engine import Fiber, Frame, Instance, codec
from evenweave.engine.codec import UnreadableState
from evenweave.ports.store import StoreRefused, StoreUnavailable

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable

    from evenweave.adapters.stores.postgres.group import Group

CAUSES = msgspec.msgpack.encode([])


@pytest.fixture
async def store(postgres_url: str) -> AsyncIterator[PostgresStore]:
    """A store."""
    store = await PostgresStore.open(postgres_url, JumpingClock())
    yield store
    await store.close()


@pytest.fixture
async def admin(postgres_url: str) -> AsyncIterator[asyncpg.Connection]:
    """Somebody else on the same schema."""
    connection = await asyncpg.connect(postgres_url)
    yield connection
    await connection.close()


async def test_terminated_connections_are_opened_again(store: PostgresStore, admin: asyncpg.Connection) -> None:
    """After all backends of a worker were ended it goes on by itself; what was not written is said to be so."""
    await _save(store, "before")
    schema = await admin.fetchval("select current_schema()")
    for _ in range(2):
        for link in (store.reader, store._faces, store._house, store._link):
            async with link.use() as connection:
                process = connection.get_server_pid()
            await admin.fetchval("select pg_terminate_backend($1)", process)
        for _ in range(20):
            try:
                await _save(store, f"after {schema}")
                break
            except (StoreUnavailable, StoreRefused):
                continue
        await _until(lambda: _find(store, f"after {schema}"))
    assert await _find(store, "before") is not None


async def test_commit_whose_answer_was_lost_counts_once(store: PostgresStore, monkeypatch: pytest.MonkeyPatch) -> None:
    """A connection that is lost behind the commit, or before it: the worker finds out which it was."""
    run = Commit.run

    async def lose_behind(self: Commit, group: Group) -> None:
        await run(self, group)
        monkeypatch.setattr(Commit, "run", run)
        raise ConnectionResetError("planted")

    async def lose_before(self: Commit, group: Group) -> None:
        monkeypatch.setattr(Commit, "run", run)
        raise ConnectionResetError("planted")

    monkeypatch.setattr(Commit, "run", lose_behind)
    await _save(store, "behind")
    assert await _find(store, "behind") is not None
    monkeypatch.setattr(Commit, "run", lose_before)
    with pytest.raises(StoreUnavailable):
        await _save(store, "before")
    assert await _find(store, "before") is None
    await _save(store, "before")
    assert await _find(store, "before") is not None


async def test_deadlock_is_tried_again(store: PostgresStore, admin: asyncpg.Connection) -> None:
    """A batch that PostgreSQL chose as the victim of a deadlock (40P01) is written when the other one is gone."""
    for name in ("a", "b"):
        await _save(store, name)
    async with store._link.use() as connection:
        await connection.execute("set deadlock_timeout = '3s'")
    await admin.execute("set deadlock_timeout = '100s'")
    # Somebody who takes locks in the other order.
    other = admin.transaction()
    await other.start()
    await admin.execute("select 1 from instances where id = 'b' for update")
    made = store.begin()
    for name in ("a", "b"):
        found = await made.instance(name)
        assert found is not None
        _put(made, name, found.revision + 1)
    durable = made.queue()
    waiting = "select count(*) from pg_locks where not granted and pid = $1"
    process = await _backend(store)
    await _until(lambda: store.reader.value(waiting, process))
    await admin.execute("select 1 from instances where id = 'a' for update")  # the batch is the victim
    await other.rollback()
    await durable
    assert [(await store.instance(name)).revision for name in ("a", "b")] == [2, 2]  # type: ignore[union-attr]


async def test_serialization_failure_is_tried_again(store: PostgresStore, admin: asyncpg.Connection) -> None:
    """A batch that fails with 40001 is nobody's fault, and is written on the next try."""
    await admin.execute("create sequence tries")
    await admin.execute(
        "create function fail_once() returns trigger language plpgsql as $$ begin "
        "if nextval('tries') = 1 then raise 'planted' using errcode = '40001'; end if; return new; end $$"
    )
    await admin.execute("create trigger planted before insert on instances for each row execute function fail_once()")
    await _save(store, "i")
    assert await _find(store, "i") is not None
    assert await admin.fetchval("select last_value from tries") == 2


async def test_database_that_is_read_only_is_said_to_be_so(store: PostgresStore, admin: asyncpg.Connection) -> None:
    """Where nothing can be written the transaction may be handled again, and the error says why."""
    async with store._link.use() as connection:
        await connection.execute("set default_transaction_read_only = on")
    with pytest.raises(StoreUnavailable, match="read-only"):
        await _save(store, "i")
    async with store._link.use() as connection:
        await connection.execute("set default_transaction_read_only = off")
    await _save(store, "i")
    assert await admin.fetchval("select count(*) from instances") == 1


async def test_tables_of_a_newer_version_are_refused_unless_they_only_grew(
    store: PostgresStore, admin: asyncpg.Connection, postgres_url: str
) -> None:
    """A worker starts on tables that a newer version added to, and refuses those it cannot go on with, untouched."""
    await admin.execute("update schema_versions set version = 99")
    await (await PostgresStore.open(postgres_url, JumpingClock())).close()
    await admin.execute("update schema_versions set oldest = 98")
    with pytest.raises(PostgresTooNew, match="version 99"):
        await PostgresStore.open(postgres_url, JumpingClock())
    assert await admin.fetchval("select version from schema_versions") == 99


async def test_workers_that_start_together_migrate_once(postgres_url: str) -> None:
    """Several workers on an empty database all start."""
    stores = await asyncio.gather(*(PostgresStore.open(postgres_url, JumpingClock()) for _ in range(4)))
    assert len({store.session.id for store in stores}) == 4
    for store in stores:
        await store.close()


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("postgresql://someone:hidden@127.0.0.1:1/db", "someone:\\*\\*\\*@127.0.0.1:1"),
        ("postgresql://127.0.0.1:notaport/db", "is no usable URL"),
    ],
)
async def test_database_that_cannot_be_used_is_said_without_its_password(url: str, said: str) -> None:
    """An address where nobody listens, or none at all, is one sentence."""
    with pytest.raises(PostgresUnusable, match=said) as caught:
        await PostgresStore.open(url, JumpingClock())
    assert "hidden" not in str(caught.value)


async def test_damaged_state_is_unreadable_for_its_own_instance_only(
    store: PostgresStore, admin: asyncpg.Connection, postgres_url: str
) -> None:
    """A row that no version can read raises where it is opened; others beside it are read."""
    for name in ("good", "bad"):
        await _save(store, name)
    await admin.execute("update instances set state = '\\x00ff' where id = 'bad'")
    other = await PostgresStore.open(postgres_url, JumpingClock())
    made = other.begin()
    from evenweave.ports.store import Expected

    await made.expect(Expected(instances=["good", "bad"]))
    assert await made.instance("good") is not None
    with pytest.raises(UnreadableState):
        await made.instance("bad")
    with pytest.raises(UnreadableState):
        await other.instance("bad")
    await other.close()


async def test_text_that_postgresql_cannot_hold_is_refused_as_the_rows_own_fault(store: PostgresStore) -> None:
    """A NUL in a name is nobody else's fault, and takes nothing else along for good."""
    made = store.begin()
    made.park("", "chan\0nel", {"id": "e"}, "why", 1.0)
    with pytest.raises(StoreRefused) as caught:
        await made.queue()
    assert caught.value.own
    await _save(store, "i")
    assert await _find(store, "i") is not None


async def _until(condition: Callable[[], Awaitable[Any]]) -> None:
    async with asyncio.timeout(60):
        while True:
            if await condition():
                return
            await asyncio.sleep(0.01)


async def _backend(store: PostgresStore) -> int:
    connection: Any = store._link._connection
    return int(connection.get_server_pid())


async def _find(store: PostgresStore, name: str) -> Instance | None:
    try:
        return await store.instance(name)
    except StoreUnavailable:
        return None


async def _save(store: PostgresStore, name: str) -> None:
    made = store.begin()
    try:
        found = await made.instance(name)
    except StoreUnavailable:
        found = None
    _put(made, name, 1 if found is None else found.revision + 1)
    await made.queue()


def _put(made: Any, name: str, revision: int) -> None:
    fibers = [Fiber(1, 0, 0, [Frame("/states/0", 1, {})], "await")]
    instance = Instance("default", name, "d", "1", "x", "waiting", 1.0, 2.0, revision=revision, fibers=fibers)
    made.save(instance, codec.encode(instance), CAUSES)
