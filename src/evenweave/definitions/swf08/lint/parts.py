"""Parts that contradict themselves, or say what has no effect."""

import re
from collections.abc import Iterator
from typing import Any, Final

from evenweave.definitions.language import find_obstacle
from evenweave.definitions.swf08.lint.scope import Scope
from evenweave.definitions.swf08.model import (
    Action,
    AuthDef,
    BasicAuth,
    BearerAuth,
    Branch,
    Cron,
    EventCondition,
    EventDef,
    FunctionDef,
    InjectState,
    Node,
    OAuth2Auth,
    OnEvents,
    ParallelState,
    StateTimeouts,
)
from evenweave.definitions.swf08.rules import Finding

_METHODS: Final = r"(?:get|put|post|delete|patch|head|options)"
_OPERATIONS: Final = {
    "rest": (re.compile(rf"\S+#\S+|{_METHODS}:\S+", re.IGNORECASE), "<OpenAPI document>#<operationId>"),
    "asyncapi": (re.compile(r"[^#]+#.+"), "<AsyncAPI document>#<operationId>"),
    "rpc": (re.compile(r"[^#]+#[^#]+#[^#]+"), "<proto file>#<service>#<method>"),
    "graphql": (
        re.compile(r"[^#]+#(?:query|mutation)#[^#]+"),
        "<endpoint>#query#<field> or <endpoint>#mutation#<field>",
    ),
    "odata": (re.compile(r"[^#]+#[^#]+"), "<service>#<entity set>"),
}
_SOURCE: Final = re.compile(r"[^#]+#.+")
_CRON_FIELD: Final = re.compile(r"[0-9A-Za-z*?/,#LW-]+", re.ASCII)
_CRON_FIELDS: Final = (5, 6, 7)
_SCHEMES: Final[dict[type, str]] = {BasicAuth: "basic", BearerAuth: "bearer", OAuth2Auth: "oauth2"}


def check_version(scope: Scope) -> Iterator[Finding]:
    """SW009: the definition is one of version 0.8."""
    version = scope.workflow.spec_version
    if version and version != "0.8":
        yield Finding("SW009", "/specVersion", f'specVersion "{version}" is not supported', 'write "0.8"')


def check_language(scope: Scope) -> Iterator[Finding]:
    """SW307: expressions are in a language that can be compiled here."""
    obstacle = find_obstacle(scope.workflow.expression_lang)
    if obstacle is not None:
        message, hint = obstacle
        yield Finding("SW307", "/expressionLang", message, hint)


def check_sources(scope: Scope) -> Iterator[Finding]:
    """SW111: the source of an event of the type asyncapi names an operation (the EventMesh profile)."""
    for event in scope.all(EventDef):
        if not event.is_asyncapi:
            continue
        hint = "write file://<document>#<operationId>"
        if event.source is None and event.kind == "produced":
            yield Finding("SW111", event.ref, "an event of the type asyncapi needs a source", hint)
        elif event.source and not _SOURCE.fullmatch(event.source):
            yield Finding("SW111", f"{event.ref}/source", f'"{event.source}" names no AsyncAPI operation', hint)


def check_operations(scope: Scope) -> Iterator[Finding]:
    """SW112: the operation of a function has the form that its type asks for ("Function Definition")."""
    for function in scope.all(FunctionDef):
        form = _OPERATIONS.get(function.type)
        if form and function.operation and not form[0].fullmatch(function.operation):
            message = f'"{function.operation}" is no operation of a function of the type {function.type}'
            yield Finding("SW112", f"{function.ref}/operation", message, f"write {form[1]}")


def check_credentials(scope: Scope) -> Iterator[Finding]:
    """SW113: credentials are those of their scheme ("Auth Definition")."""
    for auth in scope.all(AuthDef):
        scheme = _SCHEMES.get(type(auth.properties), auth.scheme)
        if scheme != auth.scheme:
            message = f"the properties are those of the scheme {scheme}, not {auth.scheme}"
            yield Finding("SW113", f"{auth.ref}/properties", message, f'write "scheme: {scheme}"', key=True)


def check_retries(scope: Scope) -> Iterator[Finding]:
    """SW209: the list of errors that the kind of retries looks at is the one that is given ("Action retries")."""
    automatic = scope.workflow.auto_retries
    for action in scope.all(Action):
        if automatic and action.retryable_errors:
            hint = "with autoRetries every error is retried but the nonRetryableErrors"
            yield Finding("SW209", f"{action.ref}/retryableErrors", "retryableErrors need autoRetries: false", hint)
        if not automatic and action.non_retryable_errors:
            hint = "without autoRetries only the retryableErrors are retried"
            yield Finding(
                "SW209", f"{action.ref}/nonRetryableErrors", "nonRetryableErrors need autoRetries: true", hint
            )


def check_sleeps(scope: Scope) -> Iterator[Finding]:
    """SW210: an action that publishes an event does not sleep ("Action Definition")."""
    for action in scope.all(Action):
        if action.sleep is not None and action.event_ref is not None:
            hint = "use a sleep state"
            yield Finding(
                "SW210", f"{action.ref}/sleep", "sleep does not apply to an action with an eventRef", hint, True
            )


def check_branches(scope: Scope) -> Iterator[Finding]:
    """SW211: a parallel state knows how many of its branches must end ("Parallel State")."""
    for state in scope.all(ParallelState):
        number, count = state.num_completed, len(state.branches)
        if state.completion_type == "atLeast" and number is None:
            yield Finding(
                "SW211", state.ref, "completionType atLeast needs numCompleted", f"a number from 1 to {count}"
            )
        elif state.completion_type == "atLeast" and isinstance(number, int) and not 1 <= number <= max(count, 1):
            ref = f"{state.ref}/numCompleted"
            yield Finding("SW211", ref, f"{number} of {count} branches can never end", f"a number from 1 to {count}")


def check_timeouts(scope: Scope) -> Iterator[Finding]:
    """SW212: a time-out stands where it has a meaning ("States Timeout Definition")."""
    holders: list[tuple[Node, StateTimeouts | None, tuple[str, ...]]] = [
        (state, state.timeouts, type(state).timeouts_allowed) for state in scope.workflow.states
    ]
    holders += [(branch, branch.timeouts, ("actionExecTimeout", "branchExecTimeout")) for branch in scope.all(Branch)]
    for _, timeouts, allowed in holders:
        if timeouts is None:
            continue
        written = {
            "stateExecTimeout": timeouts.state_exec_timeout,
            "actionExecTimeout": timeouts.action_exec_timeout,
            "branchExecTimeout": timeouts.branch_exec_timeout,
            "eventTimeout": timeouts.event_timeout,
        }
        for key, value in written.items():
            if value is not None and key not in allowed:
                hint = f"here are allowed {', '.join(allowed)}"
                yield Finding("SW212", f"{timeouts.ref}/{key}", f"{key} has no effect here", hint)


def check_merging(scope: Scope) -> Iterator[Finding]:
    """SW408: with SonataFlow a merged array takes the place of the old one; said once, where something is merged."""
    if scope.workflow.profile != "sonataflow":
        return
    merging: list[Node] = [
        action
        for action in scope.all(Action)
        if action.action_data_filter is None or action.action_data_filter.use_results
    ]
    taking: list[OnEvents | EventCondition] = [*scope.all(OnEvents), *scope.all(EventCondition)]
    merging += [each for each in taking if each.event_data_filter is None or each.event_data_filter.use_data]
    merging += [state for state in scope.all(InjectState) if _has_array(state.data)]
    if merging:
        first = min(scope.workflow.states, key=lambda state: not any(_within(node, state) for node in merging))
        message = "where data is merged, a new array replaces the old one, as SonataFlow has it"
        hint = "the specification joins them; leave the profile for that"
        yield Finding("SW408", f"{first.ref}/name", message, hint)


def _within(node: Node, state: Node) -> bool:
    """Say whether a part belongs to a state."""
    return node is state or node.ref.startswith(f"{state.ref}/")


def _has_array(data: Any) -> bool:
    """Say whether an array is in some data."""
    todo = [data]
    while todo:
        item = todo.pop()
        if isinstance(item, list):
            return True
        todo += item.values() if isinstance(item, dict) else ()
    return False


def check_cron(scope: Scope) -> Iterator[Finding]:
    """SW305: a cron expression has 5 fields, or 6 or 7 with seconds and years ("Cron Definition")."""
    for cron in scope.all(Cron):
        fields = cron.expression.split()
        if fields and (len(fields) not in _CRON_FIELDS or not all(_CRON_FIELD.fullmatch(field) for field in fields)):
            hint = 'such as "0 9 8 * *": minute, hour, day, month, day of the week'
            yield Finding("SW305", f"{cron.ref}/expression", f'"{cron.expression}" is no cron expression', hint)
