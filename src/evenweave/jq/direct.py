"""Compiles nodes to direct Python closures: the fast way, for everything that is not recursive.

A recursive function called from here runs on the machine of :mod:`evenweave.jq.machine`, under a generator that looks
like any other code of shape ``MANY``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from evenweave.jq import syntax
from evenweave.jq.arithmetic import negative
from evenweave.jq.codes import (
    ABSENT,
    MANY,
    ONE,
    OPTIONAL,
    Break,
    Code,
    Env,
    Scope,
    combine,
    combine_optional,
    product,
)
from evenweave.jq.directfolds import DirectFolds
from evenweave.jq.errors import JqError, JqLimitError
from evenweave.jq.flow import (
    constant,
    constant_identity,
    descend,
    elements,
    elements_if_any,
    object_key,
    pipe,
    plain_object,
    truth,
)
from evenweave.jq.operators import compile_binary, compile_field, field_chain
from evenweave.jq.paths import get, get_slice

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from evenweave.jq.compiler import Compiler
    from evenweave.jq.syntax import Node


class Direct(DirectFolds):
    """The direct way of compiling, one method for each kind of node."""

    def __init__(self, compiler: Compiler) -> None:
        self.compiler = compiler
        self.metered = compiler.resolution.loops

    def compile(self, node: Node, scope: Scope) -> Code:
        """The code of a node."""
        method: Callable[[Any, Scope], Code] = getattr(self, "_" + type(node).__name__.lower())
        return method(node, scope)

    # Values

    def _identity(self, node: syntax.Identity, scope: Scope) -> Code:
        return Code(ONE, lambda value, env: value)

    def _literal(self, node: syntax.Literal, scope: Scope) -> Code:
        return constant(node.value)

    def _location(self, node: syntax.Location, scope: Scope) -> Code:
        return constant({"file": "<top-level>", "line": node.line})

    def _variable(self, node: syntax.Variable, scope: Scope) -> Code:
        slot = scope.variables[node.name]
        return Code(ONE, lambda value, env: env[slot])

    def _text(self, node: syntax.Text, scope: Scope) -> Code:
        write = self.compiler.formatter(node.format)
        pieces = [part if isinstance(part, str) else None for part in node.parts]
        codes = [self.compile(part, scope) for part in node.parts if not isinstance(part, str)]

        def join(*outputs: Any) -> str:
            # The last interpolation changes slowest, so the codes come in reverse.
            values = list(outputs)
            text = "".join([write(values.pop()) if piece is None else piece for piece in pieces])
            if len(text) > 16_000_000:
                raise JqLimitError("String too long: more than 16000000 characters")
            return text

        return self.charged(combine(codes[::-1], join))

    def charged(self, code: Code) -> Code:
        """The code, charged for the length of the strings it makes, if this program counts its fuel."""
        if not self.metered or code.shape is not ONE:
            return code
        run = code.run

        def run_charged(value: Any, env: Env) -> Any:
            output = run(value, env)
            env[0].check_string(len(output))
            return output

        return Code(ONE, run_charged)

    def _format(self, node: syntax.Format, scope: Scope) -> Code:
        return combine([constant_identity()], self.compiler.formatter(node.name))

    def _array(self, node: syntax.Array, scope: Scope) -> Code:
        if node.body is None:
            return Code(ONE, lambda value, env: [])
        body = node.body
        if isinstance(body, syntax.Comma):
            codes = [self.compile(item, scope) for item in body.items]
            if all(code.shape is ONE for code in codes):
                runs = [code.run for code in codes]
                return Code(ONE, lambda value, env: [run(value, env) for run in runs])
        code = self.compile(body, scope)
        run = code.run
        if code.shape is ONE:
            return Code(ONE, lambda value, env: [run(value, env)])
        many = code.many()
        return Code(ONE, lambda value, env: list(many(value, env)))

    def _object(self, node: syntax.Object, scope: Scope) -> Code:
        entries = [(self.compile(key, scope), self.compile(value, scope)) for key, value in node.entries]
        if all(key.shape is ONE and value.shape is ONE for key, value in entries):
            if all(isinstance(key, syntax.Literal) for key, _ in node.entries):
                names = [str(key.value) for key, _ in node.entries if isinstance(key, syntax.Literal)]
                return plain_object([(name, value.run) for name, (_, value) in zip(names, entries, strict=True)])
            runs = [(key.run, value.run) for key, value in entries]

            def run(value: Any, env: Env) -> dict[str, Any]:
                result: dict[str, Any] = {}
                for key, element in runs:
                    result[object_key(key(value, env))] = element(value, env)
                return result

            return Code(ONE, run)
        many = [code.many() for entry in entries for code in entry]

        def run_many(value: Any, env: Env) -> Iterator[dict[str, Any]]:
            for outputs in product(many, value, env):
                yield {object_key(outputs[at]): outputs[at + 1] for at in range(0, len(outputs), 2)}

        return Code(MANY, run_many)

    def _negate(self, node: syntax.Negate, scope: Scope) -> Code:
        return combine([self.compile(node.body, scope)], negative)

    def _binary(self, node: syntax.Binary, scope: Scope) -> Code:
        return compile_binary(node, self.compile(node.left, scope), self.compile(node.right, scope), self.metered)

    def _logic(self, node: syntax.Logic, scope: Scope) -> Code:
        left, right = self.compile(node.left, scope), self.compile(node.right, scope)
        stops = node.operator == "or"
        first, second = left.run, right.run
        if left.shape is ONE and right.shape is ONE:
            if stops:
                return Code(ONE, lambda value, env: truth(first(value, env)) or truth(second(value, env)))
            return Code(ONE, lambda value, env: truth(first(value, env)) and truth(second(value, env)))
        first, second = left.many(), right.many()

        def run_many(value: Any, env: Env) -> Iterator[bool]:
            for output in first(value, env):
                if truth(output) is stops:
                    yield stops
                else:
                    for other in second(value, env):
                        yield truth(other)

        return Code(MANY, run_many)

    def _alternative(self, node: syntax.Alternative, scope: Scope) -> Code:
        left, right = self.compile(node.left, scope), self.compile(node.right, scope)
        if left.shape is not MANY and right.shape is not MANY:
            first, second = left.run, right.run

            def run(value: Any, env: Env) -> Any:
                output = first(value, env)
                if output is not None and output is not False and output is not ABSENT:
                    return output
                return second(value, env)

            return Code(right.shape, run)
        first, second = left.many(), right.many()

        def run_many(value: Any, env: Env) -> Iterator[Any]:
            found = False
            for output in first(value, env):
                if output is not None and output is not False:
                    found = True
                    yield output
            if not found:
                yield from second(value, env)

        return Code(MANY, run_many)

    # Paths

    def _index(self, node: syntax.Index, scope: Scope) -> Code:
        target = self.compile(node.target, scope)
        if node.optional:
            key = self.compile(node.key, scope)
            return combine_optional([key, target], lambda key, value: get(value, key))
        if isinstance(node.key, syntax.Literal) and isinstance(node.key.value, str):
            fields = field_chain(node)
            if fields is not None:
                return compile_field(constant_identity(), fields)
            if target.shape is ONE:
                return compile_field(target, (node.key.value,))
            name = node.key.value
            return combine([target], lambda value: get(value, name))
        return combine([self.compile(node.key, scope), target], lambda key, value: get(value, key))

    def _slice(self, node: syntax.Slice, scope: Scope) -> Code:
        nothing = constant(None)
        start = nothing if node.start is None else self.compile(node.start, scope)
        stop = nothing if node.stop is None else self.compile(node.stop, scope)
        target = self.compile(node.target, scope)
        join = combine_optional if node.optional else combine
        return join([stop, start, target], lambda high, low, value: get_slice(value, low, high))

    def _iterate(self, node: syntax.Iterate, scope: Scope) -> Code:
        target = self.compile(node.target, scope)
        run = target.run
        access = elements_if_any if node.optional else elements
        if target.shape is ONE:
            return Code(MANY, lambda value, env: access(run(value, env), env))
        many = target.many()

        def run_many(value: Any, env: Env) -> Iterator[Any]:
            for output in many(value, env):
                yield from access(output, env)

        return Code(MANY, run_many)

    def _recurseall(self, node: syntax.RecurseAll, scope: Scope) -> Code:
        return Code(MANY, descend)

    def _assign(self, node: syntax.Assign, scope: Scope) -> Code:
        return self.compiler.assignments.compile(node, scope)

    # Flow

    def _pipe(self, node: syntax.Pipe, scope: Scope) -> Code:
        codes = [self.compile(stage, scope) for stage in node.stages]
        if len(codes) > 3 and all(code.shape is ONE for code in codes):
            runs = [code.run for code in codes]

            def run(value: Any, env: Env) -> Any:
                for stage in runs:
                    value = stage(value, env)
                return value

            return Code(ONE, run)
        code = codes[0]
        for following in codes[1:]:
            code = pipe(code, following)
        return code

    def _comma(self, node: syntax.Comma, scope: Scope) -> Code:
        runs = [self.compile(item, scope).many() for item in node.items]

        def run_many(value: Any, env: Env) -> Iterator[Any]:
            for run in runs:
                yield from run(value, env)

        return Code(MANY, run_many)

    def _if(self, node: syntax.If, scope: Scope) -> Code:
        condition, consequence = self.compile(node.condition, scope), self.compile(node.consequence, scope)
        otherwise = constant_identity() if node.otherwise is None else self.compile(node.otherwise, scope)
        shape = max(consequence.shape, otherwise.shape)
        test = condition.run
        if condition.shape is ONE:
            yes, no = (consequence.many(), otherwise.many()) if shape is MANY else (consequence.run, otherwise.run)

            def run(value: Any, env: Env) -> Any:
                output = test(value, env)
                return no(value, env) if output is None or output is False else yes(value, env)

            return Code(shape, run)
        test, yes, no = condition.many(), consequence.many(), otherwise.many()

        def run_many(value: Any, env: Env) -> Iterator[Any]:
            for output in test(value, env):
                yield from no(value, env) if output is None or output is False else yes(value, env)

        return Code(MANY, run_many)

    def _try(self, node: syntax.Try, scope: Scope) -> Code:
        body = self.compile(node.body, scope)
        handler = None if node.handler is None else self.compile(node.handler, scope)
        if body.shape is not MANY and (handler is None or handler.shape is not MANY):
            attempt, handle = body.run, None if handler is None else handler.run

            def run(value: Any, env: Env) -> Any:
                try:
                    return attempt(value, env)
                except JqLimitError:
                    raise
                except JqError as error:
                    return ABSENT if handle is None else handle(error.value, env)

            return Code(max(body.shape, OPTIONAL if handler is None else handler.shape), run)
        attempt, handle = body.many(), None if handler is None else handler.many()

        def run_many(value: Any, env: Env) -> Iterator[Any]:
            try:
                outputs = iter(attempt(value, env))
            except JqLimitError:
                raise
            except JqError as error:
                if handle is not None:
                    yield from handle(error.value, env)
                return
            while True:
                try:
                    output = next(outputs)
                except StopIteration:
                    return
                except JqLimitError:
                    raise
                except JqError as error:
                    caught = error
                    break
                yield output
            if handle is not None:
                yield from handle(caught.value, env)

        return Code(MANY, run_many)

    def _label(self, node: syntax.Label, scope: Scope) -> Code:
        body = self.compile(node.body, scope.mark(node.name)).many()

        def run_many(value: Any, env: Env) -> Iterator[Any]:
            label = object()
            try:
                yield from body(value, (*env, label))
            except Break as caught:
                if caught.label is not label:
                    raise

        return Code(MANY, run_many)

    def _break(self, node: syntax.Break, scope: Scope) -> Code:
        slot = scope.labels[node.name]

        def run(value: Any, env: Env) -> Any:
            raise Break(env[slot])

        return Code(OPTIONAL, run)

    # Functions

    def _define(self, node: syntax.Define, scope: Scope) -> Code:
        return self.compile(node.body, self.compiler.define(node.function, scope))

    def _call(self, node: syntax.Call, scope: Scope) -> Code:
        return self.compiler.calls.compile(node, scope)
