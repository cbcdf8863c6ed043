"""One batch: causes go to instances, all causes of an instance are one burst, all bursts are one transaction."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec

from evenweave.engine import (
    Arrival,
    Claim,
    Deadline,
    Dismiss,
    Forget,
    GiveUp,
    Invoke,
    Launch,
    Listen,
    Publish,
    Remove,
    Withdraw,
    calling,
    codec,
    correlate,
)
from evenweave.engine.burst import Burst, fresh
from evenweave.engine.causes import Command, Migrate
from evenweave.engine.life import NotAllowed, allows
from evenweave.ports.broker import Refused
from evenweave.ports.store import PendingCall, Wait
from evenweave.runtime.deadletters import make_dead_letter
from evenweave.worker import notices
from evenweave.worker.blocking import Block, Poisoned
from evenweave.worker.figures import Tally
from evenweave.worker.working import OPEN, Working, no_plan

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from evenweave.engine import Begin, Cause, Instance
    from evenweave.engine.calling import Invocation
    from evenweave.plan.nodes import Plan
    from evenweave.ports.store import Kept, Store
    from evenweave.worker.definitions import Definitions
    from evenweave.worker.settings import Settings
    from evenweave.worker.spans import BurstSpan, Spans

_ENCODE = msgspec.msgpack.Encoder().encode


class Batch:
    """See the module. Use it once: give causes, `finish`, and queue its transaction."""

    def __init__(
        self,
        store: Store,
        definitions: Definitions,
        settings: Settings,
        *,
        tenant: str,
        now: float,
        poison: Mapping[tuple[str, str], str],
        blocked: Mapping[str, Block],
        spans: Spans | None = None,
    ) -> None:
        self.transaction = store.begin()
        self.transaction.rely(definitions.version)
        self.definitions = definitions
        self.settings = settings
        self.tenant = tenant
        self.now = now
        self.tally = Tally()
        self.ended: list[Instance] = []
        self.due: float | None = None
        self.noticed: dict[str, None] = {}
        self.called: dict[tuple[str, int], Invocation] = {}
        self.withdrawn: list[tuple[str, int]] = []
        self._spans = spans
        self._poison = poison
        self._blocked = blocked
        self._kept = False
        self._working: dict[str, Working] = {}

    # Causes.

    async def open(self, id: str) -> Working | None:  # noqa: A002
        """Take an instance into the batch; none where it does not exist."""
        working = self._working.get(id)
        if working is None:
            instance = await self.transaction.instance(id)
            if instance is None:
                return None
            plan = self.definitions.plan(instance.definition, instance.digest)
            working = self._take_in(plan or no_plan(instance), instance, stranded=plan is None)
        return working

    async def begin(self, plan: Plan, id: str, cause: Begin) -> Working | None:  # noqa: A002
        """Start an instance; none where one of this id was started before (PROTOCOL section 1)."""
        if id in self._working or await self.transaction.known(id):
            return None
        working = self._take_in(plan, fresh(plan, tenant=self.tenant, id=id, now=self.now))
        await self.give(working, cause)
        return working

    async def give(self, working: Working, cause: Cause) -> bool:
        """Move an instance by a cause, and by what came for it too early; whether it took the cause.

        Raises:
            Poisoned: The step failed in a way that is no fault of the workflow.
            evenweave.engine.life.NotAllowed: A command that the status does not allow.
        """
        if not self._apply(working, cause):
            return False
        if cause.__class__ is Command and working.instance.status in OPEN and not working.stranded:
            # It resumes: what was kept meanwhile may be what it waits for.
            working.listens += working.standing()
            self.noticed[working.instance.id] = None
        if working.listens or working.claims or working.instance.held:
            await self._catch_up(working)
        return True

    def hold(self, working: Working, channel: str, event: dict[str, Any]) -> None:
        """Keep an event for an instance that cannot take it now."""
        block = self._blocked.get(working.instance.id)
        if block is not None:
            self.park(working.instance.id, channel, event, block.reason)
            return
        working.instance.held += 1
        working.touched = True
        self.transaction.hold(working.instance.id, channel, event)

    def keep(self, definition: str, channel: str, key: str, event: dict[str, Any]) -> None:
        """Keep an event of a definition until somebody waits for it, or its time is over."""
        self._kept = True
        self.transaction.keep(definition, channel, key, event, self.now + self.settings.keep_s)

    def dead_letter(self, channel: str, event: dict[str, Any], reason: str) -> None:
        """Give an event up, with the reason."""
        self.tally.dead_letters[channel] = self.tally.dead_letters.get(channel, 0) + 1
        letter = make_dead_letter(event, channel, self.settings.group, reason, 1)
        try:
            self.transaction.publish("", f"dead-letter/{channel}", letter)
        except Refused as error:
            self.park("", channel, event, f"{reason}; its dead letter is refused: {error}")

    def park(self, instance: str, channel: str, event: dict[str, Any], reason: str) -> None:
        """Put a cause aside that cannot be handled."""
        self.tally.parked += 1
        self.transaction.park(instance, channel, event, reason, self.now)

    @property
    def spans(self) -> Iterator[tuple[BurstSpan, Instance]]:
        """The spans of the bursts, where they are made."""
        return ((each.span, each.instance) for each in self._working.values() if each.span is not None)

    @property
    def moved(self) -> list[str]:
        """The instances that moved."""
        return [name for name, working in self._working.items() if working.causes or working.touched]

    # The end.

    async def finish(self) -> None:
        """Write every instance that moved.

        Raises:
            Poisoned: A state that cannot be written.
        """
        for working in self._working.values():
            if working.causes or working.touched:
                await self._close(working)
        if self._kept:
            await self._give_up_oldest()

    # How a cause moves an instance.

    def _take_in(self, plan: Plan, instance: Instance, *, stranded: bool = False) -> Working:
        burst = Burst(plan, instance, now=self.now, limits=self.settings.limits, find_plan=self.definitions.plan)
        burst.find_definition = self.definitions.can_start
        working = self._working[instance.id] = Working(burst, stranded=stranded)
        return working

    def _apply(self, working: Working, cause: Cause) -> bool:
        id_ = working.instance.id
        if self._blocked and id_ in self._blocked:
            block = self._blocked[id_]
            return self._put_aside(working, cause, block.reason, suspend=block.suspend)
        if self._poison:
            reason = self._poison.get((id_, repr(cause)))
            if reason is not None:
                return self._put_aside(working, cause, reason)
        if working.stranded and not (cause.__class__ is Command and cause.verb == "suspend"):
            return False
        try:
            if not working.burst.apply(cause):
                return False
        except Exception as error:  # one instance's failure must not be everybody's (PROTOCOL section 2)
            if isinstance(error, NotAllowed) and cause.__class__ in {Command, Migrate}:
                raise
            raise Poisoned(id_, cause, f"{type(error).__name__}: {error}") from error
        if working.burst.unknown:
            notices.note_unknown(working)
        working.causes.append(cause)
        if self._spans is not None:
            if working.span is None:
                working.span = self._spans.begin(working.instance, cause)
            else:
                self._spans.link(working.span, cause)
        self._absorb(working)
        return True

    def _absorb(self, working: Working) -> None:
        instance, transaction = working.instance, self.transaction
        definition = instance.definition
        effects = working.burst.effects
        for effect in effects[working.absorbed :]:
            match effect:
                case Publish():
                    self._publish(working, effect)
                case Listen():
                    working.listens.append(effect)
                    wait = Wait(instance.id, effect.activation, effect.index)
                    transaction.listen(definition, effect.channel, effect.key, wait)
                case Forget():
                    wait = Wait(instance.id, effect.activation, effect.index)
                    transaction.forget(definition, effect.channel, effect.key, wait)
                case Claim():
                    working.claims.append(effect.key)
                    transaction.claim(definition, effect.key, instance.id)
                case Launch():
                    notices.launch(self, working, effect)
                case Dismiss():
                    notices.dismiss(self, instance, effect)
                case Invoke():
                    self.called[instance.id, effect.activation] = effect.invocation
                    call = PendingCall(instance.id, effect.activation, calling.encode(effect.invocation))
                    transaction.call(call)
                case Withdraw():
                    self.withdrawn.append((instance.id, effect.activation))
                    self.called.pop((instance.id, effect.activation), None)
                    transaction.end_call(instance.id, effect.activation)
                case GiveUp():
                    self.dead_letter(effect.channel, effect.event, effect.reason)
                case Remove():
                    working.removed = True
        working.absorbed = len(effects)
        if instance.ended:
            # At once: a later event of this batch may start another instance under the same key.
            for key in instance.claims:
                transaction.release(definition, key)

    def _publish(self, working: Working, effect: Publish) -> None:
        instance = working.instance
        if working.span is not None:
            working.span.mark(effect.event)
        try:
            self.transaction.publish(instance.id, effect.channel, effect.event)
        except Refused as error:
            # Final: the broker in this database will never take it (PROTOCOL section 4).
            self.tally.refused += 1
            self.park(instance.id, effect.channel, effect.event, str(error))
            self._command(working, Command("fault", f"{effect.channel}: {error}", "publish"))
        else:
            self.tally.published += 1

    def _put_aside(self, working: Working, cause: Cause, reason: str, *, suspend: bool = True) -> bool:
        event = getattr(cause, "event", None) or {"cause": msgspec.to_builtins(cause)}
        self.park(working.instance.id, getattr(cause, "channel", ""), event, reason)
        if suspend:
            self._command(working, Command("suspend", reason, "internal"))
            working.touched = True
        return True

    def _command(self, working: Working, command: Command) -> None:
        """Move it by a command of the engine's own, where its status allows that."""
        if allows(working.instance.status, command.verb):
            working.burst.apply(command)
            working.causes.append(command)

    # What came too early.

    async def _catch_up(self, working: Working) -> None:
        """Offer what was kept and held, oldest first, until the instance takes no more of it."""
        while not working.instance.ended:
            claims, working.claims = working.claims, []
            for key in claims:
                await self._gather(working, key)
            if working.instance.status not in OPEN:
                return
            if not (await self._take_held(working) or await self._take_kept(working)):
                return

    async def _gather(self, working: Working, key: str) -> None:
        """Everything that was kept under a key belongs to the instance that stands for it now."""
        definition = working.instance.definition
        found = [kept async for kept in self.transaction.kept(definition, None, key)]
        flow = self.definitions.flows.get(definition)
        for channel in flow.ambiguous if flow is not None else ():
            async for kept in self.transaction.kept(definition, channel, ""):
                matches = flow.fitting(channel, kept.event) if flow is not None else ()
                if any(correlate.claim(match, kept.event) == key for match in matches):
                    found.append(kept)
        for kept in sorted(found, key=lambda one: one.sequence):
            if correlate.published_by(working.instance.id, kept.event):
                continue
            self.transaction.unkeep(definition, kept)
            if not self._apply(working, Arrival(kept.channel, kept.event)):
                self.hold(working, kept.channel, kept.event)

    async def _take_held(self, working: Working) -> bool:
        instance = working.instance
        if not instance.held:
            return False
        for held in await self.transaction.held(instance.id):
            echo = correlate.echo(held.event)
            causes = [Arrival(held.channel, held.event)]
            if echo is not None and echo[0] == instance.id:
                causes.insert(0, Arrival(held.channel, held.event, activation=echo[1], echo=True))
            if any(self._apply(working, cause) for cause in causes):
                self.transaction.unhold(instance.id, held)
                instance.held -= 1
                return True
        return False

    async def _take_kept(self, working: Working) -> bool:
        definition = working.instance.definition
        flow = self.definitions.flows.get(definition)
        while working.listens and self.transaction.kept_count:
            listen = working.listens.pop(0)
            keys: list[str | None] = [listen.key or None]
            if listen.key and flow is not None and listen.channel in flow.ambiguous:
                keys.append("")
            for key in keys:
                async for kept in self.transaction.kept(definition, listen.channel, key):
                    if self._apply(working, Arrival(kept.channel, kept.event, activation=listen.activation)):
                        self.transaction.unkeep(definition, kept)
                        return True
        working.listens.clear()
        return False

    async def _give_up_oldest(self) -> None:
        excess = self.transaction.kept_count - self.settings.kept
        if excess > 0:
            for definition, kept in await self.transaction.oldest_kept(excess):
                self.transaction.unkeep(definition, kept)
                self.dead_letter(kept.channel, kept.event, f"more than {self.settings.kept} events were kept")

    async def _close(self, working: Working) -> None:
        instance, transaction = working.instance, self.transaction
        if instance.ended:
            if instance.held:
                for held in await transaction.held(instance.id):
                    transaction.unhold(instance.id, held)
                    self.dead_letter(held.channel, held.event, f"late: instance {instance.id} ended without it")
                instance.held = 0
            self.ended.append(instance)
        if instance.parent is not None and instance.status != working.before:
            notices.tell_parent(self, working)
        step = working.burst.close([])
        guilty = _last_of(working.causes)
        try:
            state, causes = codec.encode(step.instance), _ENCODE(working.causes)
        except Exception as error:
            raise Poisoned(instance.id, guilty or Deadline(), f"its state cannot be written: {error}") from error
        limit = self.settings.limits.state_bytes
        if guilty is not None and len(state) > limit:
            raise Poisoned(instance.id, guilty, f"its state would have {len(state)} bytes, the limit is {limit}")
        due = step.instance.due
        if due is not None:
            self.due = due if self.due is None else min(self.due, due)
        if working.removed:
            transaction.remove_instance(step.instance, self.now)
        else:
            transaction.save(step.instance, state, causes)
        tally = self.tally
        tally.bursts += 1
        tally.nodes += working.burst.entered
        if instance.status != working.before:
            tally.turns.append((step.instance, working.before))


def expiry_reason(kept: Kept) -> str:
    """Why a kept event is given up."""
    return f"nobody waited for it on {kept.channel} within its time of keeping"


def _last_of(causes: list[Cause]) -> Cause | None:
    """The last cause that can have made the state grow; the engine's own commands cannot."""
    for cause in reversed(causes):
        if not (isinstance(cause, Command) and cause.verb in {"suspend", "fault", "cancel"}):
            return cause
    return None
