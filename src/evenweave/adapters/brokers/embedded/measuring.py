"""Figures that are looked up when somebody asks for them, and whether the log can be written."""

from evenweave.adapters.brokers.embedded.log import Log
from evenweave.adapters.brokers.embedded.registry import Registry
from evenweave.adapters.sqlite import Database, DatabaseError, Unit, load_statements
from evenweave.ports.broker import Unavailable
from evenweave.ports.clock import Clock
from evenweave.runtime.cursor import decode_missing
from evenweave.runtime.figures import Figures, Lag, Tally
from evenweave.runtime.rules import DEAD_LETTER

_SQL = load_statements("evenweave.adapters.brokers.embedded")


class Measuring:
    """See the module."""

    def __init__(
        self, database: Database, log: Log, registry: Registry, tenant: str, clock: Clock, tally: Tally
    ) -> None:
        self._database = database
        self._log = log
        self._registry = registry
        self._tenant = tenant
        self._clock = clock
        self._tally = tally

    async def check(self) -> None:
        """Where the database failed to write, find out whether it still does.

        Raises:
            Unavailable: It does.
        """
        if self._database.trouble is None:
            return
        unit = Unit()
        # The same row once more: an update that changes nothing would not write at all.
        unit.add(_SQL["delete_log"], (self._tenant,))
        unit.add(_SQL["insert_log"], (self._tenant, self._log.id))
        try:
            await self._database.durable(unit)
        except DatabaseError as error:
            raise Unavailable(error.message, error.hint) from error

    async def figures(self, polls: int) -> Figures:
        """What the broker has done, and where it is; ``polls`` is how many wait for events."""
        leases = dict[str, int]()
        for group in self._registry:
            leases[group.name] = leases.get(group.name, 0) + group.in_hand
        return Figures(
            tally=self._tally,
            commits=self._database.commits,
            appended=self._log.count_appended(),
            leases=leases,
            polls=polls,
            lags=await _find_lags(self._database, self._tenant, self._clock.now()),
            dead_letters=await _count_dead_letters(self._database, self._tenant),
            last_position=self._log.horizon,
            bytes=self._database.count_bytes(),
        )


async def _find_lags(database: Database, tenant: str, now_ms: int) -> list[Lag]:
    """Return how far each group is behind in each of its channels, as far as it is durable."""
    lags = dict[tuple[str, str], Lag]()
    for group, channel, missing, behind, oldest_ms in await database.query(_SQL["lags"], (tenant,)):
        events = behind + len(decode_missing(missing))
        # A clock that was put back makes no event younger than now.
        seconds = 0.0 if oldest_ms is None or not events else max(0.0, (now_ms - oldest_ms) / 1000)
        known = lags.get((group, channel))
        if known is None or known.events < events:
            lags[group, channel] = Lag(group, channel, events, seconds)
    return list(lags.values())


async def _count_dead_letters(database: Database, tenant: str) -> dict[str, int]:
    """Return how many dead letters there are of each channel."""
    rows = await database.query(_SQL["count_dead_letters"], (tenant,))
    return {str(channel).removeprefix(DEAD_LETTER): count for channel, count in rows}
