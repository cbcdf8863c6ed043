"""Telling that an event is new without asking the database."""

from collections.abc import Callable, Iterable
from struct import Struct

from evenweave.adapters.sqlite import Reader, load_statements
from evenweave.ports.clock import Clock, Timer

_SQL = load_statements("evenweave.adapters.brokers.embedded")
_unpack = Struct("<II").unpack_from

_SLOTS_PER_KEY = 8
_SLOTS = 2**20
_MOST_SLOTS = 2**26
_PAGE = 2_000
_PAUSE_S = 0.005


class KeyFilter:
    """A Bloom filter over the dedupe keys in the log: where it says no, the log has none; else one has to look.

    Nearly every event is new, and a look-up in a large index whose pages change with every commit costs as much as all
    the rest of appending. Keys are hashes, so that two of their words are two places, of a byte each. Deleted keys stay
    until the filter is built anew, from the index, page by page between other things; until the first one is complete
    everything is looked up. `pending` gives the keys that are on their way into the database.
    """

    def __init__(
        self, reader: Reader, tenant: str, clock: Clock, pending: Callable[[], Iterable[bytes]], slots: int = _SLOTS
    ) -> None:
        self._reader = reader
        self._tenant = tenant
        self._clock = clock
        self._pending = pending
        self._places: bytearray | None = None
        self._mask = 0
        self._room = 0
        self._next = bytearray()
        self._next_keys = 0
        self._reached = b""
        self._timer: Timer | None = None
        self._begin(slots)

    def may_have(self, key: bytes) -> bool:
        """Tell whether the log may have an event of this key; never wrong where it says no."""
        places = self._places
        if places is None:
            return True
        first, second = _unpack(key)
        return bool(places[first & self._mask] and places[second & self._mask])

    def add(self, key: bytes) -> None:
        """Take in the key of an event that is appended."""
        first, second = _unpack(key)
        if self._places is not None:
            self._places[first & self._mask] = self._places[second & self._mask] = 1
            self._room -= 1
        if self._timer is not None:
            self._add_next(key)
        elif self._room < 0:
            self._begin(len(self._next))

    def close(self) -> None:
        """Build no further."""
        if self._timer is not None:
            self._timer.cancel()

    def _begin(self, slots: int) -> None:
        self._next, self._next_keys, self._reached = bytearray(slots), 0, b""
        for key in self._pending():
            self._add_next(key)
        self._go_on()

    def _go_on(self) -> None:
        self._timer = None
        rows = self._reader.rows(_SQL["keys"], (self._tenant, self._reached, _PAGE))
        for (key,) in rows:
            self._add_next(key)
        if len(rows) == _PAGE:
            self._reached = rows[-1][0]
            self._timer = self._clock.call_later(_PAUSE_S, self._go_on)
            return
        slots = len(self._next)
        if self._next_keys * _SLOTS_PER_KEY > slots < _MOST_SLOTS:
            # Counted now: what is twice the size holds them for a while.
            wanted = slots
            while wanted < min(self._next_keys * 2 * _SLOTS_PER_KEY, _MOST_SLOTS):
                wanted *= 2
            self._begin(wanted)
            return
        self._places, self._mask = self._next, slots - 1
        # At the largest size it is renewed all the same, once as many keys have come as it has good places for.
        self._room = max(slots // _SLOTS_PER_KEY - self._next_keys, slots // (2 * _SLOTS_PER_KEY))

    def _add_next(self, key: bytes) -> None:
        first, second = _unpack(key)
        mask = len(self._next) - 1
        self._next[first & mask] = self._next[second & mask] = 1
        self._next_keys += 1
