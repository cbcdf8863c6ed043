"""How an instance's state is written down: msgpack behind a byte that names the format.

Frames share most of their data with the frame around them. What they share is written once: a frame whose data is that
of the frame below it says so, and a member that is the very value of the same name there is written as a mark. Reading
shares it again, so a loop over a large collection does not write the collection once for every item.
"""

from __future__ import annotations

from typing import Any, Final

import msgspec
from msgspec import Struct
from msgspec.msgpack import Ext

from evenweave.engine.instance import Fiber, Frame, Instance
from evenweave.errors import EvenweaveError

FORMAT: Final = 1

_SHARED: Final = Ext(1, b"")  # the member of this name of the data below
_WHOLE_NUMBER: Final = 2  # of more bits than msgpack has
_SAME: Final = Ext(3, b"")  # the data below


class UnreadableState(EvenweaveError):
    """Stored bytes are no state that this version can read: damaged, or written by a newer version."""


class _Mark:
    """Where something stood that is written elsewhere."""


_SAME_MARK: Final = _Mark()
_SHARED_MARK: Final = _Mark()


def _read_ext(code: int, data: memoryview) -> Any:
    if code == _SHARED.code:
        return _SHARED_MARK
    if code == _SAME.code:
        return _SAME_MARK
    if code == _WHOLE_NUMBER:
        return int(bytes(data))
    raise ValueError(f"extension {code} is not known")


_ENCODE = msgspec.msgpack.Encoder().encode
_DECODE = msgspec.msgpack.Decoder(Instance, ext_hook=_read_ext).decode
_HEAD: Final = bytes([FORMAT])


def encode(instance: Instance) -> bytes:
    """The bytes of a state."""
    wire: Instance = instance.__copy__()  # type: ignore[attr-defined]
    outer = _outer_data(instance)
    wire.fibers = [
        Fiber(f.id, f.parent, f.index, _pack(f.frames, outer[f.parent]), f.blocked, f.at, f.again)
        for f in instance.fibers
    ]
    try:
        return _HEAD + _ENCODE(wire)
    except OverflowError:
        return _HEAD + _ENCODE(_widen(wire))


def encode_whole(instance: Instance) -> bytes:
    """All of a state, with what its parts share written out: the same for equal states, for comparison only."""
    return _ENCODE(_widen(instance))


def decode(data: bytes) -> Instance:
    """The state in the bytes.

    Raises:
        UnreadableState: They are damaged, or of a format that this version does not know.
    """
    if not data or data[0] != FORMAT:
        found = data[0] if data else "nothing"
        raise UnreadableState(f"the state has format {found}, this version of Evenweave reads format {FORMAT}")
    try:
        instance: Instance = _DECODE(memoryview(data)[1:])
        _restore(instance)
    except (msgspec.MsgspecError, ValueError, TypeError, KeyError, RecursionError) as error:
        raise UnreadableState(f"the state is damaged: {type(error).__name__}: {error}") from error
    return instance


def _restore(instance: Instance) -> None:
    """Put what is shared where its marks are."""
    outer = {0: instance.data}
    for fiber in instance.fibers:
        below = outer[fiber.parent]
        for frame in fiber.frames:
            if frame.data is not _SAME_MARK:
                below = _share(frame.data, below)
            frame.data = below
            if frame.variables:
                _share(frame.variables, below)
            if frame.branches is not None:
                outer[frame.activation] = below


def _outer_data(instance: Instance) -> dict[int, Any]:
    """What the outermost frame of a fiber shares its data with: that of the fork or loop around, by its activation."""
    outer = {0: instance.data}
    if len(instance.fibers) > 1:
        for fiber in instance.fibers:
            for frame in fiber.frames:
                if frame.branches is not None:
                    outer[frame.activation] = frame.data
    return outer


def _pack(frames: list[Frame], below: Any) -> list[Frame]:
    packed = []
    for frame in frames:
        data = frame.data
        # Only of values that have an identity of their own: whether two equal numbers are one object says nothing.
        written = _SAME if data is below and data.__class__ in _CONTAINERS else _difference(data, below)
        if written is not data or frame.variables:
            frame = frame.__copy__()  # type: ignore[attr-defined] # noqa: PLW2901
            frame.data = written
            frame.variables = frame.variables and _difference(frame.variables, data)
        packed.append(frame)
        below = data
    return packed


_CONTAINERS: Final = (dict, list)


def _difference(data: Any, below: Any) -> Any:
    """The data with a mark for each member that it shares with the data below."""
    if data.__class__ is not dict or below.__class__ is not dict:
        return data
    written = data
    for key, value in data.items():
        if value.__class__ in _CONTAINERS and value and below.get(key) is value:
            if written is data:
                written = data.copy()
            written[key] = _SHARED
    return written


def _share(data: Any, below: Any) -> Any:
    if data.__class__ is dict:
        for key, value in data.items():
            if value is _SHARED_MARK:
                data[key] = below[key]
    return data


def _widen(value: Any) -> Any:
    """The same with marks for whole numbers that msgpack cannot hold; events may bring some (RFC 8259, section 6)."""
    if isinstance(value, int) and not -(2**63) <= value < 2**64:
        return Ext(_WHOLE_NUMBER, str(value).encode())
    if isinstance(value, Struct):
        return [_widen(getattr(value, name)) for name in value.__struct_fields__]
    if isinstance(value, dict):
        return {key: _widen(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_widen(item) for item in value]
    return value
