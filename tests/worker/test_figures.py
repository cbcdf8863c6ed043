"""What the Workflow Engine counts."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

from worker_house import House, consumed, event, flow, sleeping, waiting

from evenweave.adapters.clocks import JumpingClock
from evenweave.ports.store import Census
from evenweave.worker.figures import CENSUS_SHARE, CensusTaker, Tally

if TYPE_CHECKING:
    from evenweave.ports.store import Store

WAIT = flow(
    "wait", waiting("a", "A"), sleeping("rest", "PT5S"), waiting("b", "B"), events=[consumed("A"), consumed("B")]
)


async def test_deadlines_are_counted_with_how_late_they_were(house: House) -> None:
    """A deadline that fires two seconds after its time is two seconds late."""
    await house.register(WAIT)
    await house.publish(event("1", "a"))
    await house.jump(7)
    figures = (await house.engine.figures()).figures
    assert sum(figures.deadlines.counts) == 1
    assert 1.9 < figures.deadlines.total < 2.1


async def test_poisoned_cause_counts_each_time_and_its_parking_once(house: House, monkeypatch: Any) -> None:
    """A step that raises is counted as poisoned; what is rolled back is not counted, what is parked is."""
    from evenweave.engine.burst import Burst

    await house.register(WAIT)
    await house.publish(event("1", "a"))
    apply = Burst.apply

    def fail(self: Burst, cause: Any) -> bool:
        if type(cause).__name__ == "Deadline":
            raise RuntimeError("broken")
        return apply(self, cause)

    monkeypatch.setattr(Burst, "apply", fail)
    await house.jump(6)
    snapshot = await house.engine.figures()
    assert (snapshot.figures.poisoned, snapshot.figures.parked, snapshot.census.parked) == (1, 1, 1)
    assert snapshot.figures.turned == {("wait", "suspended"): 1}
    assert snapshot.figures.bursts == 2
    assert snapshot.census.instances == {("wait", "suspended"): 1, ("wait", "waiting"): 0}


async def test_events_are_counted_by_what_became_of_them(house: House) -> None:
    """Consumed, kept and ignored events are told apart, by channel."""
    await house.register(WAIT)
    await house.register(flow("other", waiting("c", "C"), events=[consumed("C", sort="x")]), "other.json")
    await house.publish(event("1", "a"), event("2", "b"), event("3", "c", sort="y"))
    snapshot = await house.engine.figures()
    assert snapshot.figures.events == {("a", "consumed"): 1, ("b", "kept"): 1, ("c", "ignored"): 1}
    assert snapshot.census.kept == 1


class Slow:
    """A store whose count takes a while."""

    def __init__(self, clock: JumpingClock) -> None:
        self.clock = clock
        self.taken = 0

    async def census(self) -> Census:
        """Count."""
        self.taken += 1
        self.clock.jump(0.25)
        return Census({}, self.taken, 0, 0, 0)


async def test_census_rests_after_it_was_taken() -> None:
    """A count that took a quarter of a second is used again until twenty times that have passed."""
    clock = JumpingClock()
    slow: Any = Slow(clock)
    store: Store = slow
    taker = CensusTaker(store, clock)
    assert [(await taker.take()).waits for _ in range(3)] == [1, 1, 1]
    clock.jump(0.25 * CENSUS_SHARE - 0.01)
    assert (await taker.take()).waits == 1
    clock.jump(0.02)
    assert (await taker.take()).waits == 2


def test_counting_an_event_takes_well_under_a_microsecond() -> None:
    """What is added to the path of every event is an entry in a dictionary."""
    tally = Tally()
    best = 1.0
    for _ in range(20):
        began = time.perf_counter()
        for _ in range(1000):
            tally.take("payment/outbound", "consumed")
        best = min(best, (time.perf_counter() - began) / 1000)
    assert tally.events == {("payment/outbound", "consumed"): 20_000}
    assert best < 1e-6
    print(f"{best * 1e9:.0f} ns an event")
