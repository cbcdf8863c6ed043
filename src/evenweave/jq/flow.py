"""Parts that codes are made of: constants, pipes, iteration, alternatives of patterns."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from evenweave.jq.codes import ABSENT, MANY, ONE, OPTIONAL, Code
from evenweave.jq.errors import JqError, JqLimitError
from evenweave.jq.limits import out_of_fuel
from evenweave.jq.text import describe

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from evenweave.jq.bindings import Binder
    from evenweave.jq.codes import Env, Run


def constant(value: Any) -> Code:
    """The code that always gives one value."""
    return Code(ONE, lambda _value, _env: value)


def constant_identity() -> Code:
    """The code of ``.``."""
    return Code(ONE, lambda value, env: value)


def truth(value: Any) -> bool:
    """Whether a value counts as true: all but ``null`` and ``false``."""
    return value is not None and value is not False


def object_key(key: Any) -> str:
    """The key, if it is one.

    Raises:
        JqError: it is no string.
    """
    if type(key) is not str:
        raise JqError(f"Cannot use {describe(key)} as object key")
    return key


def elements(value: Any, env: Env) -> Iterable[Any]:
    """``value[]``.

    Raises:
        JqError: the value has no elements.
        JqLimitError: it has more than there is fuel for.
    """
    if type(value) is list:
        result: Iterable[Any] = value
    elif type(value) is dict:
        result = value.values()
    else:
        raise JqError(f"Cannot iterate over {describe(value)}")
    budget = env[0]
    budget.left -= len(value)
    if budget.left < 0:
        raise out_of_fuel()
    return result


def elements_if_any(value: Any, env: Env) -> Iterable[Any]:
    """``value[]?``."""
    return elements(value, env) if type(value) is list or type(value) is dict else ()


def descend(value: Any, env: Env) -> Iterator[Any]:
    """``..``: the value and all below it, parents first."""
    budget = env[0]
    stack: list[Iterator[Any]] = [iter((value,))]
    while stack:
        for output in stack[-1]:
            budget.left -= 1
            if budget.left < 0:
                raise out_of_fuel()
            yield output
            if type(output) is list:
                stack.append(iter(output))
                break
            if type(output) is dict:
                stack.append(iter(output.values()))
                break
        else:
            stack.pop()


def pipe(left: Code, right: Code) -> Code:
    """``left | right``."""
    first, second = left.run, right.run
    if left.shape is ONE:
        return Code(right.shape, lambda value, env: second(first(value, env), env))
    if left.shape is OPTIONAL and right.shape is not MANY:

        def run(value: Any, env: Env) -> Any:
            output = first(value, env)
            return output if output is ABSENT else second(output, env)

        return Code(OPTIONAL, run)
    if left.shape is OPTIONAL:

        def run_optional(value: Any, env: Env) -> Any:
            output = first(value, env)
            return () if output is ABSENT else second(output, env)

        return Code(MANY, run_optional)
    if right.shape is ONE:

        def run_one(value: Any, env: Env) -> Iterator[Any]:
            budget = env[0]
            for output in first(value, env):
                budget.left -= 1
                if budget.left < 0:
                    raise out_of_fuel()
                yield second(output, env)

        return Code(MANY, run_one)
    if right.shape is OPTIONAL:

        def run_some(value: Any, env: Env) -> Iterator[Any]:
            budget = env[0]
            for output in first(value, env):
                budget.left -= 1
                if budget.left < 0:
                    raise out_of_fuel()
                result = second(output, env)
                if result is not ABSENT:
                    yield result

        return Code(MANY, run_some)

    def run_many(value: Any, env: Env) -> Iterator[Any]:
        budget = env[0]
        for output in first(value, env):
            budget.left -= 1
            if budget.left < 0:
                raise out_of_fuel()
            yield from second(output, env)

    return Code(MANY, run_many)


def alternate(binders: Sequence[Binder], body: Run) -> Callable[[Any, Any, Env], Iterator[Any]]:
    """``output as pattern ?// pattern | body``: an error before the last pattern moves on to the next."""
    *firsts, last = binders
    if not firsts:

        def run_single(output: Any, value: Any, env: Env) -> Iterator[Any]:
            for inner in last(output, env):
                yield from body(value, inner)

        return run_single

    def run(output: Any, value: Any, env: Env) -> Iterator[Any]:
        for bind in firsts:
            try:
                for inner in bind(output, env):
                    yield from body(value, inner)
            except JqLimitError:
                raise
            except JqError:
                continue
            return
        for inner in last(output, env):
            yield from body(value, inner)

    return run


def plain_object(entries: list[tuple[str, Run]]) -> Code:
    """The code of an object whose keys are literals and whose values have one output each."""
    if len(entries) == 1:
        ((name, only),) = entries
        return Code(ONE, lambda value, env: {name: only(value, env)})
    if len(entries) == 2:
        (name, first), (other, second) = entries
        return Code(ONE, lambda value, env: {name: first(value, env), other: second(value, env)})
    if len(entries) == 3:
        (one, first), (two, second), (three, third) = entries
        return Code(
            ONE,
            lambda value, env: {one: first(value, env), two: second(value, env), three: third(value, env)},
        )
    return Code(ONE, lambda value, env: {name: run(value, env) for name, run in entries})
