"""Services written with the client, before a real Runtime."""

import asyncio
import os
import signal
import subprocess
import sys
import textwrap
from typing import Any

import pytest

from evenweave.client import Message, PublishRefused, Reject, Reply, Service

# Typed as Any because the fixture lives in conftest, which is no module to import from.
Runtime = Any


class Inbox:
    """Collects messages and lets a test wait for them."""

    def __init__(self) -> None:
        self.messages: list[Message] = []
        self._more = asyncio.Event()

    def take(self, message: Message) -> None:
        """Keep a message."""
        self.messages.append(message)
        self._more.set()

    async def reached(self, count: int) -> list[Message]:
        """Return the messages once there are `count`."""
        async with asyncio.timeout(20):
            while len(self.messages) < count:
                self._more.clear()
                await self._more.wait()
        return self.messages

    async def reached_data(self, wanted: set[Any]) -> None:
        """Return once the data of the messages are those of `wanted`."""
        while {message.data for message in self.messages} != wanted:
            await self.reached(len(self.messages) + 1)


def _collect(runtime: Runtime, *channels: str, name: str = "collector") -> tuple[Service, Inbox]:
    service, inbox = Service(name, runtime.url), Inbox()
    for channel in channels:

        @service.subscriber(channel, group=f"{name}.{channel}")
        async def take(message: Message) -> None:
            inbox.take(message)

    return service, inbox


async def _acknowledged(runtime: Runtime, group: str, channel: str, position: int) -> None:
    """Return once a group has acknowledged its channel up to `position`."""
    async with asyncio.timeout(20):
        while True:
            for subscription in await runtime.broker.subscriptions():
                if subscription.group == group and subscription.positions[channel][1] >= position:
                    return
            await asyncio.sleep(0.005)


async def test_a_published_event_reaches_a_subscriber(runtime: Runtime) -> None:
    """What one service publishes another one gets, with its attributes."""
    collector, inbox = _collect(runtime, "order")
    shop = Service("shop", runtime.url)
    async with collector.running(), shop.running():
        id_ = await shop.publish("order", {"id": "o1"}, type="order.placed", subject="o1", orderid="o1", gone=None)
        [message] = await inbox.reached(1)
    assert (message.id, message.source, message.type) == (id_, "/services/shop", "order.placed")
    assert (message.data, message.get("orderid"), message.get("subject")) == ({"id": "o1"}, "o1", "o1")
    assert "gone" not in message.event
    assert message.channel == "order"


async def test_a_reply_echoes_what_correlates_and_derives_its_id(runtime: Runtime) -> None:
    """A reply carries the trigger's correlation and trace attributes, and the same id for the same trigger."""
    payment = Service("payment", runtime.url)

    @payment.subscriber("payment/inbound", reply="payment/outbound")
    def pay(message: Message) -> dict[str, Any]:
        return {"order": message.data["id"], "status": "success"}

    collector, inbox = _collect(runtime, "payment/outbound")
    echo = {
        "workflowinstanceid": "i1",
        "workflowtaskinstanceid": "i1:3",
        "traceparent": "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
        "tracestate": "a=b",
        "orderid": "o1",
    }
    trigger = {"specversion": "1.0", "id": "i1:4", "source": "/evenweave/w", "type": "pay", "data": {"id": "o1"}}
    async with payment.running(), collector.running():
        await runtime.broker.publish([("payment/inbound", trigger | echo | {"sequence": "4"})])
        await inbox.reached(1)
        # The same trigger on the same channel with another attribute and other data: redelivered, as it were.
        await runtime.broker.publish([("payment/inbound", trigger | echo | {"data": {"id": "o2"}})])
        first, second = await inbox.reached(2)
    assert first.data == {"order": "o1", "status": "success"}
    assert {name: first.get(name) for name in echo} == echo
    assert first.get("sequence") is None
    assert (first.source, first.type, first.get("subject")) == ("/services/payment", *["payment/outbound"] * 2)
    assert (first.id, first.source) == (second.id, second.source)


async def test_a_redelivered_trigger_replies_once(runtime: Runtime) -> None:
    """A handler that replies again, because its acknowledgement was lost, adds no second reply to the log."""
    payment = Service("payment", runtime.url)

    @payment.subscriber("in", reply="out")
    async def pay(message: Message) -> str:
        return "paid"

    trigger = {"specversion": "1.0", "id": "1", "source": "/w", "type": "pay"}
    await runtime.broker.publish([("in", trigger), ("in", trigger | {"data": "another digest"})])
    collector, inbox = _collect(runtime, "out")
    async with payment.running(), collector.running():
        await _acknowledged(runtime, "payment", "in", 2)
        await runtime.broker.publish([("out", trigger | {"id": "last"})])
        messages = await inbox.reached(2)
    assert [message.data for message in messages] == ["paid", None]


async def test_several_replies_go_where_they_say(runtime: Runtime) -> None:
    """A list of replies is published in order, each on its channel, each with an id of its own."""
    service = Service("s", runtime.url)

    @service.subscriber("in", reply="a")
    async def handle(message: Message) -> list[Reply]:
        return [Reply(1), Reply(2), Reply({"x": 3}, channel="b", type="t", subject="s", extensions={"orderid": "o9"})]

    collector, inbox = _collect(runtime, "a", "b")
    async with service.running(), collector.running():
        await service.publish("in", {}, orderid="o1")
        messages = await inbox.reached(3)
    found = {(one.channel, str(one.data)): one for one in messages}
    assert set(found) == {("a", "1"), ("a", "2"), ("b", "{'x': 3}")}
    assert len({one.id for one in messages}) == 3
    last = found["b", "{'x': 3}"]
    assert (last.type, last.get("subject"), last.get("orderid")) == ("t", "s", "o9")
    assert found["a", "1"].get("orderid") == "o1"


async def test_a_handler_that_raises_gets_the_message_again(runtime: Runtime) -> None:
    """A failure is tried again and counted; the reason of the last one is kept with the dead letter."""
    service = Service("s", runtime.url)
    attempts: list[int] = []

    @service.subscriber("in")
    def handle(message: Message) -> None:
        attempts.append(message.attempt)
        if message.data == "bad" or message.attempt < 3:
            raise ValueError("no stock")

    async with service.running():
        await service.publish("in", "good")
        await _acknowledged(runtime, "s", "in", 1)
        assert attempts == [1, 2, 3]
        await service.publish("in", "bad")
        await _acknowledged(runtime, "s", "in", 2)
    assert attempts == [1, 2, 3, 1, 2, 3, 4, 5]
    [letter] = await runtime.broker.dead_letters()
    assert (letter.reason, letter.attempts, letter.group) == ("ValueError: no stock", 5, "s")


async def test_a_rejected_message_is_a_dead_letter_at_once(runtime: Runtime) -> None:
    """`Reject` ends the attempts."""
    service = Service("s", runtime.url)

    @service.subscriber("in")
    async def handle(message: Message) -> None:
        raise Reject("not for us")

    async with service.running():
        await service.publish("in", 1)
        await _acknowledged(runtime, "s", "in", 1)
    [letter] = await runtime.broker.dead_letters()
    assert (letter.reason, letter.attempts) == ("not for us", 1)


async def test_a_reply_that_is_refused_is_a_dead_letter(runtime: Runtime) -> None:
    """A reply that the Runtime never takes does not come again for ever; others in its batch are published."""
    service = Service("s", runtime.url)

    @service.subscriber("in", reply="out")
    async def handle(message: Message) -> str:
        return "x" * message.data

    collector, inbox = _collect(runtime, "out")
    async with service.running(), collector.running():
        await asyncio.gather(*(service.publish("in", size) for size in (1, 1_100_000, 2)))
        await _acknowledged(runtime, "s", "in", 3)
        await inbox.reached(2)
    [letter] = await runtime.broker.dead_letters()
    assert letter.event["data"] == 1_100_000
    assert "its reply is refused" in letter.reason


async def test_returning_something_without_a_channel_is_an_error(runtime: Runtime) -> None:
    """A result that goes nowhere is a failure that says what to do."""
    service = Service("s", runtime.url)

    @service.subscriber("in")
    async def handle(message: Message) -> int:
        return 1

    async with service.running():
        await service.publish("in", 1)
        await _acknowledged(runtime, "s", "in", 1)
    [letter] = await runtime.broker.dead_letters()
    assert "give its subscriber a reply channel" in letter.reason


async def test_publishing_what_is_refused_raises(runtime: Runtime) -> None:
    """An event that can never be published is an error of the caller, also among good ones."""
    service = Service("s", runtime.url)
    with pytest.raises(RuntimeError, match="running"):
        await service.publish("a", 1)
    async with service.running():
        results = await asyncio.gather(
            service.publish("a", 1),
            service.publish("a", "x" * 1_100_000),
            service.publish("a", object()),
            service.publish("a", 2, Order_Id="x"),
            service.publish("a", 3),
            return_exceptions=True,
        )
    assert [type(result) for result in results] == [str, PublishRefused, PublishRefused, PublishRefused, str]
    assert "Order_Id" in str(results[3])


async def test_two_workers_share_and_hold_at_most_ten_each(runtime: Runtime) -> None:
    """Workers of one group share the messages; none holds more than ten at a time; each message is handled once."""
    workers = [Service("payment", runtime.url) for _ in range(2)]
    held, most, seen = [0, 0], [0, 0], [list[int](), list[int]()]
    full = asyncio.Event()

    for index, worker in enumerate(workers):

        def subscribe(index: int, worker: Service) -> None:
            @worker.subscriber("in")
            async def handle(message: Message) -> None:
                held[index] += 1
                most[index] = max(most[index], held[index])
                if sum(held) == 20:
                    full.set()
                async with asyncio.timeout(20):
                    await full.wait()
                seen[index].append(message.data)
                held[index] -= 1

        subscribe(index, worker)
    async with workers[0].running(), workers[1].running():
        await asyncio.gather(*(workers[0].publish("in", number) for number in range(100)))
        await _acknowledged(runtime, "payment", "in", 100)
    assert most == [10, 10]
    assert sorted(seen[0] + seen[1]) == list(range(100))
    assert all(seen)


async def test_a_second_group_and_broadcasts_get_everything(runtime: Runtime) -> None:
    """Another group gets all messages too; in mode broadcast each process does, and its group ends with it."""
    one, inbox_one = _collect(runtime, "in", name="one")
    two, inbox_two = _collect(runtime, "in", name="two")
    inboxes = [Inbox(), Inbox()]
    broadcasts = [Service("all", runtime.url) for _ in inboxes]
    for service, inbox in zip(broadcasts, inboxes, strict=True):
        service.subscriber("in", mode="broadcast")(inbox.take)
    async with one.running(), two.running(), broadcasts[0].running(), broadcasts[1].running():
        await one.publish("in", 1)
        for inbox in (inbox_one, inbox_two, *inboxes):
            [message] = await inbox.reached(1)
            assert message.data == 1
    assert {subscription.mode for subscription in await runtime.broker.subscriptions()} == {"share"}


async def test_a_runtime_that_restarts_is_found_again(runtime: Runtime) -> None:
    """While the Runtime is away publishing waits; afterwards everything goes on, nothing is lost."""
    service = Service("s", runtime.url)
    inbox = Inbox()

    @service.subscriber("in", reply="out")
    async def handle(message: Message) -> Any:
        inbox.take(message)
        return message.data

    collector, replies = _collect(runtime, "out")
    async with service.running(), collector.running():
        await service.publish("in", 0)
        await inbox.reached(1)
        await runtime.stop()
        waiting = asyncio.create_task(service.publish("in", 1))
        await asyncio.wait((waiting,), timeout=0.2)
        assert not waiting.done()
        await runtime.start()
        await waiting
        await replies.reached_data({0, 1})
    # One whose acknowledgement was cut off comes again, under the same id.
    assert len({message.id for message in replies.messages}) == 2


async def test_a_service_waits_for_a_runtime_that_is_not_there_yet(runtime: Runtime) -> None:
    """Starting before the Runtime is no error."""
    collector, inbox = _collect(runtime, "in")
    await runtime.stop()

    async def use() -> None:
        async with collector.running():
            await collector.publish("in", 1)
            await inbox.reached(1)

    using = asyncio.create_task(use())
    await asyncio.wait((using,), timeout=0.2)
    assert not using.done()
    await runtime.start()
    await using


async def test_leaving_lets_handlers_finish(runtime: Runtime) -> None:
    """What is being handled when the service stops is finished and settled, and nothing is lost or doubled."""
    service = Service("s", runtime.url)
    begun, handled = asyncio.Event(), list[Any]()

    @service.subscriber("in")
    async def handle(message: Message) -> None:
        begun.set()
        await asyncio.sleep(0.05)
        handled.append(message.data)

    async with service.running():
        await service.publish("in", 1)
        await begun.wait()
    assert handled == [1]
    [subscription] = await runtime.broker.subscriptions()
    assert subscription.positions["in"][1] == 1


async def test_a_handler_that_does_not_finish_is_given_to_another(runtime: Runtime) -> None:
    """After the grace a handler is cancelled, and its message comes again at once."""
    service = Service("s", runtime.url, grace_s=0.01)
    begun = asyncio.Event()

    @service.subscriber("in")
    async def handle(message: Message) -> None:
        begun.set()
        await asyncio.Event().wait()

    async with service.running():
        await service.publish("in", 1)
        await begun.wait()
    other, inbox = Service("s", runtime.url), Inbox()
    other.subscriber("in")(inbox.take)
    async with other.running():
        [message] = await inbox.reached(1)
    assert message.attempt == 2


_SERVICE = """
    import sys
    from evenweave.client import Service
    service = Service("child")
    @service.subscriber("in", reply="out")
    def handle(message):
        return message.data
    service.run()
"""


async def test_run_serves_until_a_signal(runtime: Runtime) -> None:
    """`run` finds its Runtime in the environment, serves, and ends with 0 on SIGTERM."""
    environment = os.environ | {"EVENWEAVE_RUNTIME": runtime.url, "PYTHONPATH": os.pathsep.join(sys.path)}
    child = await asyncio.create_subprocess_exec(
        sys.executable, "-c", textwrap.dedent(_SERVICE), env=environment, stderr=subprocess.PIPE
    )
    collector, inbox = _collect(runtime, "out")
    async with collector.running():
        await collector.publish("in", "hello")
        [message] = await inbox.reached(1)
    assert message.data == "hello"
    child.send_signal(signal.SIGTERM)
    _, errors = await asyncio.wait_for(child.communicate(), 20)
    assert (child.returncode, errors) == (0, b"")
