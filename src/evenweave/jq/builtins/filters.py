"""Builtins that take filters, compiled to closures of their own.

Each is called with the compiler, the call and its scope, and gives the code, or ``None`` to fall back on the definition
in the language.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, TypeAlias

from evenweave.jq.arithmetic import subtract
from evenweave.jq.builtins.arrays import FUNCTIONS as ARRAYS
from evenweave.jq.builtins.arrays import add_all
from evenweave.jq.builtins.numbers import count_by, count_up
from evenweave.jq.builtins.walk import walk
from evenweave.jq.codes import ABSENT, MANY, ONE, OPTIONAL, Code, Env, Run, Scope, product
from evenweave.jq.errors import JqError
from evenweave.jq.flow import descend, elements, truth
from evenweave.jq.limits import out_of_fuel
from evenweave.jq.paths import delete_paths, get_path, set_path
from evenweave.jq.values import NUMBERS, compare

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from evenweave.jq.compiler import Compiler
    from evenweave.jq.syntax import Call

Native: TypeAlias = "Callable[[Compiler, Call, Scope], Code | None]"


def _empty(compiler: Compiler, node: Call, scope: Scope) -> Code:
    return Code(OPTIONAL, lambda value, env: ABSENT)


def _select(compiler: Compiler, node: Call, scope: Scope) -> Code:
    condition = compiler.direct.compile(node.arguments[0], scope)
    if condition.shape is not MANY:
        test = condition.run

        def run(value: Any, env: Env) -> Any:
            output = test(value, env)
            return ABSENT if output is None or output is False or output is ABSENT else value

        return Code(OPTIONAL, run)
    many = condition.many()
    return Code(MANY, lambda value, env: (value for output in many(value, env) if truth(output)))


def _map(compiler: Compiler, node: Call, scope: Scope) -> Code:
    code = compiler.direct.compile(node.arguments[0], scope)
    run = code.run
    if code.shape is ONE:
        return Code(ONE, lambda value, env: [run(element, env) for element in elements(value, env)])
    if code.shape is OPTIONAL:
        return Code(
            ONE,
            lambda value, env: [
                output for element in elements(value, env) if (output := run(element, env)) is not ABSENT
            ],
        )
    return Code(ONE, lambda value, env: [output for element in elements(value, env) for output in run(element, env)])


def _recurse_all(compiler: Compiler, node: Call, scope: Scope) -> Code:
    return Code(MANY, descend)


def _recurse(compiler: Compiler, node: Call, scope: Scope) -> Code:
    step = compiler.direct.compile(node.arguments[0], scope).many()
    if len(node.arguments) == 2:
        condition = compiler.direct.compile(node.arguments[1], scope).many()
        inner = step

        def step_if(value: Any, env: Env) -> Iterator[Any]:
            for output in inner(value, env):
                for verdict in condition(output, env):
                    if truth(verdict):
                        yield output

        step = step_if

    def run(value: Any, env: Env) -> Iterator[Any]:
        budget = env[0]
        stack: list[Iterator[Any]] = [iter((value,))]
        while stack:
            for output in stack[-1]:
                budget.left -= 4
                if budget.left < 0:
                    raise out_of_fuel()
                yield output
                stack.append(iter(step(output, env)))
                break
            else:
                stack.pop()

    return Code(MANY, run)


def _while(compiler: Compiler, node: Call, scope: Scope) -> Code | None:
    condition, update = [compiler.direct.compile(argument, scope) for argument in node.arguments]
    if condition.shape is not ONE or update.shape is not ONE:
        return None
    test, step = condition.run, update.run

    def run(value: Any, env: Env) -> Iterator[Any]:
        budget = env[0]
        while truth(test(value, env)):
            budget.left -= 1
            if budget.left < 0:
                raise out_of_fuel()
            yield value
            value = step(value, env)

    return Code(MANY, run)


def _until(compiler: Compiler, node: Call, scope: Scope) -> Code | None:
    condition, update = [compiler.direct.compile(argument, scope) for argument in node.arguments]
    if condition.shape is not ONE or update.shape is not ONE:
        return None
    test, step = condition.run, update.run

    def run(value: Any, env: Env) -> Any:
        budget = env[0]
        while not truth(test(value, env)):
            budget.left -= 1
            if budget.left < 0:
                raise out_of_fuel()
            value = step(value, env)
        return value

    return Code(ONE, run)


def _repeat(compiler: Compiler, node: Call, scope: Scope) -> Code:
    many = compiler.direct.compile(node.arguments[0], scope).many()

    def run(value: Any, env: Env) -> Iterator[Any]:
        budget = env[0]
        while True:
            budget.left -= 1
            if budget.left < 0:
                raise out_of_fuel()
            yield from many(value, env)

    return Code(MANY, run)


def _range(compiler: Compiler, node: Call, scope: Scope) -> Code:
    codes = [compiler.direct.compile(argument, scope) for argument in node.arguments]
    if len(codes) == 1:
        codes.insert(0, Code(ONE, lambda value, env: 0))
    count = count_by if len(codes) == 3 else count_up
    # The first bound changes slowest.
    many = [code.many() for code in codes]

    def run(value: Any, env: Env) -> Iterator[Any]:
        budget = env[0]
        for bounds in product(many, value, env):
            if not all(type(bound) in NUMBERS for bound in bounds):
                raise JqError("Range bounds must be numeric")
            for number in count(*bounds):
                budget.left -= 1
                if budget.left < 0:
                    raise out_of_fuel()
                yield number

    return Code(MANY, run)


def _first(compiler: Compiler, node: Call, scope: Scope) -> Code:
    code = compiler.direct.compile(node.arguments[0], scope)
    if code.shape is not MANY:
        return code
    many = code.run

    def run(value: Any, env: Env) -> Any:
        for output in many(value, env):
            return output
        return ABSENT

    return Code(OPTIONAL, run)


def _last(compiler: Compiler, node: Call, scope: Scope) -> Code:
    code = compiler.direct.compile(node.arguments[0], scope)
    if code.shape is not MANY:
        return code
    many = code.run

    def run(value: Any, env: Env) -> Any:
        output: Any = ABSENT
        for each in many(value, env):
            output = each
        return output

    return Code(OPTIONAL, run)


def count_of(value: Any, name: str) -> Any:
    """The count that ``limit`` and ``skip`` take.

    Raises:
        JqError: it is negative.
    """
    if compare(value, 0) < 0:
        raise JqError(f"{name} doesn't support negative count")
    return value


def _limit(compiler: Compiler, node: Call, scope: Scope) -> Code:
    counts, outputs = [compiler.direct.compile(argument, scope).many() for argument in node.arguments]

    def run(value: Any, env: Env) -> Iterator[Any]:
        for count in counts(value, env):
            left = count_of(count, "limit")
            if compare(left, 0) == 0:
                continue
            for output in outputs(value, env):
                left = subtract(left, 1)
                yield output
                if left <= 0:
                    break

    return Code(MANY, run)


def _skip(compiler: Compiler, node: Call, scope: Scope) -> Code:
    counts, outputs = [compiler.direct.compile(argument, scope).many() for argument in node.arguments]

    def run(value: Any, env: Env) -> Iterator[Any]:
        for count in counts(value, env):
            left = count_of(count, "skip")
            for output in outputs(value, env):
                left = subtract(left, 1)
                if left < 0:
                    yield output

    return Code(MANY, run)


def _isempty(compiler: Compiler, node: Call, scope: Scope) -> Code:
    many = compiler.direct.compile(node.arguments[0], scope).many()

    def run(value: Any, env: Env) -> bool:
        for _ in many(value, env):
            return False
        return True

    return Code(ONE, run)


def _itself(value: Any, env: Env) -> tuple[Any]:
    return (value,)


def _quantifier(wanted: bool) -> Native:
    def compile_quantifier(compiler: Compiler, node: Call, scope: Scope) -> Code:
        condition: Run = _itself
        if node.arguments:
            condition = compiler.direct.compile(node.arguments[-1], scope).many()
        source: Callable[[Any, Env], Iterable[Any]] = elements
        if len(node.arguments) == 2:
            source = compiler.direct.compile(node.arguments[0], scope).many()

        def run(value: Any, env: Env) -> bool:
            for element in source(value, env):
                for output in condition(element, env):
                    if truth(output) is wanted:
                        return wanted
            return not wanted

        return Code(ONE, run)

    return compile_quantifier


def _add(compiler: Compiler, node: Call, scope: Scope) -> Code:
    many = compiler.direct.compile(node.arguments[0], scope).many()
    return Code(ONE, lambda value, env: add_all(env[0], many(value, env)))


def _path(compiler: Compiler, node: Call, scope: Scope) -> Code:
    return Code(MANY, compiler.paths(node.arguments[0], scope))


def _del(compiler: Compiler, node: Call, scope: Scope) -> Code:
    paths = compiler.paths(node.arguments[0], scope)
    return Code(ONE, lambda value, env: delete_paths(value, list(paths(value, env)), env[0]))


def _pick(compiler: Compiler, node: Call, scope: Scope) -> Code:
    paths = compiler.paths(node.arguments[0], scope)

    def run(value: Any, env: Env) -> Any:
        result = None
        for path in paths(value, env):
            result = set_path(result, path, get_path(value, path), env[0])
        return result

    return Code(ONE, run)


def _keyed(name: str, shape_output: Callable[[Any], Any] | None = None) -> Native:
    """``sort_by`` and its relatives: a function of the input and of ``map([f])``."""
    function = ARRAYS[name, 1].run

    def compile_keyed(compiler: Compiler, node: Call, scope: Scope) -> Code:
        code = compiler.direct.compile(node.arguments[0], scope)
        one, many = code.run, code.many()

        def run(value: Any, env: Env) -> Any:
            items = elements(value, env)
            if code.shape is ONE and type(value) is list:
                keys = [one(element, env) for element in items]
            else:
                keys = [list(many(element, env)) for element in items]
            output = function(env[0], value, keys)
            return output if shape_output is None else shape_output(output)

        return Code(ONE, run)

    return compile_keyed


NATIVES: Final[dict[tuple[str, int], Native]] = {
    ("empty", 0): _empty,
    ("select", 1): _select,
    ("map", 1): _map,
    ("recurse", 0): _recurse_all,
    ("recurse", 1): _recurse,
    ("recurse", 2): _recurse,
    ("while", 2): _while,
    ("until", 2): _until,
    ("repeat", 1): _repeat,
    ("range", 1): _range,
    ("range", 2): _range,
    ("range", 3): _range,
    ("first", 1): _first,
    ("last", 1): _last,
    ("limit", 2): _limit,
    ("skip", 2): _skip,
    ("isempty", 1): _isempty,
    ("any", 0): _quantifier(True),
    ("any", 1): _quantifier(True),
    ("any", 2): _quantifier(True),
    ("all", 0): _quantifier(False),
    ("all", 1): _quantifier(False),
    ("all", 2): _quantifier(False),
    ("add", 1): _add,
    ("path", 1): _path,
    ("del", 1): _del,
    ("pick", 1): _pick,
    ("sort_by", 1): _keyed("_sort_by"),
    ("group_by", 1): _keyed("_group_by"),
    ("unique_by", 1): _keyed("_group_by", lambda groups: [group[0] for group in groups]),
    ("min_by", 1): _keyed("_min_by"),
    ("max_by", 1): _keyed("_max_by"),
    ("walk", 1): walk,
}
