"""Dead letters in the log: found, replayed, purged."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import NamedTuple

from evenweave.adapters.brokers.embedded.batch import Batch
from evenweave.adapters.brokers.embedded.intake import Intake, Prepared, make_key
from evenweave.adapters.brokers.embedded.log import Log
from evenweave.adapters.brokers.embedded.registry import Registry
from evenweave.adapters.sqlite import Lookups, load_statements
from evenweave.cloudevents import digest, encode
from evenweave.ports.broker import DeadLetter, Delivery, NobodyTakes, Refused, Replayed, UnknownDeadLetter, Which
from evenweave.ports.clock import Clock
from evenweave.runtime.deadletters import find_group, make_replay, read_dead_letter
from evenweave.runtime.rules import DEAD_LETTER

_SQL = load_statements("evenweave.adapters.brokers.embedded")
# Rows that are looked at in one stretch, and changed in one transaction: the loop has others to serve.
_PAGE = 200
_DIGITS = 18


class _Row(NamedTuple):
    position: int
    appended_ms: int
    channel: str
    body: bytes

    def read(self) -> DeadLetter:
        event = Delivery("", "", self.position, body=self.body).event
        letter = read_dead_letter(str(self.position), self.appended_ms, event)
        if letter.channel:
            return letter
        # Somebody published it here: it says itself where it belongs, or its channel does.
        channel = self.channel.removeprefix(DEAD_LETTER)
        return DeadLetter(letter.id, channel, letter.group, letter.reason, letter.attempts, letter.time_ms, event)


_Replay = tuple[Prepared, str]
"""What is appended, and for which group."""

_Make = Callable[[_Row], "_Replay | None"]
"""What is appended in the stead of a dead letter. May raise `NobodyTakes`."""


class Letters:
    """The dead letters of a log. `commit` hands a batch to the database; False: it was dropped, do it again."""

    def __init__(
        self,
        lookups: Lookups,
        log: Log,
        intake: Intake,
        registry: Registry,
        *,
        tenant: str,
        clock: Clock,
        commit: Callable[[Batch], Awaitable[bool]],
    ) -> None:
        self._lookups = lookups
        self._log = log
        self._intake = intake
        self._registry = registry
        self._tenant = tenant
        self._clock = clock
        self._commit = commit
        # Those that are on their way out, with the batch that takes them along.
        self._leaving: dict[int, Batch] = {}

    async def find(self, after: str, limit: int, which: Which) -> list[DeadLetter]:
        """Return up to `limit` dead letters behind the one with the id `after`."""
        reached = _parse_id(after) if after else 0
        found = list[_Row]()
        while len(found) < limit:
            rows = self._page(which, reached, self._log.horizon)
            found += self._matching(rows, which)
            if len(rows) < _PAGE:
                break
            reached = rows[-1].position
            await asyncio.sleep(0)
        return [row.read() for row in found[:limit]]

    def get(self, id: str) -> DeadLetter:  # noqa: A002
        """Return one. Raises `UnknownDeadLetter`."""
        return self._row(id).read()

    async def replay(self, id: str) -> None:  # noqa: A002
        """See `Broker.replay`."""
        await self._let_go(id, self._make_replay)

    async def purge(self, id: str) -> None:  # noqa: A002
        """See `Broker.purge`."""
        await self._let_go(id, _make_nothing)

    async def replay_all(self, which: Which) -> Replayed:
        """See `Broker.replay_all`."""
        count, left = await self._let_go_all(which, self._make_replay)
        return Replayed(count, left)

    async def purge_all(self, which: Which) -> int:
        """See `Broker.purge_all`."""
        return (await self._let_go_all(which, _make_nothing))[0]

    async def _let_go(self, id: str, make: _Make) -> None:  # noqa: A002
        done = False
        while not done:
            row = self._row(id)
            leaving = self._leaving.get(row.position)
            if leaving is not None:
                # Somebody else's call takes it, or fails to.
                await leaving.outcome()
                continue
            made = make(row)
            batch = self._intake.own()
            self._put(batch, row, made)
            done = await self._commit(batch)

    async def _let_go_all(self, which: Which, make: _Make) -> tuple[int, list[tuple[str, str]]]:
        """Return how many went, and why the others did not."""
        # A replay may fail at once and come back as a new dead letter: that one is not meant.
        reached, through, count = 0, self._log.horizon, 0
        left = list[tuple[str, str]]()
        while True:
            rows = self._page(which, reached, through)
            going, staying = list[tuple[_Row, _Replay | None]](), list[tuple[str, str]]()
            for row in self._matching(rows, which):
                if row.position not in self._leaving:
                    try:
                        going.append((row, make(row)))
                    except NobodyTakes as error:
                        staying.append((str(row.position), error.message))
            if going:
                batch = self._intake.own()
                for row, made in going:
                    self._put(batch, row, made)
                if not await self._commit(batch):
                    continue
            count += len(going)
            left += staying
            if len(rows) < _PAGE:
                return count, left
            reached = rows[-1].position
            await asyncio.sleep(0)

    def _make_replay(self, row: _Row) -> _Replay:
        letter = row.read()
        if not self._registry.takes(letter.group, letter.channel):
            raise NobodyTakes(
                f"no group {letter.group or 'without a name'} takes the channel {letter.channel} now",
                "start its service, so that it is subscribed, and replay then",
            )
        replay_id = f"{self._log.id}.{row.position}"
        event = make_replay(letter.event, letter.group, replay_id)
        fingerprint = digest(letter.channel, event)
        key = make_key(fingerprint, event, replay_id)
        return (letter.channel, event, encode(event), fingerprint, key), letter.group

    def _put(self, batch: Batch, row: _Row, replay: _Replay | None) -> None:
        if replay is not None:
            event, addressee = replay
            self._intake.append(batch, [event], addressee)
            batch.replayed += 1
        batch.unit.add(_SQL["empty_event"], (row.position, self._tenant))
        batch.emptied.append((row.channel, row.position))
        self._leaving[row.position] = batch
        batch.unit.when_done(lambda _: self._forget(row.position))

    def _forget(self, position: int) -> None:
        self._leaving.pop(position, None)

    def _row(self, id: str) -> _Row:  # noqa: A002
        row = self._lookups.row(_SQL["dead_letter"], (_parse_id(id), self._tenant))
        if row is None:
            raise UnknownDeadLetter(f"there is no dead letter {id[:40]}, or no longer")
        return _Row(*row)

    def _page(self, which: Which, after: int, through: int) -> list[_Row]:
        if not which.older_s >= 0:
            raise Refused("older_s must be a number of seconds that is not negative")
        if which.channel is None:
            rows = self._lookups.rows(_SQL["dead_letters"], (self._tenant, after, through, _PAGE))
        else:
            key = (self._tenant, DEAD_LETTER + which.channel, after, through, _PAGE)
            rows = self._lookups.rows(_SQL["dead_letters_of_channel"], key)
        return [_Row(*row) for row in rows]

    def _matching(self, rows: Sequence[_Row], which: Which) -> list[_Row]:
        before_ms = self._clock.now() - which.older_s * 1000
        return [
            row
            for row in rows
            if (which.older_s <= 0 or row.appended_ms <= before_ms)
            and (which.group is None or find_group(row.body) == which.group)
        ]


def _make_nothing(_: _Row) -> None:
    """Purge: nothing stands in its stead."""


def _parse_id(id: str) -> int:  # noqa: A002
    if not (id.isascii() and id.isdecimal() and len(id) <= _DIGITS):
        raise UnknownDeadLetter(f"there is no dead letter {id[:40]}")
    return int(id)
