"""From actions to nodes."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from evenweave.plan.duration import Duration
from evenweave.plan.nodes import (
    DISCARD,
    REPLACE,
    Accept,
    Await,
    Call,
    Child,
    Do,
    Emit,
    Fork,
    Leave,
    Scope,
    Set,
    Sleep,
)
from evenweave.plan.swf08.events import publication
from evenweave.plan.template import Constant

if TYPE_CHECKING:
    from collections.abc import Sequence

    from evenweave.definitions.swf08 import model
    from evenweave.plan.nodes import AnyNode, Edge
    from evenweave.plan.swf08.events import Events
    from evenweave.plan.swf08.expressions import Expressions
    from evenweave.plan.swf08.functions import Functions
    from evenweave.plan.swf08.guards import Guards, Limits


class Actions:
    """Compiles actions: each becomes a task, whose activation its trigger carries and its reply echoes."""

    def __init__(
        self,
        workflow: model.Workflow,
        events: Events,
        expressions: Expressions,
        functions: Functions,
        guards: Guards,
    ) -> None:
        self._workflow = workflow
        self._events = events
        self._expressions = expressions
        self._functions = functions
        self._guards = guards

    def run(
        self, ref: str, actions: Sequence[model.Action], mode: str, *limits: Limits, last: Edge = Leave.EXIT
    ) -> Scope:
        """Actions one after the other, or side by side; then ``last``.

        Args:
            ref: What they belong to.
            actions: The actions, in declared order.
            mode: 0.8 ``actionMode``.
            limits: The time-outs of what is around them, the nearest first.
            last: Where the last one leads.
        """
        nodes: dict[str, AnyNode] = {}
        first: Edge = last
        if mode == "parallel" and len(actions) > 1:
            branches = []
            for action in actions:
                node = self.one(action, Leave.EXIT, *limits)
                body = Scope(first=node.position, nodes={node.position: node})
                branches.append(Do(position=f"{action.ref}#branch", body=body))
            fork = Fork(position=f"{ref}/actions#fork", branches=tuple(branches), then=last)
            return Scope(first=fork.position, nodes={fork.position: fork})
        for action in reversed(actions):
            node = self.one(action, first, *limits)
            nodes[node.position] = node
            first = node.position
        return Scope(first=first if isinstance(first, str) and nodes else None, nodes=nodes)

    def one(self, action: model.Action, then: Edge, *limits: Limits, task: bool = True) -> Do:
        """One action (0.8, "Action Definition")."""
        filters = action.action_data_filter
        core = self._core(action)
        answers = any(_answers(node) for node in core)
        return Do(
            position=action.ref,
            condition=self._expressions.optional(action.condition),
            input=None if filters is None else self._expressions.optional(filters.from_state_data),
            into=self._expressions.result(filters) if answers else DISCARD,
            then=then,
            task=task,
            body=self._around(action, core),
            guard=self._guards.action(action, *limits),
        )

    def duration(self, written: model.Duration) -> Duration:
        """A duration, for the engine."""
        return Duration(written.months, written.milliseconds)

    def _around(self, action: model.Action, core: list[AnyNode]) -> Scope:
        """The pauses around an action; the nodes in between already lead to one another."""
        chain: list[AnyNode] = []
        pauses = action.sleep
        if pauses is not None and pauses.before is not None:
            chain.append(
                Sleep(
                    position=f"{action.ref}/sleep/before", duration=self.duration(pauses.before), then=core[0].position
                )
            )
        chain.extend(core)
        if pauses is not None and pauses.after is not None:
            after = Sleep(position=f"{action.ref}/sleep/after", duration=self.duration(pauses.after))
            chain[-1] = _lead(chain[-1], after.position)
            chain.append(after)
        return Scope(first=chain[0].position, nodes={node.position: node for node in chain})

    def _core(self, action: model.Action) -> list[AnyNode]:
        if action.event_ref is not None:
            return self._event(action, action.event_ref)
        if action.sub_flow_ref is not None:
            return [self._subflow(action, action.sub_flow_ref)]
        assert action.function_ref is not None, "an action without all three does not pass the check"
        return self._function(action, action.function_ref)

    def _event(self, action: model.Action, event: model.EventRef) -> list[AnyNode]:
        """Publish, and wait for the reply where there is one (0.8, "EventRef Definition")."""
        wait = f"{action.ref}#await"
        answered = event.result_event_ref is not None and event.invoke == "sync"
        trigger = self._events.emit(
            f"{action.ref}#emit",
            event.trigger_event_ref,
            event.data,
            event.context_attributes,
            wait if answered else Leave.EXIT,
            answered=answered,
        )
        if not answered:
            return [trigger]
        assert event.result_event_ref is not None
        accept = self._events.accept(event.result_event_ref, REPLACE, echo=True)
        guard = self._guards.result(event)
        return [trigger, Await(position=wait, accepts=(accept,), into=DISCARD, guard=guard)]

    def _subflow(self, action: model.Action, flow: model.SubFlowRef) -> Child:
        """Another definition as an instance of its own (0.8, "SubFlowRef Definition")."""
        wait = flow.invoke == "sync"
        return Child(
            position=f"{action.ref}#child",
            definition=flow.workflow_id,
            version=flow.version or "",
            wait=wait,
            with_parent=flow.on_parent_complete == "terminate",
            into=REPLACE if wait else DISCARD,
        )

    def _function(self, action: model.Action, call: model.FunctionRef) -> list[AnyNode]:
        function = self._workflow.function(call.ref_name)
        outside = function.type not in {"expression", "asyncapi"}
        arguments = None if call.arguments is None else self._expressions.template(call.arguments, secrets=outside)
        wait = call.invoke == "sync"
        if outside:
            select = None if call.selection_set is None else self._expressions.template(call.selection_set)
            return [
                Call(
                    position=f"{action.ref}#call",
                    function=function.name,
                    outside=self._functions.outside(function),
                    arguments=arguments,
                    select=select,
                    wait=wait,
                    into=REPLACE if wait else DISCARD,
                )
            ]
        nothing = Set(position=f"{action.ref}#none", value=Constant(None), into=DISCARD)
        if function.type == "expression":
            if not wait:  # nobody would see what it yields, and its errors are nobody's ("FunctionRef Definition")
                return [nothing]
            assert function.expression is not None
            program = self._expressions.program(function.expression)
            return [
                Call(
                    position=f"{action.ref}#call",
                    function=function.name,
                    program=program,
                    arguments=arguments,
                    into=REPLACE,
                )
            ]
        operation = self._events.operation(function.operation)
        if operation.direction == "publish":
            published = publication(operation, answered=False)
            return [Emit(position=f"{action.ref}#emit", name=function.name, data=arguments, **published)]
        if not wait:
            return [nothing]
        accept = Accept(self._events.subscription(operation, function.name), into=REPLACE)
        return [Await(position=f"{action.ref}#await", accepts=(accept,), into=DISCARD)]


def _answers(node: AnyNode) -> bool:
    """Whether the node has a result."""
    return isinstance(node, Await) or (isinstance(node, Call | Child) and node.wait)


def _lead(node: AnyNode, then: Edge) -> AnyNode:
    return replace(node, then=then)
