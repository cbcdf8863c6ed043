"""The dedupe keys of the log's events: the newest in memory, the others in sorted runs (docs/design/sqlite.md)."""

from bisect import bisect_left
from collections.abc import Callable, Iterable, Sequence

from evenweave.adapters.sqlite import Database, DatabaseError, KeyFilter, Lookups, Unit, load_statements
from evenweave.ports.broker import Unavailable
from evenweave.ports.clock import Clock, Timer

RUN_KEYS = 8_192
"""So many keys become a run."""

STEP_KEYS = 4_096
"""So many are moved from run to run in one transaction."""

TOGETHER = 8
"""So many runs of one level become one of the next."""

_SQL = load_statements("evenweave.adapters.brokers.embedded")
_PAUSE_S = 0.01
_LATER_S = 1.0
_PREFIXES = 2**16
_BEHIND_ALL = b"\xff" * 17


class _Run:
    """A row of `broker_runs`."""

    __slots__ = ("keys", "last", "level", "number", "target", "trimmed")

    def __init__(self, number: int, level: int, last: int, keys: int, trimmed: int, target: int | None = None) -> None:
        self.number = number
        self.level = level
        self.last = last
        self.keys = keys
        self.trimmed = trimmed
        self.target = target

    @property
    def is_sparse(self) -> bool:
        """Whether most of its events are gone."""
        return self.trimmed * 2 >= self.keys


class Keys:
    """Tells whether an event of some key is in the log; the rows of the log are what counts.

    Keys that are on their way into the database are the caller's matter (`coming`) until `committed`. What gathered is
    sorted and written as a run by one statement. Runs are put together, so that there are few to look into, and written
    anew without the keys of events that are gone, both in small steps: a key is moved from run to run by one
    transaction, and a process that finds runs half moved goes on with it.
    """

    def __init__(
        self,
        database: Database,
        tenant: str,
        clock: Clock,
        coming: Callable[[], Iterable[bytes]],
        *,
        run_keys: int = RUN_KEYS,
        step_keys: int = STEP_KEYS,
    ) -> None:
        self._database = database
        self._lookups = Lookups(database.reader, "the log", Unavailable)
        self._tenant = tenant
        self._clock = clock
        self._coming = coming
        self._run_keys = run_keys
        self._step_keys = step_keys
        rows = self._lookups.rows(_SQL["runs"], (tenant,))
        self._runs = [_Run(*row) for row in rows if row[-1] is None]
        self._last_number = max((row[0] for row in rows), default=0)
        self._sealed = max((run.last for run in self._runs), default=0)
        # Of each key the position: whether the event is still there is looked up, for that is rarely asked.
        self._new: dict[bytes, int] = dict(self._lookups.rows(_SQL["new_keys"], (tenant, self._sealed)))
        self._sealing: dict[bytes, int] = {}
        self._timer: Timer | None = None
        # From the moment at which a step is planned until it is durable: two at once would skip what lies between them.
        self._stepping = False
        self._closed = False
        moving = [_Run(*row) for row in rows if row[-1] is not None]
        self._move: _Move | None = None
        if moving:
            (into,) = (run for run in self._runs if run.number == moving[0].target)
            self._move = _Move(into, moving, step_keys, begun=True)
        self._filter = KeyFilter(
            database.reader,
            [_SQL["keys"]],
            tenant,
            clock,
            self._in_memory,
            first=(b"", 0),
            count=_SQL["about_how_many"],
        )
        self.add = self._filter.add
        self._go_on()

    def has(self, key: bytes) -> bool:
        """Tell whether a committed event of this key is in the log."""
        if not self._filter.may_have(key):
            return False
        position = self._new.get(key) or self._sealing.get(key)
        if position is not None:
            return self._lookups.value(_SQL["find_new_duplicate"], (position, key)) is not None
        return self._lookups.value(_SQL["find_duplicate"], (self._tenant, key)) is not None

    def committed(self, keys: Iterable[tuple[bytes, int]], horizon: int) -> None:
        """Take in keys with their positions, `add`ed before; all up to the horizon are in the database now."""
        self._new.update(keys)
        if len(self._new) >= self._run_keys and not self._sealing and not self._closed:
            self._clock.call_later(0, lambda: self._seal(horizon))

    def trim(self, unit: Unit, positions: Iterable[int]) -> None:
        """Note, within a unit that deletes them, that events are gone."""
        counts: dict[_Run, int] = {}
        lasts = [run.last for run in self._runs]
        for position in positions:
            index = bisect_left(lasts, position)
            if index < len(lasts):
                run = self._runs[index]
                counts[run] = counts.get(run, 0) + 1
        for run, count in counts.items():
            run.trimmed += count  # a hint, so that a unit that fails does no harm
            unit.add(_SQL["trimmed"], (self._tenant, run.number, count))
        self._go_on()

    def close(self) -> None:
        """Write nothing more."""
        self._closed = True
        self._filter.close()
        if self._timer is not None:
            self._timer.cancel()

    def _in_memory(self) -> Iterable[bytes]:
        return [*self._coming(), *self._new, *self._sealing]

    # A new run.

    def _seal(self, last: int) -> None:
        if self._sealing or self._closed or last <= self._sealed:
            return
        self._sealing, self._new = self._new, {}
        number = self._number()
        unit = Unit(alone=True)
        run = (self._tenant, number)
        unit.add(_SQL["insert_run"], (*run, 0, last, 0, 0))
        unit.add(_SQL["write_run"], (*run, self._sealed, last))
        unit.add(_SQL["count_run"], (*run, 0))
        unit.when_done(lambda error: self._on_sealed(number, last, error))
        self._submit(unit)

    def _on_sealed(self, number: int, last: int, error: Exception | None) -> None:
        sealing, self._sealing = self._sealing, {}
        if error is not None:
            self._new = sealing | self._new
            return
        self._sealed = last
        self._new.update((key, position) for key, position in sealing.items() if position > last)
        self._runs.append(_Run(number, 0, last, self._count(number), 0))
        self._go_on()

    # Runs become others.

    def _go_on(self) -> None:
        """Move a step's keys, or begin to move those of other runs, after a pause."""
        if self._move is None:
            self._move = self._choose()
        if self._move is not None and not self._stepping and not self._closed:
            self._stepping = True
            self._timer = self._clock.call_later(_PAUSE_S, self._step)

    def _choose(self) -> "_Move | None":
        runs = self._runs
        for index, run in enumerate(runs):
            if run.is_sparse:
                return self._plan(runs[index : index + 1], run.level)
        for index in range(len(runs) - TOGETHER + 1):
            together = runs[index : index + TOGETHER]
            if all(run.level == together[0].level for run in together):
                return self._plan(together, together[0].level + 1)
        return None

    def _plan(self, runs: Sequence[_Run], level: int) -> "_Move":
        keys, trimmed = sum(run.keys for run in runs), sum(run.trimmed for run in runs)
        into = _Run(self._number(), level, runs[-1].last, keys, trimmed)
        # Where they lie nothing changes: what is trimmed meanwhile is counted there.
        first = self._runs.index(runs[0])
        self._runs[first : first + len(runs)] = [into]
        return _Move(into, runs, self._step_keys)

    def _step(self) -> None:
        move = self._move
        if move is None or self._closed:
            return
        unit = Unit(alone=True)
        into = self._tenant, move.into.number
        runs = [(self._tenant, run.number) for run in move.runs]
        if not move.begun:
            unit.add(_SQL["insert_run"], (*into, move.into.level, move.into.last, move.into.keys, move.into.trimmed))
            for run in runs:
                unit.add(_SQL["target_run"], (*run, move.into.number))
        bounds = move.bounds()
        for run in runs:
            unit.add(_SQL["move_keys"], (*run, move.into.number, *bounds, move.is_sparse))
            unit.add(_SQL["delete_keys"], (*run, *bounds))
            if move.is_last:
                unit.add(_SQL["delete_run"], run)
        if move.is_last and move.is_sparse:
            unit.add(_SQL["count_run"], (*into, move.trimmed))
            unit.add(_SQL["delete_empty_run"], into)
        unit.when_done(lambda error: self._on_moved(move, error))
        self._submit(unit)

    def _on_moved(self, move: "_Move", error: Exception | None) -> None:
        if self._closed:
            return
        if error is not None:
            self._timer = self._clock.call_later(_LATER_S, self._step)
            return
        self._stepping = False
        move.begun = True
        if not move.is_last:
            move.steps_done += 1
        else:
            self._move = None
            if move.is_sparse:
                move.into.keys = self._count(move.into.number)
                move.into.trimmed -= move.trimmed
                if not move.into.keys:
                    self._runs.remove(move.into)
        self._go_on()

    def _count(self, number: int) -> int:
        return self._lookups.value(_SQL["keys_of_run"], (self._tenant, number)) or 0

    def _number(self) -> int:
        self._last_number += 1
        return self._last_number

    def _submit(self, unit: Unit) -> None:
        try:
            self._database.submit(unit)
        except DatabaseError:
            self._closed = True


class _Move:
    """Keys on their way from some runs to another one, step by step."""

    def __init__(self, into: _Run, runs: Sequence[_Run], step_keys: int, *, begun: bool = False) -> None:
        self.into = into
        self.runs = runs
        self.begun = begun
        # What is trimmed from here on may have been moved before.
        self.trimmed = into.trimmed
        self.is_sparse = into.is_sparse
        self.steps = min(_PREFIXES, sum(run.keys for run in runs) // step_keys + 1)
        self.steps_done = 0

    @property
    def is_last(self) -> bool:
        """Whether the next step is the last one."""
        return self.steps_done + 1 == self.steps

    def bounds(self) -> tuple[bytes, bytes]:
        """The first key of the next step, and the first one behind it; keys are as good as random."""
        first, behind = (_PREFIXES * done // self.steps for done in (self.steps_done, self.steps_done + 1))
        return first.to_bytes(2, "big"), _BEHIND_ALL if behind == _PREFIXES else behind.to_bytes(2, "big")
