"""A world for one instance: it runs bursts as a worker does, plays the services, and holds the engine to its promises.

Every burst is run twice, from the state and from its decoded encoding, and must give the same bytes; every `Listen`
must be forgotten once; every id is used once.
"""

import json
from collections.abc import Callable
from typing import Any

import msgspec

from evenweave import source
from evenweave.definitions import swf08
from evenweave.engine import (
    LIMITS,
    Arrival,
    Begin,
    Cause,
    Claim,
    Command,
    Continue,
    Deadline,
    Forget,
    GiveUp,
    Instance,
    Launch,
    Limits,
    Listen,
    Publish,
    Remove,
    Step,
    codec,
    correlate,
    fresh,
    step,
)
from evenweave.engine.chance import draw
from evenweave.plan.nodes import Plan
from evenweave.plan.operation import Message, Operation
from evenweave.plan.swf08 import Compiled
from evenweave.plan.swf08 import compile as compile_swf08

HEAD = 'id: flow\nspecVersion: "0.8"\n'
EVENTS = """
events:
  - {name: asked, type: asyncapi, source: 'file://shop.yaml#asked', kind: consumed}
  - {name: pay, type: asyncapi, source: 'file://pay.yaml#pay', kind: produced}
  - {name: paid, type: asyncapi, source: 'file://pay.yaml#paid', kind: consumed}
  - {name: ship, type: asyncapi, source: 'file://ship.yaml#ship', kind: produced}
  - {name: shipped, type: asyncapi, source: 'file://ship.yaml#shipped', kind: consumed}
  - {name: noted, type: org.note, source: /notes, kind: consumed, correlation: [{contextAttributeName: orderId}]}
  - {name: told, type: org.told, kind: produced}
"""
SENT = ("asked", "paid", "shipped")
"""The operations that a service sends, all others it receives."""

EPOCH = 1_800_000_000.0


def operations(workflow: Any, *, located: str | None = None) -> dict[str, Operation]:
    """Make an operation of each that a workflow refers to: `file://pay.yaml#paid` is sent on `pay/paid`."""
    found = {}
    for use in workflow.operations():
        service, _, name = use.operation.removeprefix("file://").partition("#")
        found[use.operation] = Operation(
            ref=use.operation,
            service=service,
            version="1",
            operation_id=name,
            channel=f"{service.removesuffix('.yaml')}/{name}",
            direction="subscribe" if name in SENT else "publish",
            messages=(Message(name=f"{name}.message", correlation_id=located),),
        )
    return found


def compile_text(text: str, *, located: str | None = None, known: bool = True) -> Compiled:
    """Compile the text of a definition that has no mistakes of its own."""
    document = source.load("order.yaml", text).document
    assert document is not None
    loaded = swf08.load(document)
    assert loaded.workflow is not None, loaded.diagnostics
    found = operations(loaded.workflow, located=located) if known else {}
    return compile_swf08(document, loaded.workflow, found, digest="d1")


def make_plan(states: Any, *, located: str | None = None, head: str = HEAD, events: str = EVENTS) -> Plan:
    """Make the plan of a definition, given its states (and whatever goes beside them)."""
    text = states if isinstance(states, str) else f"states: {json.dumps(states)}\n"
    compiled = compile_text(head + text + events, located=located)
    assert compiled.plan is not None, compiled.diagnostics
    return compiled.plan


class World:
    """One instance and everything around it."""

    def __init__(
        self,
        plan: Plan,
        *,
        limits: Limits = LIMITS,
        name: str = "i1",
        strict: bool = True,
        chance: Callable[[str], float] = draw,
    ) -> None:
        self.plan = plan
        self.limits = limits
        self.strict = strict
        self.chance = chance
        self.now = EPOCH
        self.instance: Instance = fresh(plan, tenant="default", id=name, now=self.now)
        self.published: list[dict[str, Any]] = []
        self.launched: list[Launch] = []
        self.listening: dict[tuple[int, int], Listen] = {}
        self.claims: list[str] = []
        self.given_up: list[GiveUp] = []
        self.removed = False
        self.ids: set[int] = set()
        self.bursts = 0
        self._count = 0

    # What happens to it.

    def follow(self, plan: Plan) -> "World":
        """A world for the instance that goes on for this one, which has begun as this one asked for it."""
        world = World(plan, name=f"{self.instance.id}-next", limits=self.limits, strict=self.strict)
        world.now = self.now
        world.instance = fresh(plan, tenant="default", id=world.instance.id, now=self.now)
        world.move(self.launched[-1].begin)
        return world.settle()

    def begin(self, data: Any = None, event: dict[str, Any] | None = None, start: int = 0) -> "World":
        """Start the instance, by a command or by an event."""
        self.move(Begin({} if data is None else data, event, start))
        return self.settle()

    def deliver(self, channel: str, data: Any, *, answers: dict[str, Any] | None = None, **attributes: Any) -> bool:
        """Let an event come; it finds its await by echo, by a wait row or by the key that the instance stands for."""
        event = self.event(channel, data, **attributes)
        if answers is not None:
            event |= {name: answers[name] for name in (correlate.INSTANCE, correlate.TASK)}
        taken = any(self.move(cause) for cause in self.ways(channel, event))
        self.settle()
        return taken

    def answer(self, data: Any, to: int = -1) -> bool:
        """Let the service answer a trigger, as `pay/pay` is answered on `pay/paid`."""
        trigger = self.published[to]
        return self.deliver(
            {"pay/pay": "pay/paid", "ship/ship": "ship/shipped"}[trigger["subject"]], data, answers=trigger
        )

    def sleep(self, seconds: float) -> bool:
        """Let time pass."""
        self.now += seconds
        due = self.instance.due
        taken = due is not None and due <= self.now and self.move(Deadline())
        self.settle()
        return taken

    def wait(self) -> float:
        """Let time pass until the next deadline; how long that took."""
        due = self.instance.due
        assert due is not None
        seconds = due - self.now
        self.now = due
        assert self.move(Deadline())
        self.settle()
        return seconds

    def command(self, verb: Any, reason: str = "") -> None:
        """Give a command."""
        self.move(Command(verb, reason))
        self.settle()

    def settle(self) -> "World":
        """Run what long bursts left over."""
        while self.instance.status == "running":
            assert self.move(Continue())
        return self

    def move(self, cause: Cause) -> bool:
        """Run a burst, twice, and keep its outcome."""
        made = step(self.plan, self.instance, [cause], now=self.now, limits=self.limits, chance=self.chance)
        state = codec.encode(made.instance)
        if self.strict:
            before = codec.encode(self.instance)
            again = step(self.plan, codec.decode(before), [cause], now=self.now, limits=self.limits, chance=self.chance)
            assert (codec.encode(again.instance), again.taken) == (state, made.taken)
            assert msgspec.json.encode(again.effects) == msgspec.json.encode(made.effects)
            assert codec.encode(codec.decode(state)) == state
            assert codec.encode(self.instance) == before, "a burst changed what it was given"
        self.bursts += 1
        self.keep(made)
        return made.taken[0]

    def keep(self, made: Step) -> None:
        """Take over what a burst made."""
        self.instance = made.instance
        for effect in made.effects:
            match effect:
                case Publish():
                    assert effect.event["id"] == f"{self.instance.id}:{effect.n}"
                    assert effect.n not in self.ids
                    self.ids.add(effect.n)
                    self.published.append(effect.event)
                case Listen():
                    assert (effect.activation, effect.index) not in self.listening
                    self.listening[effect.activation, effect.index] = effect
                case Forget():
                    known = self.listening.pop((effect.activation, effect.index))
                    assert (known.channel, known.key) == (effect.channel, effect.key)
                case Claim():
                    self.claims.append(effect.key)
                case GiveUp():
                    self.given_up.append(effect)
                case Remove():
                    self.removed = True
                case Launch():
                    self.launched.append(effect)
        if self.instance.status in {"completed", "cancelled"}:
            assert not self.listening
            assert not self.instance.fibers
        waits = [fiber.frames[-1].activation for fiber in self.instance.fibers if fiber.blocked == "await"]
        assert {activation for activation, _ in self.listening} <= set(waits), "nobody waits for what is listened for"

    # What it looks like.

    def event(self, channel: str, data: Any, **attributes: Any) -> dict[str, Any]:
        """Make an event of a service."""
        self._count += 1
        base = {"specversion": "1.0", "id": f"e{self._count}", "source": "/services", "type": channel}
        return {**base, "subject": channel, **attributes, "data": data}

    def ways(self, channel: str, event: dict[str, Any]) -> list[Arrival]:
        """The causes that a worker would try for an event, in its order."""
        echo = correlate.echo(event)
        causes = []
        if echo is not None and echo[0] == self.instance.id:
            causes = [Arrival(channel, event, activation=echo[1], echo=True), Arrival(channel, event)]
        if self.instance.claims:
            causes.append(Arrival(channel, event))
        keys = {""}
        for accept in self.plan.accepts:
            found = correlate.values(accept.match.correlate, event)
            if accept.match.channel == channel and found:
                keys.add(correlate.key(found))
        rows = [row for row in self.listening.values() if row.channel == channel and row.key in keys]
        return causes + [Arrival(channel, event, activation=row.activation) for row in rows]

    @property
    def status(self) -> str:
        """The status of the instance."""
        return self.instance.status

    @property
    def data(self) -> Any:
        """Its output once it has ended."""
        return self.instance.data

    @property
    def sent(self) -> list[tuple[str, Any]]:
        """What it published: channel and data."""
        return [(event["subject"], event["data"]) for event in self.published]
