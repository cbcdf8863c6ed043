"""What a plan names of other definitions, held against those that are there."""

from __future__ import annotations

from typing import TYPE_CHECKING

from evenweave.plan.nodes import Child, ContinueAs
from evenweave.source import closest

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from evenweave.plan.nodes import Plan
    from evenweave.source import Diagnostic, Document

    FindPlan = Callable[[str, str], Plan | bool]


def named(plan: Plan) -> set[tuple[str, str]]:
    """The id and the version, or "" for any, of each definition that a plan starts, but for its own."""
    own = {(plan.id, ""), (plan.id, plan.version)}
    return {(node.definition, node.version) for node in _starting(plan)} - own


def find_missing(document: Document, plan: Plan, find: FindPlan, known: Iterable[str]) -> Iterator[Diagnostic]:
    """A warning for each definition that a plan starts and that is not there, and for each state that it names of one.

    They are warnings, for what is not there now may be when an instance comes to it.

    Args:
        document: The plan's document.
        plan: The plan.
        find: Finds the plan of a definition: of a version, or of any for ""; or whether it is there, where that is all
            that is known.
        known: The ids of those that are there, to guess what was meant.
    """
    ids = sorted({*known, plan.id})
    for node in _starting(plan):
        of_its_own = node.definition == plan.id and node.version in {"", plan.version}
        other = plan if of_its_own else find(node.definition, node.version)
        part = "/subFlowRef" if isinstance(node, Child) else ""
        if other is False:
            version = f' of version "{node.version}"' if node.version else ""
            near = None if node.definition in ids else closest(node.definition, ids)
            yield document.diagnostic(
                "SW521",
                f"{node.reference}{part}/workflowId",
                f'no workflow "{node.definition}"{version} is registered',
                severity="warning",
                hint=f'did you mean "{near}"?' if near else "register it before an instance comes here",
            )
        elif (
            other is not True
            and isinstance(node, ContinueAs)
            and node.lifetime is not None
            and node.lifetime.before_end is not None
        ):
            wanted = node.lifetime.before_end
            if wanted not in other.aside:
                near = closest(wanted, other.aside)
                yield document.diagnostic(
                    "SW522",
                    f"{node.reference}/workflowExecTimeout/runBefore",
                    f'"{other.id}" has no state "{wanted}" that may run before the end',
                    severity="warning",
                    hint=f'did you mean "{near}"?' if near else "name one that no way leads to",
                )


def _starting(plan: Plan) -> list[Child | ContinueAs]:
    found = [node for node in plan.nodes.values() if isinstance(node, Child | ContinueAs)]
    return sorted(found, key=lambda node: node.reference)
