"""Destructuring: from a pattern and a value to the slots of ``env``.

A pattern is flattened to a list of steps over registers. Register 0 holds the value; each step takes an element of one
register into another, or puts a register into a slot.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeAlias

from evenweave.jq import syntax
from evenweave.jq.codes import ONE, Code, Env, Scope
from evenweave.jq.errors import JqError
from evenweave.jq.paths import get
from evenweave.jq.text import describe

if TYPE_CHECKING:
    from collections.abc import Sequence

Binder: TypeAlias = Callable[[Any, Env], Iterable[Env]]


@dataclass(frozen=True, slots=True)
class _Element:
    source: int
    target: int
    place: int


@dataclass(frozen=True, slots=True)
class _Entry:
    source: int
    target: int
    key: Code


@dataclass(frozen=True, slots=True)
class _Store:
    source: int
    slot: int


_Step: TypeAlias = _Element | _Entry | _Store


def compile_pattern(
    pattern: syntax.Pattern, names: Sequence[str], scope: Scope, compile_key: Callable[[syntax.Node, Scope], Code]
) -> Binder:
    """A function from a value and ``env`` to each ``env`` with ``names`` bound, those not in the pattern to ``null``.

    Args:
        pattern: The pattern.
        names: The variables that get a slot, in the order of their slots.
        scope: The scope with those slots.
        compile_key: Compiles a key expression.
    """
    if isinstance(pattern, syntax.PatternVariable) and len(names) == 1:
        return lambda value, env: ((*env, value),)
    width = len(names)
    slots = {name: place for place, name in enumerate(names)}
    steps: list[_Step] = []
    registers = _Flattener(slots, scope, compile_key, steps).flatten(pattern, 0, 1)
    single = all(step.key.shape is ONE for step in steps if isinstance(step, _Entry))
    return _bind_one(steps, registers, width) if single else _bind_many(steps, registers, width)


def _bind_one(steps: list[_Step], registers: int, width: int) -> Binder:
    def bind(value: Any, env: Env) -> Iterable[Env]:
        held: list[Any] = [None] * registers
        held[0] = value
        slots: list[Any] = [None] * width
        for step in steps:
            if type(step) is _Store:
                slots[step.slot] = held[step.source]
            elif type(step) is _Element:
                held[step.target] = get(held[step.source], step.place)
            elif type(step) is _Entry:
                source = held[step.source]
                held[step.target] = _entry(source, step.key.run(source, (*env, *slots)))
        return ((*env, *slots),)

    return bind


def _bind_many(steps: list[_Step], registers: int, width: int) -> Binder:
    def bind_from(at: int, held: list[Any], slots: list[Any], env: Env) -> Iterator[Env]:
        for place in range(at, len(steps)):
            step = steps[place]
            if type(step) is _Store:
                slots[step.slot] = held[step.source]
            elif type(step) is _Element:
                held[step.target] = get(held[step.source], step.place)
            elif type(step) is _Entry:
                source = held[step.source]
                for key in step.key.many()(source, (*env, *slots)):
                    held[step.target] = _entry(source, key)
                    yield from bind_from(place + 1, held.copy(), slots.copy(), env)
                return
        yield (*env, *slots)

    def bind(value: Any, env: Env) -> Iterable[Env]:
        return bind_from(0, [value] + [None] * (registers - 1), [None] * width, env)

    return bind


class _Flattener:
    """Turns a pattern into steps, in the order in which jq takes a value apart: arrays from their end."""

    def __init__(
        self, slots: dict[str, int], scope: Scope, compile_key: Callable[[syntax.Node, Scope], Code], steps: list[_Step]
    ) -> None:
        self.slots = slots
        self.scope = scope
        self.compile_key = compile_key
        self.steps = steps
        self.stored: set[str] = set()

    def flatten(self, pattern: syntax.Pattern, source: int, free: int) -> int:
        """Add the steps for a pattern over a register; returns the next free register."""
        if isinstance(pattern, syntax.PatternVariable):
            self.store(pattern.name, source)
        elif isinstance(pattern, syntax.PatternArray):
            for place in reversed(range(len(pattern.items))):
                self.steps.append(_Element(source, free, place))
                free = self.flatten(pattern.items[place], free, free + 1)
        else:
            for entry in pattern.entries:
                self.steps.append(_Entry(source, free, self.compile_key(entry.key, self.scope)))
                if entry.variable is not None:
                    self.store(entry.variable, free)
                free = free + 1 if entry.pattern is None else self.flatten(entry.pattern, free, free + 1)
        return free

    def store(self, name: str, source: int) -> None:
        # Of two variables of one name the first counts.
        if name not in self.stored:
            self.stored.add(name)
            self.steps.append(_Store(source, self.slots[name]))


def _entry(source: Any, key: Any) -> Any:
    if type(key) is str:
        return get(source, key)
    raise JqError(f"Cannot use {describe(key)} as object key")
