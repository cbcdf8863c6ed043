"""Who gets an event: PROTOCOL section 3, in its order."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

from evenweave.engine import Arrival, Begin, correlate
from evenweave.engine.gathering import is_gathering
from evenweave.plan.nodes import Await
from evenweave.ports.store import Expected
from evenweave.runtime.deadletters import replay_name
from evenweave.worker import identity
from evenweave.worker.notices import tell

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from evenweave.plan.nodes import EventMatch
    from evenweave.ports.broker import Delivery
    from evenweave.ports.store import Wait
    from evenweave.worker.batch import Batch
    from evenweave.worker.definitions import Flow
    from evenweave.worker.working import Working

TOGETHER = 256
"""How many instances an event moves in the transaction that takes it (PROTOCOL section 3)."""

NEAREST = 16
"""So many of those that need an event to begin are asked before all of them are: mostly the first one takes it."""

CROWD = 1000
"""So many waits for one kind of event, of one key or of none, are probably a missing correlation rule."""

Outcome = Literal["consumed", "kept", "ignored", "dead-lettered"]


async def route(batch: Batch, channel: str, event: dict[str, Any], digest: bytes) -> Outcome:
    """Give one event to everybody who gets it.

    Args:
        batch: What it becomes part of.
        channel: Where it arrived.
        event: The event.
        digest: Of its channel, type, subject and data.
    """
    echo = correlate.echo(event)
    echoed = None if echo is None else await batch.open(echo[0])
    taken = set()
    if echo is not None and echoed is not None:
        cause = Arrival(channel, event, activation=echo[1], echo=True)
        if await give_or_hold(batch, echoed, cause):
            taken.add(echoed.instance.definition)
    unmatched: list[tuple[Flow, list[EventMatch]]] = []
    for flow in batch.definitions.on(channel):
        if flow.id in taken:
            continue
        matches = flow.fitting(channel, event)
        if not matches:
            continue
        if await _offer(batch, flow, matches, channel, event, digest, echoed):
            taken.add(flow.id)
        else:
            unmatched.append((flow, matches))
    if echo is not None:
        if taken:
            return "consumed"
        batch.dead_letter(channel, event, _late(echo[0], echoed))
        return "dead-lettered"
    for flow, matches in unmatched:
        key = "" if channel in flow.ambiguous else _keys(matches, event)[0]
        batch.keep(flow.id, channel, key, event)
    if unmatched:
        return "kept"
    return "consumed" if taken else "ignored"


def foresee(batch: Batch, deliveries: Iterable[Delivery]) -> Expected:
    """What routing these events is going to look up, so that a store that is far away is asked once for all of them."""
    events: list[tuple[bytes, bytes]] = []
    instances: dict[str, None] = {}
    claims: dict[tuple[str, str], None] = {}
    waits: dict[tuple[str, str, str], None] = {}
    for delivery in deliveries:
        channel, event = delivery.channel, delivery.event
        events.append((identity.dedupe_key(event["source"], replay_name(event)), delivery.digest))
        echo = correlate.echo(event)
        if echo is not None:
            instances[echo[0]] = None
            continue  # whose event it is, is known; the rest is asked for where that is not so
        for flow in batch.definitions.on(channel):
            matches = flow.fitting(channel, event)
            claims.update(((flow.id, key), None) for match in matches if (key := correlate.claim(match, event)))
            if matches and (flow.gathers or not (flow.plan is not None and channel in flow.plan.start_channels)):
                waits.update(((flow.id, channel, key), None) for key in (*_keys(matches, event), ""))
    return Expected(events, list(instances), list(claims), list(waits))


async def give_or_hold(batch: Batch, working: Working, cause: Arrival) -> bool:
    """Give the event to an instance if it waits for it; hold it there if only its status is in the way."""
    if await batch.give(working, cause):
        return True
    if working.expects(cause):
        batch.hold(working, cause.channel, cause.event)
        return True
    return False


async def _offer(
    batch: Batch,
    flow: Flow,
    matches: list[EventMatch],
    channel: str,
    event: dict[str, Any],
    digest: bytes,
    echoed: Working | None,
) -> bool:
    """Offer an event to one definition; whether somebody there has it now."""
    claimed = False
    for match in matches:
        key = correlate.claim(match, event)
        claimant = await batch.transaction.claimant(flow.id, key) if key else None
        working = None if claimant is None else await batch.open(claimant)
        if working is None or working.instance.ended:
            continue
        claimed = True
        if correlate.published_by(working.instance.id, event):
            continue
        if not await batch.give(working, Arrival(channel, event)):
            batch.hold(working, channel, event)
        return True
    if echoed is not None and echoed.instance.definition == flow.id and _awaits(echoed, channel, event):
        # It comes of an earlier trigger of this very instance: it is nobody else's, and may be early. (Not in
        # PROTOCOL section 3: docs/design/protocol-notes.md.)
        if not await batch.give(echoed, Arrival(channel, event)):
            batch.hold(echoed, channel, event)
        return True
    # A key that a live instance stands for starts no other one.
    if not claimed:
        if flow.gathers and await _join(batch, flow, matches, channel, event):
            return True
        if await _start(batch, flow, matches, channel, event, digest):
            return True
    return await _give_to_waits(batch, flow, matches, channel, event)


async def _start(
    batch: Batch, flow: Flow, matches: list[EventMatch], channel: str, event: dict[str, Any], digest: bytes
) -> bool:
    plan = flow.plan
    for index, start in enumerate(plan.starts if plan is not None else ()):
        match = start.accept.match
        if not any(match is one for one in matches) or correlate.values(match.correlate, event) is None:
            continue
        assert plan is not None
        name = event["id"]
        if plan.gathers is not None:
            # What was given up, for others did not come, begins another one where it is replayed.
            name = replay_name(event)
            # Nobody needs it, and nobody may by then: two workers with one event each must not make two instances.
            for key in dict.fromkeys((*_keys(matches, event), "")):
                batch.transaction.unmatched(flow.id, channel, key)
        id = identity.of_event(batch.tenant, flow.id, event["source"], name, digest)  # noqa: A001
        await batch.begin(plan, id, Begin({}, event, index))
        return True
    return False


async def _join(batch: Batch, flow: Flow, matches: list[EventMatch], channel: str, event: dict[str, Any]) -> bool:
    """Give an event to the oldest of the instances that need it to begin; whether there is one."""
    for key in dict.fromkeys((*_keys(matches, event), "")):
        waits = await batch.transaction.waits(flow.id, channel, key, enough=NEAREST)
        if await _give_to_one(batch, waits, channel, event):
            return True
        if len(waits) == NEAREST:
            waits = await batch.transaction.waits(flow.id, channel, key)
            if len(waits) > CROWD:
                flow.tell_crowd(channel, len(waits))
            if await _give_to_one(batch, waits[NEAREST:], channel, event):
                return True
    return False


async def _give_to_one(batch: Batch, waits: Sequence[Wait], channel: str, event: dict[str, Any]) -> bool:
    for wait in waits:
        working = await batch.open(wait.instance)
        if working is None or not is_gathering(working.instance):
            continue
        if await batch.give(working, Arrival(channel, event, activation=wait.activation)):
            return True
    return False


async def _give_to_waits(
    batch: Batch, flow: Flow, matches: list[EventMatch], channel: str, event: dict[str, Any]
) -> bool:
    """Give the event to every matching wait, at most one an instance, oldest first.

    Many instances do not move in one transaction: beyond `TOGETHER` the event is left in their inboxes.
    """
    seen: set[str] = set()
    for key in dict.fromkeys((*_keys(matches, event), "")):
        waits = await batch.transaction.waits(flow.id, channel, key)
        if len(waits) > CROWD:
            flow.tell_crowd(channel, len(waits))
        for wait in waits:
            if wait.instance in seen or (flow.gathers and await _gathers(batch, wait.instance)):
                continue
            if len(seen) >= TOGETHER:
                seen.add(wait.instance)
                tell(batch, wait.instance, "arrival", Arrival(channel, event, activation=wait.activation))
                continue
            working = await batch.open(wait.instance)
            if working is None:
                continue
            if await give_or_hold(batch, working, Arrival(channel, event, activation=wait.activation)):
                seen.add(wait.instance)
    return bool(seen)


async def _gathers(batch: Batch, instance: str) -> bool:
    """Whether an instance has not begun: one event is for one of those, and `_join` has asked them."""
    working = await batch.open(instance)
    return working is not None and is_gathering(working.instance)


def _keys(matches: list[EventMatch], event: dict[str, Any]) -> list[str]:
    """The event's correlation keys, by the rules of each match; the first is what it is kept under."""
    keys = []
    for match in matches:
        found = correlate.values(match.correlate, event) if match.correlate else None
        if found:
            keys.append(correlate.key(found))
    return keys or [""]


def _awaits(working: Working, channel: str, event: dict[str, Any]) -> bool:
    """Whether the plan of a live instance has an await, other than for a start or a reply, that takes such an event."""
    if working.instance.ended:
        return False
    starts = {start.position for start in working.burst.plan.starts}
    return any(
        not accept.echo and correlate.fits(accept.match, channel, event)
        for node in working.burst.plan.nodes.values()
        if isinstance(node, Await) and node.position not in starts
        for accept in node.accepts
    )


def _late(instance: str, working: Working | None) -> str:
    if not instance:
        return f"late: {correlate.TASK} names no activation of an instance"
    if working is None:
        return f"late: there is no instance {instance}"
    return f"late: instance {instance} is {working.instance.status} and does not wait for it"
