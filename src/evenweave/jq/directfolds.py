"""Compiles bindings and folds to direct closures: ``as``, ``reduce`` and ``foreach``."""

from __future__ import annotations

from abc import abstractmethod
from typing import TYPE_CHECKING, Any

from evenweave.jq import syntax
from evenweave.jq.bindings import Binder, compile_pattern
from evenweave.jq.codes import MANY, ONE, Code, Env, Scope
from evenweave.jq.flow import alternate
from evenweave.jq.limits import out_of_fuel

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from evenweave.jq.syntax import Node


class DirectFolds:
    """The part of :class:`~evenweave.jq.direct.Direct` that compiles bindings and folds."""

    @abstractmethod
    def compile(self, node: Node, scope: Scope) -> Code:
        """The code of a node."""

    def binders(self, patterns: tuple[syntax.Pattern, ...], scope: Scope) -> tuple[list[Binder], Scope]:
        """A function for each alternative pattern that binds all their variables, and the scope that has them."""
        names = syntax.pattern_names(patterns)
        inner = scope.bind(names)
        return [compile_pattern(pattern, names, inner, self.compile) for pattern in patterns], inner

    def _bind(self, node: syntax.Bind, scope: Scope) -> Code:
        source = self.compile(node.source, scope)
        binders, inner = self.binders(node.patterns, scope)
        body = self.compile(node.body, inner)
        pattern = node.patterns[0]
        simple = len(node.patterns) == 1 and isinstance(pattern, syntax.PatternVariable)
        run = body.run
        if simple and source.shape is ONE:
            bound = source.run
            return Code(body.shape, lambda value, env: run(value, (*env, bound(value, env))))
        outputs, many = source.many(), body.many()
        alternatives = alternate(binders, many)

        def run_many(value: Any, env: Env) -> Iterator[Any]:
            budget = env[0]
            for output in outputs(value, env):
                budget.left -= 1
                if budget.left < 0:
                    raise out_of_fuel()
                yield from alternatives(output, value, env)

        return Code(MANY, run_many)

    def _reduce(self, node: syntax.Reduce, scope: Scope) -> Code:
        source = self.compile(node.source, scope).many()
        binders, inner = self.binders(node.patterns, scope)
        start, update = self.compile(node.start, scope), self.compile(node.update, inner)
        fold = self._fold_step(node.patterns, binders, update)

        def reduce_from(state: Any, value: Any, env: Env) -> Any:
            budget = env[0]
            for output in source(value, env):
                budget.left -= 3
                if budget.left < 0:
                    raise out_of_fuel()
                state = fold(output, state, env)
            return state

        first = start.run
        if start.shape is ONE:
            return Code(ONE, lambda value, env: reduce_from(first(value, env), value, env))
        starts = start.many()

        def run_many(value: Any, env: Env) -> Iterator[Any]:
            for state in starts(value, env):
                yield reduce_from(state, value, env)

        return Code(MANY, run_many)

    @staticmethod
    def _fold_step(
        patterns: tuple[syntax.Pattern, ...], binders: list[Binder], update: Code
    ) -> Callable[[Any, Any, Env], Any]:
        """From the next output of a source and the state to the next state: the last output of the update."""
        run = update.run
        if len(patterns) == 1 and isinstance(patterns[0], syntax.PatternVariable) and update.shape is ONE:
            return lambda output, state, env: run(state, (*env, output))
        alternatives = alternate(binders, update.many())

        def step(output: Any, state: Any, env: Env) -> Any:
            last = None
            for each in alternatives(output, state, env):
                last = each
            return last

        return step

    def _foreach(self, node: syntax.Foreach, scope: Scope) -> Code:
        source = self.compile(node.source, scope).many()
        binders, inner = self.binders(node.patterns, scope)
        starts = self.compile(node.start, scope).many()
        update = self.compile(node.update, inner).many()
        extract = None if node.extract is None else self.compile(node.extract, inner).many()

        def advance(state: list[Any], env: Env) -> Iterator[Any]:
            before, state[0] = state[0], None  # an update without output leaves null
            for output in update(before, env):
                state[0] = output
                if extract is None:
                    yield output
                else:
                    yield from extract(output, env)

        alternatives = alternate(binders, advance)

        def run_many(value: Any, env: Env) -> Iterator[Any]:
            budget = env[0]
            for state in starts(value, env):
                held = [state]
                for item in source(value, env):
                    budget.left -= 4
                    if budget.left < 0:
                        raise out_of_fuel()
                    yield from alternatives(item, held, env)

        return Code(MANY, run_many)
