"""Groups: in memory as the rules know them, and their rows."""

import secrets
from collections.abc import Iterator, Sequence
from hashlib import blake2b

from evenweave.adapters.sqlite import Database, Unit, load_statements
from evenweave.ports.broker import Mode, Subscription, UnknownSubscription
from evenweave.runtime.cursor import Cursor, decode_missing
from evenweave.runtime.group import Group

_SQL = load_statements("evenweave.adapters.brokers.embedded")


class Registry:
    """All groups of a tenant."""

    def __init__(self, database: Database, tenant: str, log_id: str) -> None:
        self._reader = database.reader
        self._tenant = tenant
        self._log_id = log_id
        self._groups: dict[str, Group] = {}
        for id_, name, mode in self._reader.rows(_SQL["groups"], (tenant,)):
            self._groups[id_] = Group(id_, name, mode)
        for group_id, channel, floor, reach, missing in self._reader.rows(_SQL["cursors"], (tenant,)):
            self._groups[group_id].add(Cursor(channel, floor, reach, decode_missing(missing)))
        for group_id, position, failures in self._reader.rows(_SQL["failures"], (tenant,)):
            self._groups[group_id].failures[position] = failures

    def __iter__(self) -> Iterator[Group]:
        return iter(self._groups.values())

    def get(self, id: str) -> Group | None:  # noqa: A002
        """Return a group, if there is one of this id."""
        return self._groups.get(id)

    def find(self, id: str) -> Group:  # noqa: A002
        """Return a group. Raises `UnknownSubscription`."""
        group = self._groups.get(id)
        if group is None:
            raise UnknownSubscription(f"there is no subscription {id}", "subscribe again")
        return group

    def takes(self, name: str, channel: str) -> bool:
        """Tell whether a group of this name takes the events of a channel."""
        return any(group.name == name and channel in group.cursors for group in self)

    def make_id(self, group: str, mode: Mode) -> str:
        """Return the id of a group: always the same one, but for a broadcast, where each is a group of its own."""
        if mode == "broadcast":
            return secrets.token_hex(8)
        return blake2b(f"{self._tenant}\0{group}".encode(), digest_size=8).hexdigest()

    def add_rows(self, unit: Unit, group: Group, created_ms: int, channels: Sequence[str], floor: int) -> None:
        """Write a group and channels that are new to it; what is there already stays."""
        unit.add(_SQL["insert_group"], (self._tenant, group.id, group.name, group.mode, created_ms))
        for channel in channels:
            unit.add(_SQL["insert_cursor"], (self._tenant, group.id, channel, floor))

    def load(self, group: Group, channels: Sequence[str]) -> Group:
        """Take rows that are committed into memory, and return the group as it is known from then on."""
        group = self._groups.setdefault(group.id, group)
        for channel in channels:
            row = self._reader.row(_SQL["cursor"], (self._tenant, group.id, channel))
            if channel not in group.cursors and row is not None:
                group.add(Cursor(channel, row[0], row[1], decode_missing(row[2])))
        return group

    def delete_rows(self, unit: Unit, group: Group, channels: Sequence[str] | None) -> None:
        """Delete channels of a group, or all of it."""
        key = (self._tenant, group.id)
        if channels is None:
            for name in ("delete_cursors", "delete_failures", "delete_group"):
                unit.add(_SQL[name], key)
            return
        for channel in channels:
            unit.add(_SQL["delete_cursor"], (*key, channel))
            unit.add(_SQL["delete_failures_of_channel"], (*key, channel))

    def remove(self, group: Group, channels: Sequence[str] | None) -> None:
        """Forget what `delete_rows` deleted."""
        if channels is None:
            self._groups.pop(group.id, None)
        for channel in channels or ():
            group.remove(channel)

    def reload_readers(self) -> None:
        """Put the cursors of readers back to what is committed."""
        for group in self:
            if group.mode == "read":
                for channel in list(group.cursors):
                    row = self._reader.row(_SQL["cursor"], (self._tenant, group.id, channel))
                    if row is not None:
                        group.cursors[channel] = Cursor(channel, row[0], row[1])

    def describe(self, group: Group) -> Subscription:
        """Return what others may know of a group."""
        positions = {channel: (self._log_id, cursor.floor) for channel, cursor in group.cursors.items()}
        return Subscription(group.id, group.name, group.mode, positions)
