"""Compiles calls for the machine: of functions that the expression defines, of parameters and of builtins."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from evenweave.jq.arithmetic import subtract
from evenweave.jq.builtins import FUNCTIONS
from evenweave.jq.builtins.filters import count_of
from evenweave.jq.codes import MANY, Argument, Cell
from evenweave.jq.deepnodes import DeepNodes
from evenweave.jq.machine import END, Delegate, Frame, Jump, Steps
from evenweave.jq.scopes import BuiltinInfo, FunctionInfo, ParameterInfo
from evenweave.jq.tracked import finish, keep, keep_all, step_path
from evenweave.jq.values import compare

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from evenweave.jq import syntax
    from evenweave.jq.codes import Definition, Env, Scope
    from evenweave.jq.deepnodes import DeepRun
    from evenweave.jq.syntax import Node


class Closure:
    """A filter passed as an argument: its plain and its tracked code, each compiled when first needed."""

    __slots__ = ("_deep", "_node", "_plain", "_scope", "_tracked")

    def __init__(self, deep: DeepCalls, node: Node, scope: Scope) -> None:
        self._deep = deep
        self._node = node
        self._scope = scope
        self._plain: Cell | None = None
        self._tracked: Cell | None = None

    def cell(self, tracked: bool) -> Cell:
        """The code for a flow."""
        cell = self._tracked if tracked else self._plain
        if cell is None:
            cell = Cell()
            cell.run = self._deep.compile(self._node, self._scope, tracked)
            if tracked:
                self._tracked = cell
            else:
                self._plain = cell
        return cell


class DeepCalls(DeepNodes):
    """The part of :class:`~evenweave.jq.deep.Deep` that compiles calls."""

    def call(self, node: syntax.Call, scope: Scope, tracked: bool) -> DeepRun:
        """The deep code of a call."""
        target = self.compiler.resolution.targets[node]
        if isinstance(target, ParameterInfo):
            return self._call_parameter(node, scope.arguments[target], scope, tracked)
        if isinstance(target, FunctionInfo):
            return self._call_function(self.compiler.definition(target, scope), node, scope, tracked)
        return self._call_builtin(target, node, scope, tracked)

    def _call_parameter(self, node: syntax.Call, argument: Argument, scope: Scope, tracked: bool) -> DeepRun:
        slot = argument.slot
        if not argument.deep:
            # A parameter of a function compiled the direct way, reached by a path expression.
            if not argument.by_value and tracked:
                return self.compiler.calls.tracked_parameter(slot)
            many = self.compiler.direct.compile(node, scope).many()
            return made(lambda item, env: iter(many(item, env))) if tracked else lambda item, env: iter(many(item, env))

        def run(item: Any, env: Env) -> Any:
            closure, outer = env[slot]
            return Jump(closure.cell(tracked), item, outer)

        return run

    def _call_function(self, definition: Definition, node: syntax.Call, scope: Scope, tracked: bool) -> DeepRun:
        cell = self.body(definition, tracked)
        size = definition.scope.size
        parameters = definition.info.function.parameters
        if not parameters:
            return lambda item, env: Jump(cell, item, env[:size])
        closures = [
            None if parameter.by_value else Closure(self, argument, scope)
            for parameter, argument in zip(parameters, node.arguments, strict=True)
        ]
        values = [place for place, parameter in enumerate(parameters) if parameter.by_value]
        if not values:

            def jump(item: Any, env: Env) -> Jump:
                env[0].left -= 4
                return Jump(cell, item, (*env[:size], *[(closure, env) for closure in closures]))

            return jump
        operands = [node.arguments[place] for place in values]
        singles = [self.single(operand, scope) for operand in operands]

        def enter(item: Any, env: Env, outputs: Sequence[Any]) -> Jump:
            env[0].left -= 4
            slots: list[Any] = [(closure, env) for closure in closures]
            for place, output in zip(values, outputs, strict=True):
                slots[place] = output
            return Jump(cell, item, (*env[:size], *slots))

        if all(single is not None for single in singles):
            known = [single for single in singles if single is not None]

            def run_single(item: Any, env: Env) -> Jump:
                value = item[0] if tracked else item
                return enter(item, env, [single(value, env) for single in known])

            return run_single
        combinations = self.product(
            [(operand, scope) for operand in operands], None, False, lambda outputs, _: (*outputs,)
        )

        def run(item: Any, env: Env) -> Steps:
            frame = Frame(combinations(item[0] if tracked else item, env))
            while (outputs := (yield frame)) is not END:
                yield Delegate(enter(item, env, outputs))

        return run

    def body(self, definition: Definition, tracked: bool) -> Cell:
        """The cell with the deep code of a function's body."""
        cell = definition.cells.get(tracked)
        if cell is None:
            cell = definition.cells[tracked] = Cell()
            scope = definition.scope
            arguments: dict[ParameterInfo, Argument] = {}
            variables: dict[str, int] = {}
            for place, info in enumerate(definition.info.parameters):
                by_value = definition.info.function.parameters[place].by_value
                arguments[info] = Argument(scope.size + place, MANY, by_value, deep=not by_value)
                if by_value:
                    variables[info.name] = scope.size + place
            inner = scope.define(definition).accept(arguments, variables)
            cell.run = self.compile(definition.info.function.body, inner, tracked)
        return cell

    def _call_builtin(self, target: BuiltinInfo, node: syntax.Call, scope: Scope, tracked: bool) -> DeepRun:
        definition = self.compiler.prelude(target.name, target.arity)
        if definition is not None and tracked and target == BuiltinInfo("last", 1):
            # Its output is a value that was remembered, not one that was selected.
            return made(self._call_function(definition, node, scope, False), keep_all)
        if definition is not None:
            return self._call_function(definition, node, scope, tracked)
        if (target.name, target.arity) == ("path", 1):
            found = self.compile(node.arguments[0], scope, True)
            return made(_finish_paths(found)) if tracked else _finish_paths(found)
        if target.name in {"limit", "skip"}:
            return self._counted(target.name, node, scope, tracked)
        if not node.arguments or (target.name, target.arity) not in FUNCTIONS:
            # One that is no function of values (`range`) runs as it does outside of paths; what it gives is made.
            many = self.compiler.direct.compile(node, scope).many()
            return made(lambda item, env: iter(many(item, env))) if tracked else lambda item, env: iter(many(item, env))
        function = self.compiler.calls.function(target)
        operands = [(argument, scope) for argument in reversed(node.arguments)]
        combinations = self.product(operands, None, False, lambda outputs, _: (*reversed(outputs),))

        def run(item: Any, env: Env) -> Steps:
            frame = Frame(combinations(item, env))
            while (outputs := (yield frame)) is not END:
                yield Delegate(iter(function(item, env, outputs)))

        if tracked and target.name == "getpath":
            return self._getpath(node, scope)
        return made(run) if tracked else run

    def _counted(self, name: str, node: syntax.Call, scope: Scope, tracked: bool) -> DeepRun:
        """``limit`` and ``skip``: the items pass through, so that they keep their paths."""
        counts, outputs = self.plain(node.arguments[0], scope), self.compile(node.arguments[1], scope, tracked)
        skips = name == "skip"

        def run(item: Any, env: Env) -> Steps:
            frame = Frame(counts(item[0] if tracked else item, env))
            while (count := (yield frame)) is not END:
                left = count_of(count, name)
                if not skips and compare(left, 0) == 0:
                    continue
                inner = Frame(outputs(item, env))
                while (output := (yield inner)) is not END:
                    left = subtract(left, 1)
                    if not skips or left < 0:
                        yield output
                    if not skips and left <= 0:
                        break

        return run

    def _getpath(self, node: syntax.Call, scope: Scope) -> DeepRun:
        keys = self.plain(node.arguments[0], scope)

        def run(item: Any, env: Env) -> Steps:
            frame = Frame(keys(item[0], env))
            while (output := (yield frame)) is not END:
                yield step_path(item, output)

        return run


def _finish_paths(found: DeepRun) -> DeepRun:
    def run(value: Any, env: Env) -> Steps:
        frame = Frame(found((value, ()), env))
        while (output := (yield frame)) is not END:
            yield finish(output, env[0])

    return run


def made(plain: DeepRun, hold: Callable[[Any, Any], Any] = keep) -> DeepRun:
    """Over items, what over values makes values; ``hold`` makes the item of an output."""

    def run(item: Any, env: Env) -> Steps:
        frame = Frame(plain(item[0], env))
        while (output := (yield frame)) is not END:
            yield hold(item, output)

    return run
