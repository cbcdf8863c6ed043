"""Waiting instances that are inserted in bulk for the benchmark are like those that the engine writes."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import apsw
import pytest

from evenweave.adapters.clocks import JumpingClock
from evenweave.app import Whole

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).parents[2]


@pytest.fixture
def seeding(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """The benchmark's module."""
    monkeypatch.syspath_prepend(str(ROOT / "bench"))
    import seeding

    yield seeding
    sys.modules.pop("seeding", None)


async def _open(path: Path, seeding: Any) -> Whole:
    whole = await Whole.start(path, clock=JumpingClock())
    await whole.engine.register("tickets.yaml", seeding.DEFINITION)
    await whole.engine.register("sleepers.yaml", seeding.SLEEPING)
    return whole


def _rows(path: Path, seeding: Any) -> dict[str, set[tuple[Any, ...]]]:
    """All rows, without the numbers that only say in which order they came."""
    connection = apsw.Connection(str(path))
    found = {}
    for table in seeding.TABLES:
        found[table] = set(connection.execute(seeding.make_statements(connection, table)[0]))
    connection.close()
    return found


async def _wait_for(whole: Whole, count: int) -> None:
    for _ in range(10_000):
        if len(await whole.engine.instances(limit=1000)) == count:
            return
        await whole.broker.subscribe("somebody", [])  # as long as a commit takes
    raise AssertionError(f"there never were {count} instances")


async def test_seeded_rows_are_those_that_the_engine_writes(tmp_path: Path, seeding: Any) -> None:
    """The same tickets, by bulk insert and by the engine itself, are the same rows in every table."""
    whole = await _open(tmp_path / "seeded.db", seeding)
    await seeding.write_first(whole)
    await _wait_for(whole, 2)
    await whole.stop()
    for definition in ("tickets", "sleepers"):
        seeding.seed(tmp_path / "seeded.db", definition, 3)
    whole = await _open(tmp_path / "own.db", seeding)
    for number in range(4):
        await seeding.write_first(whole, number)
    await _wait_for(whole, 8)
    await whole.stop()
    seeded, own = (_rows(tmp_path / name, seeding) for name in ("seeded.db", "own.db"))
    assert {table: len(rows) for table, rows in own.items()} == {
        "instances": 8,
        "history": 8,
        "correlations": 8,
        "waits": 4,
    }
    assert seeded == own


async def test_seeded_instances_take_their_events(tmp_path: Path, seeding: Any) -> None:
    """An instance that was inserted is found by its key, and goes on."""
    whole = await _open(tmp_path / "seeded.db", seeding)
    await seeding.write_first(whole)
    await _wait_for(whole, 2)
    await whole.stop()
    seeding.seed(tmp_path / "seeded.db", "tickets", 3)
    whole = await Whole.start(tmp_path / "seeded.db", clock=JumpingClock())
    paid = {"specversion": "1.0", "id": "1", "source": "/bank", "type": "paid", "ticket": seeding.make_event(2)["id"]}
    await whole.broker.publish([("paid", paid)])
    for _ in range(10_000):
        dues = {each.id: each.due for each in await whole.engine.instances(definition="tickets")}
        if dues[seeding.name_instance("tickets", 2)] is not None:
            break
        await whole.broker.subscribe("somebody", [])
    assert [dues[seeding.name_instance("tickets", number)] is not None for number in range(4)] == [
        False,
        False,
        True,
        False,
    ]
    await whole.stop()
