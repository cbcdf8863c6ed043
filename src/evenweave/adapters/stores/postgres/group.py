"""What several queued transactions come to as one: what must still be true, which keys are locked, what is written."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec

from evenweave.adapters.stores.overlay import Layer
from evenweave.adapters.stores.postgres.keys import ANY
from evenweave.adapters.stores.postgres.lookups import Lookups

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from evenweave.adapters.stores.postgres.keys import LockKeys
    from evenweave.adapters.stores.postgres.transaction import PostgresTransaction, Saved
    from evenweave.ports.store import Kept, Position, Wait

_ENCODE = msgspec.msgpack.Encoder().encode

Columns = list[list[Any]]


class Group:
    """Transactions in the order queued, merged; see the module."""

    def __init__(self, transactions: Sequence[PostgresTransaction]) -> None:
        self.transactions = transactions
        self.lookups = Lookups()
        self.layer = Layer()
        self.saved: dict[str, Saved] = {}
        self.history: list[Saved] = []
        self.removed: list[tuple[str, float]] = []
        self.positions: dict[str, Position] = {}
        self.changes: list[tuple[str, tuple[Any, ...]]] = []
        self.unmatched: set[tuple[str, str, str]] = set()
        """Where an event found nobody: definition, channel and key, under each key by which waits were looked for."""
        self._known_waits: dict[tuple[str, str, str], set[Wait]] = {}
        for each in transactions:
            self._add(each)
        self.lookups.known = _known_to_all([each.lookups for each in transactions])

    def _add(self, made: PostgresTransaction) -> None:
        """Take one in; what it looked up and an earlier one of the group wrote is not asked of the database."""
        into, found = self.lookups, made.lookups
        into.sightings |= found.sightings
        for event, count in found.seen.items():
            into.seen.setdefault(event, count)
        for id_, revision in found.revisions.items():
            if id_ not in self.saved:
                into.revisions.setdefault(id_, revision)
        written = self.layer.tables.get("correlations", {})
        for at_key, instance in found.claims.items():
            if at_key not in written:
                into.claims.setdefault(at_key, instance)
        into.kept |= found.kept
        into.unasked.update(found.unasked)
        if found.version is not None:
            into.version = found.version if into.version is None else min(into.version, found.version)
        for table, groups in made.layer.tables.items():
            for group, rows in groups.items():
                for key, row in rows.items():
                    self._put(table, group, key, row)
        for saved in made.saved:
            self.saved[saved.instance.id] = saved
            self.history.append(saved)
        self._note_unmatched(made)
        self.removed += made.removed
        self.positions.update(made.positions)
        self.changes += made.changes

    def _put(self, table: str, group: tuple[Any, ...], key: Any, row: Any) -> None:
        if row is None and table in {"kept", "inbox", "notices"}:
            there = self.layer.tables.get(table, {}).get(group, {})
            if there.get(key) is not None:
                del there[key]  # it came and went in between
                return
        self.layer.put(table, group, key, row)

    def _note_unmatched(self, made: PostgresTransaction) -> None:
        unmatched = set(made.lookups.unmatched)
        for (definition,), rows in made.layer.tables.get("kept", {}).items():
            for kept in rows.values():
                if kept is not None:
                    unmatched |= {at for at in made.lookups.waits if at[:2] == (definition, kept.channel)}
                    unmatched.add((definition, kept.channel, kept.key))
        for at in unmatched:
            known = made.lookups.waits.get(at, set())
            # One that a later transaction found is news for the one whose event found nobody.
            self._known_waits[at] = known & self._known_waits.get(at, known)
        self.unmatched |= unmatched

    # What must still be true.

    @property
    def is_plain(self) -> bool:
        """Whether there is nothing that is rare: no cause put aside, instance removed, definition or schedule noted."""
        rare = self.removed or self.changes or "schedules" in self.layer.tables
        return not (rare or any(each.parked for each in self.transactions))

    @property
    def waits_known(self) -> list[tuple[str, int, int]]:
        """The waits that were found where an event found nobody to take it."""
        found = set[Any]().union(*self._known_waits.values())
        return [(wait.instance, wait.activation, wait.index) for wait in found]

    def lock_numbers(self, keys: LockKeys) -> list[int]:
        """The advisory locks of keys to take, sorted; see docs/design/postgres.md."""
        numbers = set()
        for definition, channel, key in self.unmatched:
            numbers.add(keys.key(definition, channel, key))
            numbers.add(keys.key(definition, channel, ""))
            numbers.add(keys.key(definition, ANY, key))
        for definition, channel_, key_ in (*self.lookups.kept, *self.lookups.unlooked):
            numbers.add(keys.key(definition, channel_ or ANY, key_ or ""))
        for (definition, key), rows in self._table("correlations"):
            if rows[0] is not None:
                numbers.add(keys.key(definition, ANY, key))
        return sorted(numbers)

    @property
    def claims_again(self) -> dict[tuple[str, str], str | None]:
        """Who is to stand for which key still; where somebody does and was moved, its own row tells."""
        written = self.layer.tables.get("correlations", {})
        return {at: found for at, found in self.lookups.claims.items() if found is None or at in written}

    @property
    def kept_again(self) -> list[Columns]:
        """Where no kept event may be besides those known: by all three, by channel, by key."""
        both, channels, keys = set(), set(), set()
        for definition, channel, key in (*self.lookups.kept, *self.lookups.unlooked):
            if channel is None:
                keys.add((definition, key))
            elif key is None:
                channels.add((definition, channel))
            else:
                both.add((definition, channel, key))
        return [_columns(both, 3), _columns(channels, 2), _columns(keys, 2)]

    # What is written.

    def instances(self) -> tuple[Columns, Columns, Columns]:
        """Rows of new instances, of those that are there, both by id, and of their history."""
        new, old = [], []
        gone = {id_ for id_, _ in self.removed}
        for id_, (instance, state, _) in sorted(self.saved.items()):
            i = instance
            if id_ in gone:
                continue
            if self.lookups.revisions.get(id_, 0) == 0:
                parent = None if i.parent is None else i.parent[0]
                new.append(
                    (
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
                    )
                )
            else:
                old.append((i.id, i.definition, i.version, i.digest, i.status, i.revision, i.updated, i.due, state))
        history = [(s.instance.id, s.instance.revision, s.instance.updated, s.causes) for s in self.history]
        return _columns(new, 11), _columns(old, 9), _columns(history, 4)

    def outgoing(self) -> Columns:
        """Outbox rows, in order."""
        rows = [
            (item.sequence, item.instance, item.channel, _ENCODE(item.event))
            for each in self.transactions
            for item in each.outgoing
        ]
        return _columns(rows, 4)

    def sent(self) -> list[int]:
        """Outbox rows that go."""
        return sorted(sequence for each in self.transactions for sequence in each.sent_rows)

    def positioned(self) -> Columns:
        """How far channels were read."""
        return _columns([(name, each.log, each.position) for name, each in sorted(self.positions.items())], 3)

    def claimed(self) -> tuple[Columns, Columns]:
        """Keys that are given free, and claimed."""
        free = [at for at, rows in self._table("correlations") if rows[0] is None]
        taken = [(*at, rows[0]) for at, rows in self._table("correlations") if rows[0] is not None]
        return _columns(sorted(free), 2), _columns(sorted(taken), 3)

    def listening(self) -> tuple[Columns, Columns]:
        """Waits that go, and those that come."""
        gone, new = [], []
        for at, rows in self._table("waits"):
            for wait, there in rows.items():
                if there:
                    new.append((*at, wait.instance, wait.activation, wait.index))
                else:
                    gone.append((wait.instance, wait.activation, wait.index))
        return _columns(gone, 3), _columns(new, 6)

    def kept(self) -> tuple[list[int], Columns]:
        """Kept events that go, and those that come."""
        gone, new = [], []
        for (definition,), rows in self._table("kept"):
            for sequence, item in rows.items():
                kept: Kept | None = item
                if kept is None:
                    gone.append(sequence)
                else:
                    new.append((sequence, definition, kept.channel, kept.key, kept.expires, _ENCODE(kept.event)))
        return sorted(gone), _columns(new, 6)

    def held(self) -> tuple[list[int], Columns]:
        """Events and notices that leave an inbox, and those that come into one."""
        gone, new = [], []
        for (instance,), rows in self._table("inbox"):
            for sequence, held in rows.items():
                if held is None:
                    gone.append(sequence)
                else:
                    new.append((sequence, instance, "event", held.channel, _ENCODE(held.event)))
        for (instance,), rows in self._table("notices"):
            for sequence, notice in rows.items():
                if notice is None:
                    gone.append(sequence)
                else:
                    new.append((sequence, instance, notice.kind, "", notice.cause))
        return sorted(gone), _columns(new, 5)

    def called(self) -> tuple[Columns, Columns]:
        """Pending calls that go, and those that come."""
        gone, new = [], []
        for (instance,), rows in self._table("calls"):
            for activation, call in rows.items():
                if call is None:
                    gone.append((instance, activation))
                else:
                    new.append((instance, activation, call))
        return _columns(sorted(gone), 2), _columns(sorted(new), 3)

    def heeded(self) -> Columns:
        """Until when schedules were heeded."""
        return _columns([(*key, rows[0]) for key, rows in sorted(self._table("schedules"))], 3)

    def parked(self) -> Columns:
        """What is put aside."""
        rows = [
            (item.instance, item.channel, _ENCODE(item.event), item.reason, item.at)
            for each in self.transactions
            for item in each.parked
        ]
        return _columns(rows, 5)

    def count_rows(self) -> int:
        """About how many rows it writes."""
        layers = sum(len(rows) for groups in self.layer.tables.values() for rows in groups.values())
        out = sum(len(each.outgoing) + len(each.sent_rows) for each in self.transactions)
        return layers + out + len(self.saved) + len(self.history) + len(self.positions)

    def _table(self, name: str) -> Iterable[tuple[Any, dict[Any, Any]]]:
        return self.layer.tables.get(name, {}).items()


def _known_to_all(lookups: Sequence[Lookups]) -> dict[int, tuple[str, str, str] | None]:
    """The kept events that are no news to any transaction that looked where they are, however late others looked."""
    if len(lookups) == 1:
        return lookups[0].known
    known = {number: at for each in reversed(lookups) for number, at in each.known.items()}
    return {
        number: at
        for number, at in known.items()
        if all(number in each.known or not each.minds(at) for each in lookups)
    }


def _columns(rows: Iterable[Sequence[Any]], width: int) -> Columns:
    return [list(column) for column in zip(*rows, strict=True)] or [[] for _ in range(width)]
