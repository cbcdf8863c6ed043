"""Compiles nodes for the machine: bodies of recursive functions, and path expressions that call functions.

Every method serves both flows. In a plain one a value flows; in a *tracked* one an item ``(value, path)`` does, and
nodes that select also extend the path (see :mod:`evenweave.jq.tracked`).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from evenweave.jq import syntax
from evenweave.jq.arithmetic import ARITHMETIC, negative
from evenweave.jq.codes import ONE, Break, Env, Scope
from evenweave.jq.deepcalls import DeepCalls, made
from evenweave.jq.deepfolds import DeepFolds
from evenweave.jq.errors import JqError, JqLimitError
from evenweave.jq.flow import elements, elements_if_any, object_key
from evenweave.jq.machine import END, Delegate, Frame, Steps, Tail
from evenweave.jq.operators import COMPARISONS, charge_binary
from evenweave.jq.paths import get, get_slice
from evenweave.jq.tracked import STRUCTURAL, require_path, step, step_all, step_all_if_any, step_slice

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from evenweave.jq.compiler import Compiler
    from evenweave.jq.deepnodes import DeepRun
    from evenweave.jq.syntax import Node


class Deep(DeepCalls, DeepFolds):
    """The way of compiling for the machine."""

    def __init__(self, compiler: Compiler) -> None:
        self.compiler = compiler

    def compile(self, node: Node, scope: Scope, tracked: bool) -> DeepRun:
        """The deep code of a node."""
        if tracked:
            covered = self.compiler.tracked.compile(node, scope)
            if covered is not None:
                many = covered.many()
                return lambda item, env: iter(many(item, env))
        elif not self.compiler.is_deep(node, scope):
            many = self.compiler.direct.compile(node, scope).many()
            return lambda item, env: iter(many(item, env))
        if tracked and isinstance(node, syntax.Assign) and node.operator:
            # An update is no path, even where it changes nothing.
            return made(self.compile(node, scope, False), lambda _, output: (output, None))
        if tracked and not isinstance(node, (*STRUCTURAL, syntax.Call)):
            return made(self.compile(node, scope, False))
        if isinstance(node, syntax.Call):
            return self.call(node, scope, tracked)
        method: Callable[[Any, Scope, bool], DeepRun] = getattr(self, "_" + type(node).__name__.lower())
        return method(node, scope, tracked)

    def plain(self, node: Node, scope: Scope) -> DeepRun:
        """The deep code of a node whose outputs are values, called with a value."""
        return self.compile(node, scope, False)

    def single(self, node: Node, scope: Scope) -> Callable[[Any, Env], Any] | None:
        """The direct code of a node with exactly one output, if it has such."""
        if self.compiler.is_deep(node, scope):
            return None
        code = self.compiler.direct.compile(node, scope)
        return code.run if code.shape is ONE else None

    # Selecting

    def _index(self, node: syntax.Index, scope: Scope, tracked: bool) -> DeepRun:
        target = self.compile(node.target, scope, tracked)
        access: Callable[[Any, Any], Any] = step if tracked else get
        return self.product(
            [(node.key, scope)], target, tracked, lambda keys, item: access(item, keys[0]), optional=node.optional
        )

    def _slice(self, node: syntax.Slice, scope: Scope, tracked: bool) -> DeepRun:
        target = self.compile(node.target, scope, tracked)
        nothing = syntax.Literal(node.at, None)
        bounds: list[tuple[Node, Scope]] = [(node.stop or nothing, scope), (node.start or nothing, scope)]
        self.compiler.adopt(nothing)
        access: Callable[[Any, Any, Any], Any] = step_slice if tracked else get_slice
        return self.product(
            bounds, target, tracked, lambda keys, item: access(item, keys[1], keys[0]), optional=node.optional
        )

    def _iterate(self, node: syntax.Iterate, scope: Scope, tracked: bool) -> DeepRun:
        target = self.compile(node.target, scope, tracked)
        step_to = step_all_if_any if node.optional else step_all
        access = elements_if_any if node.optional else elements

        def run(item: Any, env: Env) -> Steps:
            frame = Frame(target(item, env))
            while (output := (yield frame)) is not END:
                yield Delegate(step_to(output, env[0]) if tracked else iter(access(output, env)))

        return run

    # Making values

    def product(
        self,
        operands: Sequence[tuple[Node, Scope]],
        target: DeepRun | None,
        tracked: bool,
        function: Callable[[list[Any], Any], Any],
        *,
        optional: bool = False,
    ) -> DeepRun:
        """Call ``function`` for every combination of operands (the first changes slowest) and item of the target.

        If ``optional``, there is no output where the function ends in an error.
        """
        runs = [self.plain(node, scope) for node, scope in operands]
        count = len(runs)

        def run(item: Any, env: Env) -> Steps:
            value = item[0] if tracked else item
            outputs: list[Any] = [None] * count
            frames = [Frame(runs[0](value, env))]
            while frames:
                output = yield frames[-1]
                place = len(frames) - 1
                if output is END:
                    frames.pop()
                elif place == count:
                    if not optional:
                        yield function(outputs, output)
                        continue
                    require_path(output, tracked)
                    try:
                        result = function(outputs, output)
                    except JqError:
                        continue
                    yield result
                else:
                    outputs[place] = output
                    if place + 1 < count:
                        frames.append(Frame(runs[place + 1](value, env)))
                    elif target is not None:
                        frames.append(Frame(target(item, env)))
                    else:
                        yield function(outputs, item)

        return run

    def _binary(self, node: syntax.Binary, scope: Scope, tracked: bool) -> DeepRun:
        function = COMPARISONS.get(node.operator) or ARITHMETIC[node.operator]
        left, right = self.plain(node.left, scope), self.plain(node.right, scope)
        known = self.single(node.left, scope)
        if known is not None:

            def run_known(item: Any, env: Env) -> Steps:
                value = item[0] if tracked else item
                frame = Frame(right(value, env))
                while (operand := (yield frame)) is not END:
                    yield charge_binary(function, known(value, env), operand, env[0])

            return run_known

        def run(item: Any, env: Env) -> Steps:
            value = item[0] if tracked else item
            frame = Frame(right(value, env))
            while (operand := (yield frame)) is not END:
                inner = Frame(left(value, env))
                while (other := (yield inner)) is not END:
                    yield charge_binary(function, other, operand, env[0])

        return run

    def _negate(self, node: syntax.Negate, scope: Scope, tracked: bool) -> DeepRun:
        return self.product([(node.body, scope)], None, tracked, lambda outputs, _: negative(outputs[0]))

    def _text(self, node: syntax.Text, scope: Scope, tracked: bool) -> DeepRun:
        write = self.compiler.formatter(node.format)
        pieces = [part if isinstance(part, str) else None for part in node.parts]
        operands = [(part, scope) for part in reversed(node.parts) if not isinstance(part, str)]

        def join(outputs: list[Any], _: Any) -> str:
            values = outputs.copy()
            return "".join([write(values.pop()) if piece is None else piece for piece in pieces])

        return self.product(operands, None, tracked, join)

    def _object(self, node: syntax.Object, scope: Scope, tracked: bool) -> DeepRun:
        operands = [(part, scope) for entry in node.entries for part in entry]

        def build(outputs: list[Any], _: Any) -> dict[str, Any]:
            return {object_key(outputs[at]): outputs[at + 1] for at in range(0, len(outputs), 2)}

        return self.product(operands, None, tracked, build)

    def _array(self, node: syntax.Array, scope: Scope, tracked: bool) -> DeepRun:
        assert node.body is not None
        body = self.plain(node.body, scope)

        def run(item: Any, env: Env) -> Steps:
            outputs: list[Any] = []
            frame = Frame(body(item, env))
            while (output := (yield frame)) is not END:
                outputs.append(output)
            yield outputs

        return run

    def _logic(self, node: syntax.Logic, scope: Scope, tracked: bool) -> DeepRun:
        left, right = self.plain(node.left, scope), self.plain(node.right, scope)
        stops = node.operator == "or"

        def run(item: Any, env: Env) -> Steps:
            frame = Frame(left(item, env))
            while (output := (yield frame)) is not END:
                if (output is not None and output is not False) is stops:
                    yield stops
                    continue
                inner = Frame(right(item, env))
                while (output := (yield inner)) is not END:
                    yield output is not None and output is not False

        return run

    def _assign(self, node: syntax.Assign, scope: Scope, tracked: bool) -> DeepRun:
        return self.compiler.assignments.compile_deep(node, scope)

    # Flow

    def _pipe(self, node: syntax.Pipe, scope: Scope, tracked: bool) -> DeepRun:
        run = self.compile(node.stages[-1], scope, tracked)
        for stage in reversed(node.stages[:-1]):
            run = self._pipe_two(stage, run, scope, tracked)
        return run

    def _pipe_two(self, stage: Node, following: DeepRun, scope: Scope, tracked: bool) -> DeepRun:
        if not tracked:
            single = self.single(stage, scope)
            if single is not None:
                return lambda item, env: following(single(item, env), env)
        source = self.compile(stage, scope, tracked)

        def run(item: Any, env: Env) -> Steps:
            frame = Frame(source(item, env))
            while (output := (yield frame)) is not END:
                yield Delegate(following(output, env))

        return run

    def _comma(self, node: syntax.Comma, scope: Scope, tracked: bool) -> DeepRun:
        *firsts, last = [self.compile(item, scope, tracked) for item in node.items]
        # A branch that makes no requests of its own needs no delegation.
        simple = [tracked is False and not self.compiler.is_deep(item, scope) for item in node.items]

        def run(item: Any, env: Env) -> Steps:
            for plain, branch in zip(simple, firsts, strict=False):
                if plain:
                    yield from branch(item, env)
                else:
                    yield Delegate(branch(item, env))
            yield Tail(last(item, env))

        return run

    def _if(self, node: syntax.If, scope: Scope, tracked: bool) -> DeepRun:
        yes = self.compile(node.consequence, scope, tracked)
        no: DeepRun = _itself
        if node.otherwise is not None:
            no = self.compile(node.otherwise, scope, tracked)
        test = self.single(node.condition, scope)
        if test is not None:

            def choose(item: Any, env: Env) -> Any:
                output = test(item[0] if tracked else item, env)
                return no(item, env) if output is None or output is False else yes(item, env)

            return choose
        condition = self.plain(node.condition, scope)

        def run(item: Any, env: Env) -> Steps:
            frame = Frame(condition(item[0] if tracked else item, env))
            while (output := (yield frame)) is not END:
                yield Delegate(no(item, env) if output is None or output is False else yes(item, env))

        return run

    def _alternative(self, node: syntax.Alternative, scope: Scope, tracked: bool) -> DeepRun:
        left, right = self.compile(node.left, scope, tracked), self.compile(node.right, scope, tracked)

        def run(item: Any, env: Env) -> Steps:
            found = False
            frame = Frame(left(item, env))
            while (output := (yield frame)) is not END:
                value = output[0] if tracked else output
                if value is not None and value is not False:
                    found = True
                    yield output
            if not found:
                yield Tail(right(item, env))

        return run

    def _try(self, node: syntax.Try, scope: Scope, tracked: bool) -> DeepRun:
        body = self.compile(node.body, scope, tracked)
        handler = None if node.handler is None else self.compile(node.handler, scope, tracked)

        def run(item: Any, env: Env) -> Steps:
            frame = None
            while True:
                try:
                    if frame is None:
                        frame = Frame(body(item, env))
                    output = yield frame
                except JqLimitError:
                    raise
                except JqError as error:
                    caught = error.value
                    break
                if output is END:
                    return
                yield output
            if handler is not None:
                yield Tail(handler((caught, None) if tracked else caught, env))

        return run

    def _label(self, node: syntax.Label, scope: Scope, tracked: bool) -> DeepRun:
        body = self.compile(node.body, scope.mark(node.name), tracked)

        def run(item: Any, env: Env) -> Steps:
            label = object()
            frame = None
            while True:
                try:
                    if frame is None:
                        frame = Frame(body(item, (*env, label)))
                    output = yield frame
                except Break as caught:
                    if caught.label is not label:
                        raise
                    return
                if output is END:
                    return
                yield output

        return run

    def _break(self, node: syntax.Break, scope: Scope, tracked: bool) -> DeepRun:
        slot = scope.labels[node.name]

        def run(item: Any, env: Env) -> Steps:
            raise Break(env[slot])

        return run

    # Functions

    def _define(self, node: syntax.Define, scope: Scope, tracked: bool) -> DeepRun:
        return self.compile(node.body, self.compiler.define(node.function, scope), tracked)


def _itself(item: Any, env: Env) -> Any:
    return iter((item,))
