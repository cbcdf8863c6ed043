"""Settling leases: acknowledged, tried again, or sent to the dead letters."""

import random
from collections.abc import Callable, Sequence

from evenweave.adapters.brokers.embedded.batch import Batch
from evenweave.adapters.brokers.embedded.intake import Intake, make_key
from evenweave.adapters.brokers.embedded.log import Log
from evenweave.adapters.sqlite import load_statements
from evenweave.cloudevents import digest, encode
from evenweave.ports.broker import Refused
from evenweave.runtime.deadletters import clean_reason, make_dead_letter
from evenweave.runtime.group import Group, Lease, Undo
from evenweave.runtime.rules import DEAD_LETTER, Rules

_SQL = load_statements("evenweave.adapters.brokers.embedded")
_RECOVERED = 1_000


class Settling:
    """Ends leases in a batch, so that what they change commits together and can be undone together."""

    def __init__(self, log: Log, intake: Intake, tenant: str, rules: Rules, jitter: Callable[[], float]) -> None:
        self._log = log
        self._intake = intake
        self._tenant = tenant
        self._rules = rules
        self._jitter = jitter

    def settle(
        self,
        batch: Batch,
        group: Group,
        ack: Sequence[str],
        retry: Sequence[tuple[str, str]],
        reject: Sequence[tuple[str, str]],
        *,
        now_s: float,
    ) -> None:
        """Do what a worker says of its leases. Raises `Refused`, before anything is changed, for what is no lease."""
        acked = [position for log_id, position in map(parse_lease, ack) if log_id == self._log.id]
        failed = [(self._held(group, lease), reason, True) for lease, reason in retry]
        failed += [(self._held(group, lease), reason, False) for lease, reason in reject]
        for position in acked:
            self._acknowledge(batch, group, position, now_s)
        for held, reason, again in failed:
            if held is not None:
                self.fail(batch, group, held, reason, now_s, again=again)

    def fail(self, batch: Batch, group: Group, lease: Lease, reason: str, now_s: float, *, again: bool = True) -> None:
        """Count a failed attempt; unless it was the last, the delivery comes again after a backoff."""
        if lease.channel not in group.cursors:
            return
        failures = group.failures.get(lease.position, 0) + 1
        if again and failures < self._rules.attempts:
            undo = group.fail(lease)
            row = (self._tenant, group.id, lease.position, lease.channel, failures, clean_reason(reason))
            batch.unit.add(_SQL["upsert_failure"], row)
            due_s = now_s + self._rules.backoff.delay_s(failures, self._jitter())
            group.wait(lease.channel, lease.position, due_s)
            batch.retried.append(group.name)
            self._note(batch, group, undo)
        else:
            self._bury(batch, group, lease, reason, failures)

    def _bury(self, batch: Batch, group: Group, lease: Lease, reason: str, attempts: int) -> None:
        """Append the dead letter and retire the delivery, in one unit; the log is asked first, for that may fail."""
        found = self._log.read(lease.channel, lease.position - 1, lease.position, 1)
        for delivery in found:
            channel = DEAD_LETTER + lease.channel
            event = make_dead_letter(delivery.event, lease.channel, group.name, reason, attempts)
            fingerprint = digest(channel, event)
            key = make_key(fingerprint, event, group.id)
            self._intake.append_new(batch, [(channel, event, encode(event), fingerprint, key)])
        batch.buried.append(group.name)
        self._retire(batch, group, group.fail(lease))

    def _acknowledge(self, batch: Batch, group: Group, position: int, now_s: float) -> None:
        channel = group.find(position) or self._recover(group, position, now_s)
        if channel is not None:
            failures, lease = group.failures.get(position, 0), group.held(position)
            self._retire(batch, group, Undo(channel, position, failures, lease))

    def _retire(self, batch: Batch, group: Group, undo: Undo) -> None:
        cursor = group.cursors[undo.channel]
        group.acknowledge(cursor, undo.position)
        if undo.failures:
            batch.unit.add(_SQL["delete_failure"], (self._tenant, group.id, undo.position))
        batch.cursors[cursor] = group
        self._note(batch, group, undo)

    def _recover(self, group: Group, position: int, now_s: float) -> str | None:
        """Find the channel of a position that was handed out by an earlier process, and take up what it handed out.

        A worker that outlives the broker says what it has done: believing it spares everybody a second time.
        """
        channel = self._log.channel_of(position)
        cursor = group.cursors.get(channel) if channel is not None else None
        if channel is None or cursor is None or position <= cursor.reach:
            return None
        between = self._log.read(channel, cursor.reach, position, _RECOVERED)
        if between[-1].position != position:
            return None
        for delivery in between:
            if delivery.addressee and delivery.addressee != group.name:
                cursor.acknowledge_through(delivery.position)
                continue
            cursor.hand_out(delivery.position)
            group.wait(channel, delivery.position, now_s)
        return channel

    def _held(self, group: Group, token: str) -> Lease | None:
        lease = group.held(parse_lease(token)[1])
        return lease if lease is not None and lease.token == token else None

    def _note(self, batch: Batch, group: Group, undo: Undo) -> None:
        batch.undos.setdefault(group, []).append(undo)


def parse_lease(token: str) -> tuple[str, int]:
    """Return the log and the position that a lease names. Raises `Refused`."""
    parts = token.split(".")
    if len(parts) != 3 or not parts[1].isdecimal():
        raise Refused(f"this is no lease: {token[:60]}")
    return parts[0], int(parts[1])


def draw_jitter() -> float:
    """Return 0 <= x < 1."""
    return random.random()  # noqa: S311 (spreads retries, guards nothing)
