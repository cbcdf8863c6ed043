"""What stands around a node: which errors it handles, how it is run again, and how long it may take.

A guard belongs to a node, and costs nothing where nothing goes wrong: the engine looks for guards when an error is
raised, and when a deadline is over.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from evenweave import jq

if TYPE_CHECKING:
    from collections.abc import Iterable

    from evenweave.plan.duration import Duration
    from evenweave.plan.nodes import Edge
    from evenweave.plan.template import Expression

_FUEL = 100_000


@dataclass(frozen=True, slots=True)
class ErrorMatch:
    """Which errors of a workflow a name in the definition stands for.

    Attributes:
        name: The name.
        code: What one of the error's codes has to be, whatever the case of its letters.
        pattern: Tests whether one text of an array matches the code, where that is a regular expression.
    """

    name: str
    code: str
    pattern: jq.Program | None = None

    def fits(self, type: str, codes: Iterable[str], title: str) -> bool:  # noqa: A002 - the field's word
        """Whether an error is meant: by its type, one of its codes or its title; as a last resort by a pattern."""
        known = [type, *codes]
        if self.code.lower() in map(str.lower, known) or self.code == title:
            return True
        if self.pattern is None:
            return False
        try:
            return self.pattern.first([*known, title], jq.Budget(_FUEL)) is True
        except jq.JqError:
            return False


@dataclass(frozen=True, slots=True)
class Handler:
    """Where a node is left to when an error is raised inside of it.

    Attributes:
        reference: Where the definition says so.
        errors: Which errors; none means every one.
        then: The edge, beside the node.
        keep: What was made of the data inside so far becomes part of the data around, by the node's ``into`` and
            without its ``output``; else the data around stays as it was.
    """

    reference: str
    errors: tuple[ErrorMatch, ...]
    then: Edge
    keep: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Retry:
    """How often, and after which delays, a node is run again from its beginning.

    The first delay is ``delay``; each further one is the one before times ``multiplier`` plus ``increment``. Then
    ``jitter`` is added or taken away, and ``longest`` is the most that comes of it.

    Attributes:
        reference: Where the definition says so.
        errors: Which errors; ``None`` means every one.
        but: Errors that are raised all the same.
        limit: How often at most.
        delay: The first delay.
        increment: What each retry adds.
        multiplier: What each retry multiplies by.
        longest: The greatest delay.
        jitter: How much chance adds or takes away at most: a share of the delay, or a time.
    """

    reference: str
    errors: tuple[ErrorMatch, ...] | None = None
    but: tuple[ErrorMatch, ...] = ()
    limit: int | Expression
    delay: Duration | None = None
    increment: Duration | None = None
    multiplier: float | Expression | None = None
    longest: Duration | None = None
    jitter: float | Duration | None = None


@dataclass(frozen=True, slots=True)
class Closing:
    """How an instance ends whose time is over: as cancelled, with the time-out as its reason.

    Attributes:
        interrupt: What runs is left at once; else a state whose action runs comes to its end first. What only waits,
            for an event, a time or a retry, is left in any case.
        first: The node of the outermost scope that runs before the end, where there is one.
    """

    interrupt: bool = False
    first: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Timeout:
    """How long a node may take, and what comes then: an error named ``timeout``, or an edge.

    Attributes:
        reference: Where the definition says so.
        name: What the definition calls it, such as ``actionExecTimeout``.
        duration: How long.
        text: The same as the definition has it, for people.
        then: The edge that the node is left by, with nothing of what was made inside, unless the error is handled
            around it; ``None`` where it is an error in any case.
        renews: It is counted anew from the beginning of each retry, of the node or of something inside.
        closes: It ends the instance, and is no error (of the outermost node, counted from the instance's beginning).
    """

    reference: str
    name: str
    duration: Duration
    text: str
    then: Edge | None = None
    renews: bool = False
    closes: Closing | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Lifetime:
    """How long an instance may take that goes on for another one: it overrides what its own definition says.

    Attributes:
        duration: How long.
        text: The same as the definition has it, for people.
        interrupt: See `Closing`.
        before_end: The name of the node that runs before the end (`evenweave.plan.nodes.Plan.aside`), where one does.
    """

    duration: Duration
    text: str
    interrupt: bool = False
    before_end: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Guard:
    """What stands around a node.

    The outermost node of a branch or of an iteration must have time-outs only: errors that are to be handled or retried
    there need a node inside of it.

    Attributes:
        handlers: Which errors it handles; the first that fits is taken.
        retry: How it is run again (a ``Do``); an error is handled only where it is not retried any more.
        timeouts: How long it may take (a ``Do`` or an ``Await``).
    """

    handlers: tuple[Handler, ...] = ()
    retry: Retry | None = None
    timeouts: tuple[Timeout, ...] = ()
