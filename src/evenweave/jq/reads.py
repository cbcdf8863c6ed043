"""What an expression reads of its input, told from its syntax alone."""

from __future__ import annotations

from typing import TYPE_CHECKING

from evenweave.jq import syntax
from evenweave.jq.scopes import BuiltinInfo

if TYPE_CHECKING:
    from evenweave.jq.scopes import Resolution
    from evenweave.jq.syntax import Node

_INPUT_FREE = frozenset(("empty", "now", "range", "infinite", "nan"))


class _Everything(Exception):
    pass


def top_level_reads(tree: Node, resolution: Resolution) -> frozenset[tuple[str, ...]] | None:
    """The paths below ``.`` that an expression reads; ``None`` if it may read everything."""
    paths: set[tuple[str, ...]] = set()
    try:
        _collect(tree, paths, resolution)
    except _Everything:
        return None
    return frozenset(path for path in paths if not any(path[:cut] in paths for cut in range(1, len(path))))


def _collect(node: Node, paths: set[tuple[str, ...]], resolution: Resolution) -> None:
    """Add what a node reads of the input of the whole expression, which is also the node's own input."""
    match node:
        case syntax.Index():
            path = field_path(node)
            if path is not None:
                paths.add(path)
                return
            _collect(node.target, paths, resolution)
            _collect(node.key, paths, resolution)
        case syntax.Pipe():
            # The first stage alone reads the input; the others read what it gives, which is below what it read.
            _collect(node.stages[0], paths, resolution)
            for stage in node.stages[1:]:
                _check_stage(stage, resolution)
        case syntax.Identity() | syntax.RecurseAll() | syntax.Format() | syntax.Define() | syntax.Assign():
            raise _Everything
        case syntax.Call():
            target = resolution.targets[node]
            if not isinstance(target, BuiltinInfo) or target.name not in _INPUT_FREE:
                raise _Everything
            for argument in node.arguments:
                _collect(argument, paths, resolution)
        case syntax.If() if node.otherwise is None:
            raise _Everything
        case syntax.Try():
            _collect(node.body, paths, resolution)
            if node.handler is not None:
                _check_stage(node.handler, resolution)
        case syntax.Reduce() | syntax.Foreach():
            if not all(isinstance(pattern, syntax.PatternVariable) for pattern in node.patterns):
                raise _Everything
            _collect(node.source, paths, resolution)
            _collect(node.start, paths, resolution)
        case syntax.Bind():
            if not all(isinstance(pattern, syntax.PatternVariable) for pattern in node.patterns):
                raise _Everything
            _collect(node.source, paths, resolution)
            _collect(node.body, paths, resolution)
        case _:
            for child in syntax.children(node):
                _collect(child, paths, resolution)


def _check_stage(node: Node, resolution: Resolution) -> None:
    """A later stage of a pipe reads only its own input: nothing to collect."""


def field_path(node: Node) -> tuple[str, ...] | None:
    """The names of an expression that is nothing but fields of its input, from the outside in; ``.`` has none."""
    names: list[str] = []
    current: Node = node
    while isinstance(current, syntax.Index):
        if not isinstance(current.key, syntax.Literal) or not isinstance(current.key.value, str):
            return None
        names.append(current.key.value)
        current = current.target
    return tuple(reversed(names)) if isinstance(current, syntax.Identity) else None


_PATH_CALLS = frozenset(
    ("empty", "error", "select", "recurse", "first", "last", "limit", "skip", "nth", "until", "while", "repeat",
     "getpath", "values", "nulls", "booleans", "numbers", "strings", "arrays", "objects", "iterables", "scalars")
)  # fmt: skip


def is_path_expression(tree: Node, resolution: Resolution) -> bool:
    """Whether an expression selects in its input, so that assigning to it makes sense."""
    match tree:
        case syntax.Identity() | syntax.RecurseAll() | syntax.Break():
            return True
        case syntax.Index() | syntax.Slice() | syntax.Iterate():
            return is_path_expression(tree.target, resolution)
        case syntax.Pipe():
            return all(is_path_expression(stage, resolution) for stage in tree.stages)
        case syntax.Comma():
            return all(is_path_expression(item, resolution) for item in tree.items)
        case syntax.If():
            rest = tree.otherwise is None or is_path_expression(tree.otherwise, resolution)
            return rest and is_path_expression(tree.consequence, resolution)
        case syntax.Alternative():
            return is_path_expression(tree.left, resolution) and is_path_expression(tree.right, resolution)
        case syntax.Try():
            return is_path_expression(tree.body, resolution)
        case syntax.Reduce():
            return is_path_expression(tree.start, resolution) and is_path_expression(tree.update, resolution)
        case syntax.Bind() | syntax.Label() | syntax.Define():
            return is_path_expression(tree.body, resolution)
        case syntax.Call():
            target = resolution.targets[tree]
            if isinstance(target, BuiltinInfo):
                return target.name in _PATH_CALLS
            function = getattr(target, "function", None)
            return function is None or function.name in _PATH_CALLS or _is_path_body(function)
        case _:
            return False


def _is_path_body(function: syntax.Function) -> bool:
    return isinstance(
        function.body,
        (syntax.Identity, syntax.RecurseAll, syntax.Index, syntax.Slice, syntax.Iterate, syntax.Pipe, syntax.Comma),
    )
