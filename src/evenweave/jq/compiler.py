"""From a syntax tree to a code: ties together the ways of compiling and what they share."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from evenweave.jq import syntax
from evenweave.jq.assignments import Assignments
from evenweave.jq.builtins import PRELUDE_NAMES, prelude_function
from evenweave.jq.builtins.formats import FORMATS
from evenweave.jq.calls import Calls
from evenweave.jq.codes import MANY, Code, Definition, Env, Run, Scope
from evenweave.jq.deep import Deep
from evenweave.jq.direct import Direct
from evenweave.jq.errors import JqSyntaxError
from evenweave.jq.machine import drive
from evenweave.jq.scopes import FunctionInfo, Resolver
from evenweave.jq.tracked import Tracked, finish

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from evenweave.jq.syntax import Node


class Compiler:
    """Compiles one expression.

    Attributes:
        resolution: What the names of the tree mean.
        root: The scope of the expression: the budget and its variables.
    """

    def __init__(self, source: str, tree: Node, variables: Sequence[str]) -> None:
        self.source = source
        self.tree = tree
        self.resolver = Resolver(source, variables)
        self.resolution = self.resolver.resolve(tree)
        self.base = Scope(1, {}, {}, {}, {})
        self.root = self.base.bind(variables)
        self.direct = Direct(self)
        self.tracked = Tracked(self)
        self.deep = Deep(self)
        self.calls = Calls(self)
        self.assignments = Assignments(self)
        self._prelude: dict[FunctionInfo, Definition] = {}

    def compile(self) -> Code:
        """The code of the whole expression."""
        return self.direct.compile(self.tree, self.root)

    def compile_paths(self) -> Run:
        """The code of ``path(expression)``: an iterable of paths as lists."""
        return self.paths(self.tree, self.root)

    def paths(self, node: Node, scope: Scope) -> Run:
        """``path(node)``, called with a value."""
        covered = self.tracked.compile(node, scope)
        if covered is not None:
            many = covered.many()
            return lambda value, env: (finish(item, env[0]) for item in many((value, ()), env))
        found = self.deep.compile(node, scope, True)
        return lambda value, env: (finish(item, env[0]) for item in drive(found((value, ()), env), env[0]))

    def driven(self, node: syntax.Call, scope: Scope) -> Code:
        """The code of a call on the machine."""
        run = self.deep.call(node, scope, False)

        def run_many(value: Any, env: Env) -> Iterator[Any]:
            return drive(run(value, env), env[0])

        return Code(MANY, run_many)

    def is_deep(self, node: Node, scope: Scope) -> bool:
        """Whether a node calls something that has to run on the machine."""
        for use in self.resolution.uses[node]:
            if isinstance(use, FunctionInfo):
                if use.recursive:
                    return True
                definition = scope.definitions.get(use)
                if definition is not None and definition.deep:
                    return True
            else:
                argument = scope.arguments.get(use)
                if argument is not None and argument.deep:
                    return True
        return False

    def define(self, function: syntax.Function, scope: Scope) -> Scope:
        """The scope with a function defined."""
        info = self.resolution.functions[function]
        deep = bool(info.recursive) or self.is_deep(function.body, scope)
        return scope.define(Definition(info, scope, deep))

    def definition(self, info: FunctionInfo, scope: Scope) -> Definition:
        """The definition of a function in sight, or of one of the language's own."""
        definition = scope.definitions.get(info) or self._prelude.get(info)
        if definition is None:
            definition = self._prelude[info] = Definition(info, self.base, bool(info.recursive))
        return definition

    def has_definition(self, name: str, arity: int) -> bool:
        """Whether a function of the language has a definition in the language."""
        return (name, arity) in PRELUDE_NAMES

    def prelude(self, name: str, arity: int) -> Definition | None:
        """The definition, in the language, of one of its own functions."""
        if not self.has_definition(name, arity):
            return None
        return self.definition(self.resolver.prelude(prelude_function(name, arity)), self.base)

    def adopt(self, node: Node) -> None:
        """Let a leaf that the compiler made itself take part."""
        self.resolution.uses[node] = frozenset()

    def formatter(self, name: str | None) -> Callable[[Any], str]:
        """What writes a value for a format, or for plain interpolation."""
        return FORMATS["text" if name is None else name]


def check_formats(source: str, tree: Node) -> None:
    """Refuse a format that does not exist.

    Raises:
        JqSyntaxError: there is one.
    """
    stack = [tree]
    while stack:
        node = stack.pop()
        name = node.name if isinstance(node, syntax.Format) else node.format if isinstance(node, syntax.Text) else None
        if name is not None and name not in FORMATS:
            raise JqSyntaxError(f"{name} is not a valid format", source, node.at)
        stack.extend(syntax.children(node))
