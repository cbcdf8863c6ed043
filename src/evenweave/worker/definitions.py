"""The definitions that run, and which of them an event on a channel concerns."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING, Any

import structlog

from evenweave import source
from evenweave.engine import correlate
from evenweave.plan.template import Constant
from evenweave.source import pointer

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from evenweave.plan.nodes import EventMatch, Plan
    from evenweave.ports.store import DefinitionRow


class Registered:
    """One registered definition with its plan; without one where this version of Evenweave cannot run it."""

    def __init__(self, row: DefinitionRow, plan: Plan | None) -> None:
        self.row = row
        self.plan = plan

    def name(self, reference: str) -> str:
        """What the definition's author called the element at a reference; empty where it has no name."""
        item = self._document
        for step in pointer.split(reference):
            if isinstance(item, list):
                item = item[int(step)] if step.isdigit() and int(step) < len(item) else None
            else:
                item = item.get(step) if isinstance(item, dict) else None
        name = item.get("name") if isinstance(item, dict) else None
        return name if isinstance(name, str) else ""

    def state(self, wanted: str) -> str | None:
        """The position of a state, by its name or its reference."""
        positions = () if self.plan is None else self.plan.root.body.nodes
        return next((each for each in positions if wanted in {each, self.name(each)}), None)

    @cached_property
    def _document(self) -> Any:
        document = source.load(self.row.file, self.row.document.encode()).document
        return None if document is None else document.value


class Flow:
    """All registrations of one definition id that still matter: the newest starts instances, older ones finish theirs.

    Attributes:
        id: The definition's id.
        registered: Oldest first.
    """

    def __init__(self, id: str, registered: list[Registered]) -> None:  # noqa: A002
        self.id = id
        self.registered = registered
        self._matches: dict[str, tuple[EventMatch, ...]] = {}
        self._crowded: set[str] = set()

    @property
    def newest(self) -> Registered | None:
        """The registration that starts instances, if one does."""
        return next((each for each in reversed(self.registered) if each.row.may_start), None)

    @property
    def plan(self) -> Plan | None:
        """The plan that starts instances."""
        newest = self.newest
        return None if newest is None else newest.plan

    @property
    def plans(self) -> Iterator[Plan]:
        """The plans of all registrations that can run."""
        return (each.plan for each in self.registered if each.plan is not None)

    @cached_property
    def gathers(self) -> bool:
        """Whether an instance of some registration needs several events to begin."""
        return any(plan.gathers is not None for plan in self.plans)

    def tell_crowd(self, channel: str, waits: int) -> None:
        """Say, once, that very many instances wait for the same event."""
        if channel not in self._crowded:
            self._crowded.add(channel)
            structlog.get_logger("evenweave.worker").warning(
                "very many instances wait for the same event; is a correlation rule missing?",
                definition=self.id,
                channel=channel,
                waits=waits,
            )

    def matches(self, channel: str) -> tuple[EventMatch, ...]:
        """The kinds of event on the channel that any plan knows; where nothing is started any more, those awaited."""
        found = self._matches.get(channel)
        if found is None:
            unique: dict[int, EventMatch] = {}
            for plan in self.plans:
                starts = {id(start.accept.match) for start in plan.starts} if self.plan is None else set()
                for accept in plan.accepts:
                    if accept.match.channel == channel and id(accept.match) not in starts:
                        unique.setdefault(id(accept.match), accept.match)
            found = self._matches[channel] = tuple(unique.values())
        return found

    def fitting(self, channel: str, event: Mapping[str, object]) -> list[EventMatch]:
        """The kinds of event that this one is, as far as the definition alone can tell."""
        return [
            match
            for match in self.matches(channel)
            if correlate.fits(match, channel, event) and _has_constants(match, event)
        ]

    @cached_property
    def ambiguous(self) -> frozenset[str]:
        """Channels on which one event may have several correlation keys: what is kept there is kept without one."""
        rules: dict[str, set[tuple[str, ...]]] = {}
        fixed = set()
        for plan in self.plans:
            for accept in plan.accepts:
                match = accept.match
                if match.correlate:
                    names = tuple(sorted(f"{rule.name} {rule.location}" for rule in match.correlate))
                    rules.setdefault(match.channel, set()).add(names)
                    if any(rule.expected is not None for rule in match.correlate):
                        fixed.add(match.channel)
        return frozenset(fixed | {channel for channel, different in rules.items() if len(different) > 1})

    def channels(self) -> set[str]:
        """The channels that it needs: to start, as long as it does, and for whoever is still running."""
        plan = self.plan
        needed = set() if plan is None else set(plan.start_channels)
        for each in self.plans:
            needed |= each.later_channels
        return needed


class Definitions:
    """The table of definitions. It is replaced whole where one is registered or goes.

    Attributes:
        version: By which the store knows it (`evenweave.ports.store.Store.version`).
    """

    def __init__(self, registered: list[Registered], version: int = 0) -> None:
        self.version = version
        flows: dict[str, list[Registered]] = {}
        for each in registered:
            flows.setdefault(each.row.id, []).append(each)
        self.registered = registered
        self.flows = {name: Flow(name, versions) for name, versions in flows.items()}
        self._registered = {(each.row.id, each.row.digest): each for each in registered}
        self._plans = {(each.row.id, each.row.digest): each.plan for each in registered if each.plan is not None}
        self.broken = [each.row for each in registered if each.plan is None]
        self._on: dict[str, list[Flow]] = {}
        for flow in self.flows.values():
            for channel in flow.channels():
                self._on.setdefault(channel, []).append(flow)

    def plan(self, definition: str, digest: str) -> Plan | None:
        """The plan that an instance runs."""
        return self._plans.get((definition, digest))

    def by_digest(self, definition: str, digest: str) -> Registered | None:
        """The registration that an instance began with."""
        return self._registered.get((definition, digest))

    def on(self, channel: str) -> list[Flow]:
        """The flows that take events of the channel."""
        return self._on.get(channel, [])

    def find(self, definition: str, version: str = "") -> Registered | None:
        """The registration that starts instances when another instance asks: the newest, or the newest of a version."""
        flow = self.flows.get(definition)
        for each in reversed(flow.registered if flow is not None else ()):
            if each.row.may_start and each.plan is not None and version in {"", each.row.version}:
                return each
        return None

    def find_plan(self, definition: str, version: str) -> Plan | bool:
        """The plan of `find`; False where there is none."""
        found = self.find(definition, version)
        return False if found is None or found.plan is None else found.plan

    def can_start(self, definition: str, version: str) -> bool:
        """Whether another instance can start this definition."""
        return self.find(definition, version) is not None

    def channels(self) -> set[str]:
        """Every channel that some flow needs."""
        return set(self._on)

    def __iter__(self) -> Iterator[Registered]:
        return iter(self.registered)


def _has_constants(match: EventMatch, event: Mapping[str, object]) -> bool:
    """Whether the event has the correlation values that the definition itself names: they say which event is meant."""
    return all(
        correlate.agrees(rule.expected.value, correlate.locate(rule, event))
        for rule in match.correlate
        if isinstance(rule.expected, Constant)
    )
