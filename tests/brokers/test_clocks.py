"""The clocks: the system's, and the one that is moved by hand."""

import asyncio

from evenweave.adapters.clocks import JumpingClock, SystemClock


def test_a_jump_makes_the_calls_on_its_way_in_order() -> None:
    """Calls are made at their time, in order, those they ask for on the way included; cancelled ones are not."""
    clock = JumpingClock(now_ms=1_000)
    made: list[tuple[str, int]] = []

    def note(name: str) -> None:
        made.append((name, clock.now()))

    def first() -> None:
        note("first")
        clock.call_later(1, lambda: note("asked on the way"))
        clock.call_later(99, lambda: note("too late"))

    clock.call_later(2, lambda: note("second"))
    clock.call_later(1, first)
    clock.call_later(1, lambda: note("cancelled")).cancel()
    clock.jump(5)
    assert made == [("first", 2_000), ("second", 3_000), ("asked on the way", 3_000)]
    assert (clock.now(), clock.monotonic()) == (6_000, 5.0)


def test_setting_the_time_moves_no_timer() -> None:
    """A correction of the time that people read leaves the time that passes alone."""
    clock = JumpingClock()
    clock.jump(3)
    clock.set(50)
    assert (clock.now(), clock.monotonic()) == (50, 3.0)
    clock.jump(1)
    assert clock.now() == 1_050


async def test_the_system_clock_calls_later() -> None:
    """The system's clock goes forward and makes its calls on the loop; a delay in the past is none."""
    clock = SystemClock()
    before, called = clock.monotonic(), asyncio.Event()
    clock.call_later(-1, called.set)
    await called.wait()
    assert clock.monotonic() >= before
    assert clock.now() > 1_700_000_000_000
