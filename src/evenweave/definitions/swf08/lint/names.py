"""Names: each is given once, and each one that is used is given."""

from collections.abc import Iterable, Iterator

from evenweave.definitions.swf08.lint.scope import Scope, run_before_uses
from evenweave.definitions.swf08.model import (
    Action,
    CallbackState,
    EventCondition,
    EventRef,
    FunctionDef,
    FunctionRef,
    Node,
    OnError,
    OnEvents,
    ParallelState,
    ProduceEvent,
    Transition,
)
from evenweave.definitions.swf08.rules import Finding
from evenweave.source import closest

_KINDS = {
    "states": "state",
    "events": "event",
    "functions": "function",
    "errors": "error",
    "retries": "retry policy",
    "auth": "auth definition",
}


def check_duplicates(scope: Scope) -> Iterator[Finding]:
    """SW101: states, events, functions, errors, retries, auth definitions, branches of a state have unique names."""
    workflow = scope.workflow
    for group, kind in _KINDS.items():
        yield from _duplicates(getattr(workflow, group), kind, "name")
    yield from _duplicates(workflow.states, "state", "id")
    for state in scope.all(ParallelState):
        yield from _duplicates(state.branches, "branch", "name")


def check_states(scope: Scope) -> Iterator[Finding]:
    """SW104: transitions, the start, compensatedBy and runBefore name states."""
    for transition in scope.all(Transition):
        yield from _state(scope, transition.next_state, f"{transition.ref}/nextState", "transition")
    start = scope.workflow.start
    if start is not None:
        yield from _state(scope, start.state_name, f"{start.ref}/stateName", "start")
    for state in scope.workflow.states:
        if state.compensated_by:
            yield from _state(scope, state.compensated_by, f"{state.ref}/compensatedBy", "compensatedBy")
    for name, ref in run_before_uses(scope):
        yield from _state(scope, name, ref, "runBefore")


def check_events(scope: Scope) -> Iterator[Finding]:
    """SW102 and SW110: every event that is referred to is defined, and of the kind that the place needs."""
    for name, ref, kind, place in event_uses(scope):
        event = next((event for event in scope.workflow.events if event.name == name), None)
        if not scope.is_given(name, ref):
            continue
        if event is None:
            if "events" not in scope.unread:
                names = [event.name for event in scope.workflow.events if event.kind == kind]
                yield _unknown("SW102", name, ref, f"{place} names an unknown event", among=(names, "events"))
        elif event.kind != kind:
            verb = "produces" if kind == "produced" else "consumes"
            yield Finding(
                "SW110",
                ref,
                f'{place} {verb} an event, and "{name}" is {event.kind}',
                f'define "{name}" with "kind: {kind}", or name another event',
            )


def check_functions(scope: Scope) -> Iterator[Finding]:
    """SW103: every function that is called is defined."""
    names = [function.name for function in scope.workflow.functions]
    for call in scope.all(FunctionRef):
        ref = f"{call.ref}/refName"
        if call.ref_name not in names and "functions" not in scope.unread and scope.is_given(call.ref_name, ref):
            yield _unknown(
                "SW103", call.ref_name, ref, "functionRef names an unknown function", among=(names, "functions")
            )


def check_retries(scope: Scope) -> Iterator[Finding]:
    """SW105: every retry policy that is referred to is defined."""
    names = [retry.name for retry in scope.workflow.retries]
    for action in scope.all(Action):
        if action.retry_ref is not None and action.retry_ref not in names and "retries" not in scope.unread:
            ref = f"{action.ref}/retryRef"
            yield _unknown(
                "SW105", action.retry_ref, ref, "retryRef names an unknown retry policy", among=(names, "retries")
            )


def check_errors(scope: Scope) -> Iterator[Finding]:
    """SW106: every error that is referred to is defined."""
    if "errors" in scope.unread:
        return
    names = [error.name for error in scope.workflow.errors]
    uses: list[tuple[str, str, str]] = []
    for handler in scope.all(OnError):
        if handler.error_ref:
            uses.append((handler.error_ref, f"{handler.ref}/errorRef", "errorRef"))
        else:
            uses += _each(handler, handler.error_refs, "errorRefs")
    for action in scope.all(Action):
        uses += _each(action, action.retryable_errors, "retryableErrors")
        uses += _each(action, action.non_retryable_errors, "nonRetryableErrors")
    for name, ref, place in uses:
        if name not in names and scope.is_given(name, ref):
            yield _unknown("SW106", name, ref, f"{place} names an unknown error", among=(names, "errors"))


def check_auth(scope: Scope) -> Iterator[Finding]:
    """SW107: every auth definition that is referred to is defined."""
    names = [auth.name for auth in scope.workflow.auth]
    for function in scope.all(FunctionDef):
        if function.auth_ref and function.auth_ref not in names and "auth" not in scope.unread:
            ref = f"{function.ref}/authRef"
            yield _unknown(
                "SW107", function.auth_ref, ref, "authRef names an unknown auth definition", among=(names, "auth")
            )


def event_uses(scope: Scope) -> Iterator[tuple[str, str, str, str]]:
    """Find every reference to an event: its name, where it stands, the kind it needs, and the property."""
    for exchange in scope.all(EventRef):
        yield exchange.trigger_event_ref, f"{exchange.ref}/triggerEventRef", "produced", "triggerEventRef"
        if exchange.result_event_ref is not None:
            yield exchange.result_event_ref, f"{exchange.ref}/resultEventRef", "consumed", "resultEventRef"
    for produced in scope.all(ProduceEvent):
        yield produced.event_ref, f"{produced.ref}/eventRef", "produced", "produceEvents"
    for awaited in scope.all(OnEvents):
        for index, name in enumerate(awaited.event_refs):
            yield name, f"{awaited.ref}/eventRefs/{index}", "consumed", "onEvents"
    for condition in scope.all(EventCondition):
        yield condition.event_ref, f"{condition.ref}/eventRef", "consumed", "eventConditions"
    for callback in scope.all(CallbackState):
        yield callback.event_ref, f"{callback.ref}/eventRef", "consumed", "the callback"


def _state(scope: Scope, name: str, ref: str, place: str) -> Iterator[Finding]:
    """Report a name that no state has."""
    if name and name not in scope.states and "states" not in scope.unread:
        guess = closest(name, scope.states)
        hint = f'did you mean "{guess}"?' if guess else f"the states are {', '.join(scope.states)}"
        yield Finding("SW104", ref, f'{place} names an unknown state "{name}"', hint)


def _each(node: Node, names: tuple[str, ...], key: str) -> list[tuple[str, str, str]]:
    """Return the names of a list with their places."""
    return [(name, f"{node.ref}/{key}/{index}", key) for index, name in enumerate(names)]


def _unknown(code: str, name: str, ref: str, message: str, *, among: tuple[Iterable[str], str]) -> Finding:
    """Make the finding for a name that is not defined; `among` are the names that are, and where they stand."""
    names, group = among
    guess = closest(name, names)
    hint = f'did you mean "{guess}"?' if guess else f'define it under "{group}"'
    return Finding(code, ref, f'{message} "{name}"', hint)


def _duplicates(nodes: Iterable[Node], kind: str, field: str) -> Iterator[Finding]:
    """Report each name that was given before."""
    seen: set[str] = set()
    for node in nodes:
        name = getattr(node, field)
        if name and name in seen:
            yield Finding("SW101", f"{node.ref}/{field}", f'another {kind} is named "{name}"', "rename one of them")
        seen.add(name)
