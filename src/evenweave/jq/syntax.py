"""The syntax tree of an expression. Nodes are compared by identity; ``at`` is the offset in the source."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, TypeAlias


@dataclass(frozen=True, slots=True, eq=False)
class Node:
    """Any part of an expression."""

    at: int


@dataclass(frozen=True, slots=True, eq=False)
class Identity(Node):
    """``.``."""


@dataclass(frozen=True, slots=True, eq=False)
class RecurseAll(Node):
    """``..``."""


@dataclass(frozen=True, slots=True, eq=False)
class Literal(Node):
    """A number, a string without interpolation, or one of ``null``, ``true``, ``false``."""

    value: Any


@dataclass(frozen=True, slots=True, eq=False)
class Text(Node):
    """A string with interpolations: ``parts`` alternates freely between literal text and expressions."""

    parts: tuple[str | Node, ...]
    format: str | None


@dataclass(frozen=True, slots=True, eq=False)
class Format(Node):
    """``@name`` on its own."""

    name: str


@dataclass(frozen=True, slots=True, eq=False)
class Variable(Node):
    """``$name``."""

    name: str


@dataclass(frozen=True, slots=True, eq=False)
class Location(Node):
    """``$__loc__``."""

    line: int


@dataclass(frozen=True, slots=True, eq=False)
class Index(Node):
    """``target.name`` and ``target[key]``; ``optional`` with a ``?``, which covers this one step only."""

    target: Node
    key: Node
    optional: bool = False


@dataclass(frozen=True, slots=True, eq=False)
class Slice(Node):
    """``target[start:stop]``."""

    target: Node
    start: Node | None
    stop: Node | None
    optional: bool = False


@dataclass(frozen=True, slots=True, eq=False)
class Iterate(Node):
    """``target[]``."""

    target: Node
    optional: bool = False


@dataclass(frozen=True, slots=True, eq=False)
class Array(Node):
    """``[body]``."""

    body: Node | None


@dataclass(frozen=True, slots=True, eq=False)
class Object(Node):
    """``{key: value, ...}``."""

    entries: tuple[tuple[Node, Node], ...]


@dataclass(frozen=True, slots=True, eq=False)
class Negate(Node):
    """``-body``."""

    body: Node


@dataclass(frozen=True, slots=True, eq=False)
class Binary(Node):
    """Arithmetic (``+ - * / %``) or comparison (``== != < <= > >=``)."""

    operator: str
    left: Node
    right: Node


@dataclass(frozen=True, slots=True, eq=False)
class Logic(Node):
    """``left and right``, ``left or right``."""

    operator: str
    left: Node
    right: Node


@dataclass(frozen=True, slots=True, eq=False)
class Alternative(Node):
    """``left // right``."""

    left: Node
    right: Node


@dataclass(frozen=True, slots=True, eq=False)
class Assign(Node):
    """``left = right``, ``left |= right``, ``left += right`` and so on; ``operator`` without the ``=`` at its end."""

    operator: str
    left: Node
    right: Node


@dataclass(frozen=True, slots=True, eq=False)
class Pipe(Node):
    """``a | b | c``."""

    stages: tuple[Node, ...]


@dataclass(frozen=True, slots=True, eq=False)
class Comma(Node):
    """``a, b, c``."""

    items: tuple[Node, ...]


@dataclass(frozen=True, slots=True, eq=False)
class If(Node):
    """``if condition then consequence else otherwise end``; no ``otherwise`` stands for ``.``."""

    condition: Node
    consequence: Node
    otherwise: Node | None


@dataclass(frozen=True, slots=True, eq=False)
class Try(Node):
    """``try body catch handler`` and ``body?``."""

    body: Node
    handler: Node | None


@dataclass(frozen=True, slots=True, eq=False)
class Reduce(Node):
    """``reduce source as pattern (start; update)``."""

    source: Node
    patterns: tuple[Pattern, ...]
    start: Node
    update: Node


@dataclass(frozen=True, slots=True, eq=False)
class Foreach(Node):
    """``foreach source as pattern (start; update; extract)``."""

    source: Node
    patterns: tuple[Pattern, ...]
    start: Node
    update: Node
    extract: Node | None


@dataclass(frozen=True, slots=True, eq=False)
class Bind(Node):
    """``source as pattern ?// pattern | body``."""

    source: Node
    patterns: tuple[Pattern, ...]
    body: Node


@dataclass(frozen=True, slots=True, eq=False)
class Label(Node):
    """``label $name | body``."""

    name: str
    body: Node


@dataclass(frozen=True, slots=True, eq=False)
class Break(Node):
    """``break $name``."""

    name: str


@dataclass(frozen=True, slots=True, eq=False)
class Parameter:
    """A parameter of a function; ``by_value`` for one written ``$name``, which is then also a variable."""

    name: str
    by_value: bool


@dataclass(frozen=True, slots=True, eq=False)
class Function(Node):
    """``def name(parameters): body;``."""

    name: str
    parameters: tuple[Parameter, ...]
    body: Node


@dataclass(frozen=True, slots=True, eq=False)
class Define(Node):
    """A definition and the expression that it is for."""

    function: Function
    body: Node


@dataclass(frozen=True, slots=True, eq=False)
class Call(Node):
    """``name(arguments)``."""

    name: str
    arguments: tuple[Node, ...]


@dataclass(frozen=True, slots=True, eq=False)
class PatternVariable:
    """``$name`` in a pattern."""

    name: str


@dataclass(frozen=True, slots=True, eq=False)
class PatternArray:
    """``[pattern, ...]``."""

    items: tuple[Pattern, ...]


@dataclass(frozen=True, slots=True, eq=False)
class PatternEntry:
    """``$name``, ``$name: pattern`` or ``key: pattern`` inside an object pattern."""

    key: Node
    variable: str | None
    pattern: Pattern | None


@dataclass(frozen=True, slots=True, eq=False)
class PatternObject:
    """``{entry, ...}``."""

    entries: tuple[PatternEntry, ...]


Pattern: TypeAlias = PatternVariable | PatternArray | PatternObject


def pattern_names(patterns: tuple[Pattern, ...]) -> tuple[str, ...]:
    """The variables that patterns bind, each once, in the order of their first appearance."""
    names: dict[str, None] = {}
    stack: list[Pattern] = list(reversed(patterns))
    while stack:
        pattern = stack.pop()
        if isinstance(pattern, PatternVariable):
            names[pattern.name] = None
        elif isinstance(pattern, PatternArray):
            stack.extend(reversed(pattern.items))
        else:
            nested: list[Pattern] = []
            for entry in pattern.entries:
                if entry.variable is not None:
                    nested.append(PatternVariable(entry.variable))
                if entry.pattern is not None:
                    nested.append(entry.pattern)
            stack.extend(reversed(nested))
    return tuple(names)


def children(node: Node) -> tuple[Node, ...]:
    """The nodes directly below one, in the order of the source. The body of a definition counts."""
    match node:
        case Text():
            return tuple(part for part in node.parts if isinstance(part, Node))
        case Index():
            return (node.target, node.key)
        case Slice():
            return tuple(part for part in (node.target, node.start, node.stop) if part is not None)
        case Iterate():
            return (node.target,)
        case Array():
            return () if node.body is None else (node.body,)
        case Object():
            return tuple(part for entry in node.entries for part in entry)
        case Negate():
            return (node.body,)
        case Binary() | Logic() | Alternative() | Assign():
            return (node.left, node.right)
        case Pipe():
            return node.stages
        case Comma():
            return node.items
        case If():
            rest = () if node.otherwise is None else (node.otherwise,)
            return (node.condition, node.consequence, *rest)
        case Try():
            return (node.body,) if node.handler is None else (node.body, node.handler)
        case Reduce():
            return (node.source, *pattern_keys(node.patterns), node.start, node.update)
        case Foreach():
            rest = () if node.extract is None else (node.extract,)
            return (node.source, *pattern_keys(node.patterns), node.start, node.update, *rest)
        case Bind():
            return (node.source, *pattern_keys(node.patterns), node.body)
        case Label():
            return (node.body,)
        case Define():
            return (node.function.body, node.body)
        case Call():
            return node.arguments
        case _:
            return ()


def pattern_keys(patterns: tuple[Pattern, ...]) -> tuple[Node, ...]:
    """The key expressions inside patterns."""
    keys: list[Node] = []
    stack: list[Pattern] = list(reversed(patterns))
    while stack:
        pattern = stack.pop()
        if isinstance(pattern, PatternArray):
            stack.extend(reversed(pattern.items))
        elif isinstance(pattern, PatternObject):
            keys.extend(entry.key for entry in pattern.entries)
            stack.extend(entry.pattern for entry in reversed(pattern.entries) if entry.pattern is not None)
    return tuple(keys)
