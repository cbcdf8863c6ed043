"""Figures that are looked up when somebody asks for them, and whether the log can be written."""

from evenweave.adapters.sqlite import Database, DatabaseError, Unit, load_statements
from evenweave.ports.broker import Unavailable
from evenweave.runtime.cursor import decode_missing
from evenweave.runtime.figures import Lag
from evenweave.runtime.rules import DEAD_LETTER

_SQL = load_statements("evenweave.adapters.brokers.embedded")


async def find_lags(database: Database, tenant: str, now_ms: int) -> list[Lag]:
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


async def count_dead_letters(database: Database, tenant: str) -> dict[str, int]:
    """Return how many dead letters there are of each channel."""
    rows = await database.query(_SQL["count_dead_letters"], (tenant,))
    return {str(channel).removeprefix(DEAD_LETTER): count for channel, count in rows}


async def check_writing(database: Database, tenant: str, log_id: str) -> None:
    """Where the database failed to write, find out whether it still does.

    Raises:
        Unavailable: It does.
    """
    if database.trouble is None:
        return
    unit = Unit()
    # The same row once more: an update that changes nothing would not write at all.
    unit.add(_SQL["delete_log"], (tenant,))
    unit.add(_SQL["insert_log"], (tenant, log_id))
    try:
        await database.durable(unit)
    except DatabaseError as error:
        raise Unavailable(error.message, error.hint) from error
