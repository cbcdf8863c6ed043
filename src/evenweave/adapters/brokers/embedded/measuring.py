"""Figures that are looked up when somebody asks for them."""

from evenweave.adapters.sqlite import Database, load_statements
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
