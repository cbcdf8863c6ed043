"""What the compiler makes of a node, and what it knows while compiling one.

A node becomes a Python closure ``run(value, env)``. Its *shape* says what comes back: ``ONE`` the single output itself,
``OPTIONAL`` the output or ``ABSENT``, ``MANY`` an iterable of outputs. Most of an ordinary expression is ``ONE``, and
runs as plain nested calls.

``env`` is a tuple: the :class:`~evenweave.jq.Budget` first, then one slot for each variable, label and parameter in
sight. Binding makes a longer tuple, so an outer generator that is resumed later still sees its own values.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field, replace
from enum import IntEnum
from typing import TYPE_CHECKING, Any, Final, TypeAlias

from evenweave.jq.errors import JqError
from evenweave.jq.limits import out_of_fuel

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from evenweave.jq.scopes import FunctionInfo, ParameterInfo

Env: TypeAlias = tuple[Any, ...]
Run: TypeAlias = Callable[[Any, Env], Any]


class Shape(IntEnum):
    """How many outputs a code can have."""

    ONE = 1
    OPTIONAL = 2
    MANY = 3


ONE: Final = Shape.ONE
OPTIONAL: Final = Shape.OPTIONAL
MANY: Final = Shape.MANY


class Absent:
    """The type of :data:`ABSENT`."""

    __slots__ = ()


ABSENT: Final = Absent()
"""What an ``OPTIONAL`` code returns instead of an output."""


@dataclass(frozen=True, slots=True)
class Code:
    """A compiled node."""

    shape: Shape
    run: Run

    def many(self) -> Run:
        """The code as one that returns an iterable."""
        run = self.run
        if self.shape is MANY:
            return run
        if self.shape is ONE:
            return lambda value, env: (run(value, env),)

        def run_optional(value: Any, env: Env) -> Iterable[Any]:
            output = run(value, env)
            return () if output is ABSENT else (output,)

        return run_optional


class Break(Exception):
    """``break`` on its way to its label."""

    def __init__(self, label: object) -> None:
        self.label = label
        super().__init__()


@dataclass(frozen=True, slots=True)
class Argument:
    """A parameter as the body of a function sees it.

    Attributes:
        slot: Where ``env`` holds it.
        shape: The shape of what was passed.
        by_value: The slot holds the value itself, not a closure.
        deep: The closure runs on the explicit stack.
    """

    slot: int
    shape: Shape
    by_value: bool = False
    deep: bool = False


@dataclass(slots=True, eq=False)
class Definition:
    """A function in sight: the scope of its definition, and its body as compiled so far for different arguments."""

    info: FunctionInfo
    scope: Scope
    deep: bool
    versions: dict[tuple[Shape, ...], Code] = field(default_factory=dict)
    cells: dict[bool, Cell] = field(default_factory=dict)


class Cell:
    """A body that calls itself before its compilation is finished."""

    __slots__ = ("run",)

    run: Run


@dataclass(frozen=True, slots=True, eq=False)
class Scope:
    """Where ``env`` holds what a node can name."""

    size: int
    variables: Mapping[str, int]
    labels: Mapping[str, int]
    arguments: Mapping[ParameterInfo, Argument]
    definitions: Mapping[FunctionInfo, Definition]

    def bind(self, names: Sequence[str]) -> Scope:
        """The scope with a slot for each of some variables, in this order."""
        slots = {name: self.size + place for place, name in enumerate(names)}
        return replace(self, size=self.size + len(names), variables={**self.variables, **slots})

    def mark(self, label: str) -> Scope:
        """The scope with a slot for a label."""
        return replace(self, size=self.size + 1, labels={**self.labels, label: self.size})

    def define(self, definition: Definition) -> Scope:
        """The scope with a function."""
        return replace(self, definitions={**self.definitions, definition.info: definition})

    def accept(self, arguments: Mapping[ParameterInfo, Argument], variables: Mapping[str, int]) -> Scope:
        """The scope inside a function: with its parameters, and those of them that are variables too."""
        return replace(
            self,
            size=self.size + len(arguments),
            arguments={**self.arguments, **arguments},
            variables={**self.variables, **variables},
        )


def product(runs: Sequence[Run], value: Any, env: Env) -> Iterator[list[Any]]:
    """Every combination of the outputs of some iterable codes; the first code changes slowest.

    The list that is yielded is reused: copy what has to stay.
    """
    budget = env[0]
    count = len(runs)
    outputs: list[Any] = [None] * count
    iterators: list[Iterator[Any]] = [iter(runs[0](value, env))]
    while iterators:
        place = len(iterators) - 1
        try:
            outputs[place] = next(iterators[place])
        except StopIteration:
            iterators.pop()
            continue
        if place + 1 < count:
            iterators.append(iter(runs[place + 1](value, env)))
        else:
            budget.left -= 1
            if budget.left < 0:
                raise out_of_fuel()
            yield outputs


def combine(codes: Sequence[Code], function: Callable[..., Any]) -> Code:
    """The code that calls ``function(*outputs)`` for every combination of outputs; the first code changes slowest."""
    if all(code.shape is ONE for code in codes):
        runs = [code.run for code in codes]
        if len(runs) == 1:
            only = runs[0]
            return Code(ONE, lambda value, env: function(only(value, env)))
        if len(runs) == 2:
            first, second = runs
            return Code(ONE, lambda value, env: function(first(value, env), second(value, env)))
        return Code(ONE, lambda value, env: function(*[run(value, env) for run in runs]))
    if len(codes) == 1 and codes[0].shape is OPTIONAL:
        optional = codes[0].run

        def run_optional(value: Any, env: Env) -> Any:
            output = optional(value, env)
            return output if output is ABSENT else function(output)

        return Code(OPTIONAL, run_optional)
    many = [code.many() for code in codes]

    def run_many(value: Any, env: Env) -> Iterator[Any]:
        for outputs in product(many, value, env):
            yield function(*outputs)

    return Code(MANY, run_many)


def combine_optional(codes: Sequence[Code], function: Callable[..., Any]) -> Code:
    """As :func:`combine`, but where the function (and it alone) ends in an error there is no output."""

    def attempt(*outputs: Any) -> Any:
        try:
            return function(*outputs)
        except JqError:
            return ABSENT

    if all(code.shape is ONE for code in codes):
        return Code(OPTIONAL, combine(codes, attempt).run)
    many = [code.many() for code in codes]

    def run_many(value: Any, env: Env) -> Iterator[Any]:
        for outputs in product(many, value, env):
            output = attempt(*outputs)
            if output is not ABSENT:
                yield output

    return Code(MANY, run_many)
