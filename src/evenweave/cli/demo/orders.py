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
PLACED = "placed"
ENDED = {"completed", "faulted", "cancelled"}
_PAGE = 1000


class Order(Struct):
    """One order.

    Attributes:
        id: Its id.
        total: What it costs.
        steps: What the services noted of it, in the order in which that was seen.
        events: By service's word, the ids of the events by which it was asked for.
        status: The status of its instance, once that was asked for.
    """

    id: str
    total: float = 0.0
    steps: list[str] = []
    events: dict[str, set[str]] = {}
    status: str = ""

    @property
    def instances(self) -> set[str]:
        """The instances that asked a service for something: the id of an event begins with its instance's."""
        asked = (event for step, events in self.events.items() if step != PLACED for event in events)
        return {event.rpartition(":")[0] for event in asked}

    @property
    def ended_right(self) -> bool:
        """Whether it ended as its payment said: shipped where it was paid, not where it was denied; each once."""
        paid, denied, shipped = ("paid" in self.events, "denied" in self.events, "shipped" in self.events)
        once = all(len(events) == 1 for events in self.events.values()) and len(self.instances) == 1
        return self.status == "completed" and once and paid != denied and shipped == paid


class Orders:
    """All orders; `look` again and again."""

    def __init__(self, journals: list[Path]) -> None:
        self.known: dict[str, Order] = {}
        self._journals = dict.fromkeys(journals, 0)

    @property
    def placed(self) -> int:
        """How many the store has placed."""
        return sum(PLACED in order.events for order in self.known.values())

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

    def take_statuses(self, statuses: dict[str, str]) -> None:
        """Note what the Workflow Engine says of each order's instance, by instance."""
        for order in self.known.values():
            found = {statuses.get(instance, "") for instance in order.instances}
            order.status = found.pop() if len(found) == 1 else ""


class Instances:
    """What the Workflow Engine says of the instances of the store's definition.

    Attributes:
        statuses: The newest status of each instance, by its id.
    """

    def __init__(self, engine: Remote) -> None:
        self.statuses: dict[str, str] = {}
        self._engine = engine
        self._settled = 0

    @property
    def ended(self) -> int:
        """How many have ended, or stopped with an error."""
        return sum(status in ENDED for status in self.statuses.values())

    def look(self) -> None:
        """Ask for all that had not ended when they were last seen, page by page.

        Instances come in the order of their starts, and end in nearly the same: behind the oldest one that has not
        ended, only a few are asked for again.
        """
        after, settled = self._settled, True
        while True:
            query = {"definition": DEFINITION, "after": after, "max": _PAGE}
            rows = self._engine.call("GET", "/v1/instances", query=query)
            for row in rows:
                self.statuses[row["id"]] = row["status"]
                settled = settled and row["status"] in ENDED
                after = row["sequence"]
                if settled:
                    self._settled = after
            if len(rows) < _PAGE:
                return
