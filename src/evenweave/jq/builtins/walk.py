"""``walk(f)``, without recursion."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from evenweave.jq.codes import ABSENT, MANY, Code, Env, Run, Scope
from evenweave.jq.limits import out_of_fuel

if TYPE_CHECKING:
    from collections.abc import Iterator

    from evenweave.jq.compiler import Compiler
    from evenweave.jq.limits import Budget
    from evenweave.jq.syntax import Call


def walk(compiler: Compiler, node: Call, scope: Scope) -> Code | None:
    """The code of a call to ``walk``, unless its filter may have many outputs."""
    code = compiler.direct.compile(node.arguments[0], scope)
    if code.shape is MANY:
        return None
    return Code(code.shape, _Walk(code.run))


class _Walk:
    """``walk(f)`` for an ``f`` with at most one output, on a stack of its own."""

    __slots__ = ("run",)

    def __init__(self, run: Run) -> None:
        self.run = run

    def __call__(self, value: Any, env: Env) -> Any:
        budget: Budget = env[0]
        # Open containers: what is read, what is made, and the key of the element that is being made.
        stack: list[tuple[Iterator[tuple[Any, Any]], Any, Any]] = [(iter(((None, value),)), [], None)]
        while True:
            pairs, made, _ = stack[-1]
            for key, element in pairs:
                budget.left -= 1
                if budget.left < 0:
                    raise out_of_fuel()
                kind = type(element)
                if kind is list:
                    stack.append((((None, inner) for inner in element), [], key))
                    break
                if kind is dict:
                    stack.append((iter(element.items()), {}, key))
                    break
                self._put(made, key, self.run(element, env))
            else:
                if len(stack) == 1:
                    return made[0] if made else ABSENT
                _, finished, key = stack.pop()
                self._put(stack[-1][1], key, self.run(finished, env))

    @staticmethod
    def _put(made: Any, key: Any, output: Any) -> None:
        if output is ABSENT:
            return
        if type(made) is list:
            made.append(output)
        else:
            made[key] = output
