"""What an order leaves behind in memory."""

import asyncio
import gc
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
ORDERS = 100


async def test_bench_garbage_is_not_left_to_the_collector(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing of an order waits for the collector of cycles: looking for it would take a tenth of the time."""
    monkeypatch.syspath_prepend(str(ROOT / "bench"))
    from subject import Subject
    from workload import make_order

    subject = await Subject.start(tmp_path / "x.db")

    async def place(first: int) -> None:
        await asyncio.gather(*(subject.place(make_order(number)) for number in range(first, first + ORDERS)))

    await place(0)
    gc.collect()
    gc.disable()
    try:
        await place(ORDERS)
        found = gc.collect()
    finally:
        gc.enable()
        await subject.close()
    assert found < ORDERS
