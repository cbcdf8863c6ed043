"""The AsyncAPI operations that a definition refers to."""

from collections.abc import Iterable
from typing import Literal

import msgspec

from evenweave.definitions.swf08.resources import EventDef, FunctionDef


class OperationUse(msgspec.Struct, frozen=True):
    """A reference to an AsyncAPI operation.

    Attributes:
        operation: as written, such as `file://orderService.yaml#sendOrder`.
        ref: where it is written, for diagnostics.
        direction: what the engine must be able to do with it: `publish` where the definition produces the event,
            `subscribe` where it consumes it, None for a function, which the operation itself decides.
        name: the name of the event or function.
    """

    operation: str
    ref: str
    direction: Literal["publish", "subscribe"] | None
    name: str


def find_operations(events: Iterable[EventDef], functions: Iterable[FunctionDef]) -> tuple[OperationUse, ...]:
    """Find the operations that events and functions of the type `asyncapi` refer to.

    Args:
        events: event definitions.
        functions: function definitions.

    Returns:
        One for each reference, those of events first, in order.
    """
    uses = [
        OperationUse(
            event.source, f"{event.ref}/source", "publish" if event.kind == "produced" else "subscribe", event.name
        )
        for event in events
        if event.is_asyncapi and event.source is not None
    ]
    uses += [
        OperationUse(function.operation, f"{function.ref}/operation", None, function.name)
        for function in functions
        if function.type == "asyncapi"
    ]
    return tuple(uses)
