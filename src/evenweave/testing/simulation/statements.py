"""What each named statement of the PostgreSQL store does, on the tables of the simulated server.

Parameters are those of ``statements.sql``; the tenant is always the same and is left out of keys. What a statement
reads, it reads before it waits for a lock: a snapshot is of its beginning.
"""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any

from evenweave.testing.simulation.committing import commit
from evenweave.testing.simulation.tables import Row, row

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterable

    from evenweave.testing.simulation.server import Statement

ENDED = ("completed", "cancelled")
STOPPED = ("faulted", "suspended")
STATEMENTS: dict[str, Callable[..., Awaitable[list[Row]]]] = {}

_SUMMARY = ("sequence", "id", "definition", "version", "digest", "status", "started", "updated", "due")
_KEPT = ("sequence", "channel", "key", "event", "expires")
_OUTGOING = ("sequence", "instance", "channel", "event")


def _named(function: Callable[..., Awaitable[list[Row]]]) -> Callable[..., Awaitable[list[Row]]]:
    STATEMENTS[function.__name__.strip("_")] = function
    return function


def _sorted(rows: Iterable[Row], by: str = "sequence") -> list[Row]:
    return sorted(rows, key=lambda each: each[by])


# Those of a batch.

STATEMENTS["commit"] = commit


@_named
async def look_for_waits(s: Statement, _t: str, *at: list[str]) -> list[Row]:
    """Waits by definition, channel and key."""
    wanted = set(zip(*at, strict=True))
    return [each for each in _sorted(s.rows("waits")) if (each["definition"], each["channel"], each["key"]) in wanted]


@_named
async def look_for_claims(s: Statement, _t: str, *at: list[str]) -> list[Row]:
    """Who stands for keys."""
    wanted = set(zip(*at, strict=True))
    return [each for each in s.rows("correlations") if (each["definition"], each["key"]) in wanted]


@_named
async def park(s: Statement, _t: str, *q: list[Any]) -> list[Row]:
    """Put causes aside."""
    for values in zip(*q, strict=True):
        number = next(s.server.sequences)
        names = ("sequence", "instance", "channel", "event", "reason", "at")
        await s.put("parked", number, Row(names, (number, *values)))
    return []


@_named
async def bury(s: Statement, _t: str, *q: list[Any]) -> list[Row]:
    """Remember instances that were removed."""
    for instance, at in zip(*q, strict=True):
        await s.insert("tombstones", instance, row(instance=instance, at=at))
    return []


@_named
async def remove_instances(s: Statement, _t: str, ids: list[str]) -> list[Row]:
    """Remove instances."""
    for id_ in ids:
        await s.delete("instances", id_)
    return []


@_named
async def remove_history(s: Statement, _t: str, ids: list[str]) -> list[Row]:
    """Remove the histories of instances."""
    for key in [key for key in s.table("history") if key[0] in ids]:
        await s.delete("history", key)
    return []


@_named
async def remove_inbox(s: Statement, _t: str, ids: list[str]) -> list[Row]:
    """Remove the inboxes of instances."""
    for each in [each for each in s.rows("inbox") if each["instance"] in ids]:
        await s.delete("inbox", each["sequence"])
    return []


# Definitions.


@_named
async def define(s: Statement, _t: str, id_: str, version: str, digest: str, *rest: Any) -> list[Row]:
    """Add a definition."""
    file, document, operations, created = rest
    made = row(
        id=id_,
        version=version,
        digest=digest,
        file=file,
        document=document,
        operations=operations,
        created=created,
        active=True,
        sequence=next(s.server.sequences),
        disabled=False,
    )
    await s.put("definitions", (id_, digest), made)
    return []


@_named
async def retire(s: Statement, _t: str, id_: str, digest: str) -> list[Row]:
    """Let a definition start nothing more."""
    await s.update("definitions", (id_, digest), active=False)
    return []


@_named
async def disable(s: Statement, _t: str, id_: str, digest: str, disabled: bool) -> list[Row]:
    """Let a definition start nothing for a time."""
    await s.update("definitions", (id_, digest), disabled=disabled)
    return []


@_named
async def undefine(s: Statement, _t: str, id_: str, digest: str) -> list[Row]:
    """Remove a definition that is about to be added again."""
    await s.delete("definitions", (id_, digest))
    return []


@_named
async def remove_definition(s: Statement, _t: str, id_: str, digest: str) -> list[Row]:
    """Remove a definition that nobody runs."""
    if await has_live(s, _t, id_, digest) or not await s.delete("definitions", (id_, digest)):
        return []
    return [row(removed=1)]


@_named
async def count_up(s: Statement, _t: str) -> list[Row]:
    """Count the version of the definitions up."""
    found = s.rows("definitions_versions")
    await s.put("definitions_versions", 0, row(version=found[0]["version"] + 1 if found else 1))
    return []


@_named
async def definitions(s: Statement, _t: str) -> list[Row]:
    """All definitions."""
    return _sorted(s.rows("definitions"))


@_named
async def version(s: Statement, _t: str) -> list[Row]:
    """The version of the definitions."""
    return s.rows("definitions_versions")


# Look-ups.


@_named
async def fetch_states(s: Statement, _t: str, ids: list[str], revisions: list[int]) -> list[Row]:
    """The states of instances whose revision is another one."""
    table = s.table("instances")
    return [
        row(id=id_, revision=found["revision"], state=None if found["revision"] == revision else found["state"])
        for id_, revision in zip(ids, revisions, strict=True)
        if (found := table.get(id_)) is not None
    ]


@_named
async def instance(s: Statement, _t: str, id_: str) -> list[Row]:
    """The state of an instance."""
    found = s.table("instances").get(id_)
    return [] if found is None else [found.only("state")]


@_named
async def states(s: Statement, _t: str, before: int, limit: int) -> list[Row]:
    """A page of the states of instances, newest first."""
    found = [each.only("sequence", "id", "state") for each in s.rows("instances") if each["sequence"] < before]
    return _sorted(found)[::-1][:limit]


@_named
async def known(s: Statement, _t: str, id_: str) -> list[Row]:
    """Whether an instance is there, or was."""
    return [row(known=1) for name in ("instances", "tombstones") if id_ in s.table(name)]


@_named
async def seen(s: Statement, _t: str, keys: list[bytes]) -> list[Row]:
    """The digests of dedupe keys."""
    return [each for each in s.rows("dedupe") if each["key"] in set(keys)]


async def _kept(s: Statement, where: dict[str, Any], after: int, limit: int) -> list[Row]:
    found = (each for each in s.rows("kept") if all(each[name] == value for name, value in where.items()))
    return [each.only(*_KEPT) for each in _sorted(found) if each["sequence"] > after][:limit]


@_named
async def kept(s: Statement, _t: str, definition: str, channel: str, key: str, after: int, limit: int) -> list[Row]:
    """Kept events by channel and key."""
    return await _kept(s, {"definition": definition, "channel": channel, "key": key}, after, limit)


@_named
async def kept_channel(s: Statement, _t: str, definition: str, channel: str, after: int, limit: int) -> list[Row]:
    """Kept events of a channel."""
    return await _kept(s, {"definition": definition, "channel": channel}, after, limit)


@_named
async def kept_key(s: Statement, _t: str, definition: str, key: str, after: int, limit: int) -> list[Row]:
    """Kept events of a key."""
    return await _kept(s, {"definition": definition, "key": key}, after, limit)


@_named
async def is_kept(s: Statement, number: int) -> list[Row]:
    """Whether an event is kept."""
    return [row(kept=1)] if number in s.table("kept") else []


@_named
async def oldest_kept(s: Statement, _t: str, after: int, limit: int) -> list[Row]:
    """The events that were kept first."""
    found = [each for each in _sorted(s.rows("kept")) if each["sequence"] > after]
    return [each.only("definition", *_KEPT) for each in found[:limit]]


@_named
async def count_kept(s: Statement, _t: str) -> list[Row]:
    """How many events are kept."""
    return [row(count=len(s.rows("kept")))]


@_named
async def held(s: Statement, _t: str, id_: str) -> list[Row]:
    """The events in an inbox."""
    found = (each for each in s.rows("inbox") if each["instance"] == id_ and each["kind"] == "event")
    return [each.only("sequence", "channel", "cause") for each in _sorted(found)]


@_named
async def notices(s: Statement, _t: str, id_: str) -> list[Row]:
    """The notices in an inbox."""
    found = (each for each in s.rows("inbox") if each["instance"] == id_ and each["kind"] != "event")
    return [each.only("sequence", "kind", "cause") for each in _sorted(found)]


@_named
async def noticed(s: Statement, _t: str, after: int, limit: int) -> list[Row]:
    """Whom notices are for."""
    found = (each for each in s.rows("inbox") if each["kind"] != "event" and each["sequence"] > after)
    return [each.only("sequence", "instance") for each in _sorted(found)][:limit]


@_named
async def positions(s: Statement, _t: str) -> list[Row]:
    """How far channels were read."""
    return s.rows("positions")


@_named
async def instances(s: Statement, _t: str, after: int, *where: Any) -> list[Row]:
    """A page of instances."""
    status, definition, version_, live, since, until, limit = where
    found = [
        each
        for each in _sorted(s.rows("instances"))
        if each["sequence"] > after
        and status in {"", each["status"]}
        and definition in {"", each["definition"]}
        and version_ in {"", each["version"]}
        and not (live and each["status"] in ENDED)
        and since <= each["started"] < until
    ]
    return [each.only(*_SUMMARY) for each in found[:limit]]


STATEMENTS["instances_stopped"] = instances


@_named
async def instances_by_key(s: Statement, _t: str, *where: Any) -> list[Row]:
    """A page of the instances that stand for a key."""
    *rest, limit, key = where
    standing = {each["instance"] for each in s.rows("correlations") if each["key"] == key}
    return [each for each in await instances(s, _t, *rest, 1 << 40) if each["id"] in standing][:limit]


@_named
async def history(s: Statement, _t: str, id_: str) -> list[Row]:
    """The bursts of an instance."""
    found = (each for each in s.rows("history") if each["instance"] == id_)
    return [each.only("revision", "at", "causes") for each in _sorted(found, "revision")]


@_named
async def children(s: Statement, _t: str, parent: str, limit: int) -> list[Row]:
    """The instances that an instance started."""
    found = [each for each in _sorted(s.rows("instances")) if each["parent"] == parent]
    return [each.only(*_SUMMARY) for each in found[:limit]]


@_named
async def has_live(s: Statement, _t: str, definition: str, digest: str) -> list[Row]:
    """Whether an instance of a definition has not ended."""
    return [
        row(live=1)
        for each in s.rows("instances")
        if (each["definition"], each["digest"]) == (definition, digest) and each["status"] not in ENDED
    ][:1]


@_named
async def ended(s: Statement, _t: str, before: float, at: float, id_: str, limit: int) -> list[Row]:
    """Instances that ended before a time, in the order of that."""
    found = [each.only("updated", "id") for each in s.rows("instances") if each["status"] in ENDED]
    later = (each for each in found if each["updated"] < before and (each["updated"], each["id"]) > (at, id_))
    return sorted(later, key=lambda each: (each["updated"], each["id"]))[:limit]


@_named
async def due(s: Statement, _t: str, now: float, limit: int) -> list[Row]:
    """Instances with a deadline that is over."""
    found = [each for each in s.rows("instances") if each["due"] is not None and each["due"] <= now]
    return [each.only("id") for each in _sorted(found, "due")[:limit]]


@_named
async def next_due(s: Statement, _t: str, after: float) -> list[Row]:
    """The earliest deadline behind a time."""
    return [row(min=min((e["due"] for e in s.rows("instances") if e["due"] and e["due"] > after), default=None))]


@_named
async def expired(s: Statement, _t: str, now: float, limit: int) -> list[Row]:
    """Kept events whose time is over."""
    found = [each for each in s.rows("kept") if each["expires"] <= now]
    return [each.only("definition", *_KEPT) for each in _sorted(found, "expires")[:limit]]


@_named
async def outbox(s: Statement, _t: str, session: str, after: int, limit: int) -> list[Row]:
    """What a session has to publish."""
    found = [each for each in s.rows("outbox") if each["session"] == session and each["sequence"] > after]
    return [each.only(*_OUTGOING) for each in _sorted(found)[:limit]]


@_named
async def adopt(s: Statement, _t: str, session: str, limit: int) -> list[Row]:
    """Take over what sessions left that are gone."""
    now = s.server.clock.monotonic()
    live = {each["id"] for each in s.rows("sessions") if each["expires"] > now}
    found = [each for each in _sorted(s.rows("outbox")) if each["session"] not in live][:limit]
    adopted = []
    for each in found:
        newest = await s.lock("outbox", each["sequence"])
        if newest is not None and newest["session"] not in live and newest["session"] != session:
            await s.update("outbox", each["sequence"], session=session)
            adopted.append(each.only(*_OUTGOING))
    return adopted


@_named
async def parked(s: Statement, _t: str, after: int, limit: int) -> list[Row]:
    """What was put aside."""
    return [each for each in _sorted(s.rows("parked")) if each["sequence"] > after][:limit]


@_named
async def census_live(s: Statement, _t: str) -> list[Row]:
    """How many instances of each definition have not ended."""
    found = Counter(each["definition"] for each in s.rows("instances") if each["status"] not in ENDED)
    return [row(definition=definition, count=count) for definition, count in found.items()]


@_named
async def census_stopped(s: Statement, _t: str) -> list[Row]:
    """How many instances of each definition are stopped."""
    found = Counter((e["definition"], e["status"]) for e in s.rows("instances") if e["status"] in STOPPED)
    return [row(definition=name, status=status, count=count) for (name, status), count in found.items()]


@_named
async def census_rows(s: Statement, _t: str) -> list[Row]:
    """How many waits, kept and held events, and parked causes there are."""
    events = sum(each["kind"] == "event" for each in s.rows("inbox"))
    return [row(waits=len(s.rows("waits")), kept=len(s.rows("kept")), inbox=events, parked=len(s.rows("parked")))]


@_named
async def prunable(s: Statement, before: float) -> list[Row]:
    """Whether there is something to prune."""
    return [row(any=any(each["at"] < before for name in ("dedupe", "tombstones") for each in s.rows(name)))]


async def _prune(s: Statement, table: str, before: float, limit: int) -> list[Row]:
    for key in [key for key, each in s.table(table).items() if each["at"] < before][:limit]:
        await s.delete(table, key)
    return []


@_named
async def prune_dedupe(s: Statement, before: float, limit: int) -> list[Row]:
    """Forget old dedupe keys."""
    return await _prune(s, "dedupe", before, limit)


@_named
async def prune_tombstones(s: Statement, before: float, limit: int) -> list[Row]:
    """Forget old tombstones."""
    return await _prune(s, "tombstones", before, limit)


# Calls and schedules.


@_named
async def pending(s: Statement, _t: str, id_: str, activation: int) -> list[Row]:
    """Whether a call is pending."""
    return [row(pending=1)] if (id_, activation) in s.table("calls") else []


@_named
async def take_over_calls(s: Statement, _t: str, session: str, limit: int) -> list[Row]:
    """Take over calls of sessions that are gone."""
    now = s.server.clock.monotonic()
    live = {each["id"] for each in s.rows("sessions") if each["expires"] > now}
    taken = []
    for key in sorted(key for key, each in s.table("calls").items() if each["session"] not in live)[:limit]:
        newest = await s.lock("calls", key)
        if newest is not None and newest["session"] not in live:
            await s.put("calls", key, newest.changed(session=session))
            taken.append(newest.only("instance", "activation", "call"))
    return taken


@_named
async def schedules(s: Statement, _t: str) -> list[Row]:
    """How far schedules were heeded."""
    return s.rows("schedules")


@_named
async def heed(s: Statement, _t: str, *q: list[Any]) -> list[Row]:
    """Note how far schedules were heeded."""
    for definition, digest, through in zip(*q, strict=True):
        key, before = (definition, digest), await s.lock("schedules", (definition, digest))
        latest = through if before is None else max(through, before["through"])
        await s.put("schedules", key, row(definition=definition, digest=digest, through=latest))
    return []


@_named
async def unschedule(s: Statement, _t: str, definition: str, digest: str) -> list[Row]:
    """Forget a schedule."""
    await s.delete("schedules", (definition, digest))
    return []


# Sessions.


@_named
async def open_session(s: Statement, _t: str, id_: str, host: str, process: int, lease_s: float) -> list[Row]:
    """Take a lease."""
    number, expires = next(s.server.sequences) % 1024, s.server.clock.monotonic() + lease_s
    await s.put("sessions", id_, row(id=id_, number=number, host=host, process=process, expires=expires))
    return [row(number=number, now_ms=s.server.clock.now())]


@_named
async def renew_session(s: Statement, _t: str, id_: str, lease_s: float) -> list[Row]:
    """Renew a lease; nothing where it is gone."""
    expires = s.server.clock.monotonic() + lease_s
    return [row(renewed=1)] if await s.update("sessions", id_, expires=expires) else []


@_named
async def close_session(s: Statement, _t: str, id_: str) -> list[Row]:
    """End a lease."""
    await s.delete("sessions", id_)
    return []


@_named
async def open_batches(s: Statement, _t: str, session: str) -> list[Row]:
    """Begin to count the batches of a session."""
    await s.insert("batches", session, row(session=session, number=0))
    return []


@_named
async def close_batches(s: Statement, _t: str, session: str) -> list[Row]:
    """Count them no more."""
    await s.delete("batches", session)
    return []


@_named
async def sweep_batches(s: Statement, _t: str) -> list[Row]:
    """Remove the counts of sessions that are gone."""
    there = s.table("sessions")
    for session in [session for session in s.table("batches") if session not in there]:
        await s.delete("batches", session)
    return []


@_named
async def give_up(s: Statement, _t: str, session: str, number: int) -> list[Row]:
    """Let a batch never be committed any more, where it is not already."""
    found = await s.lock("batches", session)
    if found is not None and found["number"] == number - 1:
        await s.put("batches", session, found.changed(number=number + 1))
    return []


@_named
async def reached(s: Statement, _t: str, session: str) -> list[Row]:
    """The number of a session's last batch."""
    found = s.table("batches").get(session)
    return [] if found is None else [found.only("number")]


@_named
async def sweep_sessions(s: Statement, _t: str) -> list[Row]:
    """Remove leases that are over and hold nothing."""
    holding = {each["session"] for name in ("outbox", "calls") for each in s.rows(name)}
    now = s.server.clock.monotonic()
    for each in [each for each in s.rows("sessions") if each["expires"] < now and each["id"] not in holding]:
        await s.delete("sessions", each["id"])
    return []


@_named
async def count_bytes(s: Statement) -> list[Row]:
    """About as many as there are rows."""
    return [row(bytes=100 * sum(len(table) for table in s.server.tables.values()))]
