"""Expressions and templates, evaluated within the bounds of a burst."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec

from evenweave import jq
from evenweave.engine.fault import Fault
from evenweave.plan.template import Array, Constant, Expression, Object, Template, Text

if TYPE_CHECKING:
    from collections.abc import Mapping


class Scope:
    """What expressions see beside their data, and what they may use up.

    Attributes:
        variables: By name without the dollar sign.
        budget: Fuel and the time, shared by all expressions of a burst.
    """

    __slots__ = ("budget", "variables")

    def __init__(self, variables: Mapping[str, Any], budget: jq.Budget) -> None:
        self.variables = variables
        self.budget = budget


def outputs(expression: Expression, data: Any, scope: Scope) -> list[Any]:
    """All outputs of the expression.

    Raises:
        Fault: The expression failed; the fault carries jq's message, the expression and its reference.
    """
    program = expression.program
    try:
        if expression.names:
            known = scope.variables
            return program.all(data, scope.budget, **{name: known.get(name) for name in expression.names})
        return program.all(data, scope.budget)
    except jq.JqError as error:
        raise _fault(error, expression) from None


def value(expression: Expression, data: Any, scope: Scope) -> Any:
    """The expression's output: nothing counts as null, several are an array."""
    program = expression.program
    if program.single and not expression.names:
        try:
            return program.first(data, scope.budget)
        except jq.JqError as error:
            raise _fault(error, expression) from None
    found = outputs(expression, data, scope)
    if len(found) == 1:
        return found[0]
    return found or None


def narrow(expression: Expression, data: Any, scope: Scope) -> Any:
    """The data as a filter leaves it: a filter that selects nothing does not filter (0.8, "State data filters")."""
    found = value(expression, data, scope)
    return data if found is None else found


def truth(expression: Expression, data: Any, scope: Scope) -> bool:
    """Whether a condition is true.

    Raises:
        Fault: It yields something that is not a boolean (0.8: conditions must be), or fails.
    """
    if expression.selects:
        return any(found is not None and found is not False for found in outputs(expression, data, scope))
    found = value(expression, data, scope)
    if found.__class__ is bool:
        return bool(found)
    if found is None:
        return False
    raise Fault(
        "expression",
        f"the condition ${{ {expression.source} }} yields {describe(found)}, it must yield true or false",
        expression.reference,
    )


def path(expression: Expression, data: Any, scope: Scope) -> list[Any]:
    """The one path that a path expression selects.

    Raises:
        Fault: It selects none, or several.
    """
    fields = expression.program.fields
    if fields is not None and data.__class__ is dict and len(fields) == 1:
        return list(fields)  # what most are, and nothing in it can fail
    known = scope.variables
    try:
        found = expression.program.paths(data, scope.budget, **{name: known.get(name) for name in expression.names})
    except jq.JqError as error:
        raise _fault(error, expression) from None
    if len(found) != 1:
        raise Fault(
            "expression",
            f"${{ {expression.source} }} selects {len(found)} places, it must select one",
            expression.reference,
        )
    return found[0]


def render(template: Template, data: Any, scope: Scope) -> Any:
    """The value of a template."""
    match template:
        case Constant():
            return template.value
        case Expression():
            return value(template, data, scope)
        case Object():
            return {key: render(item, data, scope) for key, item in template.items}
        case Array():
            return [render(item, data, scope) for item in template.items]
        case Text():
            return "".join(part if isinstance(part, str) else text(value(part, data, scope)) for part in template.parts)


def text(item: Any) -> str:
    """A value inside of text: strings as they are, everything else as JSON.

    Raises:
        Fault: It is nested too deeply.
    """
    if isinstance(item, str):
        return item
    try:
        return msgspec.json.encode(item).decode()
    except RecursionError:
        raise Fault("limit", "the data is nested too deeply to be written") from None


def describe(item: Any) -> str:
    """A value for an error message, shortened."""
    if isinstance(item, dict | list) and len(item) > 20:
        return f"an {'object' if isinstance(item, dict) else 'array'} of {len(item)} values"
    shown = text(item) if not isinstance(item, str) else msgspec.json.encode(item[:100]).decode()
    return shown if len(shown) <= 60 else f"{shown[:57]}..."


def _fault(error: jq.JqError, expression: Expression) -> Fault:
    return Fault("expression", f"{error} in ${{ {expression.source} }}", expression.reference)
