"""The function `commit_batch_1` of the PostgreSQL store's migrations, statement by statement.

Each part that is a statement there takes its own snapshot here, and others run in between: `look_again` behind
`lock_keys` sees what was committed while the locks were waited for, as the function is volatile.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import asyncpg

from evenweave.adapters.stores.postgres.migrations import scripts
from evenweave.testing.simulation.tables import Row, row

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterator

    from evenweave.testing.simulation.server import Statement

FUNCTION = "commit_batch_1"

CONFLICT, BURIED, SUPERSEDED = "EW001", "EW002", "EW003"


def _find_parameters() -> tuple[str, ...]:
    for _, _, sql in reversed(scripts()):
        found = re.search(rf"create (?:or replace )?function {FUNCTION}\((.*?)\) returns", sql, re.DOTALL)
        if found is not None:
            return tuple(re.findall(r"\bp_(\w+)", found[1]))
    raise LookupError(f"no migration has the function {FUNCTION}")


PARAMETERS = _find_parameters()


class Batch:
    """The parameters of a call, by name without their prefix."""

    def __init__(self, values: tuple[Any, ...]) -> None:
        self._values = dict(zip(PARAMETERS, values, strict=True))

    def __getitem__(self, name: str) -> Any:
        return self._values[name]

    def zip(self, group: str, *names: str) -> Iterator[tuple[Any, ...]]:
        """Rows out of columns."""
        return zip(*(self._values[f"{group}_{name}"] for name in names), strict=True)


def refuse(state: str, message: str) -> asyncpg.PostgresError:
    """What the function raises."""
    error = asyncpg.PostgresError(message)
    error.sqlstate = state
    return error


async def begin(s: Statement, b: Batch) -> None:
    """The number of the batch, and the definitions."""
    batch = await s.lock("batches", b["session"])
    if batch is None or batch["number"] != b["number"] - 1:
        raise refuse(SUPERSEDED, "the batch was given up before it was written")
    await s.put("batches", b["session"], batch.changed(number=b["number"]))
    await s.advise(b["definitions"], shared=not b["exclusive"])


async def check_definitions(s: Statement, b: Batch) -> None:
    """By which definitions it was made."""
    versions = s.rows("definitions_versions")
    if b["version"] is not None and (versions[0]["version"] if versions else 0) != b["version"]:
        raise refuse(CONFLICT, "the definitions are other ones meanwhile")


async def see(s: Statement, b: Batch) -> None:
    """1. Events that are new."""
    keys = set(b["event_key"])
    known = sum(key in keys for key, _ in s.table("dedupe"))
    added = 0
    for key, digest in b.zip("event", "key", "digest"):
        added += await s.insert("dedupe", (key, digest), row(key=key, digest=digest, at=b["now"]))
    if keys and (added != len(b["event_key"]) or known != b["event_seen"]):
        raise refuse(CONFLICT, "another worker took an event meanwhile")


async def lock_instances(s: Statement, b: Batch) -> None:
    """2. Instances as they were."""
    for id_, revision in sorted(zip(b["opened"], b["revision"], strict=True)):
        found = await s.lock("instances", id_)
        if (0 if found is None else found["revision"]) != revision:
            raise refuse(CONFLICT, f"another worker moved instance {id_} meanwhile")


async def lock_keys(s: Statement, b: Batch) -> None:
    """3. Keys, in a statement of its own."""
    for number in b["lock"]:
        await s.advise(number)


async def look_again(s: Statement, b: Batch) -> None:
    """3. Waits, claims and kept events that were not there before."""
    unmatched = set(b.zip("unmatched", "definition", "channel", "key"))
    known = set(b.zip("known", "instance", "activation", "accept"))
    for wait, found in s.table("waits").items():
        if (found["definition"], found["channel"], found["key"]) in unmatched and wait not in known:
            raise refuse(CONFLICT, "somebody waits for an event meanwhile")
    claims = s.table("correlations")
    for definition, key, instance in b.zip("again", "definition", "key", "instance"):
        standing = claims.get((definition, key))
        if (None if standing is None else standing["instance"]) != instance:
            raise refuse(CONFLICT, "another instance stands for a key meanwhile")
    both = set(b.zip("both", "definition", "channel", "key"))
    channels = set(b.zip("channel", "definition", "channel"))
    keys, numbers = set(b.zip("key", "definition", "key")), set(b["known_kept"])
    for number, found in s.table("kept").items():
        definition, channel, key = found["definition"], found["channel"], found["key"]
        if number not in numbers and (
            (definition, channel, key) in both or (definition, channel) in channels or (definition, key) in keys
        ):
            raise refuse(CONFLICT, "an event was kept meanwhile")


async def write_instances(s: Statement, b: Batch) -> None:
    """4. Instances and their history."""
    names = ("id", "definition", "version", "digest", "status", "revision", "started", "updated", "due", "parent")
    for values in b.zip("new", *names, "state"):
        made = dict(zip((*names, "state"), values, strict=True))
        added = await s.insert("instances", made["id"], row(sequence=next(s.server.sequences), **made))
        if not added or made["id"] in s.table("tombstones"):
            raise refuse(BURIED, "an instance was started meanwhile, or was there before")
    changed = ("definition", "version", "digest", "status", "revision", "updated", "due", "state")
    for id_, *rest in b.zip("old", "id", *changed):
        if id_ in s.server.poisoned:
            raise refuse("P0001", "planted")
        await s.update("instances", id_, **dict(zip(changed, rest, strict=True)))
    for values in b.zip("history", "instance", "revision", "at", "causes"):
        if not await s.insert("history", values[:2], Row(("instance", "revision", "at", "causes"), values)):
            raise refuse("23505", "simulated: duplicate key value violates unique constraint of history")


async def write_log(s: Statement, b: Batch) -> None:
    """4. What is published, was sent, and was read."""
    for values in b.zip("out", "sequence", "instance", "channel", "event"):
        names = ("session", "sequence", "instance", "channel", "event")
        await s.put("outbox", values[0], Row(names, (b["session"], *values)))
    for number in b["sent"]:
        await s.delete("outbox", number)
    for values in b.zip("position", "channel", "log", "position"):
        await s.put("positions", values[0], Row(("channel", "log", "position"), values))


async def write_waits(s: Statement, b: Batch) -> None:
    """4. Keys and waits; those that go come first."""
    for at in b.zip("free", "definition", "key"):
        await s.delete("correlations", at)
    for values in b.zip("claim", "definition", "key", "instance"):
        await s.put("correlations", values[:2], Row(("definition", "key", "instance"), values))
    for wait in b.zip("forget", "instance", "activation", "accept"):
        await s.delete("waits", wait)


async def write_new_waits(s: Statement, b: Batch) -> None:
    """4. Waits that come."""
    names = ("definition", "channel", "key", "instance", "activation", "accept")
    for values in b.zip("listen", *names):
        made = Row(("sequence", *names), (next(s.server.sequences), *values))
        if not await s.insert("waits", values[3:], made):
            raise refuse("23505", "simulated: duplicate key value violates unique constraint of waits")


async def write_kept(s: Statement, b: Batch) -> None:
    """4. Kept events."""
    for number in b["unkept"]:
        if not await s.delete("kept", number):
            raise refuse(CONFLICT, "another worker took a kept event meanwhile")
    names = ("sequence", "definition", "channel", "key", "expires", "event")
    for values in b.zip("kept", *names):
        await s.put("kept", values[0], Row(names, values))


async def write_inboxes(s: Statement, b: Batch) -> None:
    """4. Inboxes."""
    for number in b["unheld"]:
        if not await s.delete("inbox", number):
            raise refuse(CONFLICT, "another worker took a notice meanwhile")
    names = ("sequence", "instance", "kind", "channel", "cause")
    for values in b.zip("held", *names):
        await s.put("inbox", values[0], Row(names, values))


async def write_calls(s: Statement, b: Batch) -> None:
    """4. Pending calls."""
    for at in b.zip("ended", "instance", "activation"):
        await s.delete("calls", at)
    for instance, activation, call in b.zip("call", "instance", "activation", "call"):
        made = row(instance=instance, activation=activation, session=b["session"], call=call)
        await s.put("calls", (instance, activation), made)


STEPS: list[Callable[[Statement, Batch], Awaitable[None]]] = [
    begin,
    check_definitions,
    see,
    lock_instances,
    lock_keys,
    look_again,
    write_instances,
    write_log,
    write_waits,
    write_new_waits,
    write_kept,
    write_inboxes,
    write_calls,
]
"""In the function's order."""


async def commit(s: Statement, *values: Any) -> list[Row]:
    """Run the function: each step on a snapshot of its own, with time for others in between."""
    batch = Batch(values)
    for step in STEPS:
        await step(s.following(), batch)
        await s.server.chance.pause_shortly()
    return []
