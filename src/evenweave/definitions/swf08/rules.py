"""Every code that a diagnostic of a Serverless Workflow 0.8 definition may have, in one table.

SW0xx structure and what is accepted beyond it, SW1xx names and references, SW2xx flow, SW3xx expressions and times,
SW4xx what the profile `sonataflow` takes in another way than it is written.
"""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

import msgspec

from evenweave.source import Severity


class Rule(msgspec.Struct, frozen=True):
    """What a code stands for.

    Attributes:
        code: the code.
        severity: `error`, `warning` (an error where the caller is strict) or `info`.
        title: the rule in a few words.
        clause: where the specification says so.
        schema: whether the official JSON Schema refuses the document for it.
    """

    code: str
    severity: Severity
    title: str
    clause: str
    schema: bool = False


class Finding(msgspec.Struct, frozen=True):
    """A mistake, before it is a diagnostic with a place in the text.

    Attributes:
        code: one of `RULES`.
        ref: the reference of the part that is wrong.
        message: what is wrong, in a sentence without a full stop.
        hint: what to do about it.
        key: the mistake is in the key, not in the value.
        offset: where in the string the mistake begins, in characters; -1 for all of the value.
        length: how many characters of the string are wrong.
    """

    code: str
    ref: str
    message: str
    hint: str = ""
    key: bool = False
    offset: int = -1
    length: int = 1


_STRUCTURE: Final = "Workflow Model"
_EVENTS: Final = "EventRef Definition"
_STATES: Final = "Workflow States"
_COMPENSATION: Final = "Workflow Compensation"
_FUNCTIONS: Final = "Function Definition"
_EXPRESSIONS: Final = "Workflow Expressions"

RULES: Final[Mapping[str, Rule]] = MappingProxyType(
    {
        rule.code: rule
        for rule in (
            Rule("SW001", "error", "wrong type", _STRUCTURE, schema=True),
            Rule("SW002", "error", "a required property is missing", _STRUCTURE, schema=True),
            Rule("SW003", "error", "unknown property", _STRUCTURE, schema=True),
            Rule("SW004", "error", "not one of the allowed values", _STRUCTURE, schema=True),
            Rule("SW005", "error", "exactly one of several properties", _STRUCTURE, schema=True),
            Rule("SW006", "error", "out of range", _STRUCTURE, schema=True),
            Rule("SW007", "error", "no transition and no end", _STATES, schema=True),
            Rule("SW008", "warning", "unknown property without effect", "Additional Properties"),
            Rule("SW009", "error", "unsupported specVersion", "Workflow Definition Structure"),
            Rule("SW020", "warning", "resultEventRef is missing", _EVENTS, schema=True),
            Rule("SW021", "warning", "defaultCondition is missing", "Switch State", schema=True),
            Rule("SW022", "warning", "a name of version 0.9", _EVENTS, schema=True),
            Rule("SW023", "warning", "a property in the wrong place", "Switch State", schema=True),
            Rule("SW024", "warning", "arguments as an expression", "FunctionRef Definition", schema=True),
            Rule("SW025", "warning", "metadata that is no string", "Workflow Metadata", schema=True),
            Rule("SW026", "info", "sleep before and after", "Action Definition", schema=True),
            Rule("SW027", "info", "an empty list", "Workflow Definition Structure", schema=True),
            Rule("SW028", "info", "required by the schema only", "Workflow Definition Structure", schema=True),
            Rule("SW101", "error", "a name given twice", _STRUCTURE),
            Rule("SW102", "error", "unknown event", "Event Definition"),
            Rule("SW103", "error", "unknown function", _FUNCTIONS),
            Rule("SW104", "error", "unknown state", "Transitions"),
            Rule("SW105", "error", "unknown retry policy", "Retry Definition"),
            Rule("SW106", "error", "unknown error", "Error Definition"),
            Rule("SW107", "error", "unknown auth definition", "Auth Definition"),
            Rule("SW108", "error", "a resource that is not there", "Workflow Definition Structure"),
            Rule("SW110", "error", "the event is of the other kind", _EVENTS),
            Rule("SW111", "error", "the event's source names no operation", "Event Definition"),
            Rule("SW112", "error", "the function's operation has the wrong form", _FUNCTIONS),
            Rule("SW113", "error", "credentials of another scheme", "Auth Definition"),
            Rule("SW114", "info", "a definition that nothing uses", "Workflow Definition Structure"),
            Rule("SW115", "warning", "an event that is neither published nor waited for", "Event Definition"),
            Rule("SW203", "warning", "unreachable state", "Transitions"),
            Rule("SW204", "error", "end: false", "End Definition"),
            Rule("SW205", "error", "compensated by a state that is not for compensation", _COMPENSATION),
            Rule("SW206", "error", "a compensation state in the normal flow", _COMPENSATION),
            Rule("SW207", "error", "runBefore breaks its rules", "WorkflowExecTimeout Definition"),
            Rule("SW208", "warning", "continueAs with terminate: false", "End Definition"),
            Rule("SW209", "warning", "errors that are never looked at", "Action retries"),
            Rule("SW210", "warning", "sleep around an event", "Action Definition"),
            Rule("SW211", "error", "numCompleted does not fit", "Parallel State"),
            Rule("SW212", "warning", "a time-out without effect", "Workflow Timeouts"),
            Rule("SW213", "warning", "nothing to compensate", _COMPENSATION),
            Rule("SW214", "warning", "a retry policy without effect", "Action retries"),
            Rule(
                "SW215",
                "warning",
                "a time-out that does not say whether it interrupts",
                "WorkflowExecTimeout Definition",
            ),
            Rule("SW216", "warning", "an end in a compensation state", _COMPENSATION),
            Rule("SW301", "error", "an expression that does not compile", _EXPRESSIONS),
            Rule("SW302", "warning", "single quotes in an expression", _EXPRESSIONS),
            Rule("SW303", "error", "not a duration", "ISO 8601-1:2019, 5.5.2"),
            Rule("SW304", "error", "not an interval or a point in time", "Schedule Definition"),
            Rule("SW305", "error", "not a cron expression", "Cron Definition"),
            Rule("SW306", "error", "unknown expression function", "Using Functions for Expression Evaluation"),
            Rule("SW307", "error", "unsupported expression language", _EXPRESSIONS),
            Rule("SW308", "error", "${ } within other text, or not closed", _EXPRESSIONS),
            Rule("SW309", "error", "not a whole number", _STRUCTURE),
            Rule("SW310", "warning", "days behind the T of a duration", "ISO 8601-1:2019, 5.5.2"),
            Rule("SW400", "error", "an unknown profile", "Additional Properties"),
            Rule("SW401", "warning", "specVersion is missing", "Workflow Definition Structure"),
            Rule("SW402", "warning", "true or false as text", _STRUCTURE),
            Rule("SW403", "warning", "a number where text is due", _STRUCTURE),
            Rule("SW404", "warning", "an expression without ${ } in a value", _EXPRESSIONS),
            Rule("SW405", "warning", "a place on the class path", _FUNCTIONS),
            Rule("SW406", "warning", "$SECRET", "Workflow Secrets"),
            Rule("SW407", "warning", "an event of any source", "Event Definition"),
            Rule("SW408", "warning", "arrays replace arrays", "Data Merging"),
            Rule("SW409", "warning", "injected data that is no object", "Inject State"),
            Rule("SW410", "warning", "a REST call as a custom function", _FUNCTIONS),
            Rule("SW411", "warning", "metadata that SonataFlow acts on", "Workflow Metadata"),
            Rule("SW412", "warning", "an extension without effect", "Extensions"),
        )
    }
)
"""Code -> rule, in the order of the codes."""
