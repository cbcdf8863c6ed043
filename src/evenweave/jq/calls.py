"""Compiles calls the direct way: of functions that the expression defines, of parameters and of builtins."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from evenweave.jq.builtins import FUNCTIONS, NATIVES
from evenweave.jq.codes import MANY, ONE, Argument, Code, Definition, Env, Run, Scope, Shape, product
from evenweave.jq.deepcalls import Closure
from evenweave.jq.limits import out_of_fuel
from evenweave.jq.machine import Jump
from evenweave.jq.scopes import BuiltinInfo, FunctionInfo, ParameterInfo

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from evenweave.jq import syntax
    from evenweave.jq.builtins import Function
    from evenweave.jq.compiler import Compiler

_SIZED = frozenset((str, list, dict))


class Calls:
    """The direct way of compiling calls."""

    def __init__(self, compiler: Compiler) -> None:
        self.compiler = compiler

    def compile(self, node: syntax.Call, scope: Scope) -> Code:
        """The code of a call."""
        target = self.compiler.resolution.targets[node]
        if isinstance(target, ParameterInfo):
            argument = scope.arguments[target]
            if argument.deep:
                return self.compiler.driven(node, scope)
            return _call_parameter(argument)
        if isinstance(target, FunctionInfo):
            if self.compiler.is_deep(node, scope) or self.compiler.definition(target, scope).deep:
                return self.compiler.driven(node, scope)
            return self._call_function(self.compiler.definition(target, scope), node, scope)
        native = NATIVES.get((target.name, target.arity))
        if native is not None:
            code = native(self.compiler, node, scope)
            if code is not None:
                return code
            definition = self.compiler.prelude(target.name, target.arity)
            assert definition is not None
            if definition.deep or self.compiler.is_deep(node, scope):
                return self.compiler.driven(node, scope)
            return self._call_function(definition, node, scope)
        return self._call_builtin(FUNCTIONS[target.name, target.arity], node, scope)

    # Builtins that are functions of values

    def _call_builtin(self, function: Function, node: syntax.Call, scope: Scope) -> Code:
        codes = [self.compiler.direct.compile(argument, scope) for argument in node.arguments]
        run = function.run
        if function.plain and not self.compiler.direct.metered and all(code.shape is ONE for code in codes):
            runs = [code.run for code in codes]
            if not runs:
                return Code(ONE, lambda value, env: run(value))
            if len(runs) == 1:
                only = runs[0]
                return Code(ONE, lambda value, env: run(value, only(value, env)))
            return Code(ONE, lambda value, env: run(value, *[argument(value, env) for argument in runs]))
        apply = _metered(function)
        if all(code.shape is ONE for code in codes):
            runs = [code.run for code in codes]
            shape = MANY if function.many else ONE
            if not runs:
                return Code(shape, lambda value, env: apply(env, value))
            return Code(shape, lambda value, env: apply(env, value, *[argument(value, env) for argument in runs]))
        many = [code.many() for code in reversed(codes)]

        def run_many(value: Any, env: Env) -> Iterator[Any]:
            for outputs in product(many, value, env):
                result = apply(env, value, *reversed(outputs))
                if function.many:
                    yield from result
                else:
                    yield result

        return Code(MANY, run_many)

    def function(self, target: BuiltinInfo) -> Callable[[Any, Env, Any], Iterable[Any]]:
        """A builtin that is a function of values, for the machine: called with the input, ``env`` and the arguments."""
        function = FUNCTIONS[target.name, target.arity]
        apply = _metered(function)
        if function.many:
            return lambda value, env, arguments: apply(env, value, *arguments)
        return lambda value, env, arguments: (apply(env, value, *arguments),)

    # Functions that the expression defines

    def _call_function(self, definition: Definition, node: syntax.Call, scope: Scope) -> Code:
        parameters = definition.info.function.parameters
        codes = [self.compiler.direct.compile(argument, scope) for argument in node.arguments]
        shapes = tuple(
            ONE if parameter.by_value else code.shape if len(codes) <= 3 else MANY
            for parameter, code in zip(parameters, codes, strict=True)
        )
        body = self._version(definition, shapes)
        size = definition.scope.size
        run = body.run
        if not parameters:
            return _call_plain(body, size)
        builders: list[Callable[[Any, Env], Any]] = []
        values: list[int] = []
        for place, (parameter, code, shape) in enumerate(zip(parameters, codes, shapes, strict=True)):
            if parameter.by_value:
                values.append(place)
                builders.append(code.run)
            else:
                closure = Closure(self.compiler.deep, node.arguments[place], scope)
                builders.append(_build_closure(code.run if shape is code.shape else code.many(), closure))
        if all(codes[place].shape is ONE for place in values):
            return Code(body.shape, _enter(run, size, builders))
        many = [codes[place].many() for place in values]
        bodies = body.many()

        def run_many(value: Any, env: Env) -> Iterator[Any]:
            for outputs in product(many, value, env):
                slots = [
                    outputs[values.index(place)] if place in values else build(value, env)
                    for place, build in enumerate(builders)
                ]
                yield from bodies(value, (*env[:size], *slots))

        return Code(MANY, run_many)

    def _version(self, definition: Definition, shapes: tuple[Shape, ...]) -> Code:
        code = definition.versions.get(shapes)
        if code is None:
            scope = definition.scope
            arguments: dict[ParameterInfo, Argument] = {}
            variables: dict[str, int] = {}
            for place, (info, shape) in enumerate(zip(definition.info.parameters, shapes, strict=True)):
                by_value = definition.info.function.parameters[place].by_value
                arguments[info] = Argument(scope.size + place, shape, by_value)
                if by_value:
                    variables[info.name] = scope.size + place
            inner = scope.define(definition).accept(arguments, variables)
            code = definition.versions[shapes] = self.compiler.direct.compile(definition.info.function.body, inner)
        return code

    @staticmethod
    def tracked_parameter(slot: int) -> Callable[[Any, Env], Any]:
        """The deep code that calls, over items, a parameter of a function compiled the direct way."""

        def run(item: Any, env: Env) -> Any:
            _, outer, closure = env[slot]
            return Jump(closure.cell(True), item, outer)

        return run


def _call_parameter(argument: Argument) -> Code:
    slot = argument.slot
    if argument.by_value:
        return Code(ONE, lambda value, env: env[slot])

    def run(value: Any, env: Env) -> Any:
        code, outer, _ = env[slot]
        return code(value, outer)

    return Code(argument.shape, run)


def _build_closure(run: Run, closure: Closure) -> Callable[[Any, Env], Any]:
    return lambda value, env: (run, env, closure)


def _call_plain(body: Code, size: int) -> Code:
    run = body.run

    def call(value: Any, env: Env) -> Any:
        budget = env[0]
        budget.left -= 1
        if budget.left < 0:
            raise out_of_fuel()
        return run(value, env[:size])

    return Code(body.shape, call)


def _enter(run: Run, size: int, builders: list[Callable[[Any, Env], Any]]) -> Run:
    def call(value: Any, env: Env) -> Any:
        budget = env[0]
        budget.left -= 1
        if budget.left < 0:
            raise out_of_fuel()
        return run(value, (*env[:size], *[build(value, env) for build in builders]))

    return call


def _metered(function: Function) -> Callable[..., Any]:
    """The builtin, charged for the size of its input and of the string or array it makes."""
    run = function.run
    takes_budget = function.budget

    def apply(env: Env, value: Any, *arguments: Any) -> Any:
        budget = env[0]
        kind = type(value)
        budget.left -= 1 + (len(value) >> (4 if kind is str else 2) if kind in _SIZED else 0)
        if budget.left < 0:
            raise out_of_fuel()
        result = run(budget, value, *arguments) if takes_budget else run(value, *arguments)
        if type(result) is str:
            budget.check_string(len(result))
        elif type(result) is list:
            budget.check_array(len(result))
        return result

    return apply
