"""The eight states (Serverless Workflow 0.8, "Workflow States")."""

from collections.abc import Mapping
from typing import Annotated, Any, ClassVar, Literal

import msgspec

from evenweave.definitions.swf08.actions import (
    Action,
    ActionMode,
    End,
    EventDataFilter,
    StateDataFilter,
    Transition,
)
from evenweave.definitions.swf08.duration import Duration
from evenweave.definitions.swf08.expression import Expression
from evenweave.definitions.swf08.node import Node, Property

Metadata = Annotated[dict[str, str], Property(doc="Information for people and tools; it never affects execution.")]


class StateExecTimeout(Node, frozen=True, kw_only=True):
    """How long a state may run ("States Timeout Definition"); as a string, its total."""

    shorthand: ClassVar[str] = "total"

    single: (
        Annotated[Duration, Property(doc="Time-out of one execution, without retries (ISO 8601).", min_length=1)] | None
    ) = None
    total: Annotated[Duration, Property(doc="Time-out with all retries (ISO 8601).", min_length=1)]


class StateTimeouts(Node, frozen=True, kw_only=True):
    """The time-outs of a state or a branch; the ones of the state beat those of the workflow.

    The schema lets any property pass here; one that does not fit the state is pointed out and has no effect.
    """

    additional: ClassVar[bool] = True

    state_exec_timeout: Annotated[StateExecTimeout, Property(doc="How long the state may run.")] | None = None
    action_exec_timeout: (
        Annotated[Duration, Property(doc="How long each action may run (ISO 8601).", min_length=1)] | None
    ) = None
    branch_exec_timeout: (
        Annotated[Duration, Property(doc="How long each branch may run (ISO 8601).", min_length=1)] | None
    ) = None
    event_timeout: (
        Annotated[Duration, Property(doc="How long to wait for the events (ISO 8601).", min_length=1)] | None
    ) = None


class OnError(Node, frozen=True, kw_only=True):
    """What to do on an error ("Error Definition").

    Normal form: `error_refs` holds every name, also the one written as `errorRef`.
    """

    exactly_one: ClassVar[tuple[tuple[str, ...], ...]] = (("errorRef", "errorRefs"), ("transition", "end"))

    error_ref: Annotated[str, Property(doc="Name of the error.", min_length=1)] | None = None
    error_refs: Annotated[tuple[str, ...], Property(doc="Names of the errors.", min_items=1)] = ()
    transition: Annotated[Transition, Property(doc="The state that handles the error.")] | None = None
    end: Annotated[End, Property(doc="End the path of execution.")] | None = None

    @classmethod
    def complete(cls, values: dict[str, Any], written: Mapping[str, Any]) -> None:
        """Put the name written as `errorRef` into `error_refs`."""
        del written
        if values["error_ref"] is not None:
            values["error_refs"] = (values["error_ref"], *values["error_refs"])


class OnEvents(Node, frozen=True, kw_only=True):
    """Events, and the actions that they cause ("OnEvents Definition")."""

    event_refs: Annotated[tuple[str, ...], Property(doc="Names of consumed events.", min_items=1, unique=True)]
    action_mode: Annotated[ActionMode, Property(doc="Whether the actions run one after the other.")] = "sequential"
    actions: Annotated[tuple[Action, ...], Property(doc="What to do when the events have come.")] = ()
    event_data_filter: Annotated[EventDataFilter, Property(doc="Filter of the events' data.")] | None = None


class Branch(Node, frozen=True, kw_only=True):
    """One branch of a parallel state ("Parallel State Branch")."""

    name: Annotated[str, Property(doc="Name of the branch.")]
    timeouts: Annotated[StateTimeouts, Property(doc="Time-outs of the branch and its actions.")] | None = None
    actions: Annotated[tuple[Action, ...], Property(doc="What the branch does, in order.")]


class DataCondition(Node, frozen=True, kw_only=True):
    """A way out of a switch state that depends on data ("Switch State Data Conditions")."""

    exactly_one: ClassVar[tuple[tuple[str, ...], ...]] = (("transition", "end"),)

    name: Annotated[str, Property(doc="Name of the condition.")] | None = None
    condition: Annotated[Expression, Property(doc="Expression that must give true or false.")]
    transition: Annotated[Transition, Property(doc="The next state if the condition is true.")] | None = None
    end: Annotated[End, Property(doc="End if the condition is true.")] | None = None
    metadata: Metadata = msgspec.field(default_factory=dict)


class EventCondition(Node, frozen=True, kw_only=True):
    """A way out of a switch state that an event takes ("Switch State Event Conditions")."""

    exactly_one: ClassVar[tuple[tuple[str, ...], ...]] = (("transition", "end"),)

    name: Annotated[str, Property(doc="Name of the condition.")] | None = None
    event_ref: Annotated[str, Property(doc="Name of the consumed event.")]
    transition: Annotated[Transition, Property(doc="The next state if the event comes.")] | None = None
    end: Annotated[End, Property(doc="End if the event comes.")] | None = None
    event_data_filter: Annotated[EventDataFilter, Property(doc="Filter of the event's data.")] | None = None
    metadata: Metadata = msgspec.field(default_factory=dict)


class DefaultCondition(Node, frozen=True, kw_only=True):
    """The way out of a switch state if no condition is met."""

    exactly_one: ClassVar[tuple[tuple[str, ...], ...]] = (("transition", "end"),)

    transition: Annotated[Transition, Property(doc="The next state.")] | None = None
    end: Annotated[End, Property(doc="End.")] | None = None


class StateNode(Node, frozen=True, kw_only=True):
    """What every state has.

    Class attributes:
        timeouts_allowed: which of the time-outs have a meaning in this state.
    """

    timeouts_allowed: ClassVar[tuple[str, ...]] = ("stateExecTimeout",)

    id: Annotated[str, Property(doc="Unique id of the state.", min_length=1)] | None = None
    name: Annotated[str, Property(doc="Unique name of the state.")]
    state_data_filter: Annotated[StateDataFilter, Property(doc="Filter of the state's data.")] | None = None
    timeouts: Annotated[StateTimeouts, Property(doc="Time-outs of the state.")] | None = None
    compensated_by: (
        Annotated[str, Property(doc="Name of the state that compensates this one.", min_length=1)] | None
    ) = None
    metadata: Metadata = msgspec.field(default_factory=dict)


class HandlingState(StateNode, frozen=True, kw_only=True):
    """A state that can handle errors: all but inject."""

    on_errors: Annotated[tuple[OnError, ...], Property(doc="What to do on errors.")] = ()


class EventState(HandlingState, frozen=True, kw_only=True, tag_field="type", tag="event"):
    """Waits for events, then does their actions ("Event State")."""

    exactly_one: ClassVar[tuple[tuple[str, ...], ...]] = (("transition", "end"),)
    timeouts_allowed: ClassVar[tuple[str, ...]] = ("stateExecTimeout", "actionExecTimeout", "eventTimeout")

    exclusive: Annotated[bool, Property(doc="If true any of the events is enough, else all must come.")] = True
    on_events: Annotated[tuple[OnEvents, ...], Property(doc="The events and their actions.")]
    transition: Annotated[Transition, Property(doc="The next state.")] | None = None
    end: Annotated[End, Property(doc="End after this state.")] | None = None


class OperationState(HandlingState, frozen=True, kw_only=True, tag_field="type", tag="operation"):
    """Does actions ("Operation State")."""

    exactly_one: ClassVar[tuple[tuple[str, ...], ...]] = (("transition", "end"),)
    timeouts_allowed: ClassVar[tuple[str, ...]] = ("stateExecTimeout", "actionExecTimeout")

    action_mode: Annotated[ActionMode, Property(doc="Whether the actions run one after the other.")] = "sequential"
    actions: Annotated[tuple[Action, ...], Property(doc="What to do.")]
    transition: Annotated[Transition, Property(doc="The next state.")] | None = None
    end: Annotated[End, Property(doc="End after this state.")] | None = None
    used_for_compensation: Annotated[bool, Property(doc="If true, this state compensates another.")] = False


class SwitchState(HandlingState, frozen=True, kw_only=True, tag_field="type", tag="switch"):
    """Goes one of several ways ("Switch State").

    Exactly one of `data_conditions` and `event_conditions` was written; without a `defaultCondition`, which the
    specification requires, the path ends there.
    """

    exactly_one: ClassVar[tuple[tuple[str, ...], ...]] = (("dataConditions", "eventConditions"),)
    timeouts_allowed: ClassVar[tuple[str, ...]] = ("stateExecTimeout", "eventTimeout")
    moved: ClassVar[Mapping[str, tuple[str, str]]] = {"eventTimeout": ("timeouts", "eventTimeout")}

    data_conditions: (
        Annotated[tuple[DataCondition, ...], Property(doc="The ways; the first true one is taken.")] | None
    ) = None
    event_conditions: (
        Annotated[tuple[EventCondition, ...], Property(doc="The ways; the first event decides.")] | None
    ) = None
    default_condition: (
        Annotated[DefaultCondition, Property(doc="The way if no other is taken.", missing="SW021")] | None
    ) = None
    used_for_compensation: Annotated[bool, Property(doc="If true, this state compensates another.")] = False

    @classmethod
    def complete(cls, values: dict[str, Any], written: Mapping[str, Any]) -> None:
        """End where there is no default."""
        del written
        if values["default_condition"] is None:
            ref = f"{values['ref']}/defaultCondition"
            values["default_condition"] = DefaultCondition(ref=ref, end=End(ref=f"{ref}/end"))

    @property
    def default(self) -> DefaultCondition:
        """The way if no other is taken; always there."""
        assert self.default_condition is not None
        return self.default_condition


class SleepState(HandlingState, frozen=True, kw_only=True, tag_field="type", tag="sleep"):
    """Sleeps for a while ("Sleep State")."""

    exactly_one: ClassVar[tuple[tuple[str, ...], ...]] = (("transition", "end"),)

    duration: Annotated[Duration, Property(doc="How long to sleep (ISO 8601).")]
    transition: Annotated[Transition, Property(doc="The next state.")] | None = None
    end: Annotated[End, Property(doc="End after this state.")] | None = None
    used_for_compensation: Annotated[bool, Property(doc="If true, this state compensates another.")] = False


class ParallelState(HandlingState, frozen=True, kw_only=True, tag_field="type", tag="parallel"):
    """Runs branches side by side ("Parallel State")."""

    exactly_one: ClassVar[tuple[tuple[str, ...], ...]] = (("transition", "end"),)
    timeouts_allowed: ClassVar[tuple[str, ...]] = ("stateExecTimeout", "branchExecTimeout")

    branches: Annotated[tuple[Branch, ...], Property(doc="The branches.")]
    completion_type: Annotated[
        Literal["allOf", "atLeast"], Property(doc="Whether all branches must end, or numCompleted of them.")
    ] = "allOf"
    num_completed: (
        Annotated[int | Expression, Property(doc="How many branches must end; a number or an expression.", minimum=0)]
        | None
    ) = None
    transition: Annotated[Transition, Property(doc="The next state.")] | None = None
    end: Annotated[End, Property(doc="End after this state.")] | None = None
    used_for_compensation: Annotated[bool, Property(doc="If true, this state compensates another.")] = False


class InjectState(StateNode, frozen=True, kw_only=True, tag_field="type", tag="inject"):
    """Puts constant data into the state's data ("Inject State")."""

    exactly_one: ClassVar[tuple[tuple[str, ...], ...]] = (("transition", "end"),)

    data: Annotated[dict[str, Any], Property(doc="The data.", lenient="SW409")]
    transition: Annotated[Transition, Property(doc="The next state.")] | None = None
    end: Annotated[End, Property(doc="End after this state.")] | None = None
    used_for_compensation: Annotated[bool, Property(doc="If true, this state compensates another.")] = False


class ForEachState(HandlingState, frozen=True, kw_only=True, tag_field="type", tag="foreach"):
    """Does actions for each item of an array ("ForEach State").

    `iteration_param` names the item as a key of the action's data and as a variable of its expressions.
    """

    exactly_one: ClassVar[tuple[tuple[str, ...], ...]] = (("transition", "end"),)
    binds: ClassVar[str] = "iterationParam"
    timeouts_allowed: ClassVar[tuple[str, ...]] = ("stateExecTimeout", "actionExecTimeout")

    input_collection: Annotated[Expression, Property(doc="Expression that selects the array.")]
    output_collection: (
        Annotated[Expression, Property(doc="Expression that selects the array for the results.")] | None
    ) = None
    iteration_param: Annotated[str, Property(doc="Name by which the actions know the item.")] | None = None
    batch_size: (
        Annotated[int | Expression, Property(doc="How many iterations may run side by side.", minimum=0)] | None
    ) = None
    mode: Annotated[ActionMode, Property(doc="Whether the iterations run side by side.")] = "parallel"
    actions: Annotated[tuple[Action, ...], Property(doc="What to do for each item.")]
    transition: Annotated[Transition, Property(doc="The next state.")] | None = None
    end: Annotated[End, Property(doc="End after this state.")] | None = None
    used_for_compensation: Annotated[bool, Property(doc="If true, this state compensates another.")] = False


class CallbackState(HandlingState, frozen=True, kw_only=True, tag_field="type", tag="callback"):
    """Does an action, then waits for an event ("Callback State")."""

    exactly_one: ClassVar[tuple[tuple[str, ...], ...]] = (("transition", "end"),)
    timeouts_allowed: ClassVar[tuple[str, ...]] = ("stateExecTimeout", "actionExecTimeout", "eventTimeout")

    action: Annotated[Action, Property(doc="What to do first.")]
    event_ref: Annotated[str, Property(doc="Name of the consumed event to wait for.")]
    event_data_filter: Annotated[EventDataFilter, Property(doc="Filter of the event's data.")] | None = None
    transition: Annotated[Transition, Property(doc="The next state.")] | None = None
    end: Annotated[End, Property(doc="End after this state.")] | None = None
    used_for_compensation: Annotated[bool, Property(doc="If true, this state compensates another.")] = False


State = (
    EventState | OperationState | SwitchState | SleepState | ParallelState | InjectState | ForEachState | CallbackState
)
"""Any state; `match` on it, or read its `type` with `state_type`."""


def state_type(state: StateNode) -> str:
    """Return the `type` of a state as the definition writes it, such as `foreach`."""
    return str(type(state).__struct_config__.tag)
