"""One transaction of the PostgreSQL store: look-ups through the layers, noted; writes collected in memory."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import msgspec

from evenweave.adapters.stores.layered import LayeredTransaction, ask_kept
from evenweave.adapters.stores.postgres.foresight import check_states, foresee
from evenweave.adapters.stores.postgres.lookups import Foreseen, Lookups
from evenweave.ports.store import Held, Kept, Notice, Outgoing, Parked, StoreConflict, Wait

if TYPE_CHECKING:
    import asyncio
    from collections.abc import AsyncIterator, Sequence

    from evenweave.adapters.stores.postgres.store import PostgresStore
    from evenweave.engine import Instance
    from evenweave.ports.store import DefinitionRow, Expected, NoticeKind, Position, Sighting

_DECODE = msgspec.msgpack.Decoder().decode
_PAGE = 64


class Saved(NamedTuple):
    """An instance as it is written; without its state where only its history grew, in a later burst of the group."""

    instance: Instance
    state: bytes
    causes: bytes


class PostgresTransaction(LayeredTransaction):
    """See `evenweave.ports.store.Transaction`."""

    __slots__ = (
        "_any_kept",
        "_bold",
        "_foreseen",
        "_hasty",
        "_store",
        "changes",
        "lookups",
        "parked",
        "removed",
        "saved",
        "sent_rows",
    )

    def __init__(self, store: PostgresStore) -> None:
        super().__init__(store.failures)
        self._store = store
        # Only what was announced may be guessed: a face asks because it wants to know.
        self._bold = self._hasty = False
        self._any_kept: bool | None = None
        self._foreseen = Foreseen()
        self.lookups = Lookups()
        self.saved: list[Saved] = []
        self.removed: list[tuple[str, float]] = []
        self.sent_rows: list[int] = []
        self.parked: list[Parked] = []
        self.changes: list[tuple[str, tuple[Any, ...]]] = []

    # Look-ups.

    async def expect(self, expected: Expected) -> None:
        """Read in bulk what a worker that meets conflicts must know, and what one that meets none cannot guess."""
        self._bold, self._hasty = self._store.bold, self._store.hasty
        self._foreseen = await foresee(self._store, expected, bold=self._bold)

    def rely(self, version: int) -> None:
        """See the port."""
        self.lookups.version = version

    async def see(self, key: bytes, digest: bytes) -> Sighting:
        """Whether the event was seen before; it is recorded."""
        store = self._store
        own = self.layer.over("dedupe", (key,), {})
        before = set(store.overlay.over("dedupe", (key,), {}))
        if key in self._foreseen.sightings:
            before |= self._foreseen.sightings[key]
        elif not self._bold:
            before.update(row["digest"] for row in await store.reader.rows(store.sql["seen"], store.tenant, [key]))
        if digest in before or digest in own:
            return "again"
        self.layer.put("dedupe", (key,), digest, True)
        self.lookups.sightings.add((key, digest))
        self.lookups.seen.setdefault(key, len(before))
        return "changed" if before or own else "new"

    async def instance(self, id: str) -> Instance | None:  # noqa: A002
        """The newest state."""
        if id in self.instances:
            return self.instances[id]
        store, foreseen = self._store, self._foreseen
        if not ((self._bold and store.hot.get(id) is not None) or id in foreseen.checked or id in foreseen.absent):
            await check_states(store, foreseen, [id])
        found = store.hot.get(id)
        if found is None and not store.hot.is_gone(id):
            found = foreseen.states.get(id)
        self.lookups.revisions.setdefault(id, 0 if found is None else found.revision)
        return found

    async def known(self, id: str) -> bool:  # noqa: A002
        """Whether the instance is there, or was."""
        store = self._store
        if id in self.instances or store.hot.get(id) is not None or store.hot.is_gone(id):
            return True
        if self._hasty:
            return False  # the insertion will tell
        return await store.reader.value(store.sql["known"], store.tenant, id) is not None

    async def claimant(self, definition: str, key: str) -> str | None:
        """Who stands for the key."""
        store, at = self._store, (definition, key)
        found: str | None
        own = self.layer.over("correlations", at, {})
        if own:
            found = own[0]
            return found
        queued = store.overlay.over("correlations", at, {})
        if queued:
            found = queued[0]
        elif at in self._foreseen.claims:
            found = self._foreseen.claims[at]
        else:
            read = await store.reader.rows(store.sql["look_for_claims"], store.tenant, [definition], [key])
            found = read[0]["instance"] if read else None
        self.lookups.claims.setdefault(at, found)
        return found

    async def waits(self, definition: str, channel: str, key: str, *, enough: int | None = None) -> Sequence[Wait]:
        """The waits, oldest first; all of them are read, at once for all events of a batch where they are expected."""
        store, at = self._store, (definition, channel, key)
        over = self._rows("waits", at)
        foreseen = self._foreseen.waits.get(at)
        if foreseen is None:
            read = await store.reader.rows(store.sql["look_for_waits"], store.tenant, [definition], [channel], [key])
            foreseen = {Wait(row["instance"], row["activation"], row["accept"]): True for row in read}
        rows: dict[Wait, Any] = {**foreseen, **over}
        before = self.lookups.waits.get(at)
        if before is not None and not before.issuperset(foreseen):
            raise StoreConflict("somebody began to wait between two looks")
        # What the layers hide is in the database all the same.
        self.lookups.waits.setdefault(at, set()).update(rows)
        return [wait for wait, there in rows.items() if there][:enough]

    def unmatched(self, definition: str, channel: str, key: str) -> None:
        """Nobody else may wait there by the time of the commit."""
        self.lookups.unmatched.add((definition, channel, key))

    async def kept(self, definition: str, channel: str | None, key: str | None) -> AsyncIterator[Kept]:
        """Kept events, oldest first; a few are read at a time."""
        lookups, where = self.lookups, (definition, channel, key)
        # Without a key is either the second question of a wait with one, or (``None``) the only one of a wait without.
        if channel is not None and key != "":
            lookups.ask((definition, channel, key or ""))
        over = self._rows("kept", (definition,))
        for sequence, item in over.items():
            lookups.known.setdefault(sequence, None if item is None else (definition, item.channel, item.key))
        layered = [
            item
            for _, item in sorted(over.items())
            if item is not None and channel in {None, item.channel} and key in {None, item.key}
        ]
        if not self._bold and self._any_kept is not False:
            async for item in self._durable_kept(*where):
                self._any_kept = True
                at = (definition, item.channel, item.key)
                if item.sequence not in lookups.known and lookups.has_looked(at):
                    raise StoreConflict("an event was kept between two looks")
                lookups.known[item.sequence] = at
                while layered and layered[0].sequence < item.sequence:
                    yield layered.pop(0)
                if item.sequence not in over:
                    yield item
        for item in layered:
            yield item
        # To the end: whatever is there at the commit besides came meanwhile.
        lookups.kept.add(where)

    async def _durable_kept(self, definition: str, channel: str | None, key: str | None) -> AsyncIterator[Kept]:
        store = self._store
        sql, where = ask_kept(store, definition, channel, key)
        after = 0
        while rows := await store.reader.rows(sql, *where, after, _PAGE):
            for row in rows:
                after = row[0]
                yield Kept(row[0], row[1], row[2], _DECODE(row[3]), row[4])
            if len(rows) < _PAGE:
                return

    async def is_kept(self, definition: str, kept: Kept) -> bool:
        """Whether the event is still kept."""
        rows = self._rows("kept", (definition,))
        if kept.sequence in rows:
            return rows[kept.sequence] is not None
        store = self._store
        return await store.reader.value(store.sql["is_kept"], kept.sequence) is not None

    async def oldest_kept(self, limit: int) -> Sequence[tuple[str, Kept]]:
        """The events that were kept first."""
        store = self._store
        over = self._kept_over(store)
        found: list[tuple[int, str, Kept]] = []
        after = 0
        while rows := await store.reader.rows(store.sql["oldest_kept"], store.tenant, after, limit):
            for row in rows:
                after = row[1]
                if after not in over:
                    found.append((after, row[0], Kept(row[1], row[2], row[3], _DECODE(row[4]), row[5])))
            if len(found) >= limit or len(rows) < limit:
                break
        found += [(sequence, name, item) for sequence, (name, item) in over.items() if item is not None]
        return [(name, item) for _, name, item in sorted(found, key=lambda one: one[0])[:limit]]

    @property
    def kept_count(self) -> int:
        """How many events are kept, as far as it is known, with what this transaction changes."""
        # Decided once: who is told that there are none does not look for them, and hears at the commit if there are.
        # What is queued counts in any case: the store may just have counted what is durable.
        if self._any_kept is None:
            self._any_kept = self._store.kept_count > 0 or self._store.overlay.has("kept")
        count = max(0, self._store.kept_count + self.kept_delta)
        return max(1, count) if self._any_kept else max(0, self.kept_delta)

    async def held(self, instance: str) -> Sequence[Held]:
        """The inbox, oldest first."""
        store = self._store
        over = self._rows("inbox", (instance,))
        durable = await store.reader.rows(store.sql["held"], store.tenant, instance)
        rows: dict[int, Held | None] = {row[0]: Held(row[0], row[1], _DECODE(row[2])) for row in durable}
        rows.update(over)
        return [item for _, item in sorted(rows.items()) if item is not None]

    async def notices(self, instance: str) -> Sequence[Notice]:
        """What other instances have for this one, oldest first."""
        store = self._store
        over = self._rows("notices", (instance,))
        durable = await store.reader.rows(store.sql["notices"], store.tenant, instance)
        rows: dict[int, Notice | None] = {row[0]: Notice(*row) for row in durable}
        rows.update(over)
        return [item for _, item in sorted(rows.items()) if item is not None]

    async def is_pending(self, instance: str, activation: int) -> bool:
        """Whether the call's result has not been consumed."""
        store = self._store
        over = self._rows("calls", (instance,))
        if activation in over:
            return over[activation] is not None
        return bool(await store.reader.rows(store.sql["pending"], store.tenant, instance, activation))

    # Writes.

    def save(self, instance: Instance, state: bytes, causes: bytes) -> None:
        """Write an instance and the history of its burst."""
        self.saved.append(Saved(instance, state, causes))
        if instance.revision > 1:
            self.lookups.revisions.setdefault(instance.id, instance.revision - 1)
        self.instances[instance.id] = instance

    def listen(self, definition: str, channel: str, key: str, wait: Wait) -> None:
        """Add a wait; kept events are looked for next, or there are believed to be none."""
        self.layer.put("waits", (definition, channel, key), wait, True)
        self.lookups.listen((definition, channel, key))

    def keep(self, definition: str, channel: str, key: str, event: dict[str, Any], expires: float) -> None:
        """Keep an event."""
        kept = Kept(self._store.next_sequence(), channel, key, event, expires)
        self.layer.put("kept", (definition,), kept.sequence, kept)
        self.lookups.known[kept.sequence] = (definition, channel, key)
        self.kept_delta += 1

    def unkeep(self, definition: str, kept: Kept) -> None:
        """Remove a kept event."""
        self._remove("kept", (definition,), kept.sequence)
        self.lookups.known[kept.sequence] = (definition, kept.channel, kept.key)
        self.kept_delta -= 1

    def hold(self, instance: str, channel: str, event: dict[str, Any]) -> None:
        """Put an event into an inbox."""
        held = Held(self._store.next_sequence(), channel, event)
        self.layer.put("inbox", (instance,), held.sequence, held)

    def unhold(self, instance: str, held: Held) -> None:
        """Remove an event from an inbox."""
        self._remove("inbox", (instance,), held.sequence)

    def notify(self, instance: str, kind: NoticeKind, cause: bytes) -> None:
        """Leave a notice in an inbox."""
        notice = Notice(self._store.next_sequence(), kind, cause)
        self.layer.put("notices", (instance,), notice.sequence, notice)

    def drop_notice(self, instance: str, notice: Notice) -> None:
        """Remove a notice."""
        self._remove("notices", (instance,), notice.sequence)

    def publish(self, instance: str, channel: str, event: dict[str, Any]) -> None:
        """Publish an event once this is committed."""
        self.outgoing.append(Outgoing(self._store.next_sequence(), instance, channel, event))

    def park(self, instance: str, channel: str, event: dict[str, Any], reason: str, at: float) -> None:
        """Put an event aside."""
        self.parked.append(Parked(0, instance, channel, event, reason, at))

    def suspect(self, log: str, position: int) -> None:
        """The broker counts attempts."""

    def acquit(self) -> None:
        """The broker counts attempts."""

    def leave(self, channel: str, position: Position) -> None:
        """Remember how far the channel was read."""
        self.positions[channel] = position

    def define(self, row: DefinitionRow) -> None:
        """Add a definition; one of the same digest is replaced, so that it becomes the newest."""
        self._change("undefine", row.id, row.digest)
        self._change("define", row.id, row.version, row.digest, row.file, row.document, row.operations, row.created)

    def retire(self, definition: str, digest: str) -> None:
        """Let a definition start no more instances."""
        self._change("retire", definition, digest)

    def disable(self, definition: str, digest: str, disabled: bool) -> None:
        """Let a definition start no instances for a time, or start them again."""
        self._change("disable", definition, digest, disabled)

    def remove_definition(self, definition: str, digest: str) -> None:
        """Remove a definition; where an instance of it is alive that is a conflict."""
        self._change("remove_definition", definition, digest)
        self._change("unschedule", definition, digest)

    def heed(self, definition: str, digest: str, through: float) -> None:
        """Note until when a schedule was heeded."""
        self.layer.put("schedules", (definition, digest), 0, through)

    def remove_instance(self, instance: Instance, at: float) -> None:
        """Remove an instance; a tombstone stays."""
        self.instances[instance.id] = None
        self.removed.append((instance.id, at))

    def sent(self, sequence: int) -> None:
        """Remove an outbox row."""
        self.sent_rows.append(sequence)

    def queue(self) -> asyncio.Future[None]:
        """Queue it; lookups see it from now on."""
        if not self._bold and (self._store.kept_count if self._any_kept is None else self._any_kept):
            # Whoever wanted kept events has looked for them; the others do not care.
            self.lookups.unasked.clear()
        return self._store.queue(self)

    def _change(self, name: str, *values: Any) -> None:
        self.changes.append((name, values))

    def _remove(self, table: str, group: tuple[Any, ...], number: int) -> None:
        """Remove a row; one that this transaction put there itself never is in the database."""
        groups = self.layer.tables.get(table, {})
        own = groups.get(group, {})
        if own.get(number) is not None:
            del own[number]
            if not own:
                del groups[group]  # the overlay has no groups without rows
        else:
            self.layer.put(table, group, number, None)

    def _rows(self, table: str, group: tuple[Any, ...]) -> dict[Any, Any]:
        """What is written and not yet durable: taken before a look-up, for it may be so before that is answered."""
        return self.layer.over(table, group, self._store.overlay.over(table, group, {}))
