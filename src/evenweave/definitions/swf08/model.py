"""The model of a Serverless Workflow 0.8 definition, in normal form: what `load` gives and the plan compiler reads.

One form for each thing: strings that stand for objects have become the objects, defaults are filled in, names of
version 0.9 have become those of 0.8. Every part carries its `ref`. Values are shared with the document and must not be
changed.
"""

from collections.abc import Mapping
from typing import Annotated, Any, ClassVar, TypeVar

import msgspec

from evenweave.definitions.swf08.actions import (
    Action,
    ActionDataFilter,
    ContinueAs,
    End,
    EventDataFilter,
    EventRef,
    FunctionRef,
    ProduceEvent,
    Sleep,
    StateDataFilter,
    SubFlowRef,
    Transition,
    WorkflowExecTimeout,
)
from evenweave.definitions.swf08.duration import Duration, Instant, Interval
from evenweave.definitions.swf08.expression import Expression, Items, Literal, Members, Text, Value
from evenweave.definitions.swf08.node import Node, Property
from evenweave.definitions.swf08.operations import OperationUse, find_operations
from evenweave.definitions.swf08.resources import (
    AuthDef,
    BasicAuth,
    BearerAuth,
    Correlation,
    Cron,
    DataInputSchema,
    ErrorDef,
    EventDef,
    FunctionDef,
    OAuth2Auth,
    Resource,
    RetryDef,
    Schedule,
    Start,
    Timeouts,
)
from evenweave.definitions.swf08.states import (
    Branch,
    CallbackState,
    DataCondition,
    DefaultCondition,
    EventCondition,
    EventState,
    ForEachState,
    InjectState,
    Metadata,
    OnError,
    OnEvents,
    OperationState,
    ParallelState,
    SleepState,
    State,
    StateExecTimeout,
    StateNode,
    StateTimeouts,
    SwitchState,
    state_type,
)

__all__ = [
    "Action",
    "ActionDataFilter",
    "AuthDef",
    "BasicAuth",
    "BearerAuth",
    "Branch",
    "CallbackState",
    "ContinueAs",
    "Correlation",
    "Cron",
    "DataCondition",
    "DataInputSchema",
    "DefaultCondition",
    "Duration",
    "End",
    "ErrorDef",
    "EventCondition",
    "EventDataFilter",
    "EventDef",
    "EventRef",
    "EventState",
    "Expression",
    "ForEachState",
    "FunctionDef",
    "FunctionRef",
    "InjectState",
    "Instant",
    "Interval",
    "Items",
    "Literal",
    "Members",
    "Node",
    "OAuth2Auth",
    "OnError",
    "OnEvents",
    "OperationState",
    "OperationUse",
    "ParallelState",
    "ProduceEvent",
    "Resource",
    "RetryDef",
    "Schedule",
    "Sleep",
    "SleepState",
    "Start",
    "State",
    "StateDataFilter",
    "StateExecTimeout",
    "StateNode",
    "StateTimeouts",
    "SubFlowRef",
    "SwitchState",
    "Text",
    "Timeouts",
    "Transition",
    "Value",
    "Workflow",
    "WorkflowExecTimeout",
    "state_type",
]


_NamedNode = TypeVar("_NamedNode", EventDef, FunctionDef, RetryDef, ErrorDef, StateNode)


class Workflow(Node, frozen=True, kw_only=True):
    """A whole definition ("Workflow Definition Structure").

    Normal form: `id` is the definition's name, whether written as `id` or as `key`; `start` names the first state
    where none is given; `resources` lists the parts that other documents hold, their content already in place;
    `profile` is the profile that it was read by; `files` are the documents that its functions are called by, by URI.
    """

    exactly_one: ClassVar[tuple[tuple[str, ...], ...]] = (("id", "key"),)
    additional: ClassVar[bool] = True
    filled: ClassVar[tuple[str, ...]] = ("ref", "resources", "profile", "files")

    id: Annotated[str, Property(doc="Unique id of the workflow.", min_length=1)] = ""
    key: Annotated[str, Property(doc="Domain-specific id of the workflow.", min_length=1)] | None = None
    name: Annotated[str, Property(doc="Name of the workflow.", min_length=1)] | None = None
    description: Annotated[str, Property(doc="Description of the workflow.")] | None = None
    version: Annotated[str | Expression, Property(doc="Version of the workflow, in quotes.", min_length=1)] | None = (
        None
    )
    annotations: Annotated[tuple[str, ...], Property(doc="Helpful terms.", min_items=1)] = ()
    data_input_schema: Annotated[DataInputSchema, Property(doc="JSON Schema of the workflow's data input.")] | None = (
        None
    )
    secrets: Annotated[
        tuple[str, ...], Property(doc="Names of the secrets that expressions may use.", min_items=1, resource=True)
    ] = ()
    constants: Annotated[dict[str, Any], Property(doc="Constants, $CONST in expressions.", resource=True)] = (
        msgspec.field(default_factory=dict)
    )
    start: Annotated[Start, Property(doc="The first state and its schedule.")] | None = None
    spec_version: Annotated[str, Property(doc='Version of the language: "0.8".', min_length=1)]
    expression_lang: Annotated[str, Property(doc="Expression language: jq or jsonpath.", min_length=1)] = "jq"
    timeouts: Annotated[Timeouts, Property(doc="Time-outs of the workflow.", resource=True)] | None = None
    errors: Annotated[tuple[ErrorDef, ...], Property(doc="Known errors.", min_items=1, resource=True)] = ()
    keep_active: Annotated[bool, Property(doc="If true, an instance ends only by terminate or time-out.")] = False
    metadata: Metadata = msgspec.field(default_factory=dict)
    events: Annotated[
        tuple[EventDef, ...], Property(doc="Events consumed and produced.", min_items=1, resource=True)
    ] = ()
    functions: Annotated[tuple[FunctionDef, ...], Property(doc="Functions.", min_items=1, resource=True)] = ()
    auto_retries: Annotated[bool, Property(doc="If true, actions are retried on unknown errors too.")] = False
    retries: Annotated[tuple[RetryDef, ...], Property(doc="Retry policies.", min_items=1, resource=True)] = ()
    auth: Annotated[tuple[AuthDef, ...], Property(doc="Credentials.", min_items=1, resource=True)] = ()
    states: Annotated[tuple[State, ...], Property(doc="The states.", min_items=1)]
    resources: tuple[Resource, ...] = ()
    profile: str = "default"
    files: dict[str, Any] = msgspec.field(default_factory=dict)

    @classmethod
    def complete(cls, values: dict[str, Any], written: Mapping[str, Any]) -> None:
        """Name the definition, and its first state."""
        del written
        values["id"] = values["id"] or values["key"] or ""
        if values["start"] is None and values["states"]:
            values["start"] = Start(ref=f"{values['ref']}/start", state_name=values["states"][0].name)

    @property
    def first(self) -> StateNode:
        """The state that instances start in."""
        assert self.start is not None
        return self.state(self.start.state_name)

    def state(self, name: str) -> StateNode:
        """Return the state of a name.

        Raises:
            KeyError: there is none; a checked definition refers to no such name.
        """
        return _named(self.states, name)

    def event(self, name: str) -> EventDef:
        """Return the event definition of a name.

        Raises:
            KeyError: there is none; a checked definition refers to no such name.
        """
        return _named(self.events, name)

    def function(self, name: str) -> FunctionDef:
        """Return the function definition of a name.

        Raises:
            KeyError: there is none; a checked definition refers to no such name.
        """
        return _named(self.functions, name)

    def retry(self, name: str) -> RetryDef:
        """Return the retry policy of a name.

        Raises:
            KeyError: there is none; a checked definition refers to no such name.
        """
        return _named(self.retries, name)

    def error(self, name: str) -> ErrorDef:
        """Return the error definition of a name.

        Raises:
            KeyError: there is none; a checked definition refers to no such name.
        """
        return _named(self.errors, name)

    def operations(self) -> tuple[OperationUse, ...]:
        """Return each AsyncAPI operation that the definition refers to, in the order of the document."""
        return find_operations(self.events, self.functions)


def _named(nodes: tuple[_NamedNode, ...], name: str) -> _NamedNode:
    """Return the node of a name."""
    for node in nodes:
        if node.name == name:
            return node
    raise KeyError(name)
