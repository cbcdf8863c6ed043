"""What happens to an output before the caller gets it: plain numbers only, and no deeper than the cap."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from evenweave.jq import syntax
from evenweave.jq.errors import JqLimitError
from evenweave.jq.scopes import BuiltinInfo
from evenweave.jq.text import Exact
from evenweave.jq.values import tidy

if TYPE_CHECKING:
    from collections.abc import Callable

    from evenweave.jq.limits import Budget
    from evenweave.jq.scopes import Resolution
    from evenweave.jq.syntax import Node

_NESTING_CALLS: Final = frozenset(
    ("until", "while", "repeat", "recurse", "walk", "fromjson", "setpath", "last", "add", "tonumber", "pick")
)
"""The builtins through which a value may come to nest deeper than its input, or to hold an exact number."""


def make_finisher(tree: Node, resolution: Resolution) -> Callable[[Any, Budget], Any] | None:
    """What every output of a program has to go through; ``None`` where nothing can be wrong with one."""
    if not _may_nest_or_be_exact(tree, resolution):
        return None
    return finish


def _may_nest_or_be_exact(tree: Node, resolution: Resolution) -> bool:
    stack = [tree]
    while stack:
        node = stack.pop()
        if isinstance(node, syntax.Literal) and type(node.value) is Exact:
            return True
        if isinstance(node, (syntax.Reduce, syntax.Foreach, syntax.Define, syntax.Assign)):
            return True
        if isinstance(node, syntax.Call):
            target = resolution.targets.get(node)
            if not isinstance(target, BuiltinInfo) or target.name in _NESTING_CALLS:
                return True
        stack.extend(syntax.children(node))
    return False


def finish(output: Any, budget: Budget) -> Any:
    """The output with every :class:`~evenweave.jq.text.Exact` made a plain number.

    Raises:
        JqLimitError: it is nested deeper than the cap.
    """
    kind = type(output)
    if kind is Exact:
        return tidy(float(output))
    if kind is not list and kind is not dict:
        return output
    cap = budget.limits.depth
    exact = False
    level: list[Any] = [output]
    depth = 0
    while level:
        depth += 1
        if depth > cap:
            raise JqLimitError(f"The output is nested too deeply: more than {cap} levels")
        following: list[Any] = []
        for container in level:
            for element in container if type(container) is list else container.values():
                kind = type(element)
                if kind is list or kind is dict:
                    following.append(element)
                elif kind is Exact:
                    exact = True
        budget.charge(len(following) >> 2)
        level = following
    return _plain(output) if exact else output


def _plain(value: Any) -> Any:
    kind = type(value)
    if kind is list:
        return [_plain(element) for element in value]
    if kind is dict:
        return {key: _plain(element) for key, element in value.items()}
    return tidy(float(value)) if kind is Exact else value
