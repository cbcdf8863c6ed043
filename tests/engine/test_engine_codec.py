"""The encoding of a state: what older and newer workers read, what damage does, and what is written once."""

import contextlib
from typing import Any

import msgspec
import pytest
from engine_driver import World, make_plan
from hypothesis import given, settings
from hypothesis import strategies as st

from evenweave.engine import codec
from evenweave.engine.codec import FORMAT, UnreadableState, decode, encode

EACH = """
states:
  - name: A
    type: foreach
    inputCollection: '${ .orders }'
    iterationParam: order
    actions: [{eventRef: {triggerEventRef: pay, resultEventRef: paid, data: '${ .order }'}}]
    end: true
"""


def waiting_world(orders: Any) -> World:
    """A loop of which every item waits for its answer."""
    return World(make_plan(EACH), strict=False).begin({"orders": orders})


def test_state_begins_with_its_format() -> None:
    """The first byte names the format; another one is refused and named."""
    state = encode(waiting_world([1]).instance)
    assert state[0] == FORMAT
    with pytest.raises(UnreadableState, match="format 9, this version of Evenweave reads format 1"):
        decode(b"\x09" + state[1:])
    with pytest.raises(UnreadableState, match="format nothing"):
        decode(b"")


def test_state_of_a_newer_worker_is_read_without_its_new_fields() -> None:
    """Fields that were added at the end, of any part, are passed over."""
    state = encode(waiting_world([1]).instance)
    parts: list[Any] = msgspec.msgpack.decode(state[1:])
    fiber = parts[12][0]
    frame = fiber[3][0]
    frame.append("new")
    fiber.append({"new": 1})
    parts.append(None)
    newer = bytes([FORMAT]) + msgspec.msgpack.encode(parts)
    assert encode(decode(newer)) == state


@settings(max_examples=300, deadline=None)
@given(st.integers(0, 10_000), st.integers(0, 255), st.integers(0, 10_000))
def test_damaged_state_is_read_or_refused(at: int, byte: int, end: int) -> None:
    """Bytes that changed or are missing give a state or `UnreadableState`, never anything else."""
    state = bytearray(encode(waiting_world([{"id": "o1"}, 2]).instance))
    state[1 + at % (len(state) - 1)] = byte
    with contextlib.suppress(UnreadableState):
        decode(bytes(state[: max(1, end)]))


def test_shared_data_is_written_once() -> None:
    """A loop whose items all wait does not write the collection for each of them, and reading shares it again."""
    orders = [{"id": f"order-{number}", "note": "x" * 50} for number in range(100)]
    instance = waiting_world(orders).instance
    state = encode(instance)
    assert len(state) < 6 * len(msgspec.msgpack.encode(orders))
    again = decode(state)
    first = again.fibers[1].frames[0].data
    assert first["orders"] is again.fibers[0].frames[1].data["orders"]
    assert first["order"] == orders[0]
    assert encode(again) == state


def test_decoded_instance_is_equal_in_everything() -> None:
    """No field gets lost."""
    instance = waiting_world([1, 2]).instance
    instance.correlation, instance.claims, instance.held, instance.chain = {"orderid": "o1"}, ["k"], 3, "i0"
    instance.parent, instance.compensation, instance.bursts = ("i0", 4, "terminate"), [("/states/0", "/states/1")], 2
    instance.fibers[0].frames[0].deadline, instance.fibers[0].frames[0].attempt = 5.5, 2
    again = decode(encode(instance))
    for name in (name for name in instance.__struct_fields__ if name != "fibers"):
        assert getattr(again, name) == getattr(instance, name), name
    for mine, theirs in zip(instance.fibers, again.fibers, strict=True):
        assert (mine.id, mine.parent, mine.index, mine.blocked, mine.at, mine.again) == (
            *(theirs.id, theirs.parent, theirs.index, theirs.blocked, theirs.at, theirs.again),
        )
        for one, other in zip(mine.frames, theirs.frames, strict=True):
            assert msgspec.to_builtins(one) == msgspec.to_builtins(other)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=3), inner, max_size=4),
    max_leaves=20,
)


@settings(max_examples=200, deadline=None)
@given(JSON, JSON)
def test_any_json_goes_through_the_state(data: Any, inner: Any) -> None:
    """Whatever an event or an expression brings is there after decoding, and is written the same again."""
    instance = waiting_world([1, 2]).instance
    instance.data = data
    for fiber in instance.fibers:
        for frame in fiber.frames:
            frame.data = {**data, "inner": inner} if isinstance(data, dict) else inner
    state = codec.encode(instance)
    again = codec.decode(state)
    assert again.data == data
    assert [frame.data for fiber in again.fibers for frame in fiber.frames] == [
        frame.data for fiber in instance.fibers for frame in fiber.frames
    ]
    assert codec.encode(again) == state
