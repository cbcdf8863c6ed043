"""The shipment service: sends parcels. It answers nobody."""

import argparse

from journal import Journal

from evenweave.client import Message, Service


def main() -> None:
    """Serve until stopped."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--runtime", help="where the Runtime listens")
    options.add_argument("--journal", help="the file to note shipments in")
    chosen = options.parse_args()
    journal = Journal(chosen.journal)
    service = Service("shipment", chosen.runtime)

    @service.subscriber("shipment/inbound")
    async def ship(message: Message) -> None:
        journal.note(message.id, message.data["order"]["id"], "shipped")

    service.run()


if __name__ == "__main__":
    main()
