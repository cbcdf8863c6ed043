"""Taking events in: dedupe, positions, and the units of work that make them durable."""

from collections.abc import Callable, Iterable
from functools import partial
from hashlib import blake2b
from typing import Any

from evenweave.adapters.brokers.embedded.batch import Batch
from evenweave.adapters.brokers.embedded.keys import Keys
from evenweave.adapters.brokers.embedded.log import Log
from evenweave.adapters.sqlite import Database, DatabaseClosed, Unit, load_statements
from evenweave.cloudevents import CloudEventError, Event, digest, encode
from evenweave.ports.broker import Delivery, Refused, Unavailable
from evenweave.ports.clock import Clock
from evenweave.runtime.deadletters import is_marked, unmark
from evenweave.runtime.figures import Tally
from evenweave.runtime.rules import Rules, check_name

_SQL = load_statements("evenweave.adapters.brokers.embedded")
_INSERT_EVENT = _SQL["insert_event"]
_UPDATE_CURSOR = _SQL["update_cursor"]
_CHANNEL, _KEY = 2, 3

Prepared = tuple[str, Event, bytes, bytes, bytes]
"""Channel, event, its JSON, its digest, its dedupe key."""


class Intake:
    """Appends events to the log and writes cursors, one unit of work for each iteration of the loop.

    `appended(channels)` is called before the unit is submitted, so that a reader in this process is woken before the
    writer: what it makes of the event then shares the commit. `committed(batch)` and `failed()` follow the commit.
    """

    def __init__(
        self,
        database: Database,
        log: Log,
        *,
        tenant: str,
        clock: Clock,
        rules: Rules,
        tally: Tally,
        appended: Callable[[set[str]], None],
        committed: Callable[[Batch], None],
        failed: Callable[[Batch], None],
    ) -> None:
        self._database = database
        self._log = log
        self._tenant = tenant
        self._clock = clock
        self._rules = rules
        self._tally = tally
        self._appended = appended
        self._committed = committed
        self._failed = failed
        self._own: Batch | None = None
        self._foreign: Batch | None = None
        self._numbers = 0
        # Keys of events that are not committed yet: the overlay that every lookup consults before the store.
        self._coming: dict[bytes, Batch] = {}
        self.keys = Keys(database, tenant, clock, self._coming.keys)

    def prepare(self, channel: str, event: Event) -> Prepared:
        """Encode an event and make its keys. Raises `Refused` where it cannot go into the log."""
        if not self._log.knows(channel):
            check_name("channel", channel)
        try:
            body = encode(event)
            if is_marked(body):
                event = unmark(event)
                body = encode(event)
        except CloudEventError as error:
            raise Refused(f"an event for {channel} is refused: {error}") from None
        limit = self._rules.limits.event_bytes
        if len(body) > limit:
            raise Refused(f"an event for {channel} has {len(body)} bytes, the limit is {limit}")
        fingerprint = digest(channel, event)
        return channel, event, body, fingerprint, make_key(fingerprint, event)

    def find(self, key: bytes) -> Batch | bool:
        """Return True where an event of this key is in the log, the batch where it is on its way, else False."""
        batch = self._coming.get(key)
        return self.keys.has(key) if batch is None else batch

    def close(self) -> None:
        """Prepare for nothing more."""
        self.keys.close()

    def publish(self, events: Iterable[Prepared], *, alone: bool = False) -> Batch | None:
        """Append events that are new, and return the batch to wait for; None where all are in the log already.

        A look-up that fails (`Unavailable`) leaves everything as it was.
        """
        waited: Batch | None = None
        new: dict[bytes, Prepared] = {}
        for prepared in events:
            key = prepared[4]
            found = key in new or self.find(key)
            if not found:
                new[key] = prepared
                continue
            self._tally.duplicates += 1
            if isinstance(found, Batch) and (waited is None or found.number > waited.number):
                # A repeated event whose first copy is on its way is as durable as that one. Commits are in order, so
                # that the last of them stands for all.
                waited = found
        if not new:
            return waited
        batch = self._begin_alone() if alone else self.own()
        self.append(batch, new.values())
        self.submit(batch)
        return batch

    def append_new(self, batch: Batch, events: Iterable[Prepared]) -> None:
        """Append events that are not in the log nor on their way; a look-up that fails leaves everything as it was."""
        new: dict[bytes, Prepared] = {}
        for prepared in events:
            key = prepared[4]
            if key not in new and not self.find(key):
                new[key] = prepared
        self.append(batch, new.values())

    def append(self, batch: Batch, events: Iterable[Prepared], addressee: str = "") -> None:
        """Give events their positions, and put their rows into the batch."""
        log, tenant, now_ms = self._log, self._tenant, self._clock.now()
        position, log_id = log.last, log.id
        rows: list[tuple[Any, ...]] = []
        deliveries: list[Delivery] = []
        for channel, event, body, fingerprint, key in events:
            position += 1
            deliveries.append(
                Delivery(channel, log_id, position, event=event, body=body, digest=fingerprint, addressee=addressee)
            )
            rows.append((position, tenant, channel, key, now_ms, body))
        if rows:
            log.extend(deliveries)
            keys = [row[_KEY] for row in rows]
            batch.deliveries += deliveries
            batch.channels.update([row[_CHANNEL] for row in rows])
            batch.keys += keys
            self._coming.update(dict.fromkeys(keys, batch))
            batch.unit.extend(_INSERT_EVENT, rows)
            self.keys.add(keys)

    def announce(self, batch: Batch) -> None:
        """Wake who reads what is not committed yet; before the batch is submitted."""
        if batch.channels:
            self._appended(batch.channels)

    def own(self) -> Batch:
        """Return the batch of this iteration of the loop. It must be submitted in the same stretch of code."""
        if self._own is None or not self._own.unit.open:
            self._own = self._begin()
        return self._own

    def of(self, unit: Unit) -> Batch:
        """Return the batch of somebody else's unit."""
        if self._foreign is None or self._foreign.unit is not unit:
            # What is published from here on comes behind: positions and commits have one order.
            self._own = None
            self._foreign = self._watch(unit)
        return self._foreign

    def submit(self, batch: Batch) -> None:
        """Hand the batch to the database, once."""
        self.announce(batch)
        if batch.unit.before_commit is not None:
            return
        batch.unit.before_commit = partial(self._write_cursors, batch)
        try:
            self._database.submit(batch.unit)
        except DatabaseClosed as error:
            self._roll_back(batch)
            raise Unavailable("the broker has been closed") from error

    def _begin(self) -> Batch:
        return self._watch(Unit())

    def _begin_alone(self) -> Batch:
        self._own = None  # what is published from here on comes behind: positions and commits have one order
        return self._begin()

    def _watch(self, unit: Unit) -> Batch:
        self._numbers += 1
        batch = Batch(unit, self._numbers)
        unit.when_done(partial(self._settle, batch))
        return batch

    def _write_cursors(self, batch: Batch) -> None:
        for cursor, group in batch.cursors.items():
            row = (cursor.floor, cursor.reach, cursor.missing(), self._tenant, group.id, cursor.channel)
            batch.unit.add(_UPDATE_CURSOR, row)

    def _settle(self, batch: Batch, error: Exception | None) -> None:
        if error is None:
            if batch.deliveries:
                self._log.horizon = max(self._log.horizon, batch.deliveries[-1].position)
                for key in batch.keys:
                    del self._coming[key]
                positions = [delivery.position for delivery in batch.deliveries]
                self.keys.committed(zip(batch.keys, positions, strict=True), self._log.horizon)
            for channel, position in batch.emptied:
                self._log.forget(channel, position)
            batch.count(self._tally)
            self._committed(batch)
        else:
            self._roll_back(batch)
        batch.tell(error)

    def _roll_back(self, batch: Batch) -> None:
        for key in batch.keys:
            self._coming.pop(key, None)
        self._own = self._foreign = None
        self._log.roll_back()
        self._failed(batch)


def make_key(fingerprint: bytes, event: Event, salt: str = "") -> bytes:
    """Return the dedupe key: a hash of (channel, source, id, digest), the channel being part of the digest.

    Two groups may dead-letter one event, and a replay repeats one: their salt keeps both.
    """
    text = f"{event['source']}\0{event['id']}\0{salt}"
    return blake2b(fingerprint + text.encode("utf-8", "surrogatepass"), digest_size=16).digest()
