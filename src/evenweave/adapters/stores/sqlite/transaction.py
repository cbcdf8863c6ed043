"""One transaction of the SQLite store: lookups through the layers, writes into one unit."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec

from evenweave.adapters.sqlite import Unit
from evenweave.adapters.stores.layered import LayeredTransaction, ask_kept
from evenweave.engine import codec
from evenweave.ports.store import Held, Kept, Notice, Outgoing, Wait

if TYPE_CHECKING:
    import asyncio
    from collections.abc import AsyncIterator, Iterable, Sequence

    from evenweave.adapters.stores.sqlite.store import SqliteStore
    from evenweave.engine import Instance
    from evenweave.ports.store import DefinitionRow, Expected, NoticeKind, Position, Sighting

_ENCODE = msgspec.msgpack.Encoder().encode
_DECODE = msgspec.msgpack.Decoder().decode
_PAGE = 64


class SqliteTransaction(LayeredTransaction):
    """See `evenweave.ports.store.Transaction`. Its lookups never suspend."""

    __slots__ = (
        "_store",
        "left",
        "prepared",
        "unit",
    )

    def __init__(self, store: SqliteStore) -> None:
        super().__init__(store.failures)
        self._store = store
        self.unit = Unit()
        self.prepared: list[Any] = []
        self.left: dict[str, Position] = {}

    # Lookups.

    async def expect(self, expected: Expected) -> None:
        """Nothing is gained: a lookup costs microseconds."""

    def rely(self, version: int) -> None:
        """Nobody else changes the definitions."""

    async def see(self, key: bytes, digest: bytes) -> Sighting:
        """Whether the event was seen before; it is recorded."""
        store = self._store
        rows = {row[0]: True for row in store.reader.rows(store.sql["seen"], (store.tenant, key))}
        known = self._rows("dedupe", (key,), rows)
        if digest in known:
            return "again"
        self.layer.put("dedupe", (key,), digest, True)
        self.unit.add(store.sql["see"], (store.tenant, key, digest, store.clock.now() / 1000))
        return "changed" if known else "new"

    async def instance(self, id: str) -> Instance | None:  # noqa: A002
        """The newest state."""
        if id in self.instances:
            return self.instances[id]
        store = self._store
        found = store.hot.get(id)
        if found is None and not store.hot.is_gone(id):
            data = store.reader.value(store.sql["instance"], (store.tenant, id))
            if data is not None:
                found = codec.decode(data)
                store.hot.remember(id, found)
        return found

    async def known(self, id: str) -> bool:  # noqa: A002
        """Whether the instance is there, or was."""
        store = self._store
        if id in self.instances or store.hot.get(id) is not None or store.hot.is_gone(id):
            return True
        if not store.ids.may_have(id):
            return False
        return store.reader.value(store.sql["known"], (store.tenant, id)) is not None

    async def claimant(self, definition: str, key: str) -> str | None:
        """Who stands for the key."""
        store = self._store
        rows = self._rows("correlations", (definition, key))
        if 0 in rows:
            found: str | None = rows[0]
            return found
        value: str | None = store.reader.value(store.sql["claimant"], (store.tenant, definition, key))
        return value

    async def waits(self, definition: str, channel: str, key: str, *, enough: int | None = None) -> Sequence[Wait]:
        """The waits, oldest first."""
        store, at = self._store, (definition, channel, key)
        # Of those that are read some may be going.
        limit = -1 if enough is None else enough + len(self._rows("waits", at, {}))
        rows = {Wait(*row): True for row in store.reader.rows(store.sql["waits"], (store.tenant, *at, limit))}
        return [wait for wait, there in self._rows("waits", at, rows).items() if there][:enough]

    def unmatched(self, definition: str, channel: str, key: str) -> None:
        """Nobody else writes here."""

    async def kept(self, definition: str, channel: str | None, key: str | None) -> AsyncIterator[Kept]:
        """Kept events, oldest first; a few are read at a time."""
        if not self.kept_count:
            return
        store = self._store
        sql, where = ask_kept(store, definition, channel, key)
        after = 0
        while rows := store.reader.rows(sql, (*where, after, _PAGE)):
            for row in rows:
                after = row[0]
                if self._rows("kept", (definition,), {after: True})[after] is not None:
                    yield Kept(row[0], row[1], row[2], _DECODE(row[3]), row[4])
        # What is not yet durable came later than all that is: sequences are given in order.
        for sequence, item in sorted(self._rows("kept", (definition,)).items()):
            if item is not None and sequence > after and channel in {None, item.channel} and key in {None, item.key}:
                yield item

    async def is_kept(self, definition: str, kept: Kept) -> bool:
        """Whether the event is still kept."""
        rows = self._rows("kept", (definition,))
        if kept.sequence in rows:
            return rows[kept.sequence] is not None
        store = self._store
        return store.reader.value(store.sql["is_kept"], (kept.sequence,)) is not None

    async def oldest_kept(self, limit: int) -> Sequence[tuple[str, Kept]]:
        """The events that were kept first."""
        store = self._store
        over = self._kept_over(store)
        found: list[tuple[str, Kept]] = []
        after = 0
        while rows := store.reader.rows(store.sql["oldest_kept"], (store.tenant, after, limit)):
            for row in rows:
                after = row[1]
                if after not in over:
                    found.append((row[0], Kept(row[1], row[2], row[3], _DECODE(row[4]), row[5])))
                if len(found) == limit:
                    return found
        new = [(definition, item) for _, (definition, item) in sorted(over.items()) if item is not None]
        return [*found, *new[: limit - len(found)]]

    @property
    def kept_count(self) -> int:
        """How many events are kept, with what this transaction changes."""
        return self._store.kept_count + self.kept_delta

    async def held(self, instance: str) -> Sequence[Held]:
        """The inbox, oldest first."""
        store = self._store
        durable = store.reader.rows(store.sql["held"], (store.tenant, instance))
        rows: dict[int, Held | None] = {row[0]: Held(row[0], row[1], _DECODE(row[2])) for row in durable}
        return [item for _, item in sorted(self._rows("inbox", (instance,), rows).items()) if item is not None]

    async def notices(self, instance: str) -> Sequence[Notice]:
        """What other instances have for this one, oldest first."""
        store = self._store
        durable = store.reader.rows(store.sql["notices"], (store.tenant, instance))
        rows: dict[int, Notice | None] = {row[0]: Notice(*row) for row in durable}
        return [item for _, item in sorted(self._rows("notices", (instance,), rows).items()) if item is not None]

    async def is_pending(self, instance: str, activation: int) -> bool:
        """Whether the call's result has not been consumed."""
        rows = self._rows("calls", (instance,))
        if activation in rows:
            return rows[activation] is not None
        store = self._store
        return store.reader.value(store.sql["pending"], (store.tenant, instance, activation)) is not None

    # Writes.

    def save(self, instance: Instance, state: bytes, causes: bytes) -> None:
        """Write an instance and the history of its burst."""
        i, store = instance, self._store
        parent = None if i.parent is None else i.parent[0]
        self.unit.add(
            store.sql["save_instance"],
            (
                store.tenant,
                i.id,
                i.definition,
                i.version,
                i.digest,
                i.status,
                i.revision,
                i.started,
                i.updated,
                i.due,
                parent,
                state,
            ),
        )
        self.unit.add(store.sql["save_history"], (store.tenant, i.id, i.revision, i.updated, causes))
        self.instances[i.id] = instance

    def keep(self, definition: str, channel: str, key: str, event: dict[str, Any], expires: float) -> None:
        """Keep an event."""
        kept = Kept(self._store.next_sequence("kept"), channel, key, event, expires)
        self.layer.put("kept", (definition,), kept.sequence, kept)
        self.kept_delta += 1

    def unkeep(self, definition: str, kept: Kept) -> None:
        """Remove a kept event."""
        self.layer.put("kept", (definition,), kept.sequence, None)
        self.kept_delta -= 1

    def hold(self, instance: str, channel: str, event: dict[str, Any]) -> None:
        """Put an event into an inbox."""
        held = Held(self._store.next_sequence("inbox"), channel, event)
        self.layer.put("inbox", (instance,), held.sequence, held)

    def unhold(self, instance: str, held: Held) -> None:
        """Remove an event from an inbox."""
        self.layer.put("inbox", (instance,), held.sequence, None)

    def notify(self, instance: str, kind: NoticeKind, cause: bytes) -> None:
        """Leave a notice in an inbox."""
        notice = Notice(self._store.next_sequence("inbox"), kind, cause)
        self.layer.put("notices", (instance,), notice.sequence, notice)

    def drop_notice(self, instance: str, notice: Notice) -> None:
        """Remove a notice."""
        self.layer.put("notices", (instance,), notice.sequence, None)

    def publish(self, instance: str, channel: str, event: dict[str, Any]) -> None:
        """Publish an event once this is committed."""
        log = self._store.log
        if log is None:
            self.outgoing.append(Outgoing(0, instance, channel, event))
        else:
            self.prepared.append(log.prepare(channel, event))

    def park(self, instance: str, channel: str, event: dict[str, Any], reason: str, at: float) -> None:
        """Put an event aside."""
        self._add("park", instance, channel, _ENCODE(event), reason, at)

    def suspect(self, log: str, position: int) -> None:
        """Count once more that an event was in hand when a process died."""
        self._add("suspect", log, position)

    def acquit(self) -> None:
        """Forget the counts."""
        self._add("acquit")

    def leave(self, channel: str, position: Position) -> None:
        """Remember how far the channel was read."""
        self.left[channel] = position

    def define(self, row: DefinitionRow) -> None:
        """Add a definition; one of the same digest is replaced, so that it becomes the newest."""
        self._add("remove_definition", row.id, row.digest)
        self._add("define", row.id, row.version, row.digest, row.file, row.document, row.operations, row.created)

    def retire(self, definition: str, digest: str) -> None:
        """Let a definition start no more instances."""
        self._add("retire", definition, digest)

    def disable(self, definition: str, digest: str, disabled: bool) -> None:
        """Let a definition start no instances for a time, or start them again."""
        self.unit.add(self._store.sql["disable"], (disabled, self._store.tenant, definition, digest))

    def remove_definition(self, definition: str, digest: str) -> None:
        """Remove a definition."""
        self._add("remove_definition", definition, digest)
        self._add("unschedule", definition, digest)

    def heed(self, definition: str, digest: str, through: float) -> None:
        """Note until when a schedule was heeded."""
        self._add("heed", definition, digest, through)

    def remove_instance(self, instance: Instance, at: float) -> None:
        """Remove an instance; a tombstone stays."""
        self.instances[instance.id] = None
        self._add("remove_history", instance.id)  # first: it lies under the number of the instance
        self._add("remove_instance", instance.id)
        self._add("remove_inbox", instance.id)
        self._add("bury", instance.id, at)

    def sent(self, sequence: int) -> None:
        """Remove an outbox row."""
        self.unit.add(self._store.sql["sent"], (sequence,))

    def queue(self) -> asyncio.Future[None]:
        """Queue it; lookups see it from now on."""
        return self._store.queue(self)

    def write_layer(self) -> None:
        """Turn what became of each row into its one statement; a row that came and went in between is none."""
        for (definition, key), rows in self._written("correlations"):
            for instance in rows.values():
                if instance is None:
                    self._add("release", definition, key)
                else:
                    self._add("claim", definition, key, instance)
        # Those that go come first: a wait may have another key now.
        for _, rows in self._written("waits"):
            for wait, there in rows.items():
                if not there:
                    self._add("forget", wait.instance, wait.activation, wait.index)
        for (definition, channel, key), rows in self._written("waits"):
            for wait, there in rows.items():
                if there:
                    self._add("listen", definition, channel, key, wait.instance, wait.activation, wait.index)
        for (definition,), rows in self._written("kept"):
            for sequence, kept in rows.items():
                if kept is None:
                    self.unit.add(self._store.sql["unkeep"], (sequence,))
                else:
                    values = (definition, kept.channel, kept.key, kept.expires, _ENCODE(kept.event))
                    self.unit.add(self._store.sql["keep"], (sequence, self._store.tenant, *values))
        for (instance,), rows in self._written("inbox"):
            for sequence, held in rows.items():
                if held is None:
                    self.unit.add(self._store.sql["unhold"], (sequence,))
                else:
                    row = (instance, held.channel, _ENCODE(held.event))
                    self.unit.add(self._store.sql["hold"], (sequence, self._store.tenant, *row))

        for (instance,), rows in self._written("notices"):
            for sequence, notice in rows.items():
                if notice is None:
                    self.unit.add(self._store.sql["unhold"], (sequence,))
                else:
                    told = (sequence, self._store.tenant, instance, notice.kind, notice.cause)
                    self.unit.add(self._store.sql["notify"], told)

        for (instance,), rows in self._written("calls"):
            for activation, call in rows.items():
                if call is None:
                    self._add("end_call", instance, activation)
                else:
                    self._add("call", instance, activation, self._store.session, call)

    def write_outgoing(self) -> None:
        """Write what is published and how far was read: into the log itself where it is here, else into own tables."""
        store = self._store
        for channel, position in self.left.items():
            self._add("advance", channel, position.log, position.position)
        if store.log is not None:
            if self.prepared:
                store.log.append(self.unit, self.prepared)
            if self.positions:
                store.log.acknowledge(self.unit, {name: each.position for name, each in self.positions.items()})
            return
        numbered = [
            Outgoing(store.next_sequence("outbox"), item.instance, item.channel, item.event) for item in self.outgoing
        ]
        self.outgoing = numbered
        for item in numbered:
            self._add("put_outbox", item.sequence, item.instance, item.channel, _ENCODE(item.event))
        for channel, position in self.positions.items():
            self._add("advance", channel, position.log, position.position)

    def _written(self, table: str) -> Iterable[tuple[Any, dict[Any, Any]]]:
        return self.layer.tables.get(table, {}).items()

    def _add(self, name: str, *row: Any) -> None:
        self.unit.add(self._store.sql[name], (self._store.tenant, *row))

    def _rows(self, table: str, group: tuple[Any, ...], rows: dict[Any, Any] | None = None) -> dict[Any, Any]:
        found: dict[Any, Any] = {} if rows is None else rows
        return self.layer.over(table, group, self._store.overlay.over(table, group, found))
