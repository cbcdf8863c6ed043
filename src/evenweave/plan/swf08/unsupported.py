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
