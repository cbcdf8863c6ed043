"""Every kind of node."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

from evenweave.plan.nodes.outcome import DISCARD, REPLACE, Leave

if TYPE_CHECKING:
    from collections.abc import Mapping

    from evenweave.plan.duration import Duration
    from evenweave.plan.guards import Guard, Lifetime
    from evenweave.plan.nodes.events import Accept
    from evenweave.plan.nodes.functions import Function
    from evenweave.plan.nodes.outcome import Edge, Into
    from evenweave.plan.schema import Schema
    from evenweave.plan.template import Expression, Template


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
