"""How far a group has come in a channel."""

from collections.abc import Iterable

import msgspec

_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(list[int]).decode


class Cursor:
    """What a group has acknowledged of a channel.

    Everything up to `reach` was handed out, and of that everything is acknowledged but the positions in `handed`.
    Stored, it is a floor (all up to it is acknowledged) and the few positions in between that are not: their number is
    bounded by what is in the hands of the workers, however long the oldest of them takes.
    """

    __slots__ = ("channel", "handed", "reach")

    def __init__(self, channel: str, floor: int, reach: int = 0, missing: Iterable[int] = ()) -> None:
        self.channel = channel
        self.reach = max(floor, reach)
        self.handed: set[int] = set(missing)

    @property
    def floor(self) -> int:
        """The position up to which, and with it, everything is acknowledged."""
        return min(self.handed) - 1 if self.handed else self.reach

    def hand_out(self, position: int) -> None:
        """Note the next position of the channel as handed out."""
        self.reach = position
        self.handed.add(position)

    def acknowledge_through(self, position: int) -> None:
        """Note everything behind `reach` up to `position` as acknowledged: it is in nobody's hands."""
        self.reach = max(self.reach, position)

    def missing(self) -> bytes:
        """Return the positions up to `reach` that are not acknowledged, encoded."""
        return _encode(sorted(self.handed)) if self.handed else b""


def decode_missing(missing: bytes) -> list[int]:
    """Undo `Cursor.missing`."""
    return _decode(missing) if missing else []
