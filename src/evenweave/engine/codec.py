"""How an instance's state is written down: msgpack behind a byte that names the format."""

from __future__ import annotations

from typing import Any

import msgspec
from msgspec import Struct

from evenweave.engine.instance import Branches, Fiber, Frame, Instance, Reason, Status, Waiting
from evenweave.errors import EvenweaveError

FORMAT = 1


class UnreadableState(EvenweaveError):
    """Stored bytes are no state that this version can read: damaged, or written by a newer version."""


class _Frame(Struct, array_like=True):
    position: str
    activation: int
    same: bool  # the data is that of the frame below: most frames of a fiber share one value, it is written once
    data: Any
    started: float
    variables: dict[str, Any] | None = None
    last: Any = None
    deadline: float | None = None
    attempt: int = 0
    waiting: Waiting | None = None
    branches: Branches | None = None
    correlates: Any = None


class _Fiber(Struct, array_like=True):
    id: int
    parent: int
    index: int
    frames: list[_Frame]
    blocked: str
    at: str


class _Instance(Struct, array_like=True):
    # Fields are only ever added at the end, with a default: an older worker ignores them, a newer one fills them in.
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


_ENCODER = msgspec.msgpack.Encoder()
_DECODER = msgspec.msgpack.Decoder(_Instance)
_MARK = bytes([FORMAT])


def encode(instance: Instance) -> bytes:
    """The bytes of a state."""
    i = instance
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
        [_Fiber(f.id, f.parent, f.index, _pack(f.frames), f.blocked, f.at) for f in i.fibers],
        i.reason,
        i.held,
        i.parent,
        i.chain,
        i.claims,
        i.compensation,
        i.bursts,
    )
    return _MARK + _ENCODER.encode(wire)


def decode(data: bytes) -> Instance:
    """The state in the bytes.

    Raises:
        UnreadableState: They are damaged, or of a format that this version does not know.
    """
    if not data or data[0] != FORMAT:
        found = data[0] if data else "nothing"
        raise UnreadableState(f"the state has format {found}, this version of Evenweave reads format {FORMAT}")
    try:
        w = _DECODER.decode(memoryview(data)[1:])
    except msgspec.MsgspecError as error:
        raise UnreadableState(f"the state is damaged: {error}") from error
    return Instance(
        tenant=w.tenant,
        id=w.id,
        definition=w.definition,
        version=w.version,
        digest=w.digest,
        status=w.status,
        started=w.started,
        updated=w.updated,
        revision=w.revision,
        counter=w.counter,
        data=w.data,
        correlation=w.correlation,
        fibers=[
            Fiber(f.id, f.parent, f.index, _unpack(f.frames), f.blocked, f.at)  # type: ignore[arg-type]
            for f in w.fibers
        ],
        reason=w.reason,
        held=w.held,
        parent=w.parent,
        chain=w.chain,
        claims=w.claims,
        compensation=w.compensation,
        bursts=w.bursts,
    )


def _pack(frames: list[Frame]) -> list[_Frame]:
    packed = []
    below: Any = _Frame  # no data is this
    for f in frames:
        same = f.data is below
        below = f.data
        packed.append(
            _Frame(
                f.position,
                f.activation,
                same,
                None if same else f.data,
                f.started,
                f.variables,
                f.last,
                f.deadline,
                f.attempt,
                f.waiting,
                f.branches,
                f.correlates,
            )
        )
    return packed


def _unpack(packed: list[_Frame]) -> list[Frame]:
    frames: list[Frame] = []
    below: Any = None
    for f in packed:
        below = below if f.same else f.data
        frames.append(
            Frame(
                f.position,
                f.activation,
                below,
                f.variables,
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
