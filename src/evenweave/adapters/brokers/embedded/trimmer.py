"""Retention: rows go when every group has acknowledged them and their time is over."""

from collections.abc import Callable
from functools import partial

from evenweave.adapters.brokers.embedded.keys import Keys
from evenweave.adapters.sqlite import Database, DatabaseError, Unit, load_statements
from evenweave.ports.clock import Clock, Timer
from evenweave.runtime.figures import Tally
from evenweave.runtime.retention import Retention
from evenweave.runtime.rules import Rules

_SQL = load_statements("evenweave.adapters.brokers.embedded")


class Trimmer:
    """Deletes rows in small steps, so that no commit waits long for one. `idle` is called once each round."""

    def __init__(
        self,
        database: Database,
        keys: Keys,
        tenant: str,
        clock: Clock,
        rules: Rules,
        tally: Tally,
        idle: Callable[[], None],
    ) -> None:
        self._database = database
        self._keys = keys
        self._tenant = tenant
        self._clock = clock
        self._rules = rules
        self._tally = tally
        self._retention = Retention(rules, clock.now(), clock.monotonic())
        self._idle = idle
        self._timer: Timer | None = None
        self._closed = False

    def start(self) -> None:
        """Have the next round begin after a while."""
        if not self._closed:
            self._timer = self._clock.call_later(self._rules.trim_every_s, self._run)

    def close(self) -> None:
        """Begin no more rounds."""
        self._closed = True
        if self._timer is not None:
            self._timer.cancel()

    def _run(self) -> None:
        self._idle()
        rows = self._database.reader.rows(_SQL["channels"], (self._tenant,))
        self._trim([str(row[0]) for row in rows])

    def _trim(self, channels: list[str]) -> None:
        while channels and not self._closed:
            channel = channels[-1]
            before_ms = self._retention.before_ms(channel, self._clock.now(), self._clock.monotonic())
            step = (self._tenant, channel, before_ms, self._rules.trim_rows)
            rows = self._database.reader.rows(_SQL["trimmable"], step)
            if len(rows) < self._rules.trim_rows:
                channels.pop()
            if rows:
                unit = Unit()
                for row in rows:
                    unit.add(_SQL["delete_event"], row)
                self._keys.trim(unit, [row[0] for row in rows])
                try:
                    self._database.submit(unit, partial(self._go_on, channels, len(rows)))
                except DatabaseError:
                    self._closed = True
                return
        self.start()

    def _go_on(self, channels: list[str], trimmed: int, error: Exception | None) -> None:
        if error is None:
            self._tally.trimmed += trimmed
            self._trim(channels)
        else:
            self.start()
