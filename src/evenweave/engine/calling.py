"""Calls to functions outside, as plain values: what a burst asks for, and what the worker performs once it is durable.

Secrets are never in a state or in an effect (PROTOCOL section 6): where an argument reads ``$SECRETS``, the invocation
has the expression and its inputs instead of a value, and whoever performs the call evaluates it then.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import msgspec
from msgspec import Struct

from evenweave import jq
from evenweave.engine import evaluate
from evenweave.engine.fault import Fault
from evenweave.plan.template import Array, Constant, Expression, Object, Text

if TYPE_CHECKING:
    from collections.abc import Mapping

    from evenweave.plan.template import Template

SECRETS: Final = "SECRETS"


class Program(Struct, array_like=True, frozen=True):
    """An expression that is evaluated when the call is performed.

    Attributes:
        source: Its text.
        data: Its input.
        variables: What it names, but for the secrets.
        reference: Where it stands in the definition.
    """

    source: str
    data: Any
    variables: dict[str, Any]
    reference: str


class Open(Struct, array_like=True, frozen=True):
    """A place in a value that is filled in when the call is performed.

    Attributes:
        path: The place.
        parts: A single program yields the value; else text, in which programs are put in.
        whole: It is a single program.
    """

    path: list[str | int]
    parts: list[str | Program]
    whole: bool


class Values(Struct, array_like=True, frozen=True):
    """A JSON value, some places of which are still open.

    Attributes:
        value: The value; null where a place is open.
        open: The places.
    """

    value: Any
    open: list[Open] = []


class Credentials(Struct, array_like=True, frozen=True):
    """Credentials for a call: ``scheme`` is ``basic``, ``bearer`` or ``oauth2``."""

    name: str
    scheme: str
    properties: Values


class Invocation(Struct, array_like=True, frozen=True):
    """A call to a function outside.

    Attributes:
        key: The idempotency key: the effect's id, the same however often the call is made.
        definition: The id of the definition.
        function: The function's name in it.
        type: The function's type.
        operation: What is called.
        data: The data of the node that calls.
        arguments: The arguments, where there are any.
        select: What of the result is wanted (GraphQL).
        auth: The credentials.
        secrets: The names of the secrets that its open places may read.
        metadata: What else the definition says of the function.
        timeout_s: How long it may take, in seconds; ``None`` is the worker's own limit.
        repeat: Whether it may be made again when nobody knows whether it was made.
        waits: Whether somebody waits for the result.
        digest: Of what the instance runs: with it go the documents that functions are called by.
    """

    key: str
    definition: str
    function: str
    type: str
    operation: str
    data: Any = None
    arguments: Values | None = None
    select: str = ""
    auth: Credentials | None = None
    secrets: list[str] = []
    metadata: dict[str, str] = {}
    timeout_s: float | None = None
    repeat: bool = True
    waits: bool = True
    digest: str = ""


def render(template: Template, data: Any, scope: evaluate.Scope) -> Values:
    """The value of a template as far as it is known without secrets.

    Raises:
        Fault: An expression failed.
    """
    open_: list[Open] = []
    return Values(_render(template, data, scope, [], open_), open_)


def fill(values: Values, secrets: Mapping[str, Any], budget: jq.Budget) -> Any:
    """The whole value; the argument is not changed.

    Raises:
        Fault: An expression failed; the message says nothing of its inputs.
    """
    whole = values.value
    for each in values.open:
        parts = [part if isinstance(part, str) else _evaluate(part, secrets, budget) for part in each.parts]
        value = parts[0] if each.whole else "".join(evaluate.text(part) for part in parts)
        whole = jq.setpath(whole, each.path, value) if each.path else value
    return whole


def _render(template: Template, data: Any, scope: evaluate.Scope, path: list[str | int], open_: list[Open]) -> Any:
    match template:
        case Expression() if SECRETS in template.names:
            open_.append(Open(path, [_program(template, data, scope)], whole=True))
            return None
        case Text() if any(isinstance(part, Expression) and SECRETS in part.names for part in template.parts):
            parts = [part if isinstance(part, str) else _program(part, data, scope) for part in template.parts]
            open_.append(Open(path, parts, whole=False))
            return None
        case Object():
            return {key: _render(item, data, scope, [*path, key], open_) for key, item in template.items}
        case Array():
            return [_render(item, data, scope, [*path, at], open_) for at, item in enumerate(template.items)]
        case Constant() | Expression() | Text():
            return evaluate.render(template, data, scope)


def _program(expression: Expression, data: Any, scope: evaluate.Scope) -> Program:
    known = {name: scope.variables.get(name) for name in expression.names if name != SECRETS}
    return Program(expression.source, data, known, expression.reference)


def _evaluate(program: Program, secrets: Mapping[str, Any], budget: jq.Budget) -> Any:
    variables = {**program.variables, SECRETS: dict(secrets)}
    try:
        found = jq.compile(program.source, variables=tuple(variables)).all(program.data, budget, **variables)
    except jq.JqError:
        # What jq says may show the value that it stumbled over, and that may be a secret.
        raise Fault("expression", "an expression with secrets in it failed", program.reference) from None
    return found[0] if len(found) == 1 else (found or None)


_ENCODE = msgspec.msgpack.Encoder().encode
_DECODE = msgspec.msgpack.Decoder(Invocation).decode


def encode(invocation: Invocation) -> bytes:
    """The bytes of an invocation."""
    return _ENCODE(invocation)


def decode(data: bytes) -> Invocation:
    """The invocation in the bytes."""
    return _DECODE(data)
