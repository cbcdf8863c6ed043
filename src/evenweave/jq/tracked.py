"""Compiles path expressions: what flows is the item ``(value, path)``.

A path is a linked list ``(parent, key)`` with ``()`` for the root, so that items share their beginnings. It is ``None``
for a value that was made instead of selected. Such a value may flow on, but to select from it is an error.

This is the direct way, for what needs no explicit stack; the rest is compiled by :mod:`evenweave.jq.deep`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import TYPE_CHECKING, Any, TypeAlias

from evenweave.jq import syntax
from evenweave.jq.codes import MANY, ONE, Break, Code, Env, Scope
from evenweave.jq.errors import JqError, JqLimitError
from evenweave.jq.limits import Budget, out_of_fuel, too_deep
from evenweave.jq.paths import get, get_path, get_slice, unroll
from evenweave.jq.scopes import BuiltinInfo, FunctionInfo
from evenweave.jq.text import MAX_DEPTH, describe, shorten
from evenweave.jq.values import NUMBERS

if TYPE_CHECKING:
    from evenweave.jq.compiler import Compiler
    from evenweave.jq.syntax import Node

Item: TypeAlias = tuple[Any, Any]
ItemRun: TypeAlias = Callable[[Item, Env], Any]


def step(item: Item, key: Any) -> Item:
    """The item one key further."""
    value, path = item
    if path is None:
        raise JqError(f"Invalid path expression near attempt to access element {shorten(key)} of {shorten(value)}")
    return get(value, key), (path, key)


def step_slice(item: Item, start: Any, stop: Any) -> Item:
    """The item of a slice."""
    value, path = item
    key = {"start": start, "end": stop}
    if path is None:
        raise JqError(f"Invalid path expression near attempt to access element {shorten(key)} of {shorten(value)}")
    return get_slice(value, start, stop), (path, key)


def step_path(item: Item, keys: Any) -> Item:
    """The item that ``getpath`` leads to."""
    value, path = item
    if path is None:
        raise JqError(f"Invalid path expression with result {shorten(value)}")
    output = get_path(value, keys)
    for key in keys:
        path = (path, key)
    return output, path


def step_all(item: Item, budget: Budget) -> Iterator[Item]:
    """The items of all elements."""
    value, path = item
    if path is None:
        raise JqError(f"Invalid path expression near attempt to iterate through {shorten(value)}")
    if type(value) is list:
        pairs: Iterable[tuple[Any, Any]] = enumerate(value)
    elif type(value) is dict:
        pairs = value.items()
    else:
        raise JqError(f"Cannot iterate over {describe(value)}")
    budget.left -= len(value)
    if budget.left < 0:
        raise out_of_fuel()
    return ((element, (path, key)) for key, element in pairs)


def step_all_if_any(item: Item, budget: Budget) -> Iterator[Item]:
    """The items of all elements, none where there are no elements."""
    value, path = item
    if path is not None and type(value) is not list and type(value) is not dict:
        return iter(())
    return step_all(item, budget)


def require_path(item: Any, tracked: bool) -> None:
    """Fail if an item was not selected: a question mark does not cover that."""
    if tracked and item[1] is None:
        raise JqError(f"Invalid path expression with result {shorten(item[0])}")


def attempt(access: Callable[..., Item], *arguments: Any) -> Iterator[Item]:
    """The item that a step leads to, if it does not end in an error."""
    require_path(arguments[0], True)
    try:
        item = access(*arguments)
    except JqError:
        return
    yield item


def descend_items(item: Item, budget: Budget) -> Iterator[Item]:
    """The item and all below it, parents first."""
    stack: list[Iterator[Item]] = [iter((item,))]
    while stack:
        for output in stack[-1]:
            budget.left -= 1
            if budget.left < 0:
                raise out_of_fuel()
            yield output
            if type(output[0]) is list or type(output[0]) is dict:
                stack.append(step_all(output, budget))
                break
        else:
            stack.pop()


def keep(item: Item, output: Any) -> Item:
    """The item of an output that was not selected: it is still at the path if it is the very value there."""
    value, path = item
    return output, path if output is value and type(output) not in _UNTRACKED else None


def keep_text(item: Item, output: Any) -> Item:
    """As :func:`keep`, for what may pass a string through as it is."""
    value, path = item
    return output, path if output is value and type(output) not in NUMBERS else None


def keep_all(item: Item, output: Any) -> Item:
    """As :func:`keep`, for what may pass any value through as it is."""
    value, path = item
    return output, path if output is value else None


_UNTRACKED = NUMBERS | {str}
"""Python may share equal numbers and strings that were made independently."""

_COUNTED = frozenset((("limit", 2), ("skip", 2)))
_PASSES_TEXT = frozenset(("tostring", "ltrimstr", "rtrimstr", "trimstr", "trim", "ltrim", "rtrim"))


def finish(item: Item, budget: Budget) -> list[Any]:
    """The path of an item, as a list.

    Raises:
        JqError: the item was not selected.
    """
    value, path = item
    if path is None:
        raise JqError(f"Invalid path expression with result {shorten(value)}")
    keys = unroll(path)
    if len(keys) > MAX_DEPTH:
        raise too_deep("Path")
    budget.left -= len(keys) >> 2
    return keys


STRUCTURAL = (
    syntax.Identity, syntax.RecurseAll, syntax.Index, syntax.Slice, syntax.Iterate, syntax.Pipe, syntax.Comma,
    syntax.If, syntax.Alternative, syntax.Try, syntax.Reduce, syntax.Foreach, syntax.Bind, syntax.Label, syntax.Break,
    syntax.Define,
)  # fmt: skip
"""The nodes that may select; every other makes values, but for some calls."""


class Tracked:
    """The direct way of compiling path expressions. A method gives ``None`` for what it does not cover."""

    def __init__(self, compiler: Compiler) -> None:
        self.compiler = compiler

    def compile(self, node: Node, scope: Scope) -> Code | None:
        """The code of a node, over items, or ``None``."""
        if self.compiler.is_deep(node, scope):
            return None
        method: Callable[[Any, Scope], Code | None] | None = getattr(self, "_" + type(node).__name__.lower(), None)
        if method is not None:
            return method(node, scope)
        if isinstance(node, STRUCTURAL):
            return None
        return self.made(node, scope)

    def made(self, node: Node, scope: Scope) -> Code:
        """The code of a node that makes values."""
        code = self.compiler.direct.compile(node, scope)
        run = code.run
        if isinstance(node, syntax.Assign) and node.operator:
            many = code.many()
            return Code(MANY, lambda item, env: ((output, None) for output in many(item[0], env)))
        passes = isinstance(node, syntax.Variable) or (isinstance(node, syntax.Call) and node.name in _PASSES_TEXT)
        hold = keep_text if passes else keep
        if isinstance(node, syntax.Assign) or (isinstance(node, syntax.Call) and node.name == "last"):
            # Without a path to assign to, the very input comes out; and it may be the last output.
            hold = keep_all
        if code.shape is ONE:
            return Code(ONE, lambda item, env: hold(item, run(item[0], env)))
        many = code.many()
        return Code(MANY, lambda item, env: (hold(item, output) for output in many(item[0], env)))

    def _identity(self, node: syntax.Identity, scope: Scope) -> Code:
        return Code(ONE, lambda item, env: item)

    def _recurseall(self, node: syntax.RecurseAll, scope: Scope) -> Code:
        return Code(MANY, lambda item, env: descend_items(item, env[0]))

    def _index(self, node: syntax.Index, scope: Scope) -> Code | None:
        target = self.compile(node.target, scope)
        if target is None:
            return None
        if node.optional:
            return self._index_optional(node, target, scope)
        run, key = target.run, self.compiler.direct.compile(node.key, scope)
        name = key.run
        if target.shape is ONE and isinstance(node.key, syntax.Literal):
            literal = node.key.value
            return Code(ONE, lambda item, env: step(run(item, env), literal))
        if target.shape is ONE and key.shape is ONE:
            return Code(ONE, lambda item, env: step(run(item, env), name(item[0], env)))
        many, names = target.many(), key.many()

        def run_many(item: Item, env: Env) -> Iterator[Item]:
            for literal in names(item[0], env):
                for inner in many(item, env):
                    yield step(inner, literal)

        return Code(MANY, run_many)

    def _index_optional(self, node: syntax.Index, target: Code, scope: Scope) -> Code:
        many, keys = target.many(), self.compiler.direct.compile(node.key, scope).many()

        def run(item: Item, env: Env) -> Iterator[Item]:
            for key in keys(item[0], env):
                for inner in many(item, env):
                    yield from attempt(step, inner, key)

        return Code(MANY, run)

    def _slice(self, node: syntax.Slice, scope: Scope) -> Code | None:
        target = self.compile(node.target, scope)
        bounds = [
            None if part is None else self.compiler.direct.compile(part, scope) for part in (node.start, node.stop)
        ]
        if target is None or node.optional or any(bound is not None and bound.shape is not ONE for bound in bounds):
            return None
        start, stop = [(lambda value, env: None) if bound is None else bound.run for bound in bounds]
        many = target.many()
        if target.shape is ONE:
            run = target.run
            return Code(ONE, lambda item, env: step_slice(run(item, env), start(item[0], env), stop(item[0], env)))
        return Code(
            MANY,
            lambda item, env: (step_slice(inner, start(item[0], env), stop(item[0], env)) for inner in many(item, env)),
        )

    def _iterate(self, node: syntax.Iterate, scope: Scope) -> Code | None:
        target = self.compile(node.target, scope)
        if target is None:
            return None
        run = target.run
        access = step_all_if_any if node.optional else step_all
        if target.shape is ONE:
            return Code(MANY, lambda item, env: access(run(item, env), env[0]))
        many = target.many()

        def run_many(item: Item, env: Env) -> Iterator[Item]:
            for inner in many(item, env):
                yield from access(inner, env[0])

        return Code(MANY, run_many)

    def _pipe(self, node: syntax.Pipe, scope: Scope) -> Code | None:
        code = self.compile(node.stages[0], scope)
        for stage in node.stages[1:]:
            following = self.compile(stage, scope)
            if code is None or following is None:
                return None
            code = _pipe_items(code, following)
        return code

    def _comma(self, node: syntax.Comma, scope: Scope) -> Code | None:
        codes = [self.compile(item, scope) for item in node.items]
        runs = [code.many() for code in codes if code is not None]
        if len(runs) < len(codes):
            return None

        def run_many(item: Item, env: Env) -> Iterator[Item]:
            for run in runs:
                yield from run(item, env)

        return Code(MANY, run_many)

    def _if(self, node: syntax.If, scope: Scope) -> Code | None:
        condition = self.compiler.direct.compile(node.condition, scope).many()
        consequence = self.compile(node.consequence, scope)
        otherwise = self._identity(syntax.Identity(node.at), scope)
        if node.otherwise is not None:
            compiled = self.compile(node.otherwise, scope)
            if compiled is None:
                return None
            otherwise = compiled
        if consequence is None:
            return None
        yes, no = consequence.many(), otherwise.many()

        def run_many(item: Item, env: Env) -> Iterator[Item]:
            for output in condition(item[0], env):
                yield from no(item, env) if output is None or output is False else yes(item, env)

        return Code(MANY, run_many)

    def _alternative(self, node: syntax.Alternative, scope: Scope) -> Code | None:
        left, right = self.compile(node.left, scope), self.compile(node.right, scope)
        if left is None or right is None:
            return None
        first, second = left.many(), right.many()

        def run_many(item: Item, env: Env) -> Iterator[Item]:
            found = False
            for output in first(item, env):
                if output[0] is not None and output[0] is not False:
                    found = True
                    yield output
            if not found:
                yield from second(item, env)

        return Code(MANY, run_many)

    def _try(self, node: syntax.Try, scope: Scope) -> Code | None:
        body = self.compile(node.body, scope)
        if body is None or node.handler is not None:
            return None
        many = body.many()
        return Code(MANY, lambda item, env: _until_error(many, item, env))

    def _break(self, node: syntax.Break, scope: Scope) -> Code:
        slot = scope.labels[node.name]

        def run(item: Item, env: Env) -> Any:
            raise Break(env[slot])

        return Code(ONE, run)

    def _call(self, node: syntax.Call, scope: Scope) -> Code | None:
        target = self.compiler.resolution.targets[node]
        if isinstance(target, FunctionInfo):
            return None
        if not isinstance(target, BuiltinInfo):
            argument = scope.arguments[target]
            return self.made(node, scope) if argument.by_value else None
        key = (target.name, target.arity)
        if key == ("select", 1):
            return self._select(node, scope)
        if key == ("recurse", 0):
            return self._recurseall(syntax.RecurseAll(node.at), scope)
        if key == ("getpath", 1):
            keys = self.compiler.direct.compile(node.arguments[0], scope).many()
            return Code(MANY, lambda item, env: (step_path(item, path) for path in keys(item[0], env)))
        if key == ("empty", 0):
            return Code(MANY, lambda item, env: iter(()))
        if key != ("last", 1) and (self.compiler.has_definition(*key) or key in _COUNTED):
            return None
        return self.made(node, scope)

    def _select(self, node: syntax.Call, scope: Scope) -> Code:
        condition = self.compiler.direct.compile(node.arguments[0], scope).many()

        def run_many(item: Item, env: Env) -> Iterator[Item]:
            for output in condition(item[0], env):
                if output is not None and output is not False:
                    yield item

        return Code(MANY, run_many)


def _pipe_items(left: Code, right: Code) -> Code:
    first, second = left.run, right.run
    if left.shape is ONE:
        return Code(right.shape, lambda item, env: second(first(item, env), env))
    many = right.many()

    def run_many(item: Item, env: Env) -> Iterator[Item]:
        budget = env[0]
        for output in first(item, env):
            budget.left -= 1
            if budget.left < 0:
                raise out_of_fuel()
            yield from many(output, env)

    return Code(MANY, run_many)


def _until_error(run: ItemRun, item: Item, env: Env) -> Iterator[Item]:
    try:
        yield from run(item, env)
    except JqLimitError:
        raise
    except JqError:
        return
