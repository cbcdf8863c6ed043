"""What a workflow defines once and refers to by name: events, functions, retries, errors, auth, time-outs, the start.

Serverless Workflow 0.8, "Related State Definitions" and the sections on time-outs, errors and schedules.
"""

from collections.abc import Mapping
from typing import Annotated, Any, ClassVar, Literal

import msgspec

from evenweave.definitions.swf08.actions import WorkflowExecTimeout
from evenweave.definitions.swf08.duration import Duration, Instant, Interval
from evenweave.definitions.swf08.expression import Expression, Value
from evenweave.definitions.swf08.node import Node, Property
from evenweave.definitions.swf08.states import Metadata, StateExecTimeout


class Correlation(Node, frozen=True, kw_only=True):
    """What makes events belong together ("Correlation Definition")."""

    context_attribute_name: Annotated[str, Property(doc="Name of an extension context attribute.", min_length=1)]
    context_attribute_value: (
        Annotated[Value, Property(doc="Its value: a constant or `${ }`.", kinds=("string",), min_length=1)] | None
    ) = None


class EventDef(Node, frozen=True, kw_only=True):
    """An event that is consumed or produced ("Event Definition").

    The type `asyncapi` is the EventMesh profile: `source` is `file://<document>#<operationId>`, and the AsyncAPI
    operation says on which channel the event travels.
    """

    needed_unless: ClassVar[Mapping[str, tuple[str, str]]] = {"source": ("kind", "produced")}

    name: Annotated[str, Property(doc="Unique name of the event.", min_length=1)]
    source: (
        Annotated[str, Property(doc="CloudEvent source, or with type asyncapi `file://<document>#<operationId>`.")]
        | None
    ) = None
    type: Annotated[str, Property(doc="CloudEvent type, or asyncapi.")]
    kind: Annotated[Literal["consumed", "produced"], Property(doc="Whether the workflow consumes or produces it.")] = (
        "consumed"
    )
    correlation: Annotated[tuple[Correlation, ...], Property(doc="Correlation rules.", min_items=1)] = ()
    data_only: Annotated[bool, Property(doc="If false, the states see the context attributes too.")] = True
    metadata: Metadata = msgspec.field(default_factory=dict)

    @property
    def is_asyncapi(self) -> bool:
        """Whether `source` names an AsyncAPI operation."""
        return self.type == "asyncapi"


class FunctionDef(Node, frozen=True, kw_only=True):
    """A function that actions call ("Function Definition").

    Normal form: `expression` is the program of a function of the type `expression`, None for the others.
    """

    filled: ClassVar[tuple[str, ...]] = ("ref", "expression")

    name: Annotated[str, Property(doc="Unique name of the function.", min_length=1)]
    operation: Annotated[str, Property(doc="What to call; its form depends on the type.", min_length=1, place=True)]
    type: Annotated[
        Literal["rest", "asyncapi", "rpc", "graphql", "odata", "expression", "custom"],
        Property(doc="Type of the function."),
    ] = "rest"
    auth_ref: Annotated[str, Property(doc="Name of an auth definition.", min_length=1)] | None = None
    metadata: Metadata = msgspec.field(default_factory=dict)
    expression: Expression | None = None


class RetryDef(Node, frozen=True, kw_only=True):
    """A retry policy ("Retry Definition")."""

    name: Annotated[str, Property(doc="Unique name of the policy.", min_length=1)]
    delay: Annotated[Duration, Property(doc="Delay before the first retry (ISO 8601).")] | None = None
    max_delay: Annotated[Duration, Property(doc="Greatest delay (ISO 8601).")] | None = None
    increment: Annotated[Duration, Property(doc="What each retry adds to the delay (ISO 8601).")] | None = None
    multiplier: (
        Annotated[
            float | Expression,
            Property(doc="What each retry multiplies the delay by.", minimum=0, multiple_of=0.01, min_length=1),
        ]
        | None
    ) = None
    max_attempts: Annotated[
        int | Expression, Property(doc="Greatest number of retries; a string may say 0.", minimum=1)
    ]
    jitter: (
        Annotated[
            float | Duration,
            Property(doc="Random part of the delay: a share (0 to 1) or a duration.", minimum=0, maximum=1),
        ]
        | None
    ) = None


class ErrorDef(Node, frozen=True, kw_only=True):
    """A known error ("Defining Errors")."""

    name: Annotated[str, Property(doc="Unique name of the error.", min_length=1)]
    code: Annotated[str, Property(doc="Error code, such as an HTTP status.", min_length=1)] | None = None
    description: Annotated[str, Property(doc="What the error means.")] | None = None


class BasicAuth(Node, frozen=True, kw_only=True):
    """User name and password ("Basic Properties Definition")."""

    username: Annotated[Value, Property(doc="User name or `${ }`.", kinds=("string",), min_length=1)]
    password: Annotated[Value, Property(doc="Password or `${ }`.", kinds=("string",), min_length=1)]
    metadata: Metadata = msgspec.field(default_factory=dict)


class BearerAuth(Node, frozen=True, kw_only=True):
    """A token ("Bearer Properties Definition")."""

    token: Annotated[Value, Property(doc="Token or `${ }`.", kinds=("string",), min_length=1)]
    metadata: Metadata = msgspec.field(default_factory=dict)


_Secret = Annotated[Value, Property(doc="A constant or `${ }`.", kinds=("string",), min_length=1)]
_Strings = Annotated[
    tuple[Annotated[Value, Property(doc="A constant or `${ }`.", kinds=("string",))], ...],
    Property(doc="Constants or `${ }`.", min_items=1),
]


class OAuth2Auth(Node, frozen=True, kw_only=True):
    """What an OAuth2 flow needs ("OAuth2 Properties Definition")."""

    additional: ClassVar[bool] = True

    authority: _Secret | None = None
    grant_type: Annotated[
        Literal["password", "clientCredentials", "tokenExchange"], Property(doc="Grant type of the flow.")
    ]
    client_id: _Secret
    client_secret: _Secret | None = None
    scopes: _Strings = ()
    username: _Secret | None = None
    password: _Secret | None = None
    audiences: _Strings = ()
    subject_token: _Secret | None = None
    requested_subject: _Secret | None = None
    requested_issuer: _Secret | None = None
    metadata: Metadata = msgspec.field(default_factory=dict)


Credentials = BasicAuth | BearerAuth | OAuth2Auth | Expression
"""Credentials in the definition, or an expression that gives a secret which holds them."""


class AuthDef(Node, frozen=True, kw_only=True):
    """Credentials for a resource ("Auth Definition"). As a string, `properties` is an expression for a secret."""

    additional: ClassVar[bool] = True

    name: Annotated[str, Property(doc="Unique name of the auth definition.", min_length=1)]
    scheme: Annotated[Literal["basic", "bearer", "oauth2"], Property(doc="Kind of credentials.")] = "basic"
    properties: Annotated[Credentials, Property(doc="The credentials, or a secret that holds them.")]


class Timeouts(Node, frozen=True, kw_only=True):
    """The time-outs of the workflow ("Workflow Timeouts"); states may have their own."""

    workflow_exec_timeout: Annotated[WorkflowExecTimeout, Property(doc="How long an instance may run.")] | None = None
    state_exec_timeout: Annotated[StateExecTimeout, Property(doc="How long a state may run.")] | None = None
    action_exec_timeout: (
        Annotated[Duration, Property(doc="How long an action may run (ISO 8601).", min_length=1)] | None
    ) = None
    branch_exec_timeout: (
        Annotated[Duration, Property(doc="How long a branch may run (ISO 8601).", min_length=1)] | None
    ) = None
    event_timeout: Annotated[Duration, Property(doc="How long to wait for events (ISO 8601).", min_length=1)] | None = (
        None
    )


class Cron(Node, frozen=True, kw_only=True):
    """A cron expression ("Cron Definition"); as a string, the expression."""

    shorthand: ClassVar[str] = "expression"

    expression: Annotated[str, Property(doc="Cron expression of 5, 6 or 7 fields.", min_length=1)]
    valid_until: Annotated[Instant, Property(doc="When the schedule ends (ISO 8601).")] | None = None


class Schedule(Node, frozen=True, kw_only=True):
    """When instances are created ("Schedule Definition"); as a string, the interval."""

    shorthand: ClassVar[str] = "interval"
    exactly_one: ClassVar[tuple[tuple[str, ...], ...]] = (("interval", "cron"),)

    interval: Annotated[Interval, Property(doc="Repeating interval, such as R/PT2H.", min_length=1)] | None = None
    cron: Annotated[Cron, Property(doc="Cron expression.")] | None = None
    timezone: Annotated[str, Property(doc="Name of a time zone.")] = "UTC"


class Start(Node, frozen=True, kw_only=True):
    """Where, and by schedule when, instances start ("Start Definition"); as a string, the name of the state."""

    shorthand: ClassVar[str] = "stateName"
    object_needs: ClassVar[tuple[str, ...]] = ("schedule",)

    state_name: Annotated[str, Property(doc="Name of the first state.", min_length=1)]
    schedule: Annotated[Schedule, Property(doc="When instances are created.")] | None = None


class DataInputSchema(Node, frozen=True, kw_only=True):
    """The JSON Schema of the workflow's input; as a string, the URI of the schema.

    Normal form: `content` is the schema behind the URI, None where it is not there.
    """

    shorthand: ClassVar[str] = "schema"
    filled: ClassVar[tuple[str, ...]] = ("ref", "content")

    schema: Annotated[str, Property(doc="URI of the JSON Schema.", min_length=1, place=True)]
    fail_on_validation_errors: Annotated[
        bool, Property(doc="If false, an instance starts all the same.", missing="SW028")
    ] = True
    content: Any = None


class Resource(Node, frozen=True, kw_only=True):
    """A part of the definition that another document holds.

    Attributes:
        name: the property, such as `events`.
        uri: as written.
        value: what the document holds; None where no document was given.
    """

    name: str
    uri: str
    value: Any = None
