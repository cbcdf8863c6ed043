"""The online store: customers order. Every fifth order is larger than the bank pays."""

import argparse
import asyncio
from typing import Any

from journal import Journal

from evenweave.client import Service

AT_ONCE = 16


def make_order(number: int) -> dict[str, Any]:
    """The order of a number, the same at each run."""
    denied = number % 5 == 4
    items: list[dict[str, Any]] = [
        {"sku": f"SKU-{(number * 7 + line) % 1000:04d}", "quantity": line + 1, "price": 10.0 * (number % 9 + 1)}
        for line in range(number % 3 + 1)
    ]
    if denied:
        items.append({"sku": "SKU-9999", "quantity": 1, "price": 1500.0})
    total = sum(item["quantity"] * item["price"] for item in items)
    return {"id": f"o-{number + 1:04d}", "customer": f"c-{number % 7}", "items": items, "total": total}


async def place(service: Service, journal: Journal, numbers: range, every_s: float) -> None:
    """Place orders, some at a time, one begun every so many seconds."""
    turns = asyncio.Semaphore(AT_ONCE)

    async def place_one(number: int) -> None:
        order = make_order(number)
        async with turns:
            event = await service.publish("store/order", {"order": order}, type="NewOrder", id=f"order-{order['id']}")
        journal.note(event, order["id"], "placed", total=order["total"])

    async with service.running(), asyncio.TaskGroup() as placing:
        for number in numbers:
            placing.create_task(place_one(number))
            await asyncio.sleep(every_s)


def main() -> None:
    """Place orders and exit when the Runtime has them all."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--runtime", help="where the Runtime listens")
    options.add_argument("--journal", help="the file to note orders in")
    options.add_argument("--orders", type=int, default=5, help="how many orders to place")
    options.add_argument("--first", type=int, default=0, help="the number of the first one")
    options.add_argument("--every", type=float, default=0.0, metavar="SECONDS", help="the pause between two")
    chosen = options.parse_args()
    numbers = range(chosen.first, chosen.first + chosen.orders)
    asyncio.run(place(Service("store", chosen.runtime), Journal(chosen.journal), numbers, chosen.every))


if __name__ == "__main__":
    main()
