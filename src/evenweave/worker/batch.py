"""One batch: causes go to instances, all causes of an instance are one burst, all bursts are one transaction."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec

from evenweave.engine import Arrival, Begin, Claim, Forget, Listen, Publish, codec, correlate
from evenweave.engine.burst import Burst, fresh
from evenweave.engine.causes import Command
from evenweave.errors import EvenweaveError
from evenweave.ports.broker import Refused
from evenweave.ports.store import Wait
from evenweave.runtime.deadletters import make_dead_letter

if TYPE_CHECKING:
    from evenweave.engine import Cause, Instance
    from evenweave.plan.nodes import Plan
    from evenweave.ports.store import Kept, Store
    from evenweave.worker.definitions import Definitions
    from evenweave.worker.settings import Settings

_ENCODE = msgspec.msgpack.Encoder().encode


class Poisoned(EvenweaveError):
    """A cause made a step fail that must not fail: handle the batch again with this cause put aside.

    Attributes:
        instance: Whose step it was.
        cause: The cause.
        reason: What happened.
    """

    def __init__(self, instance: str, cause: Cause, reason: str) -> None:
        super().__init__(f"instance {instance}: {reason}")
        self.instance = instance
        self.cause = cause
        self.reason = reason


class Working:
    """An instance that moves in this batch.

    Attributes:
        burst: Its burst.
        causes: What moved it so far.
        absorbed: How many of the burst's effects are in the transaction.
        listens: Waits that are new in this batch, to look again for events that came before them.
        claims: Keys that are new in this batch.
        touched: Something about it has to be written though no cause moved it.
    """

    __slots__ = ("absorbed", "burst", "causes", "claims", "listens", "looked", "touched")

    def __init__(self, burst: Burst) -> None:
        self.burst = burst
        self.causes: list[Cause] = []
        self.absorbed = 0
        self.listens: list[Listen] = []
        self.claims: list[str] = []
        self.touched = False
        self.looked = False

    @property
    def instance(self) -> Instance:
        """Its state as far as the burst got."""
        return self.burst.instance


class Batch:
    """See the module. Use it once: add causes, `finish`, and queue its transaction."""

    def __init__(
        self,
        store: Store,
        definitions: Definitions,
        settings: Settings,
        *,
        tenant: str,
        now: float,
        poison: dict[tuple[str, str], str] | None = None,
    ) -> None:
        self.transaction = store.begin()
        self.definitions = definitions
        self.settings = settings
        self.tenant = tenant
        self.now = now
        self.ended: list[Instance] = []
        self.due: float | None = None
        self._poison = poison or {}
        self._working: dict[str, Working] = {}

    # Causes.

    async def open(self, id: str) -> Working | None:  # noqa: A002
        """Take an instance into the batch; none where it does not exist or its definition is gone."""
        working = self._working.get(id)
        if working is None:
            instance = await self.transaction.instance(id)
            if instance is None:
                return None
            plan = self.definitions.plan(instance.definition, instance.digest)
            if plan is None:
                return None
            working = self._take_in(plan, instance)
        return working

    async def begin(self, plan: Plan, id: str, cause: Begin) -> Working | None:  # noqa: A002
        """Start an instance; none where one of this id was started before (PROTOCOL section 1)."""
        known = self._working.get(id) or await self.transaction.instance(id) or await self.transaction.buried(id)
        if known:
            return None
        working = self._take_in(plan, fresh(plan, tenant=self.tenant, id=id, now=self.now))
        self.apply(working, cause)
        return working

    def apply(self, working: Working, cause: Cause) -> bool:
        """Move an instance by a cause; whether it took it.

        Raises:
            Poisoned: The step failed in a way that is no fault of the workflow.
            evenweave.engine.life.NotAllowed: A command that the status does not allow.
        """
        burst = working.burst
        reason = self._poison.get((working.instance.id, repr(cause))) if self._poison else None
        if reason is not None:
            return self._put_aside(working, cause, reason)
        try:
            taken = burst.apply(cause)
        except EvenweaveError:
            raise
        except Exception as error:  # one instance's failure must not be everybody's (PROTOCOL section 2)
            raise Poisoned(burst.instance.id, cause, f"{type(error).__name__}: {error}") from error
        if taken:
            working.causes.append(cause)
            self._absorb(working)
        return taken

    def hold(self, working: Working, channel: str, event: dict[str, Any]) -> None:
        """Keep an event for an instance that cannot take it now."""
        working.instance.held += 1
        working.touched = True
        self.transaction.hold(working.instance.id, channel, event)

    def dead_letter(self, channel: str, event: dict[str, Any], reason: str) -> None:
        """Give an event up, with the reason."""
        letter = make_dead_letter(event, channel, self.settings.group, reason, 1)
        self.transaction.publish("", f"dead-letter/{channel}", letter)

    @property
    def moved(self) -> list[str]:
        """The instances that moved."""
        return [name for name, working in self._working.items() if working.causes or working.touched]

    # The end.

    async def finish(self) -> None:
        """Look again for events that came before their waits, then write every instance that moved.

        Raises:
            Poisoned: A state that cannot be written.
        """
        while await self._look_again():
            pass
        for working in list(self._working.values()):
            if not working.causes and not working.touched:
                continue
            await self._close(working)

    def _take_in(self, plan: Plan, instance: Instance) -> Working:
        working = Working(Burst(plan, instance, now=self.now, limits=self.settings.limits))
        self._working[instance.id] = working
        return working

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
        working.absorbed = len(effects)

    def _publish(self, working: Working, effect: Publish) -> None:
        try:
            self.transaction.publish(working.instance.id, effect.channel, effect.event)
        except Refused as error:
            # Final: the broker in this database will never take it (PROTOCOL section 4).
            self.transaction.park(working.instance.id, effect.channel, effect.event, str(error), self.now)
            if working.instance.status in {"waiting", "running"}:
                working.burst.apply(Command("fault", f"{effect.channel}: {error}", "publish"))

    def _put_aside(self, working: Working, cause: Cause, reason: str) -> bool:
        instance = working.instance
        event = getattr(cause, "event", None)
        if event is not None:
            self.transaction.park(instance.id, getattr(cause, "channel", ""), event, reason, self.now)
        if instance.status not in {"suspended", "faulted"} and not instance.ended:
            working.burst.apply(Command("suspend", reason, "internal"))
        working.touched = True
        return True

    async def _look_again(self) -> bool:
        """Offer what was kept and held to the instances that came to wait for it; whether anything moved."""
        moved = False
        for working in list(self._working.values()):
            definition = working.instance.definition
            listens, working.listens = working.listens, []
            claims, working.claims = working.claims, []
            for listen in listens:
                for kept in await self.transaction.kept(definition, listen.channel, listen.key or None):
                    cause = Arrival(kept.channel, kept.event, activation=listen.activation)
                    if self.apply(working, cause):
                        self.transaction.unkeep(definition, kept)
                        moved = True
                        break
            for key in claims:
                for kept in await self.transaction.kept(definition, None, key):
                    if not self.apply(working, Arrival(kept.channel, kept.event)):
                        self.hold(working, kept.channel, kept.event)
                    self.transaction.unkeep(definition, kept)
                    moved = True
            if working.instance.held and working.causes and working.instance.status in {"waiting", "running"}:
                moved = await self._offer_held(working) or moved
        return moved

    async def _offer_held(self, working: Working) -> bool:
        instance = working.instance
        for held in await self.transaction.held(instance.id):
            echo = correlate.echo(held.event)
            causes = [Arrival(held.channel, held.event)]
            if echo is not None and echo[0] == instance.id:
                causes.insert(0, Arrival(held.channel, held.event, activation=echo[1], echo=True))
            if any(self.apply(working, cause) for cause in causes):
                self.transaction.unhold(instance.id, held)
                working.instance.held -= 1
                return True
        return False

    async def _close(self, working: Working) -> None:
        instance, transaction = working.instance, self.transaction
        if instance.ended:
            for key in instance.claims:
                transaction.release(instance.definition, key)
            if instance.held:
                for held in await transaction.held(instance.id):
                    transaction.unhold(instance.id, held)
                    self.dead_letter(held.channel, held.event, f"late: instance {instance.id} ended without it")
                instance.held = 0
            self.ended.append(instance)
        step = working.burst.close([])
        cause = working.causes[-1] if working.causes else Command("suspend")
        try:
            state, causes = codec.encode(step.instance), _ENCODE(working.causes)
        except Exception as error:
            raise Poisoned(instance.id, cause, f"its state cannot be written: {error}") from error
        limit = self.settings.limits.state_bytes
        if len(state) > limit:
            raise Poisoned(instance.id, cause, f"its state would have {len(state)} bytes, the limit is {limit}")
        due = step.instance.due
        if due is not None:
            self.due = due if self.due is None else min(self.due, due)
        transaction.save(step.instance, state, causes)


def expiry_reason(kept: Kept) -> str:
    """Why a kept event is given up."""
    return f"nobody waited for it on {kept.channel} within its time of keeping"
