"""The check of a workflow's input (0.8, "dataInputSchema")."""

from __future__ import annotations

from typing import TYPE_CHECKING

from evenweave.definitions.swf08 import model
from evenweave.plan.nodes import Validate

if TYPE_CHECKING:
    from evenweave.source import Diagnostic, Document


def compile_input(document: Document, workflow: model.Workflow, diagnostics: list[Diagnostic]) -> Validate | None:
    """The node that checks the input before any state; none where there is no schema, or it must not stop anything.

    What starts with an event has no input: the schema does not apply to the event's data.
    """
    written = workflow.data_input_schema
    if written is None:
        return None
    from evenweave.plan.schema import Schema  # noqa: PLC0415 - only who has a schema pays for its compiler

    if written.content is None:
        hint = "give the file too: it lies below the definition's folder"
        message = f"the schema {written.schema!r} is not there"
        diagnostics.append(document.diagnostic("SW506", written.ref, message, hint=hint))
        return None
    try:
        schema = Schema(written.content)
    except ValueError as error:
        message = f"{written.schema!r} holds no JSON Schema: {error}"
        diagnostics.append(document.diagnostic("SW506", written.ref, message))
        return None
    if not written.fail_on_validation_errors or isinstance(workflow.first, model.EventState):
        return None
    return Validate(position="/dataInputSchema", schema=schema, then=workflow.first.ref)
