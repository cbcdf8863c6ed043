"""Actions: what a state does, and how its data is filtered (Serverless Workflow 0.8, "Action Definition")."""

from collections.abc import Mapping
from typing import Annotated, Any, ClassVar, Literal

import msgspec

from evenweave.definitions.swf08.duration import Duration
from evenweave.definitions.swf08.expression import Expression, Value
from evenweave.definitions.swf08.node import Node, Property

Invoke = Literal["sync", "async"]
ActionMode = Literal["sequential", "parallel"]

Condition = Annotated[Expression, Property(doc="Expression that must give true or false.")]


class StateDataFilter(Node, frozen=True, kw_only=True):
    """What a state takes from its input, and what it gives on ("State data filters")."""

    input: Annotated[Expression, Property(doc="Expression that filters the state's data input.")] | None = None
    output: Annotated[Expression, Property(doc="Expression that filters the state's data output.")] | None = None


class EventDataFilter(Node, frozen=True, kw_only=True):
    """What a state takes from an event, and where it puts it ("Event data filters")."""

    use_data: Annotated[bool, Property(doc="If false, the event's payload is not merged into the state's data.")] = True
    data: Annotated[Expression, Property(doc="Expression that filters the event's payload.")] | None = None
    to_state_data: (
        Annotated[Expression, Property(doc="Expression that selects where in the state's data the payload goes.")]
        | None
    ) = None


class ActionDataFilter(Node, frozen=True, kw_only=True):
    """What an action sees of the state's data, and where its results go ("Action data filters")."""

    from_state_data: (
        Annotated[Expression, Property(doc="Expression that selects the data that the action can use.")] | None
    ) = None
    use_results: Annotated[bool, Property(doc="If false, the results are not merged into the state's data.")] = True
    results: Annotated[Expression, Property(doc="Expression that filters the results of the action.")] | None = None
    to_state_data: (
        Annotated[Expression, Property(doc="Expression that selects where in the state's data the results go.")] | None
    ) = None


class FunctionRef(Node, frozen=True, kw_only=True):
    """A call of a function ("FunctionRef Definition"); as a string, its name: then the call is synchronous."""

    shorthand: ClassVar[str] = "refName"

    ref_name: Annotated[str, Property(doc="Name of the function.")]
    arguments: (
        Annotated[
            Value, Property(doc="Arguments of the function; strings may be `${ }`.", kinds=("object",), lenient="SW024")
        ]
        | None
    ) = None
    selection_set: Annotated[Value, Property(doc="GraphQL selection set.", kinds=("string",))] | None = None
    invoke: Annotated[Invoke, Property(doc="async does not wait for the result.")] = "sync"


class EventRef(Node, frozen=True, kw_only=True):
    """An event to publish and, mostly, one to wait for ("EventRef Definition").

    Without `result_event_ref` the action publishes and goes on: 0.8 requires it, 0.9 no longer does.
    """

    trigger_event_ref: Annotated[
        str, Property(doc="Name of the produced event to publish.", aliases=("produceEventRef",))
    ]
    result_event_ref: (
        Annotated[
            str,
            Property(doc="Name of the consumed event to wait for.", aliases=("consumeEventRef",), missing="SW020"),
        ]
        | None
    ) = None
    result_event_timeout: (
        Annotated[
            Duration, Property(doc="How long to wait for the result (ISO 8601).", aliases=("consumeEventTimeout",))
        ]
        | None
    ) = None
    data: (
        Annotated[
            Value,
            Property(
                doc="Payload of the published event: an expression or an object.", kinds=("string", "object"), bare=True
            ),
        ]
        | None
    ) = None
    context_attributes: Annotated[
        dict[str, Annotated[Value, Property(doc="Value of the attribute.", kinds=("string",))]],
        Property(doc="Extension context attributes of the published event."),
    ] = msgspec.field(default_factory=dict)
    invoke: Annotated[Invoke, Property(doc="async does not wait for the result.")] = "sync"


class SubFlowRef(Node, frozen=True, kw_only=True):
    """A call of another workflow ("SubFlowRef Definition"); as a string, its id."""

    shorthand: ClassVar[str] = "workflowId"
    additional: ClassVar[bool] = True

    workflow_id: Annotated[str, Property(doc="Id of the workflow to run.")]
    version: Annotated[str, Property(doc="Version of the workflow to run.", min_length=1)] | None = None
    on_parent_complete: Annotated[
        Literal["terminate", "continue"], Property(doc="What becomes of an async subflow when its parent ends.")
    ] = "terminate"
    invoke: Annotated[Invoke, Property(doc="async does not wait for the end of the subflow.")] = "sync"


class Sleep(Node, frozen=True, kw_only=True):
    """Pauses around an action; both may be there, as the text says ("and/or") and the official schema does not."""

    additional: ClassVar[bool] = True
    exactly_one: ClassVar[tuple[tuple[str, ...], ...]] = (("before", "after"),)
    several: ClassVar[str] = "SW026"

    before: Annotated[Duration, Property(doc="How long to sleep before the action (ISO 8601).")] | None = None
    after: Annotated[Duration, Property(doc="How long to sleep after the action (ISO 8601).")] | None = None


class Action(Node, frozen=True, kw_only=True):
    """One thing that a state does: exactly one of a function, an event or a subflow ("Action Definition")."""

    exactly_one: ClassVar[tuple[tuple[str, ...], ...]] = (("functionRef", "eventRef", "subFlowRef"),)

    id: Annotated[str, Property(doc="Unique id of the action.")] | None = None
    name: Annotated[str, Property(doc="Unique name of the action.")] | None = None
    function_ref: Annotated[FunctionRef, Property(doc="The function to call.")] | None = None
    event_ref: Annotated[EventRef, Property(doc="The event to publish and the one to wait for.")] | None = None
    sub_flow_ref: Annotated[SubFlowRef, Property(doc="The workflow to run.")] | None = None
    sleep: Annotated[Sleep, Property(doc="Pauses before and after a function or a subflow.")] | None = None
    retry_ref: Annotated[str, Property(doc="Name of the retry policy.")] | None = None
    non_retryable_errors: Annotated[
        tuple[str, ...], Property(doc="Errors not to retry; only with autoRetries.", min_items=1)
    ] = ()
    retryable_errors: Annotated[
        tuple[str, ...], Property(doc="Errors to retry; only without autoRetries.", min_items=1)
    ] = ()
    action_data_filter: Annotated[ActionDataFilter, Property(doc="Filter of the action's data.")] | None = None
    condition: (
        Annotated[Expression, Property(doc="Expression; if it gives false the action is skipped.", min_length=1)] | None
    ) = None


class ProduceEvent(Node, frozen=True, kw_only=True):
    """An event published on a transition or at an end ("ProducedEvent Definition")."""

    event_ref: Annotated[str, Property(doc="Name of the produced event.")]
    data: (
        Annotated[
            Value,
            Property(doc="Payload of the event: an expression or an object.", kinds=("string", "object"), bare=True),
        ]
        | None
    ) = None
    context_attributes: Annotated[
        dict[str, Annotated[Value, Property(doc="Value of the attribute.", kinds=("string",))]],
        Property(doc="Extension context attributes of the event."),
    ] = msgspec.field(default_factory=dict)


class Transition(Node, frozen=True, kw_only=True):
    """The way to another state ("Transition Definition"); as a string, its name."""

    shorthand: ClassVar[str] = "nextState"

    next_state: Annotated[str, Property(doc="Name of the next state.", min_length=1)]
    produce_events: Annotated[tuple[ProduceEvent, ...], Property(doc="Events to publish before the transition.")] = ()
    compensate: Annotated[bool, Property(doc="If true, compensate before the transition.")] = False


class WorkflowExecTimeout(Node, frozen=True, kw_only=True):
    """How long an instance may run ("WorkflowExecTimeout Definition"); as a string, its duration.

    The text says that `interrupt` is false by default, the schema says true: the text decides. `chosen` is whether the
    document says which.
    """

    shorthand: ClassVar[str] = "duration"
    filled: ClassVar[tuple[str, ...]] = ("ref", "chosen")

    duration: Annotated[Duration, Property(doc="How long an instance may run (ISO 8601).", min_length=1)]
    interrupt: Annotated[bool, Property(doc="If true, stop at once, else let the current state finish.")] = False
    run_before: Annotated[str, Property(doc="Name of a state to run before the end.", min_length=1)] | None = None
    chosen: bool = False

    @classmethod
    def complete(cls, values: dict[str, Any], written: Mapping[str, Any]) -> None:
        """Note whether the document says if what runs is interrupted."""
        values["chosen"] = "interrupt" in written


class ContinueAs(Node, frozen=True, kw_only=True):
    """The workflow that goes on in this one's place ("Continuing as a new Execution"); as a string, its id."""

    shorthand: ClassVar[str] = "workflowId"
    additional: ClassVar[bool] = True

    workflow_id: Annotated[str, Property(doc="Id of the workflow to continue as.")]
    version: Annotated[str, Property(doc="Version of the workflow to continue as.", min_length=1)] | None = None
    data: (
        Annotated[
            Value,
            Property(
                doc="Data input of the new execution: an expression or an object.",
                kinds=("string", "object"),
                bare=True,
            ),
        ]
        | None
    ) = None
    workflow_exec_timeout: Annotated[WorkflowExecTimeout, Property(doc="Time-out of the new execution.")] | None = None


class End(Node, frozen=True, kw_only=True):
    """The end of a path of execution ("End Definition"); `true` is one without properties.

    With `continue_as` the instance terminates in any case; `terminate` is true there unless the definition says false,
    which is reported.
    """

    flag: ClassVar[str] = "SW204"

    terminate: Annotated[bool, Property(doc="If true, the whole instance ends.")] = False
    produce_events: Annotated[tuple[ProduceEvent, ...], Property(doc="Events to publish before the end.")] = ()
    compensate: Annotated[bool, Property(doc="If true, compensate before the end.")] = False
    continue_as: Annotated[ContinueAs, Property(doc="The workflow to continue as.")] | None = None

    @classmethod
    def complete(cls, values: dict[str, Any], written: Mapping[str, Any]) -> None:
        """Make an end that continues elsewhere one that terminates, unless it says otherwise."""
        if "terminate" not in written:
            values["terminate"] = values["continue_as"] is not None
