"""From a checked Serverless Workflow 0.8 definition to a plan.

A workflow is one scope: its states are nodes that point at each other. What is particular to 0.8 is decided here:
results are merged into the state's data, a state's output replaces the workflow's data, an action is the task that
triggers name and replies echo.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from evenweave.plan.nodes import REPLACE, Do, Fork, Leave, Loop, Plan, Scope, edges
from evenweave.plan.swf08.events import Events
from evenweave.plan.swf08.expressions import Expressions
from evenweave.plan.swf08.functions import Functions
from evenweave.plan.swf08.input import compile_input
from evenweave.plan.swf08.states import States

if TYPE_CHECKING:
    from collections.abc import Mapping

    from evenweave.definitions.swf08 import model
    from evenweave.plan.nodes import AnyNode
    from evenweave.plan.operation import Operation
    from evenweave.source import Diagnostic, Document


@dataclass(frozen=True, slots=True)
class Compiled:
    """What came of compiling: a plan where no diagnostic is an error."""

    plan: Plan | None
    diagnostics: list[Diagnostic]


def compile(  # noqa: A001 - the room is a compiler
    document: Document, workflow: model.Workflow, operations: Mapping[str, Operation], *, digest: str = ""
) -> Compiled:
    """Compile a definition.

    Args:
        document: Where the workflow was read from, for the places of diagnostics.
        workflow: The checked definition.
        operations: The AsyncAPI operations that it refers to, by the reference as written (`workflow.operations()`);
            one that is missing is a diagnostic.
        digest: Content digest of the document and its operations.
    """
    diagnostics: list[Diagnostic] = []
    expressions = Expressions(document, diagnostics, workflow.expression_lang)
    events = Events(document, workflow, operations, expressions, diagnostics)
    functions = Functions(document, workflow, expressions, diagnostics)
    states = States(workflow, events, expressions, functions)
    nodes: dict[str, AnyNode] = {}
    if not any(item.severity == "error" for item in diagnostics):
        for state in workflow.states:
            nodes.update(states.compile(state))
    starts = states.starts(workflow.first) if nodes else ()
    gathers = states.gathers(workflow.first)
    check = compile_input(document, workflow, diagnostics)
    schedule = None
    if workflow.start is not None and workflow.start.schedule is not None:
        from evenweave.plan.swf08.schedules import compile_schedule  # noqa: PLC0415 - only who has one pays for it

        schedule = compile_schedule(document, workflow, diagnostics)
        starts, gathers = (), None  # what the time starts waits in its first state for the events of that
    if any(item.severity == "error" for item in diagnostics):
        return Compiled(None, diagnostics)
    first = workflow.first.ref
    if check is not None:
        nodes[check.position] = check
        first = check.position
    root = Do(position="", then=Leave.EXIT, into=REPLACE, body=Scope(first=first, nodes=nodes), guard=states.guard)
    version = workflow.version
    plan = Plan(
        id=workflow.id,
        version=version if isinstance(version, str) else "",
        name=workflow.name or workflow.id,
        digest=digest,
        root=root,
        nodes=collect(root),
        starts=starts,
        gathers=gathers,
        keep_active=workflow.keep_active,
        constants=workflow.constants,
        secrets=workflow.secrets,
        unites_arrays=workflow.profile != "sonataflow",
        schedule=schedule,
        files=workflow.files,
        aside=_find_aside(workflow, nodes, first),
    )
    return Compiled(plan, diagnostics)


def _find_aside(workflow: model.Workflow, nodes: Mapping[str, AnyNode], first: str) -> dict[str, str]:
    """The states that are no part of the normal flow and compensate nothing (``runBefore`` may name only such)."""
    reached, waiting = {first}, [first]
    while waiting:
        for edge in edges(nodes[waiting.pop()]):
            if isinstance(edge, str) and edge not in reached:
                reached.add(edge)
                waiting.append(edge)
    return {
        state.name: state.ref
        for state in workflow.states
        if state.ref not in reached and not getattr(state, "used_for_compensation", False)
    }


def collect(root: Do) -> dict[str, AnyNode]:
    """Every node of a plan by its position."""
    found: dict[str, AnyNode] = {}
    todo: list[AnyNode] = [root]
    while todo:
        node = todo.pop()
        assert node.position not in found, f"two nodes at {node.position}"
        found[node.position] = node
        match node:
            case Do():
                todo.extend(node.body.nodes.values())
            case Fork():
                todo.extend(node.branches)
            case Loop():
                todo.append(node.body)
            case _:
                pass
    return found
