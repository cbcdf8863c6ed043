"""A process that the crash tests kill: the engine alone, or everything on one database with a load of its own."""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path

from three_parts import ORDER, SHOP, new, serve_shop

from evenweave.app import EnginePart, Whole


async def run_engine(folder: Path, catalog: str, runtime: str) -> None:
    """Serve the engine until killed."""
    part = await EnginePart.start(folder, catalog=catalog, runtime=runtime)
    await part.engine.register("order.yaml", ORDER)
    print("ready", flush=True)
    await asyncio.Event().wait()


async def run_whole(folder: Path, orders: int) -> None:
    """Serve everything, with the shop beside it, and place all orders: those that are there already count once."""
    whole = await Whole.start(folder / "all.db")
    await whole.catalog.register("shop.yaml", SHOP)
    await whole.engine.register("order.yaml", ORDER)
    print("ready", flush=True)
    shop = asyncio.create_task(serve_shop(whole.broker))
    for number in range(orders):
        await whole.broker.publish([("new", new(str(number)))])
    await shop


if __name__ == "__main__":
    if len(sys.argv) == 3:
        asyncio.run(run_whole(Path(sys.argv[1]), int(sys.argv[2])))
    else:
        asyncio.run(run_engine(Path(sys.argv[1]), sys.argv[2], sys.argv[3]))
