"""What a definition may say and this version does not run: pointed out, never passed over in silence."""

from __future__ import annotations

from typing import TYPE_CHECKING

from evenweave.definitions.swf08 import model

if TYPE_CHECKING:
    from collections.abc import Iterator

    from evenweave.source import Diagnostic, Document


def find_unsupported(document: Document, workflow: model.Workflow) -> Iterator[Diagnostic]:
    """A diagnostic for each part of the definition that would have to be ignored."""
    for ref, what in _find(workflow):
        yield document.diagnostic(
            "SW590",
            ref,
            f"{what} is read, but not run by this version",
            hint="see docs/serverless-workflow-0.8.md for what is",
        )


def _find(workflow: model.Workflow) -> Iterator[tuple[str, str]]:
    for state in workflow.states:
        yield from _find_state(state, first=state is workflow.first)


def _find_state(state: model.StateNode, *, first: bool) -> Iterator[tuple[str, str]]:
    if isinstance(state, model.EventState) and first and not state.exclusive:
        several = sum(len(each.event_refs) for each in state.on_events) > 1
        if several:
            yield f"{state.ref}/exclusive", "a start that needs several events"
    for part in _parts(state):
        yield from _find_part(part)


def _find_part(part: object) -> Iterator[tuple[str, str]]:
    match part:
        case model.End(continue_as=model.ContinueAs(workflow_exec_timeout=timeout) as other) if timeout is not None:
            yield f"{other.ref}/workflowExecTimeout", "a time-out of the workflow"
        case _:
            pass


def _parts(state: model.StateNode) -> Iterator[object]:
    yield getattr(state, "transition", None)
    yield getattr(state, "end", None)
    yield from getattr(state, "actions", ())
    match state:
        case model.EventState():
            for each in state.on_events:
                yield from each.actions
        case model.SwitchState():
            for condition in state.data_conditions or ():
                yield from (condition.transition, condition.end)
            for event in state.event_conditions or ():
                yield from (event.transition, event.end)
            yield from (state.default.transition, state.default.end)
        case model.ParallelState():
            for branch in state.branches:
                yield branch
                yield from branch.actions
        case model.CallbackState():
            yield state.action
        case _:
            pass
