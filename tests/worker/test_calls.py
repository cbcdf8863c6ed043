"""Calls to functions: asked for in a commit, made after it, consumed in another one (PROTOCOL section 2)."""

from __future__ import annotations

import asyncio
import json
from typing import TYPE_CHECKING, Any

import pytest
from worker_house import House, consumed, event, flow, waiting

from evenweave.adapters.clocks import JumpingClock
from evenweave.app import Outside, Whole
from evenweave.engine import calling
from evenweave.ports.store import PendingCall

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable
    from pathlib import Path

GO = consumed("Go")


class Door:
    """A function that waits until the test lets it go on."""

    def __init__(self) -> None:
        self.keys: list[str] = []
        self.opened = asyncio.Event()
        self.entered = asyncio.Event()
        self.ended = 0

    async def __call__(self, *, idempotency_key: str, **given: Any) -> dict[str, Any]:
        """Wait, then return the arguments."""
        self.keys.append(idempotency_key)
        self.entered.set()
        try:
            await self.opened.wait()
        finally:
            self.ended += 1
        return {"answer": given}

    async def call(self, *, idempotency_key: str, **given: Any) -> dict[str, Any]:
        """The same, as a coroutine function."""
        return await self(idempotency_key=idempotency_key, **given)


def calls(name: str, *functions: Any, mode: str = "sequential", **rest: Any) -> dict[str, Any]:
    """An operation state that calls functions."""
    return {
        "name": name,
        "type": "operation",
        "actionMode": mode,
        "actions": [{"functionRef": each} for each in functions],
        **rest,
    }


def definition(*states: dict[str, Any], more: dict[str, Any] | None = None, **functions: Any) -> bytes:
    """A definition with functions of the type custom; what is given of one is its metadata."""
    document = json.loads(flow("f", *states, events=[GO]))
    document["functions"] = [
        {"name": name, "type": "custom", "operation": name, **({"metadata": said} if said else {})}
        for name, said in functions.items()
    ]
    return json.dumps(document | (more or {})).encode()


@pytest.fixture
async def open_calling() -> AsyncIterator[Callable[..., Awaitable[House]]]:
    """Open houses with callables."""
    opened: list[Whole] = []

    async def open_(path: Path | None = None, secrets: dict[str, Any] | None = None, **callables: Any) -> House:
        clock = JumpingClock()
        outside = Outside(callables=callables, secrets=secrets or {})
        whole = await Whole.start(path, clock=clock, outside=outside)
        opened.append(whole)
        return House(whole, clock)

    yield open_
    for whole in opened:
        await whole.stop()


async def status(house: House, id: str, wanted: str) -> Any:  # noqa: A002
    """The instance, once it has a status."""

    async def look() -> str:
        return (await house.engine.instance(id)).status

    await house.until(look, wanted)
    return await house.engine.instance(id)


async def pending(house: House, id: str) -> bool:  # noqa: A002
    """Whether there is a pending call of the instance in the store."""
    store: Any = house.engine._store
    return bool(store.reader.rows("select 1 from calls where instance = ?", (id,)))


async def test_call_gives_its_result_to_the_action(open_calling: Callable[..., Awaitable[House]]) -> None:
    """The arguments are the callable's keywords; what it returns is merged into the state's data."""
    house = await open_calling(add=lambda a, b: {"sum": a + b})
    await house.register(definition(calls("Add", {"refName": "add", "arguments": {"a": "${ .n }", "b": 2}}), add=None))
    id_ = await house.engine.start_instance("f", {"n": 40})
    found = await status(house, id_, "completed")
    assert found.data == {"n": 40, "sum": 42}
    assert not await pending(house, id_)
    assert (await house.engine.figures()).figures.calls == 1


async def test_call_is_made_only_once_it_is_durable_and_shows_as_waited_for(
    open_calling: Callable[..., Awaitable[House]],
) -> None:
    """While the call runs, its instance waits for a result, and the key names the instance."""
    door = Door()
    house = await open_calling(door=door.call)
    await house.register(definition(calls("Call", {"refName": "door", "arguments": {"x": 1}}), door=None))
    id_ = await house.engine.start_instance("f", {})
    await asyncio.wait_for(door.entered.wait(), 10)
    found = await house.engine.instance(id_)
    assert (found.status, [each.kind for each in found.waits]) == ("waiting", ["result"])
    assert door.keys[0].startswith(f"{id_}:")
    door.opened.set()
    assert (await status(house, id_, "completed")).data == {"answer": {"x": 1}}


async def test_arguments_of_other_kinds_and_none(open_calling: Callable[..., Awaitable[House]]) -> None:
    """Without arguments the callable gets the state's data; its scalar result goes under `response`."""
    house = await open_calling(count=len)
    await house.register(definition(calls("Count", "count"), count=None))
    id_ = await house.engine.start_instance("f", {"a": 1, "b": 2})
    assert (await status(house, id_, "completed")).data == {"a": 1, "b": 2, "response": 2}


async def test_raising_callable_is_an_error_of_the_workflow(open_calling: Callable[..., Awaitable[House]]) -> None:
    """The instance is faulted at the action, with the exception's words; a retry calls again, under a new key."""
    keys: list[str] = []

    def flaky(*, idempotency_key: str, **_: Any) -> dict[str, Any]:
        keys.append(idempotency_key)
        if len(keys) == 1:
            raise ValueError("not today")
        return {"done": True}

    house = await open_calling(flaky=flaky)
    await house.register(definition(calls("Try", {"refName": "flaky", "arguments": {"x": 1}}), flaky=None))
    id_ = await house.engine.start_instance("f", {})
    found = await status(house, id_, "faulted")
    assert found.reason is not None
    assert (found.reason.type, found.reason.reference) == ("function", "/states/0/actions/0")
    assert "ValueError: not today" in found.reason.title
    await house.command(id_, "retry")
    assert (await status(house, id_, "completed")).data == {"done": True}
    assert len(set(keys)) == 2


async def test_arguments_that_do_not_fit_are_an_error(open_calling: Callable[..., Awaitable[House]]) -> None:
    """A callable that takes other arguments is not called."""
    house = await open_calling(add=lambda a: a)
    await house.register(definition(calls("Add", {"refName": "add", "arguments": {"b": 2}}), add=None))
    found = await status(house, await house.engine.start_instance("f", {}), "faulted")
    assert found.reason is not None
    assert found.reason.type == "arguments"


async def test_function_that_nobody_registered_is_an_error(open_calling: Callable[..., Awaitable[House]]) -> None:
    """The reason names the function."""
    house = await open_calling()
    await house.register(definition(calls("Call", "nobody"), nobody=None))
    found = await status(house, await house.engine.start_instance("f", {}), "faulted")
    assert found.reason is not None
    assert (found.reason.type, '"nobody"' in found.reason.title) == ("unknown-function", True)


async def test_call_that_takes_too_long_is_an_error(open_calling: Callable[..., Awaitable[House]]) -> None:
    """`metadata.timeout` bounds the call, and what takes longer is cancelled."""
    door = Door()
    house = await open_calling(door=door.call)
    text = definition(calls("Call", {"refName": "door", "arguments": {}}), door={"timeout": "PT0.02S"})
    await house.register(text)
    found = await status(house, await house.engine.start_instance("f", {}), "faulted")
    assert found.reason is not None
    assert found.reason.type == "timeout"
    assert door.ended == 1


async def test_parallel_actions_call_side_by_side(open_calling: Callable[..., Awaitable[House]]) -> None:
    """All calls of a parallel operation run before any of them has to end."""
    door = Door()
    house = await open_calling(door=door.call)
    refs = [{"refName": "door", "arguments": {"x": number}} for number in range(3)]
    await house.register(definition(calls("Call", *refs, mode="parallel"), door=None))
    id_ = await house.engine.start_instance("f", {})

    async def running() -> int:
        return len(door.keys)

    await house.until(running, 3)
    door.opened.set()
    await status(house, id_, "completed")
    assert len(set(door.keys)) == 3


async def test_cancelled_instance_withdraws_its_call(open_calling: Callable[..., Awaitable[House]]) -> None:
    """Leaving the call removes its row in the same commit, and ends what runs."""
    door = Door()
    house = await open_calling(door=door.call)
    await house.register(definition(calls("Call", {"refName": "door", "arguments": {}}), door=None))
    id_ = await house.engine.start_instance("f", {})
    await asyncio.wait_for(door.entered.wait(), 10)
    await house.command(id_, "cancel")
    assert not await pending(house, id_)

    async def ended() -> int:
        return door.ended

    await house.until(ended, 1)


async def test_suspended_instance_takes_the_result_and_goes_on_when_resumed(
    open_calling: Callable[..., Awaitable[House]],
) -> None:
    """A result that comes while the instance is suspended is kept in its state."""
    door = Door()
    house = await open_calling(door=door.call)
    await house.register(definition(calls("Call", {"refName": "door", "arguments": {"x": 1}}), door=None))
    id_ = await house.engine.start_instance("f", {})
    await asyncio.wait_for(door.entered.wait(), 10)
    await house.command(id_, "suspend")
    door.opened.set()

    async def consumed_() -> int:
        return (await house.engine.figures()).figures.calls

    await house.until(consumed_, 1)
    assert (await house.engine.instance(id_)).status == "suspended"
    assert len(door.keys) == 1
    await house.command(id_, "resume")
    assert (await status(house, id_, "completed")).data == {"answer": {"x": 1}}
    assert len(door.keys) == 1


async def test_async_call_is_made_and_nobody_waits(open_calling: Callable[..., Awaitable[House]]) -> None:
    """The instance ends before the call does; what the call returns, or raises, changes nothing."""
    door = Door()

    async def broken(**_: Any) -> None:
        raise RuntimeError("nobody hears")

    house = await open_calling(door=door.call, broken=broken)
    refs = [{"refName": name, "arguments": {}, "invoke": "async"} for name in ("door", "broken")]
    await house.register(definition(calls("Call", *refs), door=None, broken=None))
    id_ = await house.engine.start_instance("f", {"n": 1})
    assert (await status(house, id_, "completed")).data == {"n": 1}
    await asyncio.wait_for(door.entered.wait(), 10)
    door.opened.set()

    async def consumed_() -> int:
        return (await house.engine.figures()).figures.calls

    await house.until(consumed_, 2)
    assert not await pending(house, id_)


@pytest.mark.parametrize("repeat", [True, False])
async def test_call_of_a_dead_worker_is_made_again_under_its_key(
    open_calling: Callable[..., Awaitable[House]], tmp_path: Path, repeat: bool
) -> None:
    """A worker that starts takes over what another one left; where a call may not be repeated it is an error."""
    first = Door()
    house = await open_calling(tmp_path / "all.db", door=first.call)
    said = None if repeat else {"repeat": "never"}
    await house.register(definition(calls("Call", {"refName": "door", "arguments": {"x": 1}}), door=said))
    id_ = await house.engine.start_instance("f", {})
    await asyncio.wait_for(first.entered.wait(), 10)
    await house.whole.stop()
    second = Door()
    second.opened.set()
    again = await open_calling(tmp_path / "all.db", door=second.call)
    if repeat:
        assert (await status(again, id_, "completed")).data == {"answer": {"x": 1}}
        assert second.keys == first.keys
    else:
        found = await status(again, id_, "faulted")
        assert found.reason is not None
        assert (found.reason.type, second.keys) == ("outcome-unknown", [])


async def test_result_without_a_row_is_dropped(open_calling: Callable[..., Awaitable[House]]) -> None:
    """A call that somebody else has consumed moves nothing, and is counted."""
    house = await open_calling(add=lambda: {"late": True})
    await house.register(definition(waiting("Wait", "Go"), add=None))
    await house.publish(event("e", "go"))
    (one,) = await house.instances()
    invocation = calling.Invocation("k", "f", "add", "custom", "add", arguments=calling.Values({}))
    house.engine._calls.add([((one.id, 99), invocation)])

    async def dropped() -> int:
        return (await house.engine.figures()).figures.results_dropped

    await house.until(dropped, 1)
    assert (await house.engine.instance(one.id)).data == one.data


async def test_result_for_an_activation_that_is_gone_is_a_counted_no_op(
    open_calling: Callable[..., Awaitable[House]],
) -> None:
    """The row goes with it."""
    house = await open_calling(add=lambda: {"late": True})
    text = definition(calls("Call", {"refName": "add", "arguments": {}}), waiting("Wait", "Go"), add=None)
    await house.register(text)
    id_ = await house.engine.start_instance("f", {})

    async def consumed_() -> int:
        return (await house.engine.figures()).figures.calls

    await house.until(consumed_, 1)
    invocation = calling.Invocation("k", "f", "add", "custom", "add", arguments=calling.Values({}))
    made = house.engine._store.begin()
    made.call(PendingCall(id_, 99, calling.encode(invocation)))
    await made.queue()
    house.engine._calls.add([((id_, 99), invocation)])
    await house.until(consumed_, 2)
    assert (await house.engine.figures()).figures.results_dropped == 1
    assert not await pending(house, id_)


async def test_error_of_a_call_is_handled_by_its_code(open_calling: Callable[..., Awaitable[House]]) -> None:
    """`onErrors` knows a call's error by each of its codes: here by a class that the exception derives from."""

    def find(**_: Any) -> None:
        raise KeyError("x")

    house = await open_calling(find=find)
    failing = calls("Find", {"refName": "find", "arguments": {}}, transition="End")
    failing["onErrors"] = [{"errorRef": "Missing", "transition": "Mend"}]
    mend = {"name": "Mend", "type": "inject", "data": {"mended": True}, "transition": "End"}
    end = {"name": "End", "type": "inject", "data": {"ended": True}}
    errors = {"errors": [{"name": "Missing", "code": "LookupError"}]}
    await house.register(definition(failing, mend, end, find=None, more=errors))
    id_ = await house.engine.start_instance("f", {})
    assert (await status(house, id_, "completed")).data == {"mended": True, "ended": True}


async def test_retried_action_calls_again_under_another_key(open_calling: Callable[..., Awaitable[House]]) -> None:
    """Each attempt of a retry policy is a call of its own, once its delay is over."""
    keys: list[str] = []

    def flaky(*, idempotency_key: str, **_: Any) -> dict[str, Any]:
        keys.append(idempotency_key)
        if len(keys) < 3:
            raise OSError("not yet")
        return {"done": len(keys)}

    house = await open_calling(flaky=flaky)
    action = {
        "functionRef": {"refName": "flaky", "arguments": {"x": 1}},
        "retryRef": "often",
        "retryableErrors": ["Broken"],
    }
    more = {
        "retries": [{"name": "often", "delay": "PT10S", "maxAttempts": 5}],
        "errors": [{"name": "Broken", "code": "OSError"}],
    }
    state = {"name": "Try", "type": "operation", "actions": [action]}
    await house.register(definition(state, flaky=None, more=more))
    id_ = await house.engine.start_instance("f", {})

    jumps: list[int] = []

    async def asleep() -> bool:
        (wait, *_) = (await house.engine.instance(id_)).waits or [None]
        return wait is not None and wait.kind != "result" and len(keys) == len(jumps) + 1

    for each in (1, 2):
        await house.until(asleep, True)
        jumps.append(each)
        await house.jump(10)
    assert (await status(house, id_, "completed")).data == {"done": 3}
    assert len(set(keys)) == 3


async def test_action_whose_time_is_over_withdraws_its_call(open_calling: Callable[..., Awaitable[House]]) -> None:
    """An action's time-out leaves the call: its row is gone in the same commit, and it is ended."""
    door = Door()
    house = await open_calling(door=door.call)
    state = calls("Call", {"refName": "door", "arguments": {}}, timeouts={"actionExecTimeout": "PT5S"})
    await house.register(definition(state, door=None))
    id_ = await house.engine.start_instance("f", {})
    await asyncio.wait_for(door.entered.wait(), 10)
    await house.jump(5)
    found = await status(house, id_, "faulted")
    assert found.reason is not None
    assert found.reason.type == "timeout"
    assert not await pending(house, id_)

    async def ended() -> int:
        return door.ended

    await house.until(ended, 1)


async def test_branch_that_is_not_needed_withdraws_its_call(open_calling: Callable[..., Awaitable[House]]) -> None:
    """Where a parallel state needs no more branches, the calls of the others are ended."""
    door = Door()
    house = await open_calling(door=door.call, fast=lambda: {"fast": True})
    branches = [
        {"name": name, "actions": [{"functionRef": {"refName": name, "arguments": {}}}]} for name in ("door", "fast")
    ]
    state = {"name": "P", "type": "parallel", "branches": branches, "completionType": "atLeast", "numCompleted": 1}
    await house.register(definition(state, door=None, fast=None))
    id_ = await house.engine.start_instance("f", {})
    assert (await status(house, id_, "completed")).data == {"fast": True}
    assert not await pending(house, id_)


async def test_secret_reaches_the_callable_and_nothing_else(open_calling: Callable[..., Awaitable[House]]) -> None:
    """What is stored is the expression; an error that holds the secret shows it as hidden."""
    seen: list[Any] = []

    def pay(**given: Any) -> None:
        seen.append(given)
        raise RuntimeError(f"refused {given['token']}")

    house = await open_calling(pay=pay, secrets={"key": {"token": "s3cr3t-value"}})
    arguments = {"token": "${ $SECRETS.key.token }", "told": "Bearer ${ $SECRETS.key.token } of ${ .who }", "n": 1}
    text = definition(calls("Pay", {"refName": "pay", "arguments": arguments}), pay=None, more={"secrets": ["key"]})
    await house.register(text)
    id_ = await house.engine.start_instance("f", {"who": "ann"})
    found = await status(house, id_, "faulted")
    assert seen == [{"token": "s3cr3t-value", "told": "Bearer s3cr3t-value of ann", "n": 1}]
    assert found.reason is not None
    assert "refused ***" in found.reason.title
    history = await house.engine.history(id_)
    assert all(b"s3cr3t" not in each.causes for each in history)
    stored = await house.engine._store.instance(id_)
    assert "s3cr3t" not in repr(stored)


async def test_secret_that_is_not_there_is_an_error(open_calling: Callable[..., Awaitable[House]]) -> None:
    """The call is not made, and the reason names the secret."""
    house = await open_calling(pay=lambda **_: None)
    arguments = {"token": "${ $SECRETS.key }"}
    text = definition(calls("Pay", {"refName": "pay", "arguments": arguments}), pay=None, more={"secrets": ["key"]})
    await house.register(text)
    found = await status(house, await house.engine.start_instance("f", {}), "faulted")
    assert found.reason is not None
    assert (found.reason.type, '"key"' in found.reason.title) == ("secret", True)


async def test_history_with_calls_runs_again_to_the_same_state(open_calling: Callable[..., Awaitable[House]]) -> None:
    """Results are in the history, so a trace and a check of it make no call."""
    made: list[int] = []

    def count() -> dict[str, Any]:
        made.append(1)
        return {"made": len(made)}

    house = await open_calling(count=count)
    once = {"refName": "count", "arguments": {}}
    await house.register(definition(calls("Call", once, once), count=None))
    id_ = await house.engine.start_instance("f", {})
    assert (await status(house, id_, "completed")).data == {"made": 2}
    trace = await house.engine.archive.trace(id_)
    assert await house.engine.archive.check(id_)
    assert [cause.cause["cause"] for burst in trace.bursts for cause in burst.causes] == ["begin", "called", "called"]
    assert len(made) == 2
