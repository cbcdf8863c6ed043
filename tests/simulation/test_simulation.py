"""The simulation passes the contracts of the port, plays no history that loses an order, and sees planted faults."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import pytest

from evenweave.adapters.statements import load_statements
from evenweave.adapters.stores.postgres import PostgresStore
from evenweave.adapters.stores.postgres.lookups import Foreseen
from evenweave.adapters.stores.postgres.migrations import PACKAGE
from evenweave.adapters.stores.postgres.transaction import PostgresTransaction
from evenweave.testing.shared_store import SharedStoreContract
from evenweave.testing.simulation import Chance, SimulatedClock, SimulatedServer, committing, run
from evenweave.testing.simulation.statements import STATEMENTS
from evenweave.testing.store import StoreContract
from evenweave.worker.intake import Intake

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

URL = "postgresql://simulated"
SEEDS_AT_ONCE = 125
PARTS = 8


def make_server() -> tuple[SimulatedServer, SimulatedClock]:
    """A server to which nothing happens."""
    clock = SimulatedClock(asyncio.get_running_loop())
    return SimulatedServer(Chance(0, mishaps=0.0), clock), clock


class SimulatedBench:
    """A store on a simulated server."""

    store: PostgresStore

    def __init__(self) -> None:
        self.server, self.clock = make_server()

    async def open(self) -> None:
        """Begin a session."""
        self.store = await PostgresStore.open(URL, self.clock, dial=self.server.dial)

    async def reopen(self) -> None:
        """End the session and begin another."""
        await self.store.close()
        await self.open()

    async def poison(self, instance: str) -> None:
        """Let the server refuse an instance."""
        self.server.poisoned.add(instance)


class TestSimulatedStore(StoreContract):
    """The contract, on the simulated server."""

    @pytest.fixture
    async def bench(self) -> AsyncIterator[SimulatedBench]:
        """An empty store."""
        bench = SimulatedBench()
        await bench.open()
        yield bench
        await bench.store.close()


class SimulatedPair:
    """Two stores on one simulated server."""

    def __init__(self, server: SimulatedServer, one: PostgresStore, two: PostgresStore) -> None:
        self.one = one
        self.two = two
        self._server = server

    async def kill_one(self) -> None:
        """End its session, as its lease does."""
        await self.two.reader.rows(self.two.sql["close_session"], self.two.tenant, self.one.session.id)


class TestSharedSimulatedStore(SharedStoreContract):
    """The contract of stores that are shared, on the simulated server."""

    @pytest.fixture
    async def pair(self) -> AsyncIterator[SimulatedPair]:
        """Two workers' stores."""
        server, clock = make_server()
        one, two = [await PostgresStore.open(URL, clock, dial=server.dial) for _ in range(2)]
        yield SimulatedPair(server, one, two)
        await one.close()
        await two.close()


def test_every_statement_of_the_store_is_simulated() -> None:
    """A statement that the store gains is missed here, not in the middle of a history."""
    assert set(load_statements(PACKAGE)) <= set(STATEMENTS)


def command(*arguments: str) -> subprocess.CompletedProcess[str]:
    """Run the simulation as a person does."""
    line = [sys.executable, "-m", "evenweave.testing.simulation", *arguments]
    environment = {**os.environ, "PYTHONWARNINGS": "default"}
    return subprocess.run(line, capture_output=True, text=True, check=False, timeout=600, env=environment)


@pytest.mark.parametrize("part", range(PARTS))
def test_simulation_loses_doubles_and_leaves_nothing(part: int) -> None:
    """Workers that fail, and are failed, in every way end each order exactly once."""
    seeds = ("--first", str(part * SEEDS_AT_ONCE), "--seeds", str(SEEDS_AT_ONCE))
    done = command(*seeds, "--processes", "1")
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.splitlines()[-1] == f"{SEEDS_AT_ONCE} seeds: 0 lost, 0 doubled, 0 stuck"


def test_seed_plays_the_same_history_again() -> None:
    """A seed is one history, to the time of every burst."""
    first, second = command("--seed", "7"), command("--seed", "7")
    assert (first.returncode, first.stdout) == (0, second.stdout), first.stderr


def drop_second_look(patch: pytest.MonkeyPatch) -> None:
    """Trust what was looked up before the locks of keys were there."""
    patch.setattr(committing, "STEPS", [step for step in committing.STEPS if step is not committing.look_again])


def drop_key_locks(patch: pytest.MonkeyPatch) -> None:
    """Look again without the locks of keys."""
    patch.setattr(committing, "STEPS", [step for step in committing.STEPS if step is not committing.lock_keys])


def trust_revisions(patch: pytest.MonkeyPatch) -> None:
    """Write instances without locking them and comparing their revisions."""
    patch.setattr(committing, "STEPS", [step for step in committing.STEPS if step is not committing.lock_instances])


def forget_what_was_read(patch: pytest.MonkeyPatch) -> None:
    """Take instances for absent that a small cache let go of, though they were read."""
    patch.setattr(Foreseen, "states", property(lambda _: {}, lambda *_: None))


def acknowledge_early(patch: pytest.MonkeyPatch) -> None:
    """Acknowledge events before the transaction that takes them is durable."""
    take = Intake.take

    async def planted(self: Any, deliveries: Any, epoch: int) -> None:
        self._reader.acknowledge(deliveries)
        await take(self, deliveries, epoch)

    patch.setattr(Intake, "take", planted)


def publish_early(patch: pytest.MonkeyPatch) -> None:
    """Publish events before the transaction that they come of is durable."""
    queue = PostgresStore.queue

    def planted(self: Any, transaction: Any) -> Any:
        if transaction.outgoing and self._on_outgoing is not None:
            self._on_outgoing(transaction.outgoing)
        return queue(self, transaction)

    patch.setattr(PostgresStore, "queue", planted)


def forget_what_was_seen(patch: pytest.MonkeyPatch) -> None:
    """Take each event for new."""

    async def planted(_self: Any, _key: bytes, _digest: bytes) -> str:
        return "new"

    patch.setattr(PostgresTransaction, "see", planted)


@pytest.mark.parametrize(
    "plant",
    [
        drop_second_look,
        acknowledge_early,
        publish_early,
        forget_what_was_seen,
        trust_revisions,
        drop_key_locks,
        forget_what_was_read,
    ],
)
def test_simulation_sees_a_planted_fault(plant: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each rule of the protocol that is broken on purpose shows within the 1,000 histories that are played here."""
    plant(monkeypatch)
    assert any(run(seed, workers=1 + seed % 3).wrong for seed in range(PARTS * SEEDS_AT_ONCE))
