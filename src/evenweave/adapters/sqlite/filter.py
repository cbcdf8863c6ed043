"""Telling that a key is new without asking the database."""

from collections.abc import Callable, Collection, Iterable, Sequence

import apsw

from evenweave.adapters.sqlite.connections import Reader
from evenweave.adapters.sqlite.unit import Row
from evenweave.ports.clock import Clock, Timer

_SLOTS_PER_KEY = 16
_SLOTS = 2**20
_MOST_SLOTS = 2**26
_PAGE = 2_000
_PAUSE_S = 0.005
_AT_ONCE_S = 0.75
_LATER_S = 1.0
_HALF = 32

Key = bytes | str


class KeyFilter:
    """A Bloom filter over the keys of some tables: where it says no, they have none; else one has to look.

    Nearly every event, and every instance that one starts, is new, and a look-up in a large index whose pages change
    with every commit costs as much as all the rest of appending. The halves of a key's hash are two places, of a byte
    each. Deleted keys stay until the filter is built anew, from the indexes, page by page between other things. The
    first one is built at once, as far as that takes no longer than a moment (a million keys); until it is complete
    everything is looked up.

    Args:
        reader: The database.
        pages: A statement for each table, which yields rows in order, the key first; its parameters are the tenant, the
            columns of the row to begin behind, and how many are wanted.
        tenant: The tenant.
        clock: The time.
        pending: The keys that are on their way into the database.
        first: What is less than every row.
        count: A statement that tells about how many keys there are, if one can tell without counting them.
        slots: Its size, at least.
        at_once_s: So long the first one is built before anything else, rather than between other things.
    """

    def __init__(
        self,
        reader: Reader,
        pages: Sequence[str],
        tenant: str,
        clock: Clock,
        pending: Callable[[], Iterable[Key]],
        *,
        first: Row,
        count: str | None = None,
        slots: int = _SLOTS,
        at_once_s: float = _AT_ONCE_S,
    ) -> None:
        self._reader = reader
        self._pages = pages
        self._tenant = tenant
        self._clock = clock
        self._pending = pending
        self._first = first
        self._places: bytearray | None = None
        self._mask = 0
        self._room = 0
        self._next = bytearray()
        self._next_keys = 0
        self._table = 0
        self._reached = first
        self._timer: Timer | None = None
        self._count = count
        self._least = slots
        self._begin(self._estimate(), at_once_s)

    def may_have(self, key: Key) -> bool:
        """Tell whether the tables may have this key; never wrong where it says no."""
        places = self._places
        if places is None:
            return True
        found, mask = hash(key), self._mask
        return bool(places[found & mask] and places[found >> _HALF & mask])

    def add(self, keys: Collection[Key]) -> None:
        """Take in keys that are about to be written."""
        places = self._places
        if places is not None:
            mask = self._mask
            for key in keys:
                found = hash(key)
                places[found & mask] = places[found >> _HALF & mask] = 1
            self._room -= len(keys)
        if self._timer is not None:
            self._add_next(keys)
        elif self._room < 0:
            self._begin(self._estimate())

    def close(self) -> None:
        """Build no further."""
        if self._timer is not None:
            self._timer.cancel()

    def _estimate(self) -> int:
        """The size for the keys that there are, and as many more."""
        if self._count is None:
            return max(self._least, len(self._next))
        try:
            return _room_for(2 * self._reader.value(self._count), self._least)
        except apsw.Error:
            return max(self._least, len(self._next))  # it is counted when they are read

    def _begin(self, slots: int, at_once_s: float = 0.0) -> None:
        self._next, self._next_keys = bytearray(slots), 0
        self._table, self._reached = 0, self._first
        self._add_next(self._pending())
        self._go_on(at_once_s)

    def _go_on(self, at_once_s: float = 0.0) -> None:
        self._timer = None
        until = self._clock.monotonic() + at_once_s
        while self._table < len(self._pages):
            try:
                self._read_page()
            except apsw.ConnectionClosedError:
                return  # nobody asks any more
            except apsw.Error:
                # Whoever looks something up will be told; until this is complete everything is looked up.
                self._timer = self._clock.call_later(_LATER_S, self._go_on)
                return
            if self._clock.monotonic() >= until:
                self._timer = self._clock.call_later(_PAUSE_S, self._go_on)
                return
        slots = len(self._next)
        if self._next_keys * _SLOTS_PER_KEY > slots < _MOST_SLOTS:
            # Counted now: what is twice the size holds them for a while.
            self._begin(_room_for(2 * self._next_keys, slots))
            return
        self._places, self._mask = self._next, slots - 1
        # At the largest size it is renewed all the same, once half as many keys have come as there were.
        self._room = max(slots // _SLOTS_PER_KEY - self._next_keys, self._next_keys // 2)

    def _read_page(self) -> None:
        rows = self._reader.rows(self._pages[self._table], (self._tenant, *self._reached, _PAGE))
        self._add_next([row[0] for row in rows])
        if len(rows) == _PAGE:
            self._reached = rows[-1]
        else:
            self._table, self._reached = self._table + 1, self._first

    def _add_next(self, keys: Iterable[Key]) -> None:
        places, mask = self._next, len(self._next) - 1
        for key in keys:
            found = hash(key)
            places[found & mask] = places[found >> _HALF & mask] = 1
            self._next_keys += 1


def _room_for(keys: int, slots: int) -> int:
    """The least size from a first one on, doubled and doubled again, that holds so many keys."""
    while slots < min(keys * _SLOTS_PER_KEY, _MOST_SLOTS):
        slots *= 2
    return slots
