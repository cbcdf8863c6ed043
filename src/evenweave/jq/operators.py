"""Arithmetic, comparison and field access as closures, specialised where an operand is a literal."""

from __future__ import annotations

import operator
from typing import TYPE_CHECKING, Any, Final

from evenweave.jq import syntax
from evenweave.jq.arithmetic import ARITHMETIC
from evenweave.jq.codes import MANY, ONE, Code, Env, combine, product
from evenweave.jq.paths import index_error
from evenweave.jq.values import SAFE, compare, equal

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from evenweave.jq.limits import Budget

COMPARISONS: Final[dict[str, Callable[..., bool]]] = {
    "==": equal,
    "!=": lambda left, right, budget=None: not equal(left, right, budget),
    "<": lambda left, right, budget=None: compare(left, right, budget) < 0,
    "<=": lambda left, right, budget=None: compare(left, right, budget) <= 0,
    ">": lambda left, right, budget=None: compare(left, right, budget) > 0,
    ">=": lambda left, right, budget=None: compare(left, right, budget) >= 0,
}
_NATIVE: Final[dict[str, Callable[[Any, Any], bool]]] = {
    "<": operator.lt, "<=": operator.le, ">": operator.gt, ">=": operator.ge
}  # fmt: skip


def compile_binary(node: syntax.Binary, left: Code, right: Code, metered: bool) -> Code:
    """The code of an arithmetic operator or a comparison. The right operand changes slowest."""
    if left.shape is ONE and isinstance(node.right, syntax.Literal):
        special = _with_literal(node.operator, left, node.right.value)
        if special is not None:
            return special
    function = COMPARISONS.get(node.operator) or ARITHMETIC[node.operator]
    if metered and left.shape is ONE and right.shape is ONE:
        return _charged(left, right, function)
    if metered:
        return _charged_many(left, right, function)
    if left.shape is ONE and right.shape is ONE:
        first, second = left.run, right.run

        def run(value: Any, env: Env) -> Any:
            operand = second(value, env)
            return function(first(value, env), operand)

        return Code(ONE, run)
    return combine([right, left], lambda second, first: function(first, second))


_SIZED: Final = frozenset((str, list, dict))


def _charged_many(left: Code, right: Code, function: Callable[..., Any]) -> Code:
    runs = [right.many(), left.many()]

    def run(value: Any, env: Env) -> Iterator[Any]:
        budget = env[0]
        for operand, other in product(runs, value, env):
            yield charge_binary(function, other, operand, budget)

    return Code(MANY, run)


def charge_binary(function: Callable[..., Any], left: Any, right: Any, budget: Budget) -> Any:
    """Arithmetic or a comparison, charged for the size of what it reads and makes."""
    if type(left) in _SIZED:
        budget.charge((len(left) + (len(right) if type(right) in _SIZED else 0)) >> 5)
    result = function(left, right, budget)
    if type(result) is str:
        budget.check_string(len(result))
    return result


def _charged(left: Code, right: Code, function: Callable[..., Any]) -> Code:
    first, second = left.run, right.run

    def run(value: Any, env: Env) -> Any:
        operand = second(value, env)
        other = first(value, env)
        kind = type(other)
        if kind is int or kind is float:
            return function(other, operand)
        return charge_binary(function, other, operand, env[0])

    return Code(ONE, run)


def _with_literal(symbol: str, left: Code, literal: Any) -> Code | None:
    run = left.run
    kind = type(literal)
    if symbol in {"==", "!="}:
        same = symbol == "=="
        if kind is str:
            return Code(
                ONE,
                (lambda value, env: run(value, env) == literal)
                if same
                else (lambda value, env: run(value, env) != literal),
            )
        if literal is None or kind is bool:
            return Code(
                ONE,
                (lambda value, env: run(value, env) is literal)
                if same
                else (lambda value, env: run(value, env) is not literal),
            )
        return None
    if kind is not int or not -SAFE < literal < SAFE:
        return None
    if symbol in _NATIVE:
        native, general = _NATIVE[symbol], COMPARISONS[symbol]

        def compare_number(value: Any, env: Env) -> bool:
            output = run(value, env)
            return native(output, literal) if type(output) is int else general(output, literal)

        return Code(ONE, compare_number)
    if symbol in {"+", "-"}:
        change = literal if symbol == "+" else -literal
        function = ARITHMETIC[symbol]

        def shift(value: Any, env: Env) -> Any:
            output = run(value, env)
            if type(output) is int:
                result = output + change
                if -SAFE < result < SAFE and -SAFE < output < SAFE:
                    return result
            return function(output, literal)

        return Code(ONE, shift)
    function = ARITHMETIC[symbol]
    if symbol == "*":
        # "text" * 1000: the length of the result counts.
        return None

    return Code(ONE, lambda value, env: function(run(value, env), literal))


def compile_field(target: Code, names: tuple[str, ...]) -> Code:
    """``target.a.b.c``."""
    if len(names) == 1:
        return _one_field(target, names[0])
    if len(names) == 2:
        return _two_fields(*names)
    if len(names) == 3:
        inner = _two_fields(*names[:2])
        return _one_field(inner, names[2])

    def run(value: Any, env: Env) -> Any:
        for name in names:
            if type(value) is dict:
                value = value.get(name)
            elif value is not None:
                raise index_error(value, name)
        return value

    return Code(ONE, run)


def _one_field(target: Code, name: str) -> Code:
    run = target.run

    def run_field(value: Any, env: Env) -> Any:
        output = run(value, env)
        if type(output) is dict:
            return output.get(name)
        if output is None:
            return None
        raise index_error(output, name)

    return Code(ONE, run_field)


def _two_fields(first: str, second: str) -> Code:
    def run(value: Any, env: Env) -> Any:
        if type(value) is dict:
            value = value.get(first)
            if type(value) is dict:
                return value.get(second)
            if value is None:
                return None
            raise index_error(value, second)
        if value is None:
            return None
        raise index_error(value, first)

    return Code(ONE, run)


def field_chain(node: syntax.Index) -> tuple[str, ...] | None:
    """The names of ``.a.b.c``, if the node is just that."""
    names: list[str] = []
    current: syntax.Node = node
    while isinstance(current, syntax.Index):
        if current.optional or not isinstance(current.key, syntax.Literal) or not isinstance(current.key.value, str):
            return None
        names.append(current.key.value)
        current = current.target
    return tuple(reversed(names)) if isinstance(current, syntax.Identity) else None
