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

from evenweave.engine.instance import Blocked, Branches, Fiber, Frame, Instance, Opening, Reason, Status, Waiting
from evenweave.errors import EvenweaveError

FORMAT: Final = 1

_SHARED: Final = Ext(1, b"")
_WHOLE_NUMBER: Final = 2  # of more bits than msgpack has


class UnreadableState(EvenweaveError):
    """Stored bytes are no state that this version can read: damaged, or written by a newer version."""


# Fields are only ever added at the end, with a default: an older worker ignores them, a newer one fills them in.


class _Frame(Struct, array_like=True, gc=False):
    position: str
    activation: int
    same: bool
    data: Any
    started: float
    variables: dict[str, Any] | None
    last: Any
    deadline: float | None
    attempt: int
    waiting: Waiting | None
    branches: Branches | None
    correlates: Any


class _Fiber(Struct, array_like=True, gc=False):
    id: int
    parent: int
    index: int
    frames: list[_Frame]
    blocked: Blocked
    at: str | None
    again: bool


class _Instance(Struct, array_like=True, gc=False):
    tenant: str
    id: str
    definition: str
    version: str
    digest: str
    status: Status
    started: float
    updated: float
    revision: int
    counter: int
    data: Any
    correlation: dict[str, Any]
    fibers: list[_Fiber]
    reason: Reason | None
    held: int
    parent: tuple[str, int, str] | None
    chain: str
    claims: list[str]
    compensation: list[Any]
    bursts: int
    opening: Opening | None


class _Lost:
    """The type of `_MARK`."""


_MARK: Final = _Lost()


def _read_ext(code: int, data: memoryview) -> Any:
    if code == _SHARED.code:
        return _MARK
    if code == _WHOLE_NUMBER:
        return int(bytes(data))
    raise ValueError(f"extension {code} is not known")


_ENCODE = msgspec.msgpack.Encoder().encode
_DECODE = msgspec.msgpack.Decoder(_Instance, ext_hook=_read_ext).decode
_HEAD: Final = bytes([FORMAT])


def encode(instance: Instance) -> bytes:
    """The bytes of a state."""
    i = instance
    outer = _outer_data(i)
    wire = _Instance(
        i.tenant,
        i.id,
        i.definition,
        i.version,
        i.digest,
        i.status,
        i.started,
        i.updated,
        i.revision,
        i.counter,
        i.data,
        i.correlation,
        [_Fiber(f.id, f.parent, f.index, _pack(f.frames, outer[f.parent]), f.blocked, f.at, f.again) for f in i.fibers],
        i.reason,
        i.held,
        i.parent,
        i.chain,
        i.claims,
        i.compensation,
        i.bursts,
        i.opening,
    )
    try:
        return _HEAD + _ENCODE(wire)
    except OverflowError:
        return _HEAD + _ENCODE(_widen(wire))


def decode(data: bytes) -> Instance:
    """The state in the bytes.

    Raises:
        UnreadableState: They are damaged, or of a format that this version does not know.
    """
    if not data or data[0] != FORMAT:
        found = data[0] if data else "nothing"
        raise UnreadableState(f"the state has format {found}, this version of Evenweave reads format {FORMAT}")
    try:
        return _restore(_DECODE(memoryview(data)[1:]))
    except (msgspec.MsgspecError, ValueError, TypeError, KeyError, RecursionError) as error:
        raise UnreadableState(f"the state is damaged: {type(error).__name__}: {error}") from error


def _restore(w: _Instance) -> Instance:
    i = Instance(
        w.tenant,
        w.id,
        w.definition,
        w.version,
        w.digest,
        w.status,
        w.started,
        w.updated,
        w.revision,
        w.counter,
        w.data,
        w.correlation,
        [],
        w.reason,
        w.held,
        w.parent,
        w.chain,
        w.claims,
        w.compensation,
        w.bursts,
        w.opening,
    )
    outer = {0: w.data}
    for f in w.fibers:
        frames = _unpack(f.frames, outer[f.parent])
        i.fibers.append(Fiber(f.id, f.parent, f.index, frames, f.blocked, f.at, f.again))
        for frame in frames:
            if frame.branches is not None:
                outer[frame.activation] = frame.data
    return i


def _outer_data(instance: Instance) -> dict[int, Any]:
    """What the outermost frame of a fiber shares its data with: that of the fork or loop around, by its activation."""
    outer = {0: instance.data}
    if len(instance.fibers) > 1:
        for fiber in instance.fibers:
            for frame in fiber.frames:
                if frame.branches is not None:
                    outer[frame.activation] = frame.data
    return outer


def _pack(frames: list[Frame], below: Any) -> list[_Frame]:
    packed = []
    for f in frames:
        data = f.data
        # Only of values that have an identity of their own: whether two equal numbers are one object says nothing.
        same = data is below and data.__class__ in _CONTAINERS
        packed.append(
            _Frame(
                f.position,
                f.activation,
                same,
                None if same else _difference(data, below),
                f.started,
                f.variables and _difference(f.variables, data),
                f.last,
                f.deadline,
                f.attempt,
                f.waiting,
                f.branches,
                f.correlates,
            )
        )
        below = data
    return packed


def _unpack(packed: list[_Frame], below: Any) -> list[Frame]:
    frames = []
    for f in packed:
        below = below if f.same else _share(f.data, below)
        frames.append(
            Frame(
                f.position,
                f.activation,
                below,
                f.variables and _share(f.variables, below),
                f.last,
                f.started,
                f.deadline,
                f.attempt,
                f.waiting,
                f.branches,
                f.correlates,
            )
        )
    return frames


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
            if value is _MARK:
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
