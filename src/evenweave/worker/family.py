"""An instance in memory with those that it starts: what `evenweave run` drives where there are subflows."""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING, Any

import msgspec

from evenweave.engine import Command, Launch
from evenweave.worker import identity
from evenweave.worker.alone import Alone
from evenweave.worker.notices import BY_PARENT, describe_end

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from evenweave.engine import Called, Instance
    from evenweave.engine.calling import Invocation
    from evenweave.plan.nodes import Accept, Plan
    from evenweave.worker.alone import Came

_PLACE = 2**40
"""Calls of all members are numbered side by side: by the member's place, and the activation behind it."""


class Family:
    """One instance, its subflows, and what goes on for any of them; it is driven as `Alone` is.

    Attributes:
        published: What they published, in order.
        kept: Events that none of them waited for yet.
    """

    def __init__(
        self,
        plan: Plan,
        data: Any,
        *,
        subflows: Sequence[Plan],
        now: float,
        id: str = "run",  # noqa: A002
        headers: Mapping[str, str] | None = None,
    ) -> None:
        self.published: list[dict[str, Any]] = []
        self.kept: deque[Came] = deque()
        self._plans = [plan, *subflows]
        self._told: dict[str, str] = {}
        self._members = [Alone(plan, data, now=now, id=id, headers=headers, family=self)]
        self.advance(now)

    # What is asked of one instance.

    @property
    def top(self) -> Alone:
        """The instance that was started, or the last one that goes on for it."""
        found = self._members[0]
        while (following := self._successor(found.instance)) is not None:
            found = following
        return found

    @property
    def instance(self) -> Instance:
        """The instance whose outcome is that of all."""
        return self.top.instance

    @property
    def data(self) -> Any:
        """Its output, or its data as far as it got."""
        return self.top.data

    @property
    def due(self) -> float | None:
        """The earliest deadline of all."""
        dues = (member.due for member in self._members if not member.over)
        return min((due for due in dues if due is not None), default=None)

    @property
    def over(self) -> bool:
        """Whether nothing can move any of them any more."""
        return all(member.over for member in self._members)

    @property
    def waiting(self) -> list[Accept]:
        """The kinds of event that would move one of them now."""
        return [accept for member in self._members if not member.over for accept in member.waiting]

    @property
    def calls(self) -> dict[int, Invocation]:
        """The calls to functions that they ask for."""
        return {
            place * _PLACE + activation: invocation
            for place, member in enumerate(self._members)
            for activation, invocation in member.calls.items()
        }

    def find(self, definition: str, version: str) -> Plan | None:
        """The definition that was given last, of a version where one is asked for."""
        plans = (plan for plan in reversed(self._plans) if plan.id == definition and version in {"", plan.version})
        return next(plans, None)

    def knows(self, definition: str, version: str) -> bool:
        """Whether there is such a definition."""
        return self.find(definition, version) is not None

    def deliver(self, came: Came, now: float) -> None:
        """An event arrives."""
        self.kept.append(came)
        self.advance(now)

    def answer(self, outcome: Called, now: float) -> None:
        """A call was made."""
        place, activation = divmod(outcome.activation, _PLACE)
        self._members[place].answer(msgspec.structs.replace(outcome, activation=activation), now)
        self.advance(now)

    def advance(self, now: float) -> None:
        """Do everything that can be done now."""
        moved = True
        while moved:
            moved = False
            for member in list(self._members):
                member.advance(now)
                moved |= self._tell(member, now)
            moved |= self._offer(now)

    # What they have for one another.

    def _offer(self, now: float) -> bool:
        """Give an event that was kept to the first that takes it."""
        for came in list(self.kept):
            if any(not member.over and member.offer(came, now) for member in list(self._members)):
                self.kept.remove(came)
                return True
        return False

    def _tell(self, member: Alone, now: float) -> bool:
        """Take what a member asks of others, and how it ended, to them; whether there was something."""
        asked, member.asked = member.asked, []
        instance = member.instance
        for effect in asked:
            id_ = identity.of_child(instance.tenant, instance.id, effect.n)
            if isinstance(effect, Launch):
                self._launch(id_, effect, now)
            else:
                self._dismiss(id_, instance, now)
        ended = None if self._told.get(instance.id) == instance.status else describe_end(instance)
        if ended is None or instance.parent is None:
            return bool(asked)
        self._told[instance.id] = instance.status
        parent = self._by_id(instance.parent[0])
        if parent is not None:
            parent.tell(ended, now)
        return True

    def _launch(self, id: str, effect: Launch, now: float) -> None:  # noqa: A002
        plan = self.find(effect.definition, effect.version)
        assert plan is not None, "a burst asks only for what is there"
        self._members.append(Alone(plan, None, now=now, id=id, begin=effect.begin, family=self))

    def _dismiss(self, id: str, by: Instance, now: float) -> None:  # noqa: A002
        member = self._by_id(id)
        while member is not None and (following := self._successor(member.instance)) is not None:
            member = following
        if member is not None and not member.instance.ended:
            member.tell(Command("cancel", f"instance {by.id} of {by.definition} went on without it", BY_PARENT), now)

    def _successor(self, instance: Instance) -> Alone | None:
        """What goes on for an instance that ended."""
        if not instance.continued:
            return None
        return self._by_id(identity.of_child(instance.tenant, instance.id, instance.continued))

    def _by_id(self, id: str) -> Alone | None:  # noqa: A002
        return next((member for member in self._members if member.instance.id == id), None)
