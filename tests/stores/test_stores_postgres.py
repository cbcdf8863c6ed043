"""The PostgreSQL store keeps the contract of its port."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from evenweave.adapters.clocks import JumpingClock
from evenweave.adapters.stores.postgres import PostgresStore
from evenweave.testing.shared_store import SharedStoreContract
from evenweave.testing.store import StoreContract

if TYPE_CHECKING:
    from collections.abc import AsyncIterator


class PostgresBench:
    """A store in a schema."""

    store: PostgresStore

    def __init__(self, url: str) -> None:
        self.url = url
        self.clock = JumpingClock()

    async def reopen(self) -> None:
        """End the session and begin another."""
        await self.store.close()
        await self.open()

    async def open(self) -> None:
        """Begin a session."""
        self.store = await PostgresStore.open(self.url, self.clock)

    async def poison(self, instance: str) -> None:
        """Let a trigger refuse an instance."""
        async with self.store.reader.use() as connection:
            await connection.execute(
                "create function planted() returns trigger language plpgsql as $$ begin raise 'planted'; end $$; "
                "create trigger planted before update on instances for each row "
                f"when (new.id = '{instance}') execute function planted()"
            )


class TestPostgresStore(StoreContract):
    """The contract, on PostgreSQL."""

    @pytest.fixture
    async def bench(self, postgres_url: str) -> AsyncIterator[PostgresBench]:
        """An empty store."""
        bench = PostgresBench(postgres_url)
        await bench.open()
        yield bench
        await bench.store.close()


class PostgresPair:
    """Two stores in one schema."""

    def __init__(self, one: PostgresStore, two: PostgresStore) -> None:
        self.one = one
        self.two = two

    async def kill_one(self) -> None:
        """End its session in the database, as its lease does."""
        await self.two.reader.rows("delete from sessions where id = $1", self.one.session.id)


class TestSharedPostgresStore(SharedStoreContract):
    """The contract of stores that are shared, on PostgreSQL."""

    @pytest.fixture
    async def pair(self, postgres_url: str) -> AsyncIterator[PostgresPair]:
        """Two workers' stores."""
        clock = JumpingClock()
        one, two = [await PostgresStore.open(postgres_url, clock) for _ in range(2)]
        yield PostgresPair(one, two)
        await one.close()
        await two.close()
