"""Who gets an event: PROTOCOL section 3, in its order."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

from evenweave.engine import Arrival, Begin, correlate
from evenweave.plan.nodes import Await
from evenweave.worker import identity
from evenweave.worker.definitions import fitting

if TYPE_CHECKING:
    from evenweave.plan.nodes import EventMatch
    from evenweave.worker.batch import Batch, Working
    from evenweave.worker.definitions import Flow

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
    taken: set[str] = set()
    if echo is not None and echoed is not None:
        cause = Arrival(channel, event, activation=echo[1], echo=True)
        if batch.apply(echoed, cause):
            taken.add(echoed.instance.definition)
        elif not echoed.instance.ended and echoed.burst.expects(cause):
            batch.hold(echoed, channel, event)
            taken.add(echoed.instance.definition)
    unmatched: list[tuple[Flow, list[EventMatch]]] = []
    for flow in batch.definitions.on(channel):
        if flow.id in taken:
            continue
        matches = fitting(flow.matches(channel), channel, event)
        if await _offer(batch, flow, matches, channel, event, digest, echoed):
            taken.add(flow.id)
        elif matches and flow.newest is not None:
            unmatched.append((flow, matches))
    if taken and (echo is not None or not unmatched):
        return "consumed"
    if echo is not None:
        batch.dead_letter(channel, event, _late(echo[0], echoed))
        return "dead-lettered"
    for flow, matches in unmatched:
        batch.transaction.keep(flow.id, channel, _keys(matches, event)[0], event, batch.now + batch.settings.keep_s)
    if unmatched:
        return "kept"
    return "consumed" if taken else "ignored"


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
    for match in matches:
        key = correlate.claim(match, event)
        claimant = await batch.transaction.claimant(flow.id, key) if key else None
        working = None if claimant is None else await batch.open(claimant)
        if working is not None:
            if not batch.apply(working, Arrival(channel, event)):
                batch.hold(working, channel, event)
            return True
    if echoed is not None and echoed.instance.definition == flow.id and not echoed.instance.ended:
        # The event answers an earlier trigger of this very instance: it is nobody else's, and may be early.
        if batch.apply(echoed, Arrival(channel, event)):
            return True
        if _waits_later(echoed, channel, event):
            batch.hold(echoed, channel, event)
            return True
        return await _start(batch, flow, channel, event, digest)
    if await _start(batch, flow, channel, event, digest):
        return True
    return await _give_to_waits(batch, flow, matches, channel, event)


async def _start(batch: Batch, flow: Flow, channel: str, event: dict[str, Any], digest: bytes) -> bool:
    plan = flow.plan
    if plan is None:
        return False
    for index, start in enumerate(plan.starts):
        match = start.accept.match
        if not correlate.fits(match, channel, event):
            continue
        found = correlate.values(match.correlate, event)
        if found is None or not _is_meant(match, found):
            continue
        id = identity.of_event(batch.tenant, flow.id, event["source"], event["id"], digest)  # noqa: A001
        await batch.begin(plan, id, Begin({}, event, index))
        return True
    return False


def _is_meant(match: EventMatch, found: dict[str, Any]) -> bool:
    # What a start expects is fixed by the definition: there is no data yet that an expression could read.
    return all(
        correlate.agrees(getattr(rule.expected, "value", None), found[rule.name])
        for rule in match.correlate
        if rule.expected is not None
    )


async def _give_to_waits(
    batch: Batch, flow: Flow, matches: list[EventMatch], channel: str, event: dict[str, Any]
) -> bool:
    """Give the event to every matching wait, at most one an instance, oldest first."""
    seen: set[str] = set()
    for key in {*_keys(matches, event), ""}:
        for wait in await batch.transaction.waits(flow.id, channel, key):
            if wait.instance in seen:
                continue
            working = await batch.open(wait.instance)
            if working is None:
                continue
            cause = Arrival(channel, event, activation=wait.activation)
            if batch.apply(working, cause):
                seen.add(wait.instance)
            elif not working.instance.ended and working.burst.expects(cause):
                batch.hold(working, channel, event)
                seen.add(wait.instance)
    return bool(seen)


def _keys(matches: list[EventMatch], event: dict[str, Any]) -> list[str]:
    """The event's correlation keys, by the rules of each match; the first is what it is kept under."""
    keys = []
    for match in matches:
        found = correlate.values(match.correlate, event) if match.correlate else None
        if found:
            keys.append(correlate.key(found))
    return keys or [""]


def _waits_later(working: Working, channel: str, event: dict[str, Any]) -> bool:
    """Whether the instance's plan has an await, other than for a reply, that takes such an event."""
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
