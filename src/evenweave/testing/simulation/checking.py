"""What has to be true of a simulated history in the end."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any

from evenweave.engine import codec
from evenweave.engine.burst import LIMITS
from evenweave.errors import EvenweaveError
from evenweave.ports.store import DefinitionRow, HistoryEntry
from evenweave.testing.simulation.compiling import restore
from evenweave.testing.simulation.workload import KINDS, Order
from evenweave.worker.replay import agree, replay

if TYPE_CHECKING:
    from collections.abc import Sequence

    from evenweave.testing.simulation.server import SimulatedServer

EMPTY = ("waits", "kept", "inbox", "outbox", "correlations", "calls", "parked")
"""Tables in which nothing may be left once every order has ended."""


def check(server: SimulatedServer, events: dict[str, list[dict[str, Any]]], orders: Sequence[Order]) -> list[str]:
    """What is wrong, each with the word *lost*, *doubled* or *stuck* in front; a history costs only where all is well.

    Args:
        server: The database.
        events: What is in the broker's log, by channel.
        orders: What was published.
    """
    wrong = [*_check_rows(server), *_check_instances(server, orders), *_check_events(events, orders)]
    return wrong or list(check_histories(server))


def _check_rows(server: SimulatedServer) -> list[str]:
    return [f"stuck: {len(rows)} rows are left in {name}" for name in EMPTY if (rows := server.tables[name])]


def _check_instances(server: SimulatedServer, orders: Sequence[Order]) -> list[str]:
    rows = list(server.tables["instances"].values())
    wanted = sum(KINDS[order.kind].instances for order in orders)
    wrong = [f"stuck: {each['id']} of {each['definition']} is {each['status']}" for each in rows if not _ended(each)]
    if len(rows) < wanted:
        wrong.append(f"lost: {len(rows)} of {wanted} instances were started")
    if len(rows) > wanted:
        wrong.append(f"doubled: {len(rows)} instances were started for {wanted}")
    return wrong


def _ended(row: Any) -> bool:
    return bool(row["status"] == "completed")


def _check_events(events: dict[str, list[dict[str, Any]]], orders: Sequence[Order]) -> list[str]:
    wrong = []
    asked, told = (Counter(event["data"]["n"] for event in events.get(name, ())) for name in ("ask", "tell"))
    for order in orders:
        for what, found, wanted in (("asks", asked, KINDS[order.kind].asks), ("tells", told, KINDS[order.kind].tells)):
            if found[order.name] != wanted:
                word = "lost" if found[order.name] < wanted else "doubled"
                wrong.append(f"{word}: {order.name} {what} {found[order.name]} times, not {wanted}")
    alone = {f"{order.name}/{KINDS[order.kind].starts}" for order in orders if KINDS[order.kind].given_up}
    given_up = {event["id"] for name in events if name.startswith("dead-letter/") for event in events[name]}
    wrong += [f"stuck: {id_} is not given up" for id_ in sorted(alone - given_up)]
    for channel, found_events in events.items():
        ids = Counter((event["source"], event["id"]) for event in found_events)
        wrong += [f"doubled: {id_} is {count} times on {channel}" for id_, count in ids.items() if count > 1]
        if channel.startswith("dead-letter/"):
            wrong += [
                f"lost: {event['id']} is given up: {event['deadletterreason']}"
                for event in found_events
                if event["id"] not in alone
            ]
    return wrong


def check_histories(server: SimulatedServer) -> Sequence[str]:
    """Run each instance's recorded causes again, and compare the state byte for byte."""
    registered = {
        (row.id, row.digest): restore(row)
        for row in (DefinitionRow(**each) for each in server.tables["definitions"].values())
    }

    def find_plan(definition: str, digest: str) -> Any:
        found = registered.get((definition, digest))
        return None if found is None else found.plan

    histories: dict[str, list[HistoryEntry]] = {}
    for (instance, _), row in sorted(server.tables["history"].items()):
        histories.setdefault(instance, []).append(HistoryEntry(row["revision"], row["at"], row["causes"]))
    wrong = []
    for id_, row in server.tables["instances"].items():
        stored = codec.decode(row["state"])
        try:
            same = agree(stored, replay(stored, histories.get(id_, []), find_plan=find_plan, limits=LIMITS))
        except EvenweaveError as error:
            wrong.append(f"lost: the history of {id_} cannot be run again: {error}")
        else:
            if not same:
                wrong.append(f"doubled: the history of {id_} leads to another state than the stored one")
    return wrong
