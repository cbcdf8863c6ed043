"""Reading in bulk what a transaction is going to look up."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from evenweave.adapters.stores.postgres.lookups import Foreseen
from evenweave.engine import codec
from evenweave.ports.store import Wait

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from evenweave.adapters.stores.postgres.store import PostgresStore
    from evenweave.ports.store import Expected


async def foresee(store: PostgresStore, expected: Expected, *, bold: bool) -> Foreseen:
    """Read what is expected to be looked up; a bold worker reads only what it cannot guess."""
    foreseen = Foreseen()
    ids = [id_ for id_ in dict.fromkeys(expected.instances) if not (bold and store.hot.get(id_) is not None)]
    if ids:
        await check_states(store, foreseen, ids)
    if expected.events and not bold:
        foreseen.sightings = {key: set(_over(store, "dedupe", (key,))) for key, _ in expected.events}
        for row in await store.reader.rows(store.sql["seen"], store.tenant, list(foreseen.sightings)):
            foreseen.sightings[row["key"]].add(row["digest"])
    if expected.claims:
        over = {at: _over(store, "correlations", at) for at in expected.claims}
        foreseen.claims = dict.fromkeys(over)
        for row in await store.reader.rows(store.sql["look_for_claims"], store.tenant, *_columns(over, 2)):
            foreseen.claims[row["definition"], row["key"]] = row["instance"]
        foreseen.claims.update({at: rows[0] for at, rows in over.items() if rows})
    if expected.waits:
        layered = {at: _over(store, "waits", at) for at in expected.waits}
        foreseen.waits = {at: {} for at in layered}
        for row in await store.reader.rows(store.sql["look_for_waits"], store.tenant, *_columns(layered, 3)):
            wait = Wait(row["instance"], row["activation"], row["accept"])
            foreseen.waits[row["definition"], row["channel"], row["key"]][wait] = True
        for at, rows in layered.items():
            foreseen.waits[at].update(rows)
    return foreseen


async def check_states(store: PostgresStore, foreseen: Foreseen, ids: Sequence[str]) -> None:
    """Bring the cache of instances to what is durable; a state is read only where its revision differs.

    Raises:
        evenweave.engine.codec.UnreadableState: The one that was asked for alone cannot be read.
    """
    # The cache may have no room for all of them: what is found here is there for the transaction all the same.
    foreseen.states.update((id_, store.hot.get(id_)) for id_ in ids if store.hot.is_pinned(id_))
    foreseen.checked.update(foreseen.states)
    open_ids = [id_ for id_ in ids if not store.hot.is_pinned(id_)]
    if not open_ids:
        return
    cached = [store.hot.get(id_) for id_ in open_ids]
    revisions = [0 if instance is None else instance.revision for instance in cached]
    missing = set(open_ids)
    known = dict(zip(open_ids, cached, strict=True))
    for row in await store.reader.rows(store.sql["fetch_states"], store.tenant, open_ids, revisions):
        missing.discard(row["id"])
        if row["state"] is not None:
            try:
                known[row["id"]] = instance = codec.decode(row["state"])
            except codec.UnreadableState:
                if len(ids) == 1:
                    raise
                continue  # whoever opens it will be told
            store.hot.remember(row["id"], instance)
        foreseen.checked.add(row["id"])
        foreseen.states[row["id"]] = known[row["id"]]
    for id_ in missing:
        store.hot.forget(id_)
    foreseen.absent |= missing


def _over(store: PostgresStore, table: str, group: tuple[Any, ...]) -> dict[Any, Any]:
    """What is queued: taken before the look-up is sent, for it may be durable before that is answered."""
    return store.overlay.over(table, group, {})


def _columns(rows: Iterable[tuple[str, ...]], width: int) -> list[list[str]]:
    return [list(column) for column in zip(*rows, strict=True)] or [[] for _ in range(width)]
