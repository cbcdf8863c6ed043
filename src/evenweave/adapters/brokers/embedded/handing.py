"""Handing events to groups: under leases, or in log order to a reader."""

from collections.abc import Iterable, Mapping, Sequence

from evenweave.adapters.brokers.embedded.intake import Intake
from evenweave.adapters.brokers.embedded.log import Log
from evenweave.adapters.brokers.embedded.settling import Settling
from evenweave.ports.broker import Delivery, Unavailable
from evenweave.ports.clock import Clock
from evenweave.runtime.cursor import Cursor
from evenweave.runtime.figures import Tally
from evenweave.runtime.group import Group, Lease


class Handing:
    """Finds what a group gets next. A replay for another group is passed over, as if it were acknowledged."""

    def __init__(self, log: Log, intake: Intake, settling: Settling, clock: Clock, tally: Tally) -> None:
        self._log = log
        self._intake = intake
        self._settling = settling
        self._clock = clock
        self._tally = tally

    def take(self, group: Group, limit: int, lease_s: float) -> list[Delivery]:
        """Lease what is due again, then what is new."""
        now_s = group.polled_s = self._clock.monotonic()
        taken = list[Delivery]()
        expired = group.take_expired(now_s)
        due = group.take_due(now_s, limit)
        try:
            self._end_leases(group, expired, now_s)
            for channel, position in due:
                again = self._log.read(channel, position - 1, position, 1)
                if again:
                    taken.append(again[0])
                else:
                    group.cursors[channel].handed.discard(position)
            if len(taken) < limit:
                self._take_new(group, limit, taken)
        except Unavailable:
            # What is handed out to nobody, and does not wait, would come to nobody.
            ended = [(lost.channel, lost.position) for lost in expired if group.held(lost.position) is lost]
            for channel, position in (*due, *ended, *((each.channel, each.position) for each in taken)):
                group.wait(channel, position, now_s)
            raise
        leased = list[Delivery]()
        for delivery in taken:
            lease = group.lease(self._log.id, delivery.channel, delivery.position, now_s, lease_s)
            leased.append(delivery.leased(lease.token, group.failures.get(delivery.position, 0) + 1))
        if leased:
            self._tally.of(group.name).delivered += len(leased)
        return leased

    def _end_leases(self, group: Group, expired: Sequence[Lease], now_s: float) -> None:
        if expired:
            self._tally.of(group.name).expired += len(expired)
            batch = self._intake.own()
            try:
                for lost in expired:
                    reason = f"the consumer did not settle it within its lease of {lost.length_s:g} s"
                    self._settling.fail(batch, group, lost, reason, now_s)
            finally:
                self._intake.submit(batch)

    def read(self, group: Group, positions: dict[str, int], through: int, limit: int) -> list[Delivery]:
        """Return the next events behind `positions`, for a reader; those are moved past what it need not look at."""
        while True:
            found = self._collect(positions, through, limit)
            kept = found
            if any(delivery.addressee for delivery in found):
                kept = self._pass_over_heads(group, positions, found)
            if kept or len(found) < limit:
                if kept:
                    self._tally.of(group.name).delivered += len(kept)
                return kept

    def follow(self, group: Group, positions: dict[str, int], limit: int) -> list[Delivery]:
        """As `read`, for an engine on this database: also what is not committed, in the group's channels of now."""
        for channel, cursor in group.cursors.items():
            positions[channel] = max(positions.get(channel, 0), cursor.reach)
        for channel in positions.keys() - group.cursors.keys():
            del positions[channel]
        return self.read(group, positions, self._log.last, limit)

    def _take_new(self, group: Group, limit: int, taken: list[Delivery]) -> None:
        passed = set[Cursor]()
        more = True
        while more and len(taken) < limit:
            positions = {channel: cursor.reach for channel, cursor in group.cursors.items()}
            wanted = limit - len(taken)
            new = self._collect(positions, self._log.horizon, wanted)
            more = len(new) == wanted
            for delivery in new:
                cursor = group.cursors[delivery.channel]
                if delivery.addressee and delivery.addressee != group.name:
                    cursor.acknowledge_through(delivery.position)
                    passed.add(cursor)
                else:
                    cursor.hand_out(delivery.position)
                    taken.append(delivery)
        self._write(group, passed)

    def _pass_over_heads(self, group: Group, positions: dict[str, int], found: list[Delivery]) -> list[Delivery]:
        """Return what is for this group; what others alone get, and comes first in its channel, is done with."""
        kept = list[Delivery]()
        begun = set[str]()
        passed = set[Cursor]()
        for delivery in found:
            channel = delivery.channel
            if not delivery.addressee or delivery.addressee == group.name:
                kept.append(delivery)
                begun.add(channel)
            elif channel not in begun:
                cursor = group.cursors[channel]
                if cursor.reach >= positions[channel]:
                    # The reader has acknowledged all before it.
                    cursor.acknowledge_through(delivery.position)
                    passed.add(cursor)
                positions[channel] = delivery.position
        self._write(group, passed)
        return kept

    def _write(self, group: Group, cursors: Iterable[Cursor]) -> None:
        batch = None
        for cursor in cursors:
            batch = batch or self._intake.own()
            batch.cursors[cursor] = group
        if batch is not None:
            self._intake.submit(batch)

    def _collect(self, positions: Mapping[str, int], through: int, limit: int) -> list[Delivery]:
        """Return the next events behind `positions` over all channels, in log order."""
        log = self._log
        parts = list[list[Delivery]]()
        for channel, after in positions.items():
            if log.last_of(channel) > after:
                part = log.read(channel, after, through, limit)
                if part:
                    parts.append(part)
        if len(parts) < 2:
            return parts[0] if parts else []
        merged = [delivery for part in parts for delivery in part]
        merged.sort(key=_get_position)
        return merged[:limit]


def _get_position(delivery: Delivery) -> int:
    return delivery.position
