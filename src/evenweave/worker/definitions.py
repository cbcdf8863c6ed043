"""The definitions that run, and which of them an event on a channel concerns."""

from __future__ import annotations

from typing import TYPE_CHECKING

from evenweave.engine import correlate

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from evenweave.plan.nodes import EventMatch, Plan
    from evenweave.ports.store import DefinitionRow


class Registered:
    """One registered definition with its plan."""

    __slots__ = ("plan", "row")

    def __init__(self, row: DefinitionRow, plan: Plan) -> None:
        self.row = row
        self.plan = plan


class Flow:
    """All registrations of one definition id that still matter: the newest starts instances, older ones finish theirs.

    Attributes:
        id: The definition's id.
        registered: Oldest first.
    """

    __slots__ = ("_matches", "id", "registered")

    def __init__(self, id: str, registered: list[Registered]) -> None:  # noqa: A002
        self.id = id
        self.registered = registered
        self._matches: dict[str, tuple[EventMatch, ...]] = {}

    @property
    def newest(self) -> Registered | None:
        """The registration that starts instances, if one does."""
        return next((each for each in reversed(self.registered) if each.row.active), None)

    @property
    def plan(self) -> Plan | None:
        """The plan that starts instances."""
        newest = self.newest
        return None if newest is None else newest.plan

    def matches(self, channel: str) -> tuple[EventMatch, ...]:
        """The kinds of event on the channel that any of the plans knows."""
        found = self._matches.get(channel)
        if found is None:
            unique: dict[int, EventMatch] = {}
            for each in self.registered:
                for accept in each.plan.accepts:
                    if accept.match.channel == channel:
                        unique.setdefault(id(accept.match), accept.match)
            found = self._matches[channel] = tuple(unique.values())
        return found

    def channels(self) -> set[str]:
        """The channels that it needs: to start, as long as it does, and for whoever is still running."""
        plan = self.plan
        needed = set() if plan is None else set(plan.start_channels)
        for each in self.registered:
            needed |= each.plan.later_channels
        return needed


class Definitions:
    """The table of definitions. It is replaced whole where one is registered or goes."""

    def __init__(self, registered: list[Registered]) -> None:
        flows: dict[str, list[Registered]] = {}
        for each in registered:
            flows.setdefault(each.row.id, []).append(each)
        self.registered = registered
        self.flows = {name: Flow(name, versions) for name, versions in flows.items()}
        self._plans = {(each.row.id, each.row.digest): each.plan for each in registered}
        self._on: dict[str, list[Flow]] = {}
        for flow in self.flows.values():
            for channel in flow.channels():
                self._on.setdefault(channel, []).append(flow)

    def plan(self, definition: str, digest: str) -> Plan | None:
        """The plan that an instance runs."""
        return self._plans.get((definition, digest))

    def on(self, channel: str) -> list[Flow]:
        """The flows that take events of the channel."""
        return self._on.get(channel, [])

    def channels(self) -> set[str]:
        """Every channel that some flow needs."""
        return set(self._on)

    def __iter__(self) -> Iterator[Registered]:
        return iter(self.registered)


def fitting(matches: tuple[EventMatch, ...], channel: str, event: Mapping[str, object]) -> list[EventMatch]:
    """Those of the matches that the event is meant by."""
    return [match for match in matches if correlate.fits(match, channel, event)]
