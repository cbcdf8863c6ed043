"""The order service: takes orders into its books."""

import argparse
from typing import Any

from journal import Journal

from evenweave.client import Message, Service


def main() -> None:
    """Serve until stopped."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--runtime", help="where the Runtime listens")
    options.add_argument("--journal", help="the file to note orders in")
    chosen = options.parse_args()
    journal = Journal(chosen.journal)
    service = Service("order", chosen.runtime)

    @service.subscriber("order/inbound", reply="order/outbound")
    async def book(message: Message) -> dict[str, Any]:
        order = message.data["order"]
        journal.note(message.id, order["id"], "booked")
        return {"order": {**order, "status": "booked"}}

    service.run()


if __name__ == "__main__":
    main()
