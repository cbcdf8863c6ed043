"""The plan: what a definition of any dialect compiles to (DESIGN section 4).

A plan is a tree of scopes; a scope holds named nodes, each with explicit edges. A node is named by its *position*: its
reference (a JSON pointer into the definition) and, where one element of the definition becomes several nodes, a role
(``/states/0/onEvents/0/actions/1#await``). Positions are never indices, so that an instance outlives a new compiler.

How a node runs, whatever its kind: it reads the data of the frame around it, narrows it by ``input``, does its work,
narrows the result by ``output``, folds it ``into`` the data of the frame around it, and leaves by an edge. Where two
dialects differ, their compilers choose other values here; the engine does not know which dialect a plan came from.
"""

from __future__ import annotations

import enum
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from evenweave.plan.duration import Duration
    from evenweave.plan.guards import Guard, Lifetime
    from evenweave.plan.schedule import Schedule
    from evenweave.plan.schema import Schema
    from evenweave.plan.template import Expression, Template


class Leave(enum.Enum):
    """The edges that do not name a node."""

    EXIT = "exit scope"
    END = "end of path"
    TERMINATE = "terminate"


Edge = str | Leave
"""Where a node leaves to: the position of a node of the same scope, or one of `Leave`."""


@dataclass(frozen=True, slots=True)
class Into:
    """How a result becomes part of the data of the frame around its node.

    Attributes:
        mode: ``replace`` the data, ``merge`` into it (0.8, "Data Merging"), or ``discard`` the result.
        select: Narrows the result first (0.8 ``results``, ``eventDataFilter.data``).
        to: A path expression; the result goes there instead of to the root, and missing parents are created
            (0.8 ``toStateData``).
        name: The key under which a result that is not an object is merged into an object when there is no ``to``.
    """

    mode: Literal["replace", "merge", "discard"] = "replace"
    select: Expression | None = None
    to: Expression | None = None
    name: str = "response"


REPLACE = Into("replace")
DISCARD = Into("discard")


@dataclass(frozen=True, slots=True, kw_only=True)
class Scope:
    """Nodes that run under one frame, beginning with ``first``; an empty scope has no first node."""

    first: str | None
    nodes: Mapping[str, AnyNode]


@dataclass(frozen=True, slots=True, kw_only=True)
class Node:
    """What every kind of node has.

    Attributes:
        position: Reference and role; unique in the plan.
        then: The edge taken after the node.
        condition: Where it is not true, the node is skipped: nothing is folded and ``then`` is taken.
        input: Narrows the data of the frame around to the node's own.
        output: Narrows the node's result.
        into: Folds the result into the data of the frame around.
        guard: What stands around it: errors that it handles, retries, time-outs.
    """

    position: str
    then: Edge = Leave.EXIT
    condition: Expression | None = None
    input: Expression | None = None
    output: Expression | None = None
    into: Into = REPLACE
    guard: Guard | None = None

    @property
    def reference(self) -> str:
        """The JSON pointer of the element of the definition that this node came from."""
        return self.position.partition("#")[0]


@dataclass(frozen=True, slots=True, kw_only=True)
class Do(Node):
    """Runs a scope in a frame of its own.

    Attributes:
        body: The scope.
        task: The frame's activation is what triggers carry and replies echo (a 0.8 action).
        yields: The result: the frame's ``data`` at the end, or the ``last`` result that was folded into it
            (a 0.8 iteration).
    """

    body: Scope
    task: bool = False
    yields: Literal["data", "last"] = "data"


@dataclass(frozen=True, slots=True, kw_only=True)
class Set(Node):
    """Makes its result from a constant or a template, without a frame."""

    value: Template


@dataclass(frozen=True, slots=True)
class Case:
    """One condition of a switch."""

    reference: str
    condition: Expression
    then: Edge


@dataclass(frozen=True, slots=True, kw_only=True)
class Switch(Node):
    """Leaves by the first case whose condition is true, else by ``then``; its data passes through its filters."""

    cases: tuple[Case, ...]


@dataclass(frozen=True, slots=True)
class Correlate:
    """One value that an event has to share with an instance.

    Attributes:
        name: Lower-case name: of a CloudEvents attribute, or ``correlationid`` for a location of AsyncAPI.
        location: ``None`` for the attribute ``name``; else a path into the event (AsyncAPI ``correlationId``).
        expected: The value the event must have; ``None`` means the value that the instance already correlates by.
    """

    name: str
    location: tuple[str, ...] | None = None
    expected: Template | None = None


@dataclass(frozen=True, slots=True)
class EventMatch:
    """Which events an event definition means.

    Attributes:
        name: The event's name in the definition.
        channel: Where it arrives.
        type: The CloudEvents type, or ``None`` where the channel alone decides.
        source: The CloudEvents source, or ``None``; ``+`` and ``#`` stand for one and for all further segments.
        correlate: The values that decide which instance it belongs to.
    """

    name: str
    channel: str
    type: str | None = None
    source: str | None = None
    correlate: tuple[Correlate, ...] = ()

    @property
    def names(self) -> tuple[str, ...]:
        """The names of the correlation values, in canonical order."""
        return tuple(sorted(rule.name for rule in self.correlate))


@dataclass(frozen=True, slots=True)
class Accept:
    """One kind of event that an await takes.

    Attributes:
        match: Which events.
        echo: The event answers a trigger of the task around: it finds its instance by the echoed attributes.
        data_only: The filter sees the event's data only, else the whole event (0.8 ``dataOnly``).
        into: Folds the event into the data of the frame around.
        then: The edge taken when this event is the one that ends the await.
    """

    match: EventMatch
    echo: bool = False
    data_only: bool = True
    into: Into = REPLACE
    then: Edge | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Await(Node):
    """Waits for events: ``any`` one of them, or ``all``, in any order."""

    accepts: tuple[Accept, ...]
    mode: Literal["any", "all"] = "any"


@dataclass(frozen=True, slots=True, kw_only=True)
class Emit(Node):
    """Publishes an event; its data passes through.

    Attributes:
        name: The event's name in the definition.
        channel: Where it is published.
        type: Its CloudEvents type.
        source: Its CloudEvents source; ``None`` for the engine's own (``/evenweave/<definition id>``).
        data: The payload; ``None`` means the data of the node.
        attributes: Further context attributes.
        locate: Where the event's AsyncAPI correlation id is, so that the reply can be found by it.
        binds: The correlation value that this id becomes for the whole instance, where it has none yet: what is
            published here is answered to another node. Empty where the task around waits for the reply itself.
    """

    name: str
    channel: str
    type: str
    source: str | None = None
    data: Template | None = None
    attributes: Mapping[str, Template] = field(default_factory=dict)
    locate: tuple[str, ...] | None = None
    binds: str = ""
    into: Into = DISCARD


@dataclass(frozen=True, slots=True)
class Auth:
    """Credentials for a function.

    Attributes:
        name: Their name in the definition.
        scheme: ``basic``, ``bearer`` or ``oauth2``.
        properties: What they consist of; it may read ``$SECRETS``.
    """

    name: str
    scheme: str
    properties: Template


@dataclass(frozen=True, slots=True)
class Function:
    """A function outside of the engine.

    Attributes:
        name: Its name in the definition.
        type: How it is called: ``rest``, ``graphql``, ``odata``, ``rpc`` or ``custom``.
        operation: What is called; its form depends on the type.
        reference: Where it stands in the definition.
        repeat: Whether the call may be made again when nobody knows whether it was made.
        timeout_s: How long one call may take, in seconds; ``None`` is the worker's own limit.
        metadata: What else the definition says of it.
        auth: Its credentials.
    """

    name: str
    type: str
    operation: str
    reference: str
    repeat: bool = True
    timeout_s: float | None = None
    metadata: Mapping[str, str] = field(default_factory=dict)
    auth: Auth | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Call(Node):
    """Calls a function: an expression inside the engine, or what the worker calls outside of it.

    Attributes:
        function: The function's name in the definition.
        program: What is evaluated: on the arguments where there are any, else on the node's data.
        outside: What is called where there is no program.
        arguments: Evaluated on the node's data; for a function outside they may read ``$SECRETS``.
        select: What of the result is wanted (GraphQL).
        wait: The result is waited for; else the call is only made, and there is none.
    """

    function: str
    program: Expression | None = None
    outside: Function | None = None
    arguments: Template | None = None
    select: Template | None = None
    wait: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class Child(Node):
    """Runs another definition as an instance of its own, on the node's data; its output is the result.

    Attributes:
        definition: The id of the definition.
        version: Which version of it; empty for the one that starts instances.
        wait: Its end is waited for; else it is started, and there is no result.
        with_parent: It is cancelled when the instance ends that started it, or leaves the node before it has ended.
    """

    definition: str
    version: str = ""
    wait: bool = True
    with_parent: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class ContinueAs(Node):
    """Lets another instance go on in the place of this one, which ends.

    Attributes:
        definition: The id of the definition that goes on.
        version: Which version of it; empty for the one that starts instances.
        data: Its input; ``None`` means the data of the node.
        lifetime: How long it may take, whatever its definition says; ``None`` leaves it to that.
    """

    definition: str
    version: str = ""
    data: Template | None = None
    lifetime: Lifetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Sleep(Node):
    """Waits for a time."""

    duration: Duration
    into: Into = DISCARD


@dataclass(frozen=True, slots=True, kw_only=True)
class Fork(Node):
    """Runs branches side by side; each sees the data as it was at the fork.

    Attributes:
        branches: One node each, in the order of declaration.
        needed: After how many the fork ends and the rest is cancelled; ``None`` means all. A program yields a number.
    """

    branches: tuple[Do, ...]
    needed: int | Expression | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Loop(Node):
    """Runs its body for each item of a collection, at most ``window`` at a time.

    Attributes:
        items: Yields the collection from the node's data.
        body: The node that runs for each item.
        name: The variable, and key of the data, that holds the item; ``None`` where nothing does.
        window: How many run side by side; ``None`` means all.
        collect: A path expression: the results go there in the order of the items, behind what is there already;
            ``None`` discards them.
    """

    items: Expression
    body: Do
    name: str | None
    window: int | Expression | None = None
    collect: Expression | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Raise(Node):
    """Ends the path with an error of the workflow."""

    type: str
    detail: Template | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Completed(Node):
    """Notes that a node is done and can be compensated.

    Attributes:
        of: The position of the node that is done.
        by: The position of the node, of the same scope, that compensates it.
    """

    of: str
    by: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Compensate(Node):
    """Runs what compensates the nodes that are done, the last one first, and then leaves; all of the outermost scope.

    Attributes:
        begins: Compensation begins here; else this stands behind each of the nodes that compensate, and goes on with
            the next one, or behind the node where it began.
    """

    begins: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class Validate(Node):
    """Checks the data around it against a schema; data that does not fit is an error of the workflow."""

    schema: Schema


AnyNode = (
    Completed
    | Compensate
    | Validate
    | Do
    | Set
    | Switch
    | Await
    | Emit
    | Call
    | Child
    | ContinueAs
    | Sleep
    | Fork
    | Loop
    | Raise
)


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
