"""A compiled definition: its nodes, and what starts it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from evenweave.plan.nodes.kinds import Await, Switch

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from evenweave.plan.nodes.events import Accept
    from evenweave.plan.nodes.kinds import AnyNode, Do
    from evenweave.plan.nodes.outcome import Edge
    from evenweave.plan.schedule import Schedule


@dataclass(frozen=True, slots=True)
class Start:
    """A way in which an event starts an instance: the await that takes it, and which of its accepts."""

    position: str
    index: int
    accept: Accept


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """A compiled definition.

    Attributes:
        id: The definition's id.
        version: Its version as written; empty where it has none.
        name: Its name, for people.
        digest: Content digest of the document and of the operations it resolved to (PROTOCOL section 1); it pins
            running instances.
        root: The outermost node; its position is the empty string.
        nodes: Every node by its position.
        starts: How events start it; empty where it is started by a command.
        gathers: Where not one event starts it but all of them together: the position of the await that they are for.
        keep_active: The instance outlives its last path.
        constants: What ``$CONST`` yields.
        secrets: The names of the secrets that ``$SECRETS`` yields, in the arguments of calls and in credentials.
        unites_arrays: Merging concatenates arrays; else a new array replaces the old one.
        schedule: When instances are started by time.
        files: The documents that its functions are called by, by URI: those that are a part of it.
        aside: The nodes of the outermost scope that may run before the end of an instance whose time is over: no way
            leads to them, and they compensate nothing. Position by the name that the definition gives them.
    """

    id: str
    version: str
    name: str
    digest: str
    root: Do
    nodes: Mapping[str, AnyNode]
    starts: tuple[Start, ...]
    gathers: str | None = None
    keep_active: bool = False
    constants: Any = None
    secrets: tuple[str, ...] = ()
    unites_arrays: bool = True
    schedule: Schedule | None = None
    aside: Mapping[str, str] = field(default_factory=dict)
    files: Mapping[str, Any] = field(default_factory=dict)

    @property
    def accepts(self) -> tuple[Accept, ...]:
        """Everything that it takes events by: its starts, and its awaits."""
        awaits = [node for node in self.nodes.values() if isinstance(node, Await)]
        return (*(start.accept for start in self.starts), *(accept for node in awaits for accept in node.accepts))

    @property
    def start_channels(self) -> frozenset[str]:
        """The channels on which an event may start an instance."""
        return frozenset(start.accept.match.channel for start in self.starts)

    @property
    def later_channels(self) -> frozenset[str]:
        """The channels on which a running instance waits; those of a start only where a way leads back to it."""
        begin = set() if self.keep_active or self._comes_back() else {start.position for start in self.starts}
        return frozenset(
            accept.match.channel
            for node in self.nodes.values()
            if isinstance(node, Await) and (node.position not in begin or node.mode == "all")
            for accept in node.accepts
        )

    def _comes_back(self) -> bool:
        first = self.root.body.first
        return any(edge == first for node in self.root.body.nodes.values() for edge in edges(node))


def edges(node: AnyNode) -> Iterator[Edge]:
    """Every edge that a node may leave by."""
    yield node.then
    if isinstance(node, Switch):
        yield from (case.then for case in node.cases)
    if isinstance(node, Await):
        yield from (accept.then for accept in node.accepts if accept.then is not None)
    if node.guard is not None:
        yield from (handler.then for handler in node.guard.handlers)
        yield from (timeout.then for timeout in node.guard.timeouts if timeout.then is not None)
