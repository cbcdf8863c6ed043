"""From states to nodes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from evenweave.definitions.swf08 import model
from evenweave.plan.guards import Guard
from evenweave.plan.nodes import (
    DISCARD,
    REPLACE,
    Await,
    Case,
    Compensate,
    Completed,
    ContinueAs,
    Do,
    Fork,
    Into,
    Leave,
    Loop,
    Scope,
    Set,
    Sleep,
    Start,
    Switch,
)
from evenweave.plan.swf08.actions import Actions
from evenweave.plan.swf08.guards import Guards
from evenweave.plan.template import Constant

if TYPE_CHECKING:
    from collections.abc import Sequence

    from evenweave.plan.guards import Timeout
    from evenweave.plan.nodes import Accept, AnyNode, Edge
    from evenweave.plan.swf08.events import Events
    from evenweave.plan.swf08.expressions import Expressions
    from evenweave.plan.swf08.functions import Functions
    from evenweave.plan.template import Expression

MERGE = Into("merge")
_COMPENSATED = "/states#compensated"


class States:
    """Compiles the states of a workflow; each becomes a node, and a few more where it leads on by events."""

    def __init__(
        self, workflow: model.Workflow, events: Events, expressions: Expressions, functions: Functions
    ) -> None:
        self._workflow = workflow
        self._events = events
        self._expressions = expressions
        self._guards = Guards(workflow, expressions)
        self._actions = Actions(workflow, events, expressions, functions, self._guards)

    def compile(self, state: model.StateNode) -> dict[str, AnyNode]:
        """The nodes of a state in the workflow's scope, by position."""
        nodes: dict[str, AnyNode] = {}
        match state:
            case model.EventState():
                node: AnyNode = self._do(state, self._event(state), nodes)
            case model.OperationState():
                node = self._do(state, self._operation(state), nodes)
            case model.SwitchState():
                return self._switch(state)
            case model.SleepState():
                seconds = Sleep(position=f"{state.ref}/duration", duration=self._actions.duration(state.duration))
                node = self._do(state, _scope([seconds]), nodes)
            case model.ParallelState():
                node = self._do(state, _scope([self._parallel(state)]), nodes)
            case model.InjectState():
                inject = Set(position=f"{state.ref}/data", value=Constant(state.data), into=MERGE)
                node = self._do(state, _scope([inject]), nodes)
            case model.ForEachState():
                node = self._do(state, _scope([self._foreach(state)]), nodes)
            case model.CallbackState():
                node = self._do(state, self._callback(state), nodes, task=True)
            case _:
                raise AssertionError(f"unknown state {state!r}")
        nodes[node.position] = node
        return nodes

    @property
    def guard(self) -> Guard | None:
        """What stands around the whole workflow."""
        return self._guards.workflow()

    def starts(self, state: model.StateNode) -> tuple[Start, ...]:
        """How events start an instance that begins in this state; none where a command starts it."""
        if not isinstance(state, model.EventState):
            return ()
        position = f"{state.ref}/onEvents#await"
        accepts = self._accepts(state)
        return tuple(Start(position, index, accept) for index, accept in enumerate(accepts))

    def gathers(self, state: model.StateNode) -> str | None:
        """Where the events are taken of which an instance that begins in this state needs all (0.8, "Event State")."""
        if not isinstance(state, model.EventState) or state.exclusive:
            return None
        needed = {name for each in state.on_events for name in each.event_refs}
        return f"{state.ref}/onEvents#await" if len(needed) > 1 else None

    def _do(self, state: model.StateNode, body: Scope, nodes: dict[str, AnyNode], *, task: bool = False) -> Do:
        # The schema lets a state that compensates another have neither a transition nor an end.
        filters = state.state_data_filter
        return Do(
            position=state.ref,
            input=None if filters is None else self._expressions.optional(filters.input),
            output=None if filters is None else self._expressions.optional(filters.output),
            then=self._way(getattr(state, "transition", None), getattr(state, "end", None), nodes, of=state),
            into=REPLACE,
            body=body,
            task=task,
            guard=self._guard(state, nodes),
        )

    def _guard(
        self, state: model.StateNode, nodes: dict[str, AnyNode], timeouts: tuple[Timeout, ...] | None = None
    ) -> Guard | None:
        """What stands around a state; the ways that its errors take are nodes beside it."""
        handlers = self._guards.handlers(
            state, lambda transition, end: self._way(transition, end, nodes, of=state, done=False)
        )
        if timeouts is None:
            timeouts = self._guards.state(state)
        return Guard(handlers=handlers, timeouts=timeouts) if handlers or timeouts else None

    def _wait(self, state: model.StateNode, then: Edge = Leave.EXIT) -> Guard | None:
        """What stands around the wait for a state's events."""
        timeouts = self._guards.wait(state, then)
        return Guard(timeouts=timeouts) if timeouts else None

    def _way(
        self,
        transition: model.Transition | None,
        end: model.End | None,
        nodes: dict[str, AnyNode],
        *,
        of: model.StateNode,
        done: bool = True,
    ) -> Edge:
        """The edge of a transition or an end; what happens on the way are nodes: compensation, then events.

        Args:
            transition: The transition, where there is one.
            end: The end, where there is one.
            nodes: Where the nodes on the way go.
            of: The state that is left.
            done: It is left as completed, so that it can be compensated; not by an error.
        """
        inside = getattr(of, "used_for_compensation", False)
        leaving = transition or end
        if inside and transition is None:  # an end is ignored there
            nodes[_COMPENSATED] = Compensate(position=_COMPENSATED, begins=False)
            return _COMPENSATED
        if transition is not None:
            target: Edge = self._workflow.state(transition.next_state).ref
        else:
            target = Leave.TERMINATE if end is not None and end.terminate else Leave.EXIT
            if end is not None and end.continue_as is not None:
                target = _put(nodes, self._continue_as(end.continue_as))
        if leaving is None:
            return target
        for event in reversed(leaving.produce_events):
            emit = self._events.emit(event.ref, event.event_ref, event.data, event.context_attributes, target)
            target = _put(nodes, emit)
        if leaving.compensate and not inside:
            target = _put(nodes, Compensate(position=f"{leaving.ref}/compensate", then=target))
        if done and of.compensated_by is not None and not inside:
            by = self._workflow.state(of.compensated_by).ref
            target = _put(nodes, Completed(position=f"{leaving.ref}#completed", of=of.ref, by=by, then=target))
        return target

    def _continue_as(self, other: model.ContinueAs) -> ContinueAs:
        """The instance that goes on in the place of this one (0.8, "Continuing as a new Execution")."""
        return ContinueAs(
            position=other.ref,
            definition=other.workflow_id,
            version=other.version or "",
            data=None if other.data is None else self._expressions.template(other.data),
            lifetime=self._guards.lifetime(other.workflow_exec_timeout),
            then=Leave.TERMINATE,
        )

    def _operation(self, state: model.OperationState) -> Scope:
        return self._actions.run(state.ref, state.actions, state.action_mode, state.timeouts)

    def _event(self, state: model.EventState) -> Scope:
        """Wait for events, then do their actions (0.8, "Event State").

        Exclusive: any event, then the actions beside it. Else: all events first, then all actions in declared order.
        """
        position = f"{state.ref}/onEvents#await"
        nodes: dict[str, AnyNode] = {}
        following: Edge = Leave.EXIT
        ways: list[Edge] = []
        for each in reversed(state.on_events):
            scope = self._actions.run(each.ref, each.actions, each.action_mode, state.timeouts, last=following)
            nodes.update(scope.nodes)
            ways.insert(0, following if scope.first is None else scope.first)
            if not state.exclusive:
                following = ways[0]
        accepts = self._accepts(state, ways)
        mode: Literal["any", "all"] = "any" if state.exclusive else "all"
        nodes[position] = Await(
            position=position, accepts=accepts, mode=mode, then=following, into=DISCARD, guard=self._wait(state)
        )
        return Scope(first=position, nodes=nodes)

    def _accepts(self, state: model.EventState, ways: Sequence[Edge] = ()) -> tuple[Accept, ...]:
        return tuple(
            self._events.accept(
                name,
                self._expressions.event(each.event_data_filter),
                then=ways[index] if ways and state.exclusive else None,
            )
            for index, each in enumerate(state.on_events)
            for name in each.event_refs
        )

    def _switch(self, state: model.SwitchState) -> dict[str, AnyNode]:
        nodes: dict[str, AnyNode] = {}
        filters = state.state_data_filter
        narrow = None if filters is None else self._expressions.optional(filters.input)
        output = None if filters is None else self._expressions.optional(filters.output)
        if state.event_conditions is None:
            nodes[state.ref] = Switch(
                position=state.ref,
                input=narrow,
                output=output,
                cases=tuple(
                    Case(
                        each.ref,
                        self._expressions.program(each.condition),
                        self._way(each.transition, each.end, nodes, of=state),
                    )
                    for each in state.data_conditions or ()
                ),
                then=self._way(state.default.transition, state.default.end, nodes, of=state),
                guard=self._guard(state, nodes, ()),
            )
            return nodes
        # The first event decides the way: a filter before, a filter on each way behind.
        wait = f"{state.ref}/eventConditions#await"
        guard = self._guard(state, nodes, ())
        nodes[state.ref] = Switch(position=state.ref, input=narrow, cases=(), then=wait, guard=guard)
        accepts = []
        for way in state.event_conditions:
            edge = self._way(way.transition, way.end, nodes, of=state)
            nodes[way.ref] = Switch(position=way.ref, output=output, cases=(), then=edge, guard=guard)
            into = self._expressions.event(way.event_data_filter)
            accepts.append(self._events.accept(way.event_ref, into, then=way.ref))
        default = state.default
        edge = self._way(default.transition, default.end, nodes, of=state)
        nodes[default.ref] = Switch(position=default.ref, output=output, cases=(), then=edge, guard=guard)
        timeouts = (*self._guards.wait(state, default.ref), *self._guards.state(state))
        if guard is not None or timeouts:
            guard = Guard(handlers=() if guard is None else guard.handlers, timeouts=timeouts)
        nodes[wait] = Await(position=wait, accepts=tuple(accepts), into=DISCARD, guard=guard)
        return nodes

    def _parallel(self, state: model.ParallelState) -> Fork:
        needed = None
        if state.completion_type == "atLeast":
            many = state.num_completed
            needed = self._expressions.program(many) if isinstance(many, model.Expression) else many
        return Fork(
            position=f"{state.ref}/branches",
            branches=tuple(
                Do(
                    position=branch.ref,
                    body=self._actions.run(branch.ref, branch.actions, "sequential", branch.timeouts, state.timeouts),
                    guard=self._guards.branch(branch.timeouts, state.timeouts),
                )
                for branch in state.branches
            ),
            needed=needed,
        )

    def _foreach(self, state: model.ForEachState) -> Loop:
        """Run the actions for each item (0.8, "ForEach State"); an item's result is that of its last action."""
        window: int | Expression | None = 1
        if state.mode == "parallel":
            size = state.batch_size
            window = self._expressions.program(size) if isinstance(size, model.Expression) else (size or None)
        body = self._actions.run(state.ref, state.actions, "sequential", state.timeouts)
        if body.first is None:
            body = _scope([Set(position=f"{state.ref}/actions#none", value=Constant(None), into=DISCARD)])
        return Loop(
            position=f"{state.ref}/actions#loop",
            items=self._expressions.program(state.input_collection),
            body=Do(position=f"{state.ref}/actions#item", body=body, yields="last"),
            name=state.iteration_param,
            window=window,
            collect=None if state.output_collection is None else self._expressions.path(state.output_collection),
        )

    def _callback(self, state: model.CallbackState) -> Scope:
        """Do the action, then wait for the event (0.8, "Callback State"): it may echo the state's activation."""
        wait = f"{state.ref}/eventRef#await"
        action = self._actions.one(state.action, wait, state.timeouts, task=False)
        into = self._expressions.event(state.event_data_filter)
        accept = self._events.accept(state.event_ref, into, echo=True)
        return Scope(
            first=action.position,
            nodes={
                action.position: action,
                wait: Await(position=wait, accepts=(accept,), into=DISCARD, guard=self._wait(state)),
            },
        )


def _put(nodes: dict[str, AnyNode], node: AnyNode) -> str:
    nodes[node.position] = node
    return node.position


def _scope(nodes: Sequence[AnyNode]) -> Scope:
    """One node after the other; each was made to lead to the next."""
    return Scope(first=nodes[0].position if nodes else None, nodes={node.position: node for node in nodes})
