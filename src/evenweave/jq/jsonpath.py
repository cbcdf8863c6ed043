"""JSONPath (RFC 9535) as a second expression language, with the same :class:`~evenweave.jq.Program` interface.

The package ``python-jsonpath`` reads the expression; what it reads is evaluated here, on fuel, because a library's own
loops could not be stopped. It is the optional extra ``jsonpath``, imported when a path is compiled.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import TYPE_CHECKING, Any, Final, TypeAlias

from evenweave.jq.builtins.patterns import Pattern, compile_pattern
from evenweave.jq.codes import MANY, Code, Env
from evenweave.jq.errors import Error, JqError, JqSyntaxError
from evenweave.jq.limits import Budget
from evenweave.jq.program import Parts, Program
from evenweave.jq.tracked import finish
from evenweave.jq.values import NUMBERS, compare, equal

if TYPE_CHECKING:
    from collections.abc import Sequence

Item: TypeAlias = tuple[Any, Any]
"""A value and its linked path, as in :mod:`evenweave.jq.tracked`."""

Step: TypeAlias = Callable[[Iterable[Item], Any, Budget], Iterator[Item]]
"""From items to the items of the next segment; called with the root of the document too."""

Selector: TypeAlias = Callable[[Item, Any, Budget], Iterable[Item]]
Test: TypeAlias = Callable[[Any, Any, Budget], Any]
"""What a part of a filter is of a value, given the root: a value, ``NOTHING``, a list of values, or a boolean."""


class Nothing:
    """The type of :data:`NOTHING`."""

    __slots__ = ()


NOTHING: Final = Nothing()
"""The result of a query that found nothing, or of a function without an answer (RFC 9535, section 2.4.1)."""


def compile(source: str, *, variables: Sequence[str] = ()) -> Program:  # noqa: A001 - as re.compile
    """Compile a JSONPath expression. Its outputs are the values of the nodes that it selects.

    Args:
        source: The expression, such as ``$.items[?@.qty > 2].sku``.
        variables: The names that callers pass with every evaluation. JSONPath has no variables: they are accepted, so
            that callers need not know the language, and have no influence.

    Raises:
        JqSyntaxError: the expression is none.
        Error: the package ``python-jsonpath`` is not installed.
    """
    try:
        from jsonpath import JSONPathEnvironment, JSONPathError  # noqa: PLC0415 - an optional extra
    except ImportError:
        raise Error("JSONPath needs the package python-jsonpath: install evenweave[jsonpath]") from None
    try:
        query: Any = JSONPathEnvironment(strict=True).compile(source.strip())
        segments = [_segment(segment, source) for segment in query.segments]
    except JSONPathError as error:
        offset = error.token.index if error.token is not None else 0
        message = str(error.args[0]) if error.args else "no JSONPath"
        raise JqSyntaxError(message, source, len(source) if offset < 0 else offset) from None
    except RecursionError:
        raise JqSyntaxError("The expression is nested too deeply", source, 0) from None

    def run_items(value: Any, env: Env) -> Iterable[Item]:
        return _walk(segments, value, value, env[0])

    def run(value: Any, env: Env) -> Iterator[Any]:
        return (output for output, _ in run_items(value, env))

    def run_paths(value: Any, env: Env) -> Iterator[list[Any]]:
        return (finish(item, env[0]) for item in run_items(value, env))

    reads = _reads(query.segments)
    return Program(source, variables, Parts(Code(MANY, run), lambda: run_paths, reads=reads, is_path=True))


def _reads(segments: Sequence[Any]) -> frozenset[tuple[str, ...]] | None:
    names: list[str] = []
    for segment in segments:
        selectors = segment.selectors
        if type(segment).__name__ != "JSONPathChildSegment" or len(selectors) != 1:
            break
        if type(selectors[0]).__name__ != "NameSelector":
            break
        names.append(selectors[0].name)
    # A filter further on may look at the root again.
    for segment in segments[len(names) :]:
        if any(type(selector).__name__ == "Filter" for selector in segment.selectors):
            return None
    return frozenset((tuple(names),)) if names else None


def _walk(segments: Sequence[Step], value: Any, root: Any, budget: Budget) -> Iterable[Item]:
    items: Iterable[Item] = ((value, ()),)
    for step in segments:
        items = step(items, root, budget)
    return items


def _segment(segment: Any, source: str) -> Step:
    selectors = [_selector(selector, source) for selector in segment.selectors]
    descends = type(segment).__name__ == "JSONPathRecursiveDescentSegment"

    def step(items: Iterable[Item], root: Any, budget: Budget) -> Iterator[Item]:
        for item in items:
            for node in _descend(item, budget) if descends else (item,):
                for select in selectors:
                    for found in select(node, root, budget):
                        budget.charge(1)
                        yield found

    return step


def _children(item: Item, budget: Budget) -> Iterator[Item]:
    value, path = item
    if type(value) is list:
        pairs: Iterable[tuple[Any, Any]] = enumerate(value)
    elif type(value) is dict:
        pairs = value.items()
    else:
        return iter(())
    budget.charge(len(value))
    return ((element, (path, key)) for key, element in pairs)


def _descend(item: Item, budget: Budget) -> Iterator[Item]:
    """The item and all below it, parents first."""
    stack: list[Iterator[Item]] = [iter((item,))]
    while stack:
        for node in stack[-1]:
            budget.charge(1)
            yield node
            stack.append(_children(node, budget))
            break
        else:
            stack.pop()


def _selector(selector: Any, source: str) -> Selector:
    match type(selector).__name__:
        case "NameSelector":
            name = selector.name
            return lambda item, root, budget: (
                ((item[0][name], (item[1], name)),) if type(item[0]) is dict and name in item[0] else ()
            )
        case "IndexSelector":
            return _index(selector.index)
        case "SliceSelector":
            return _slice(selector.slice)
        case "WildcardSelector":
            return lambda item, root, budget: _children(item, budget)
        case "Filter":
            test = _test(selector.expression, source)
            return lambda item, root, budget: _filter(item, test, root, budget)
        case other:
            raise JqSyntaxError(f"{other} is not supported", source, selector.token.index)


def _filter(item: Item, test: Test, root: Any, budget: Budget) -> Iterator[Item]:
    for child in _children(item, budget):
        budget.charge(2)
        if _truth(test(child[0], root, budget)):
            yield child


def _index(index: int) -> Selector:
    def select(item: Item, root: Any, budget: Budget) -> Iterable[Item]:
        value, path = item
        if type(value) is not list or not -len(value) <= index < len(value):
            return ()
        return ((value[index], (path, index % len(value))),)

    return select


def _slice(part: slice) -> Selector:
    def select(item: Item, root: Any, budget: Budget) -> Iterable[Item]:
        value, path = item
        if type(value) is not list or part.step == 0:
            return ()
        places = range(*part.indices(len(value)))
        budget.charge(len(places) >> 2)
        return ((value[place], (path, place)) for place in places)

    return select


# Filters (RFC 9535, section 2.3.5)


def _truth(result: Any) -> bool:
    """Whether a test holds: a query by finding something, a logical expression by its value."""
    if isinstance(result, list):
        return bool(result)
    return result is True


def _test(expression: Any, source: str) -> Test:
    match type(expression).__name__:
        case "FilterExpression" | "BooleanExpression":
            return _test(expression.expression, source)
        case "RelativeFilterQuery":
            return _query(expression.path.segments, source, relative=True)
        case "RootFilterQuery":
            return _query(expression.path.segments, source, relative=False)
        case "Nil":
            return lambda value, root, budget: _Literal(None)
        case "BooleanLiteral" | "StringLiteral" | "IntegerLiteral" | "FloatLiteral":
            literal = _Literal(expression.value)
            return lambda value, root, budget: literal
        case "PrefixExpression":
            inner = _test(expression.right, source)
            return lambda value, root, budget: not _truth(inner(value, root, budget))
        case "InfixExpression":
            return _infix(expression, source)
        case "FunctionExtension":
            return _function(expression, source)
        case other:
            raise JqSyntaxError(f"{other} is not supported in a filter", source, 0)


class _Literal:
    """A value in a filter, told apart from the truth of a test."""

    __slots__ = ("value",)

    def __init__(self, value: Any) -> None:
        self.value = value


def _query(segments: Sequence[Any], source: str, *, relative: bool) -> Test:
    steps = [_segment(segment, source) for segment in segments]

    def run(value: Any, root: Any, budget: Budget) -> list[Any]:
        return [found for found, _ in _walk(steps, value if relative else root, root, budget)]

    return run


def _value_of(result: Any) -> Any:
    """The value that takes part in a comparison; ``NOTHING`` for a query that found none."""
    if type(result) is _Literal:
        return result.value
    if isinstance(result, list):
        return result[0] if len(result) == 1 else NOTHING
    return result


def _infix(expression: Any, source: str) -> Test:
    left, right = _test(expression.left, source), _test(expression.right, source)
    match expression.operator:
        case "&&":
            return lambda value, root, budget: _truth(left(value, root, budget)) and _truth(right(value, root, budget))
        case "||":
            return lambda value, root, budget: _truth(left(value, root, budget)) or _truth(right(value, root, budget))
        case operator if operator in _COMPARISONS:
            function = _COMPARISONS[operator]
            return lambda value, root, budget: function(
                _value_of(left(value, root, budget)), _value_of(right(value, root, budget)), budget
            )
        case other:
            raise JqSyntaxError(f"the operator {other} is not supported", source, expression.token.index)


def _same(left: Any, right: Any, budget: Budget) -> bool:
    if left is NOTHING or right is NOTHING:
        return left is right
    return equal(left, right, budget)


def _less(left: Any, right: Any, budget: Budget) -> bool:
    ordered = (type(left) in NUMBERS and type(right) in NUMBERS) or (type(left) is str and type(right) is str)
    return ordered and compare(left, right, budget) < 0


_COMPARISONS: Final[dict[str, Callable[[Any, Any, Budget], bool]]] = {
    "==": _same,
    "!=": lambda left, right, budget: not _same(left, right, budget),
    "<": _less,
    "<=": lambda left, right, budget: _less(left, right, budget) or _same(left, right, budget),
    ">": lambda left, right, budget: _less(right, left, budget),
    ">=": lambda left, right, budget: _less(right, left, budget) or _same(left, right, budget),
}


def _function(expression: Any, source: str) -> Test:
    arguments = [_test(argument, source) for argument in expression.args]
    first = arguments[0]
    match expression.name:
        case "length":
            return lambda value, root, budget: _length(_value_of(first(value, root, budget)))
        case "count":
            return lambda value, root, budget: len(first(value, root, budget))
        case "value":
            return lambda value, root, budget: _value_of(first(value, root, budget))
        case "match" | "search" as name:
            second = arguments[1]
            return lambda value, root, budget: _matches(
                _value_of(first(value, root, budget)),
                _value_of(second(value, root, budget)),
                budget,
                whole=name == "match",
            )
        case other:
            raise JqSyntaxError(f"the function {other} is not supported", source, expression.token.index)


def _length(value: Any) -> Any:
    return len(value) if type(value) in {str, list, dict} else NOTHING


def _matches(text: Any, pattern: Any, budget: Budget, *, whole: bool) -> bool:
    if type(text) is not str or type(pattern) is not str:
        return False
    budget.charge(1 + (len(text) >> 4))
    try:
        compiled: Pattern = compile_pattern(rf"\A(?:{pattern})\z" if whole else pattern, "")
    except JqError:
        return False
    return any(True for _ in compiled.search(text, budget, every=False))
