"""From ``errors``, ``onErrors``, ``retries`` and ``timeouts`` to guards."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from typing import TYPE_CHECKING, Final

from evenweave import jq
from evenweave.definitions.swf08 import model
from evenweave.plan.duration import Duration
from evenweave.plan.guards import Closing, ErrorMatch, Guard, Handler, Lifetime, Retry, Timeout

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from evenweave.plan.nodes import Edge
    from evenweave.plan.swf08.expressions import Expressions

    Way = Callable[[model.Transition | None, model.End | None], Edge]
    Limits = model.StateTimeouts | model.Timeouts | None

AUTOMATIC: Final = {
    "limit": 100,
    "delay": Duration(0, 1000),
    "multiplier": 2.0,
    "longest": Duration(0, 3_600_000),
}
"""The policy of ``autoRetries`` without a ``retryRef``: 1 s, doubled up to an hour, and not for ever (0.8, "Automatic
retries", leaves it to the runtime): four days of failures are for somebody to look at."""

_SPECIAL = re.compile(r"[\\^$.|?*+()\[\]{}]")


class Guards:
    """Compiles what stands around states and actions."""

    def __init__(self, workflow: model.Workflow, expressions: Expressions) -> None:
        self._workflow = workflow
        self._expressions = expressions
        self._known: dict[str, ErrorMatch] = {}

    def handlers(self, state: model.StateNode, way: Way) -> tuple[Handler, ...]:
        """The errors that a state handles (0.8, "Workflow Error Handling"), with the data as far as the state got."""
        return tuple(
            Handler(each.ref, self.errors(each.error_refs), way(each.transition, each.end), keep=True)
            for each in getattr(state, "on_errors", ())
        )

    def errors(self, names: Iterable[str]) -> tuple[ErrorMatch, ...]:
        """What the names of errors stand for; an error without a code is known by its name."""
        return tuple(self._known.get(name) or self._error(name) for name in names)

    def retry(self, action: model.Action) -> Retry | None:
        """How an action is retried ("Action retries"): on the errors that it names, or on all but those."""
        if action.function_ref is not None and action.function_ref.invoke == "async":
            return None
        automatic = self._workflow.auto_retries
        if automatic:
            errors, but = None, self.errors(action.non_retryable_errors)
        else:
            errors, but = self.errors(action.retryable_errors), ()
            if not errors or action.retry_ref is None:
                return None
        if action.retry_ref is None:
            return Retry(reference=action.ref, errors=errors, but=but, **AUTOMATIC)  # type: ignore[arg-type]
        policy = self._workflow.retry(action.retry_ref)
        limit, factor, jitter = policy.max_attempts, policy.multiplier, policy.jitter
        return Retry(
            reference=policy.ref,
            errors=errors,
            but=but,
            limit=self._expressions.program(limit) if isinstance(limit, model.Expression) else limit,
            delay=_duration(policy.delay),
            increment=_duration(policy.increment),
            multiplier=self._expressions.program(factor) if isinstance(factor, model.Expression) else factor,
            longest=_duration(policy.max_delay),
            jitter=_duration(jitter) if isinstance(jitter, model.Duration) else jitter,
        )

    def action(self, action: model.Action, *limits: Limits) -> Guard | None:
        """What stands around an action; the time-outs that stand nearest to it come first."""
        timeouts = _first("actionExecTimeout", self._levels(limits), renews=True)
        retry = self.retry(action)
        return Guard(retry=retry, timeouts=timeouts) if retry is not None or timeouts else None

    def branch(self, *limits: Limits) -> Guard | None:
        """What stands around a branch."""
        timeouts = _first("branchExecTimeout", self._levels(limits))
        return Guard(timeouts=timeouts) if timeouts else None

    def state(self, state: model.StateNode) -> tuple[Timeout, ...]:
        """The time-outs of a state: in total, and from each retry of something inside ("States Timeout Definition")."""
        for level in self._levels((state.timeouts,)):
            found = level.state_exec_timeout
            if found is not None:
                total = _timeout("stateExecTimeout", found.total)
                if found.single is None:
                    return (total,)
                return (total, _timeout("stateExecTimeout.single", found.single, renews=True))
        return ()

    def wait(self, state: model.StateNode, then: Edge) -> tuple[Timeout, ...]:
        """How long a state waits for events, and where it goes then ("Event Timeout Definition")."""
        return _first("eventTimeout", self._levels((state.timeouts,)), then=then)

    def result(self, event: model.EventRef) -> Guard | None:
        """How long an action waits for the event that answers its own ("EventRef Definition")."""
        limit = event.result_event_timeout
        return None if limit is None else Guard(timeouts=(_timeout("resultEventTimeout", limit),))

    def workflow(self) -> Guard | None:
        """How long an instance may take, and what runs before it ends then ("WorkflowExecTimeout Definition")."""
        timeouts = self._workflow.timeouts
        limit = None if timeouts is None else timeouts.workflow_exec_timeout
        if limit is None:
            return None
        first = None if limit.run_before is None else self._workflow.state(limit.run_before).ref
        made = _timeout("workflowExecTimeout", limit.duration)
        return Guard(timeouts=(replace(made, closes=Closing(limit.interrupt, first)),))

    def lifetime(self, limit: model.WorkflowExecTimeout | None) -> Lifetime | None:
        """How long the instance may take that goes on for this one ("Continuing as a new Execution")."""
        if limit is None:
            return None
        duration = Duration(limit.duration.months, limit.duration.milliseconds)
        return Lifetime(
            duration=duration, text=limit.duration.text, interrupt=limit.interrupt, before_end=limit.run_before
        )

    def _levels(self, limits: Iterable[Limits]) -> list[model.StateTimeouts | model.Timeouts]:
        return [level for level in (*limits, self._workflow.timeouts) if level is not None]

    def _error(self, name: str) -> ErrorMatch:
        code = self._workflow.error(name).code or name
        made = self._known[name] = ErrorMatch(name, code, _pattern(code))
        return made


def _first(
    name: str,
    levels: Iterable[model.StateTimeouts | model.Timeouts],
    *,
    then: Edge | None = None,
    renews: bool = False,
) -> tuple[Timeout, ...]:
    field = {
        "actionExecTimeout": "action_exec_timeout",
        "branchExecTimeout": "branch_exec_timeout",
        "eventTimeout": "event_timeout",
    }[name]
    for level in levels:
        written: model.Duration | None = getattr(level, field)
        if written is not None:
            return (_timeout(name, written, then=then, renews=renews),)
    return ()


def _timeout(name: str, written: model.Duration, *, then: Edge | None = None, renews: bool = False) -> Timeout:
    duration = Duration(written.months, written.milliseconds)
    return Timeout(reference=written.ref, name=name, duration=duration, text=written.text, then=then, renews=renews)


def _duration(written: model.Duration | None) -> Duration | None:
    return None if written is None else Duration(written.months, written.milliseconds)


def _pattern(code: str) -> jq.Program | None:
    """A test for texts that a code matches as a whole, where it is a regular expression; nothing where it is none."""
    if not _SPECIAL.search(code):
        return None
    program = jq.compile(f"any(.[]; test({json.dumps(f'^(?:{code})$')}))")
    try:
        program.first([""], jq.Budget(100_000))
    except jq.JqError:
        return None
    return program
