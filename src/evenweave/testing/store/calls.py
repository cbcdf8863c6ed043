"""Calls to functions whose results have not been consumed."""

from __future__ import annotations

from typing import TYPE_CHECKING

from evenweave.ports.store import PendingCall

if TYPE_CHECKING:
    from evenweave.testing.store.rows import Bench


class CallContract:
    """Calls to functions whose results have not been consumed."""

    async def test_pending_call_is_seen_by_transactions_once_queued_and_until_it_is_ended(self, bench: Bench) -> None:
        """A call is pending in its own transaction, in those behind it, and after a restart; its result ends it."""
        first = bench.store.begin()
        first.call(PendingCall("i", 3, b"call"))
        assert await first.is_pending("i", 3)
        assert not await bench.store.begin().is_pending("i", 3)
        durable = first.queue()
        assert await bench.store.begin().is_pending("i", 3)
        await durable
        await bench.reopen()
        second = bench.store.begin()
        assert await second.is_pending("i", 3)
        assert not await second.is_pending("i", 4)
        second.end_call("i", 3)
        assert not await second.is_pending("i", 3)
        await second.queue()
        assert not await bench.store.begin().is_pending("i", 3)

    async def test_call_that_comes_and_goes_in_one_transaction_leaves_nothing(self, bench: Bench) -> None:
        """A call that is withdrawn before it was durable is never taken over."""
        made = bench.store.begin()
        made.call(PendingCall("i", 3, b"call"))
        made.end_call("i", 3)
        await made.queue()
        await bench.reopen()
        assert list(await bench.store.take_over_calls(9)) == []

    async def test_calls_of_a_session_that_ended_are_taken_over_once(self, bench: Bench) -> None:
        """Whoever takes them over has them; they are found a few at a time, and never by their own session."""
        made = bench.store.begin()
        for activation in (3, 4, 5):
            made.call(PendingCall("i", activation, b"call"))
        await made.queue()
        assert list(await bench.store.take_over_calls(9)) == []
        await bench.reopen()
        found = [*await bench.store.take_over_calls(2), *await bench.store.take_over_calls(2)]
        assert [each.activation for each in found] == [3, 4, 5]
        assert {(each.instance, each.call) for each in found} == {("i", b"call")}
        assert list(await bench.store.take_over_calls(9)) == []
        assert await bench.store.begin().is_pending("i", 4)
