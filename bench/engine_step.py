"""How long a move of the store order takes: the burst and the encoding of its state, in microseconds of CPU, at best.

    python bench/engine_step.py [--rounds N] [--profile]

A store order moves three times: the order comes in, the order service answers, the payment service answers. Each move
is what the worker does with it: a copy of the state, `apply`, `close`, `encode`. Decoding is shown beside it; the
worker does it only for instances that are not in its cache.
"""

from __future__ import annotations

import argparse
import cProfile
import pstats
import time
from typing import TYPE_CHECKING, Any

from evenweave import source
from evenweave.definitions import swf08
from evenweave.engine import Arrival, Begin, Instance, codec, correlate
from evenweave.engine.burst import Burst, fresh
from evenweave.plan.operation import Message, Operation
from evenweave.plan.swf08 import compile as compile_swf08

if TYPE_CHECKING:
    from evenweave.engine import Cause
    from evenweave.plan.nodes import Plan

DEFINITION = """
id: storeorderworkflow
specVersion: "0.8"
version: "1.0"
states:
  - name: Receive New Order Event
    type: event
    onEvents:
      - eventRefs: [NewOrderEvent]
        actions:
          - eventRef: {triggerEventRef: OrderSend, resultEventRef: OrderResult}
          - eventRef: {triggerEventRef: PaymentSend, resultEventRef: PaymentResult}
    transition: Check Payment Status
  - name: Check Payment Status
    type: switch
    dataConditions:
      - {condition: '${ .payment.status == "success" }', transition: Send Order Shipment}
      - {condition: '${ .payment.status == "denied" }', end: true}
    defaultCondition: {end: true}
  - name: Send Order Shipment
    type: operation
    actions:
      - eventRef: {triggerEventRef: ShipmentSend, resultEventRef: ShipmentDone, invoke: async}
    end: true
events:
  - {name: NewOrderEvent, source: 'file://store.yaml#order', type: asyncapi, kind: consumed}
  - {name: OrderSend, source: 'file://order.yaml#send', type: asyncapi, kind: produced}
  - {name: OrderResult, source: 'file://order.yaml#done', type: asyncapi, kind: consumed}
  - {name: PaymentSend, source: 'file://payment.yaml#send', type: asyncapi, kind: produced}
  - {name: PaymentResult, source: 'file://payment.yaml#done', type: asyncapi, kind: consumed}
  - {name: ShipmentSend, source: 'file://shipment.yaml#send', type: asyncapi, kind: produced}
  - {name: ShipmentDone, source: 'file://shipment.yaml#done', type: asyncapi, kind: consumed}
"""
NOW = 1_800_000_000.0


def make_plan() -> Plan:
    """Compile the store order against four services."""
    document = source.load("order.yaml", DEFINITION).document
    assert document is not None
    workflow = swf08.load(document).workflow
    assert workflow is not None
    operations = {}
    for use in workflow.operations():
        service = use.operation.removeprefix("file://").partition(".")[0]
        sends = use.operation.endswith(("#done", "#order"))
        operations[use.operation] = Operation(
            ref=use.operation,
            service=service,
            version="1",
            operation_id=use.operation.partition("#")[2],
            channel=f"{service}/{'outbound' if sends else 'inbound'}",
            direction="subscribe" if sends else "publish",
            messages=(Message(name=f"{service}-event"),),
        )
    compiled = compile_swf08(document, workflow, operations)
    assert compiled.plan is not None, compiled.diagnostics
    return compiled.plan


def make_event(name: str, channel: str, data: dict[str, Any], trigger: dict[str, Any] | None = None) -> dict[str, Any]:
    """An event of a service; an answer echoes its trigger."""
    event = {"specversion": "1.0", "id": name, "source": "/services", "type": channel, "subject": channel, "data": data}
    if trigger is not None:
        event |= {name: trigger[name] for name in (correlate.INSTANCE, correlate.TASK)}
    return event


def move(plan: Plan, instance: Instance, cause: Cause) -> tuple[Burst, bytes]:
    """One move as the worker makes it."""
    burst = Burst(plan, instance, now=NOW)
    burst.apply(cause)
    burst.close([])
    return burst, codec.encode(burst.instance)


def make_moves(plan: Plan) -> list[tuple[Instance, Cause]]:
    """The three moves of an order: the state before each, and its cause."""
    order = {"id": "o-1000", "items": [{"sku": "tea-green", "count": 2, "price": 450}], "customer": "c-77"}
    instance = fresh(plan, tenant="default", id="6f1c2ad84c3f4b0b9a54c1b3f2c7d901", now=NOW)
    moves: list[tuple[Instance, Cause]] = []
    begin = Begin({}, make_event("e-1", "store/outbound", {"order": order}))
    moves.append((instance, begin))
    burst, _ = move(plan, instance, begin)
    for number, data in enumerate(({"order": {**order, "stock": "ok"}}, {"payment": {"status": "success"}})):
        trigger = burst.effects[-1].event  # type: ignore[union-attr]
        channel = trigger["subject"].replace("inbound", "outbound")
        event = make_event(f"r-{number}", channel, data, trigger)
        activation = int(trigger[correlate.TASK].rpartition(":")[2])
        instance = burst.instance
        cause = Arrival(channel, event, activation=activation, echo=True)
        moves.append((instance, cause))
        burst, _ = move(plan, instance, cause)
    assert burst.instance.status == "completed", burst.instance
    return moves


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=3000)
    parser.add_argument("--profile", action="store_true")
    arguments = parser.parse_args()
    plan = make_plan()
    moves = make_moves(plan)
    if arguments.profile:
        profile = cProfile.Profile()
        profile.enable()
        for _ in range(arguments.rounds):
            for instance, cause in moves:
                move(plan, instance, cause)
        profile.disable()
        pstats.Stats(profile).sort_stats("tottime").print_stats(30)
        return
    total = 0.0
    for number, (instance, cause) in enumerate(moves, 1):
        burst, data = move(plan, instance, cause)
        whole = _measure(arguments.rounds, lambda: move(plan, instance, cause))  # noqa: B023
        encode = _measure(arguments.rounds, lambda: codec.encode(burst.instance))  # noqa: B023
        decode = _measure(arguments.rounds, lambda: codec.decode(data))  # noqa: B023
        total += whole
        print(
            f"move {number}: {whole:5.1f} us, encode {encode:.1f} us of it; {len(data)} bytes, decode {decode:.1f} us"
        )
    print(f"mean:   {total / len(moves):5.1f} us a move")


def _measure(rounds: int, work: Any) -> float:
    best = float("inf")
    for _ in range(15):
        started = time.thread_time()
        for _ in range(rounds):
            work()
        best = min(best, (time.thread_time() - started) / rounds * 1e6)
    return best


if __name__ == "__main__":
    main()
