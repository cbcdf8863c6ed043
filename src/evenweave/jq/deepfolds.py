"""Compiles bindings and folds for the machine: ``as``, ``reduce`` and ``foreach``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from evenweave.jq import syntax
from evenweave.jq.deepnodes import DeepNodes
from evenweave.jq.errors import JqError, JqLimitError
from evenweave.jq.machine import END, Delegate, Frame, Steps, Tail

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from evenweave.jq.codes import Env, Scope
    from evenweave.jq.deepnodes import DeepRun


class DeepFolds(DeepNodes):
    """The part of :class:`~evenweave.jq.deep.Deep` that compiles bindings and folds."""

    def _bind(self, node: syntax.Bind, scope: Scope, tracked: bool) -> DeepRun:
        binders, inner = self.compiler.direct.binders(node.patterns, scope)
        body = self.compile(node.body, inner, tracked)
        single = self.single(node.source, scope)
        pattern = node.patterns[0]
        if single is not None and len(node.patterns) == 1 and isinstance(pattern, syntax.PatternVariable):
            return lambda item, env: body(item, (*env, single(item[0] if tracked else item, env)))
        source = self.plain(node.source, scope)
        alternatives = _alternate(binders, body)

        def run(item: Any, env: Env) -> Steps:
            frame = Frame(source(item[0] if tracked else item, env))
            while (output := (yield frame)) is not END:
                yield Delegate(alternatives(output, item, env))

        return run

    def _reduce(self, node: syntax.Reduce, scope: Scope, tracked: bool) -> DeepRun:
        binders, inner = self.compiler.direct.binders(node.patterns, scope)
        source, start = self.plain(node.source, scope), self.compile(node.start, scope, tracked)
        alternatives = _alternate(binders, self.compile(node.update, inner, tracked))
        nothing: Any = (None, None) if tracked else None

        def run(item: Any, env: Env) -> Steps:
            starts = Frame(start(item, env))
            while (state := (yield starts)) is not END:
                frame = Frame(source(item[0] if tracked else item, env))
                while (output := (yield frame)) is not END:
                    updates = Frame(alternatives(output, state, env))
                    state = nothing
                    while (output := (yield updates)) is not END:
                        state = output
                yield state

        return run

    def _foreach(self, node: syntax.Foreach, scope: Scope, tracked: bool) -> DeepRun:
        binders, inner = self.compiler.direct.binders(node.patterns, scope)
        source, start = self.plain(node.source, scope), self.compile(node.start, scope, tracked)
        update = self.compile(node.update, inner, tracked)
        extract = None if node.extract is None else self.compile(node.extract, inner, tracked)
        nothing: Any = (None, None) if tracked else None

        def run(item: Any, env: Env) -> Steps:
            starts = Frame(start(item, env))
            while (state := (yield starts)) is not END:
                cell = [state]

                def advance(state: Any, env: Env, cell: list[Any] = cell) -> Steps:
                    frame = Frame(update(state, env))
                    while (output := (yield frame)) is not END:
                        cell[0] = output
                        if extract is None:
                            yield output
                        else:
                            yield Delegate(extract(output, env))

                alternatives = _alternate(binders, advance)
                frame = Frame(source(item[0] if tracked else item, env))
                while (output := (yield frame)) is not END:
                    state, cell[0] = cell[0], nothing
                    yield Delegate(alternatives(output, state, env))

        return run


def _alternate(binders: Sequence[Any], body: DeepRun) -> Callable[[Any, Any, Env], Any]:
    """``output as pattern ?// pattern | body``."""
    *firsts, last = binders

    def run_last(output: Any, item: Any, env: Env) -> Steps:
        for inner in last(output, env):
            yield Delegate(body(item, inner))

    if not firsts:
        return run_last

    def run(output: Any, item: Any, env: Env) -> Steps:
        for bind in firsts:
            try:
                for inner in bind(output, env):
                    frame = Frame(body(item, inner))
                    while (result := (yield frame)) is not END:
                        yield result
            except JqLimitError:
                raise
            except JqError:
                continue
            return
        yield Tail(run_last(output, item, env))

    return run
