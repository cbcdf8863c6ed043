"""An instance that moves in a batch."""

from __future__ import annotations

from typing import TYPE_CHECKING

from evenweave.engine import Listen
from evenweave.plan.nodes import Await, Do, Plan, Scope

if TYPE_CHECKING:
    from evenweave.engine import Arrival, Cause, Instance
    from evenweave.engine.burst import Burst
    from evenweave.worker.spans import BurstSpan

OPEN = frozenset({"pending", "waiting", "running"})
"""Where an instance takes events and deadlines."""


class Working:
    """An instance that moves in a batch.

    Attributes:
        before: Its status before this batch.
        burst: Its burst.
        stranded: Its plan is gone or cannot be read by this version: it keeps what comes for it until one can.
        causes: What moved it so far.
        absorbed: How many of the burst's effects are in the transaction.
        listens: Waits that are new in this batch, to look again for events that came before them.
        claims: Keys that are new in this batch.
        span: Its burst's, where spans are made.
        touched: Something about it has to be written though no cause moved it.
        removed: It has ended, and nothing of it is to stay.
    """

    __slots__ = (
        "absorbed",
        "before",
        "burst",
        "causes",
        "claims",
        "instance",
        "listens",
        "removed",
        "span",
        "stranded",
        "touched",
    )

    def __init__(self, burst: Burst, *, stranded: bool = False) -> None:
        self.burst = burst
        self.instance: Instance = burst.instance
        self.before: str = burst.instance.status
        self.stranded = stranded
        self.causes: list[Cause] = []
        self.absorbed = 0
        self.listens: list[Listen] = []
        self.claims: list[str] = []
        self.touched = False
        self.removed = False
        self.span: BurstSpan | None = None

    def expects(self, cause: Arrival) -> bool:
        """Whether it waits for the event, though it may not be able to take it now."""
        return not self.instance.ended and (self.stranded or self.burst.expects(cause))

    def standing(self) -> list[Listen]:
        """All its waits, as it asked for them when they began."""
        found = []
        for fiber in self.instance.fibers:
            frame = fiber.frames[-1] if fiber.frames else None
            if frame is None or frame.waiting is None or fiber.blocked != "await":
                continue
            node = self.burst.plan.nodes[frame.position]
            for index, accept in enumerate(node.accepts if isinstance(node, Await) else ()):
                key = frame.waiting.keys.get(index, "")
                if index not in frame.waiting.matched and (key or not accept.echo):
                    found.append(Listen(frame.activation, index, accept.match.channel, key))
        return found


def no_plan(instance: Instance) -> Plan:
    """Stands for a plan that is not there: nothing may move by it."""
    root = Do(position="", body=Scope(first=None, nodes={}))
    return Plan(
        id=instance.definition,
        version=instance.version,
        name="",
        digest=instance.digest,
        root=root,
        nodes={},
        starts=(),
    )
