"""Uses: what is defined is used, and what is written has an effect."""

from collections.abc import Iterator
from collections.abc import Set as AbstractSet

from evenweave.definitions.swf08.lint.names import event_uses
from evenweave.definitions.swf08.lint.scope import Scope, walk
from evenweave.definitions.swf08.model import (
    Action,
    End,
    FunctionDef,
    FunctionRef,
    OnError,
    Transition,
    WorkflowExecTimeout,
)
from evenweave.definitions.swf08.rules import Finding

_KINDS = {
    "functions": ("function", "call it"),
    "errors": ("error", "handle or retry it"),
    "retries": ("retry policy", "name it in a retryRef"),
    "auth": ("auth definition", "name it in the authRef of a function"),
}


def check_definitions(scope: Scope) -> Iterator[Finding]:
    """SW114: functions, errors, retry policies and auth definitions are used.

    Says nothing of those in a file of their own, which other definitions may share.
    """
    used: dict[str, AbstractSet[str | None]] = {
        "functions": {call.ref_name for call in scope.all(FunctionRef)} | scope.evaluated,
        "errors": _errors(scope),
        "retries": {action.retry_ref for action in scope.all(Action)},
        "auth": {function.auth_ref for function in scope.all(FunctionDef)},
    }
    for group, (kind, hint) in _KINDS.items():
        for node in getattr(scope.workflow, group):
            if node.name not in used[group] and node.ref.startswith("/"):
                message = f'the {kind} "{node.name}" is never used'
                yield Finding("SW114", f"{node.ref}/name", message, f"{hint}, or take it away")


def check_events(scope: Scope) -> Iterator[Finding]:
    """SW115: events that the definition produces are published, and those that it consumes are waited for.

    Says nothing of those in a file of their own, which other definitions may share.
    """
    used = {name for name, *_ in event_uses(scope)}
    for event in scope.workflow.events:
        if event.name in used or not event.ref.startswith("/"):
            continue
        if event.kind == "produced":
            message, hint = f'no state publishes the event "{event.name}"', "publish it"
        else:
            message, hint = f'no state waits for the event "{event.name}"', "wait for it"
        yield Finding("SW115", f"{event.ref}/name", message, f"{hint}, or take it away")


def check_retry_refs(scope: Scope) -> Iterator[Finding]:
    """SW214: an action that names a retry policy is retried by it ("Action retries")."""
    names = [retry.name for retry in scope.workflow.retries]
    for action in scope.all(Action):
        if action.retry_ref not in names:
            continue
        call = action.function_ref
        if call is not None and call.invoke == "async":
            hint = "take it away, or wait for the function"
            yield Finding("SW214", f"{action.ref}/retryRef", "a call that nobody waits for is not retried", hint)
        elif not scope.workflow.auto_retries and not action.retryable_errors:
            hint = 'name the retryableErrors, or set "autoRetries: true" in the workflow'
            yield Finding("SW214", f"{action.ref}/retryRef", "no error of this action is retried", hint)


def check_interrupts(scope: Scope) -> Iterator[Finding]:
    """SW215: a time-out of the workflow says whether it interrupts: the specification says both of its default."""
    for limit in scope.all(WorkflowExecTimeout):
        if not limit.chosen:
            message = "it is not said whether what runs is interrupted; read as false"
            yield Finding(
                "SW215", limit.ref, message, "write interrupt: the schema of the specification takes it for true"
            )


def check_compensating(scope: Scope) -> Iterator[Finding]:
    """SW216: where a compensation state ends, what it compensates goes on ("Defining Compensation")."""
    for state in scope.workflow.states:
        if not getattr(state, "used_for_compensation", False):
            continue
        for part in walk(state):
            if isinstance(part, End):
                hint = "take it away: compensation goes on behind the last of these states"
                yield Finding("SW216", part.ref, "a compensation state ends nothing", hint)
            elif isinstance(part, Transition) and part.compensate:
                hint = "take it away: compensation does not begin again inside of itself"
                yield Finding("SW216", f"{part.ref}/compensate", "a compensation state triggers no compensation", hint)


def _errors(scope: Scope) -> set[str]:
    """The names of the errors that are handled or retried somewhere."""
    used = {handler.error_ref or "" for handler in scope.all(OnError)}
    used.update(*(handler.error_refs for handler in scope.all(OnError)))
    for action in scope.all(Action):
        used.update(action.retryable_errors, action.non_retryable_errors)
    return used
