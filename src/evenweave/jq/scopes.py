"""What the names of an expression mean, found before anything is compiled.

The pass finds unknown names, tells which functions can reach themselves, and bounds how many Python frames an
evaluation by direct calls would need. What is recursive, or would need too many frames, is later compiled for the
explicit stack of :mod:`evenweave.jq.machine` instead of direct calls.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final, TypeAlias

from evenweave.jq import syntax
from evenweave.jq.builtins import FUNCTIONS, NATIVES, PRELUDE_NAMES, REFUSED, prelude_function
from evenweave.jq.errors import JqSyntaxError

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from evenweave.jq.syntax import Node

MAX_DIRECT_HEIGHT: Final = 160
"""How many levels of nodes may call each other directly; each takes up to two Python frames."""


@dataclass(slots=True, eq=False)
class FunctionInfo:
    """A definition: what it refers to, and how high its body is.

    Attributes:
        function: The definition.
        references: The functions that its body names.
        height: The levels of the body, without what its parameters add.
        hooks: For each parameter that is a filter, the levels above its call; absent if it is never called.
        recursive: Whether it can reach itself, or a function that can.
    """

    function: syntax.Function
    parameters: tuple[ParameterInfo, ...] = ()
    references: set[FunctionInfo] = field(default_factory=set)
    height: int = 0
    hooks: dict[ParameterInfo, int] = field(default_factory=dict)
    recursive: bool | None = None


@dataclass(slots=True, eq=False)
class ParameterInfo:
    """A parameter of a definition that is called by name."""

    name: str


@dataclass(frozen=True, slots=True)
class BuiltinInfo:
    """A function of the language itself."""

    name: str
    arity: int


Target: TypeAlias = FunctionInfo | ParameterInfo | BuiltinInfo


@dataclass(slots=True)
class Resolution:
    """What the names in a tree mean.

    Attributes:
        targets: For each call, what it calls.
        functions: For each definition, what is known about it.
        uses: For each node, the functions and parameters that it names, itself and everything below included.
        loops: Whether an evaluation can take more steps than the expression has parts.
    """

    targets: dict[Node, Target] = field(default_factory=dict)
    functions: dict[syntax.Function, FunctionInfo] = field(default_factory=dict)
    uses: dict[Node, frozenset[FunctionInfo | ParameterInfo]] = field(default_factory=dict)
    loops: bool = False


@dataclass(frozen=True, slots=True)
class _Names:
    """The names in sight."""

    functions: Mapping[tuple[str, int], FunctionInfo | ParameterInfo]
    variables: frozenset[str]
    labels: frozenset[str]

    def with_function(self, key: tuple[str, int], target: FunctionInfo | ParameterInfo) -> _Names:
        return _Names({**self.functions, key: target}, self.variables, self.labels)

    def with_variables(self, names: Sequence[str]) -> _Names:
        return _Names(self.functions, self.variables | set(names), self.labels)

    def with_label(self, name: str) -> _Names:
        return _Names(self.functions, self.variables, self.labels | {name})


_NONE: Final[frozenset[FunctionInfo | ParameterInfo]] = frozenset()
_LOOPS: Final = (
    syntax.Iterate, syntax.RecurseAll, syntax.Comma, syntax.Reduce, syntax.Foreach, syntax.Define, syntax.Assign,
)  # fmt: skip

Height: TypeAlias = tuple[int, dict[ParameterInfo, int]]


_TALL: Final = FunctionInfo(syntax.Function(0, "", (), syntax.Identity(0)), recursive=True)
"""Stands in the uses of a call that would need too many frames."""


class Resolver:
    """Resolves the names of one tree."""

    def __init__(self, source: str, variables: Sequence[str]) -> None:
        self.source = source
        self.result = Resolution()
        self.names = _Names({}, frozenset(variables), frozenset())
        self._prelude: dict[syntax.Function, FunctionInfo] = {}
        self._open = 0

    def resolve(self, tree: Node) -> Resolution:
        """What the names in ``tree`` mean.

        Raises:
            JqSyntaxError: a function, variable or label is not defined where it is used.
        """
        self._open += 1
        self._visit(tree, self.names)
        self._close()
        return self.result

    def prelude(self, function: syntax.Function) -> FunctionInfo:
        """What is known about a function that the language defines in itself."""
        info = self._prelude.get(function)
        if info is None:
            names = _Names({}, frozenset(), frozenset())
            self._open += 1
            self._visit_define(syntax.Define(0, function, syntax.Identity(0)), names)
            info = self._prelude[function] = self.result.functions[function]
            self._close()
        return info

    def _close(self) -> None:
        # Which functions are recursive is known once all references are.
        self._open -= 1
        if self._open == 0:
            _mark_recursive(self.result.functions.values())

    def _visit(self, node: Node, names: _Names) -> Height:
        result = self.result
        if isinstance(node, _LOOPS):
            result.loops = True
        match node:
            case syntax.Variable():
                if node.name not in names.variables:
                    raise JqSyntaxError(f"${node.name} is not defined", self.source, node.at)
                result.uses[node] = _NONE
                return 1, {}
            case syntax.Break():
                if node.name not in names.labels:
                    raise JqSyntaxError(f"$*label-{node.name} is not defined", self.source, node.at)
                result.uses[node] = _NONE
                return 1, {}
            case syntax.Define():
                return self._visit_define(node, names)
            case syntax.Call():
                return self._visit_call(node, names)
            case syntax.Bind():
                inner = names.with_variables(syntax.pattern_names(node.patterns))
                return self._visit_parts(
                    node, [(node.source, names), *self._keys(node.patterns, inner), (node.body, inner)]
                )
            case syntax.Reduce() | syntax.Foreach():
                inner = names.with_variables(syntax.pattern_names(node.patterns))
                parts = [(node.source, names), *self._keys(node.patterns, inner), (node.start, names)]
                parts.append((node.update, inner))
                if isinstance(node, syntax.Foreach) and node.extract is not None:
                    parts.append((node.extract, inner))
                return self._visit_parts(node, parts)
            case syntax.Label():
                return self._visit_parts(node, [(node.body, names.with_label(node.name))])
            case _:
                return self._visit_parts(node, [(child, names) for child in syntax.children(node)])

    @staticmethod
    def _keys(patterns: tuple[syntax.Pattern, ...], names: _Names) -> list[tuple[Node, _Names]]:
        return [(key, names) for key in syntax.pattern_keys(patterns)]

    def _visit_parts(self, node: Node, parts: list[tuple[Node, _Names]]) -> Height:
        height = _higher([self._visit(part, names) for part, names in parts])
        self.result.uses[node] = _NONE.union(*(self.result.uses[part] for part, _ in parts)) if parts else _NONE
        return height

    def _visit_define(self, node: syntax.Define, names: _Names) -> Height:
        function = node.function
        info = FunctionInfo(function)
        self.result.functions[function] = info
        outer = names.with_function((function.name, len(function.parameters)), info)
        inner = outer
        infos: list[ParameterInfo] = []
        for parameter in function.parameters:
            infos.append(ParameterInfo(parameter.name))
            inner = inner.with_function((parameter.name, 0), infos[-1])
            if parameter.by_value:
                inner = inner.with_variables([parameter.name])
        info.parameters = tuple(infos)
        info.height, info.hooks = self._visit(function.body, inner)
        used = self.result.uses[function.body]
        info.references = {use for use in used if isinstance(use, FunctionInfo)}
        # A parameter of a surrounding function that the body calls counts where the function is called.
        height = self._visit(node.body, outer)
        own = set(infos)
        self.result.uses[node] = frozenset(use for use in used | self.result.uses[node.body] if use not in own)
        return height[0] + 1, {key: value + 1 for key, value in height[1].items()}

    def _visit_call(self, node: syntax.Call, names: _Names) -> Height:
        key = (node.name, len(node.arguments))
        target: Target | None = names.functions.get(key)
        if target is None:
            target = self._builtin(node, key)
        self.result.targets[node] = target
        heights = [self._visit(argument, names) for argument in node.arguments]
        uses = _NONE.union(*(self.result.uses[argument] for argument in node.arguments)) if heights else _NONE
        if not isinstance(target, BuiltinInfo):
            uses |= {target}
        self.result.uses[node] = uses
        height = _call_height(target, heights)
        if height[0] > MAX_DIRECT_HEIGHT:
            self.result.uses[node] |= {_TALL}
            return 1, {}
        return height

    def _builtin(self, node: syntax.Call, key: tuple[str, int]) -> Target:
        if node.name in REFUSED:
            raise JqSyntaxError(f"{node.name} is not supported: {REFUSED[node.name]}", self.source, node.at)
        if key in FUNCTIONS or key in NATIVES:
            if key not in FUNCTIONS or not FUNCTIONS[key].plain:
                self.result.loops = True
            return BuiltinInfo(*key)
        if key not in PRELUDE_NAMES:
            raise JqSyntaxError(f"{node.name}/{len(node.arguments)} is not defined", self.source, node.at)
        self.result.loops = True
        return self.prelude(prelude_function(*key))


def _call_height(target: Target, arguments: list[Height]) -> Height:
    if isinstance(target, ParameterInfo):
        return 1, {target: 1}
    if isinstance(target, BuiltinInfo):
        return _higher(arguments, 3)
    parts: list[Height] = [(target.height, {})]
    own = dict(zip(target.parameters, arguments, strict=True))
    for parameter, above in target.hooks.items():
        inner = own.get(parameter)
        if inner is None:
            parts.append((0, {parameter: above}))
        else:
            parts.append((inner[0] + above, {key: value + above for key, value in inner[1].items()}))
    # By-value arguments are evaluated at the call.
    parts.extend(arguments)
    return _higher(parts, 2)


def _higher(parts: list[Height], levels: int = 1) -> Height:
    if not parts:
        return levels, {}
    hooks: dict[ParameterInfo, int] = {}
    for part in parts:
        for parameter, above in part[1].items():
            hooks[parameter] = max(hooks.get(parameter, 0), above + levels)
    return max(part[0] for part in parts) + levels, hooks


def _mark_recursive(infos: Iterable[FunctionInfo]) -> None:
    """Find the functions that reach a cycle of references: their own, or another's."""
    unknown = [info for info in infos if info.recursive is None]
    cyclic = {info for info in unknown if info in _reach(info)}
    for info in unknown:
        info.recursive = info in cyclic or any(other in cyclic or other.recursive for other in _reach(info))


def _reach(start: FunctionInfo) -> set[FunctionInfo]:
    reached: set[FunctionInfo] = set()
    stack = list(start.references)
    while stack:
        info = stack.pop()
        if info not in reached:
            reached.add(info)
            stack.extend(info.references)
    return reached
