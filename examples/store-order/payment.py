"""The payment service: asks the bank for the money. The bank pays up to a limit."""

import argparse
from typing import Any

from journal import Journal

from evenweave.client import Message, Service

LIMIT = 1000.0


def main() -> None:
    """Serve until stopped."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--runtime", help="where the Runtime listens")
    options.add_argument("--journal", help="the file to note payments in")
    chosen = options.parse_args()
    journal = Journal(chosen.journal)
    service = Service("payment", chosen.runtime)

    @service.subscriber("payment/inbound", reply="payment/outbound")
    async def pay(message: Message) -> dict[str, Any]:
        order = message.data["order"]
        amount = order["total"]
        if amount > LIMIT:
            payment = {"status": "denied", "amount": amount, "reason": f"more than {LIMIT:.2f}"}
        else:
            payment = {"status": "success", "amount": amount}
        journal.note(message.id, order["id"], "paid" if payment["status"] == "success" else "denied", amount=amount)
        return {"payment": payment}

    service.run()


if __name__ == "__main__":
    main()
