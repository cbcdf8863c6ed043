"""What the parts of the way of compiling for the machine know of one another."""

from __future__ import annotations

from abc import abstractmethod
from typing import TYPE_CHECKING, Any, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from evenweave.jq.codes import Env, Scope
    from evenweave.jq.compiler import Compiler
    from evenweave.jq.syntax import Node

DeepRun: TypeAlias = "Callable[[Any, Env], Any]"


class DeepNodes:
    """Compiles nodes of every kind: :class:`~evenweave.jq.deep.Deep`, as its parts see it."""

    compiler: Compiler

    @abstractmethod
    def compile(self, node: Node, scope: Scope, tracked: bool) -> DeepRun:
        """The deep code of a node."""

    @abstractmethod
    def plain(self, node: Node, scope: Scope) -> DeepRun:
        """The deep code of a node whose outputs are values, called with a value."""

    @abstractmethod
    def single(self, node: Node, scope: Scope) -> Callable[[Any, Env], Any] | None:
        """The direct code of a node with exactly one output, if it has such."""

    @abstractmethod
    def product(
        self,
        operands: Sequence[tuple[Node, Scope]],
        target: DeepRun | None,
        tracked: bool,
        function: Callable[[list[Any], Any], Any],
        *,
        optional: bool = False,
    ) -> DeepRun:
        """The deep code that calls a function for every combination of operands."""
