"""Where each order is: from the journals of the services, and from what the Workflow Engine says of its instances."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec
from msgspec import Struct

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from evenweave.cli.remote import Remote

DEFINITION = "storeorderworkflow"
_PAGE = 1000


class Order(Struct):
    """One order.

    Attributes:
        id: Its id.
        total: What it costs.
        steps: What the services noted of it, in the order in which that was seen.
        events: By service's word, the ids of the events by which it was asked for.
        status: The status of its instance, once that was seen.
        instances: How many instances have this order.
    """

    id: str
    total: float = 0.0
    steps: list[str] = []
    events: dict[str, set[str]] = {}
    status: str = ""
    instances: int = 0

    @property
    def ended_right(self) -> bool:
        """Whether it ended as its payment said: shipped where it was paid, not shipped where it was denied."""
        paid, denied, shipped = ("paid" in self.events, "denied" in self.events, "shipped" in self.events)
        return self.status == "completed" and self.instances == 1 and paid != denied and shipped == paid


class Orders:
    """All orders; `look` again and again."""

    def __init__(self, journals: list[Path]) -> None:
        self.known: dict[str, Order] = {}
        self._journals = dict.fromkeys(journals, 0)

    def look(self) -> Iterator[tuple[Order, str]]:
        """Read what the services noted since the last look; each order with the step that is new."""
        for path, offset in self._journals.items():
            if not path.exists():
                continue
            with path.open("rb") as file:
                file.seek(offset)
                data = file.read()
            whole = data.rfind(b"\n") + 1  # a line may be half written
            self._journals[path] = offset + whole
            for line in data[:whole].splitlines():
                yield from self._note(msgspec.json.decode(line))

    def _note(self, line: dict[str, Any]) -> Iterator[tuple[Order, str]]:
        order = self.known.setdefault(line["order"], Order(line["order"]))
        order.total = line.get("total", order.total)
        seen = order.events.setdefault(line["what"], set())
        if not seen:
            order.steps.append(line["what"])
            yield order, line["what"]
        seen.add(line["event"])

    def ask(self, engine: Remote) -> None:
        """Ask the Workflow Engine for the status of every order's instance."""
        for order in self.known.values():
            order.instances = 0
        for row in list_instances(engine):
            instance = engine.call("GET", f"/v1/instances/{row['id']}")
            found = self.known.get(instance["data"].get("order", {}).get("id", ""))
            if found is not None:
                found.status = instance["status"]
                found.instances += 1


def list_instances(engine: Remote) -> Iterator[dict[str, Any]]:
    """All instances of the store's definition."""
    after = 0
    while True:
        query = {"definition": DEFINITION, "after": after, "max": _PAGE}
        rows = engine.call("GET", "/v1/instances", query=query)
        yield from rows
        if len(rows) < _PAGE:
            return
        after = rows[-1]["sequence"]
