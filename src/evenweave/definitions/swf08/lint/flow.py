"""Flow: every state can be reached, and what stands outside of the normal flow stays there."""

from collections.abc import Iterable, Iterator

from evenweave.definitions.swf08.lint.scope import Scope, run_before_uses, walk
from evenweave.definitions.swf08.model import End, EventState, StateNode, Transition
from evenweave.definitions.swf08.rules import Finding


def check_reachable(scope: Scope) -> Iterator[Finding]:
    """SW203: each state is reached from the start, compensates another, or runs before the end of an instance.

    Says nothing of a definition whose flow could not be read.
    """
    start = scope.workflow.start
    if not scope.whole or start is None or start.state_name not in scope.states:
        return
    if any(name not in scope.states for state in scope.workflow.states for name in scope.targets(state)):
        return
    roots = [start.state_name]
    roots += [state.compensated_by for state in scope.workflow.states if state.compensated_by]
    roots += [name for name, _ in run_before_uses(scope)]
    reached = _reached(scope, roots)
    for state in scope.workflow.states:
        if state.name not in reached:
            yield Finding(
                "SW203",
                f"{state.ref}/name",
                f'the state "{state.name}" is never reached',
                "let a transition lead to it, or take it away",
            )


def check_compensation(scope: Scope) -> Iterator[Finding]:
    """SW205 and SW206: the rules for compensation states ("Defining Compensation")."""
    for state in scope.workflow.states:
        target = scope.states.get(state.compensated_by or "")
        if target is not None and type(target) is not StateNode and not _compensates(target):
            if isinstance(target, EventState):
                hint = "an event state cannot compensate: name a state of another type"
            else:
                hint = f'set "usedForCompensation: true" in "{target.name}"'
            yield Finding("SW205", f"{state.ref}/compensatedBy", f'"{target.name}" is not for compensation', hint)
        if _compensates(state) and state.compensated_by:
            yield Finding(
                "SW206",
                f"{state.ref}/compensatedBy",
                "a compensation state cannot be compensated itself",
                "take compensatedBy away",
            )
        yield from _crossings(scope, state)
    start = scope.workflow.start
    first = scope.states.get(start.state_name) if start else None
    if start is not None and first is not None and _compensates(first):
        hint = "start with another state"
        yield Finding("SW206", f"{start.ref}/stateName", f'"{first.name}" is for compensation only', hint)


def check_compensate(scope: Scope) -> Iterator[Finding]:
    """SW213: whoever triggers compensation has something to compensate."""
    if not scope.whole or any(state.compensated_by for state in scope.workflow.states):
        return
    triggers: list[Transition | End] = [*scope.all(Transition), *scope.all(End)]
    for trigger in triggers:
        if trigger.compensate:
            hint = "name a compensation state with compensatedBy, or take it away"
            yield Finding("SW213", f"{trigger.ref}/compensate", "no state has a compensatedBy", hint)


def check_run_before(scope: Scope) -> Iterator[Finding]:
    """SW207: the rules for the states that runBefore runs ("WorkflowExecTimeout Definition")."""
    start = scope.workflow.start
    if not scope.whole or start is None:
        return
    for name, ref in run_before_uses(scope):
        if name in scope.states:
            yield from _check_run_before(scope, name, ref, start.state_name)


def _check_run_before(scope: Scope, name: str, ref: str, start: str) -> Iterator[Finding]:
    mine = _reached(scope, [name])
    normal = _reached(scope, [start]) & set(scope.states)
    for shared in sorted(mine & normal):
        hint = "no state of the normal flow may run before the end, and none may lead there"
        yield Finding("SW207", ref, f'"{shared}" is part of the normal flow', hint)
    for each in sorted(mine & set(scope.states)):
        if _compensates(scope.states[each]):
            yield Finding("SW207", ref, f'"{each}" is for compensation only', "name another state")
    if not any(isinstance(part, End) for each in mine & set(scope.states) for part in walk(scope.states[each])):
        yield Finding("SW207", ref, f'"{name}" leads to no end', 'add "end: true" to the last state')


def check_continue(scope: Scope) -> Iterator[Finding]:
    """SW208: an end that continues as another workflow terminates, whatever it says ("End Definition")."""
    for end in scope.all(End):
        if end.continue_as is not None and not end.terminate:
            hint = "take terminate away, or set it to true"
            yield Finding("SW208", f"{end.ref}/terminate", "continueAs terminates in any case", hint)


def _compensates(state: StateNode) -> bool:
    """Say whether a state is for compensation."""
    return bool(getattr(state, "used_for_compensation", False))


def _crossings(scope: Scope, state: StateNode) -> Iterator[Finding]:
    """Report the transitions of a state between the normal flow and compensation."""
    for part in walk(state):
        target = scope.states.get(part.next_state) if isinstance(part, Transition) else None
        if target is None or type(target) is StateNode:
            continue
        if _compensates(target) and not _compensates(state):
            message = f'"{target.name}" is for compensation only'
            hint = "no transition may lead to it: name it as compensatedBy"
            yield Finding("SW206", f"{part.ref}/nextState", message, hint)
        elif _compensates(state) and not _compensates(target):
            message = f'a compensation state leads to "{target.name}", which is not one'
            yield Finding(
                "SW206", f"{part.ref}/nextState", message, f'set "usedForCompensation: true" in "{target.name}"'
            )


def _reached(scope: Scope, roots: Iterable[str]) -> set[str]:
    """Return the names that are reached from some states, themselves among them."""
    reached: set[str] = set()
    waiting = list(roots)
    while waiting:
        name = waiting.pop()
        if name not in reached:
            reached.add(name)
            if name in scope.states:
                waiting += scope.targets(scope.states[name])
    return reached
