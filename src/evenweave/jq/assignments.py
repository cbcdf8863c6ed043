"""Compiles ``=``, ``|=``, ``+=`` and the others: paths of the left side, values of the right side."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from evenweave.jq.arithmetic import ARITHMETIC
from evenweave.jq.codes import ABSENT, MANY, ONE, Code, Env, Run, Scope
from evenweave.jq.limits import out_of_fuel
from evenweave.jq.machine import END, Frame, Steps
from evenweave.jq.paths import Editor, delete_paths, set_path
from evenweave.jq.tracked import finish

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from evenweave.jq import syntax
    from evenweave.jq.compiler import Compiler


class Assignments:
    """Compiles assignments."""

    def __init__(self, compiler: Compiler) -> None:
        self.compiler = compiler

    def compile(self, node: syntax.Assign, scope: Scope) -> Code:
        """The code of an assignment whose left side may be any path expression."""
        right = self.compiler.direct.compile(node.right, scope)
        if node.operator == "|":
            paths = self.compiler.paths(node.left, scope)
            return Code(ONE, lambda value, env: modify(value, paths(value, env), _first(right), env))
        left = self.compiler.tracked.compile(node.left, scope)
        if left is not None and left.shape is ONE and right.shape is ONE and node.operator == "":
            item_of, value_of = left.run, right.run

            def run(value: Any, env: Env) -> Any:
                new = value_of(value, env)
                return set_path(value, finish(item_of((value, ()), env), env[0]), new, env[0])

            return Code(ONE, run)
        paths = self.compiler.paths(node.left, scope)
        change = change_of(node.operator)
        if right.shape is ONE:
            value_of = right.run
            return Code(ONE, lambda value, env: _change(value, value_of(value, env), paths, change, env))
        values = right.many()

        def run_many(value: Any, env: Env) -> Iterator[Any]:
            for new in values(value, env):
                yield _change(value, new, paths, change, env)

        return Code(MANY, run_many)

    def compile_deep(self, node: syntax.Assign, scope: Scope) -> Callable[[Any, Env], Any]:
        """The same for the machine."""
        paths = self.compiler.deep.compile(node.left, scope, True)
        right = self.compiler.deep.compile(node.right, scope, False)
        if node.operator == "|":
            return lambda value, env: _modify_deep(value, env, paths, right)
        change = change_of(node.operator)

        def run(value: Any, env: Env) -> Steps:
            values = Frame(right(value, env))
            while (new := (yield values)) is not END:
                editor = Editor(value, env[0])
                found = Frame(paths((value, ()), env))
                while (item := (yield found)) is not END:
                    path = finish(item, env[0])
                    editor.set(path, new if change is None else change(editor.get(path), new))
                yield editor.root

        return run


def change_of(operator: str) -> Callable[[Any, Any], Any] | None:
    """From the old value and the right side to the new value; ``None`` where the right side is the new value."""
    if operator == "":
        return None
    if operator == "//":
        return lambda old, new: new if old is None or old is False else old
    return ARITHMETIC[operator]


def _change(value: Any, new: Any, paths: Run, change: Callable[[Any, Any], Any] | None, env: Env) -> Any:
    budget = env[0]
    editor = Editor(value, env[0])
    for path in paths(value, env):
        editor.set(path, new if change is None else change(editor.get(path), new))
        budget.left -= 2 + len(path)
        if budget.left < 0:
            raise out_of_fuel()
    return editor.root


def _first(code: Code) -> Run:
    """The first output, or ``ABSENT``."""
    if code.shape is not MANY:
        return code.run
    run = code.run

    def run_first(value: Any, env: Env) -> Any:
        for output in run(value, env):
            return output
        return ABSENT

    return run_first


def modify(value: Any, paths: Iterable[list[Any]], update: Run, env: Env) -> Any:
    """``paths |= update``: the first output replaces what is at a path; without one the path is deleted."""
    budget = env[0]
    editor = Editor(value, env[0])
    deleted: list[list[Any]] = []
    for path in paths:
        output = update(editor.get(path), env)
        if output is ABSENT:
            deleted.append(path)
        else:
            editor.set(path, output)
        budget.left -= 2 + len(path)
        if budget.left < 0:
            raise out_of_fuel()
    return delete_paths(editor.root, deleted, env[0]) if deleted else editor.root


def _modify_deep(value: Any, env: Env, paths: Callable[[Any, Env], Any], update: Callable[[Any, Env], Any]) -> Steps:
    editor = Editor(value, env[0])
    deleted: list[list[Any]] = []
    found = Frame(paths((value, ()), env))
    while (item := (yield found)) is not END:
        path = finish(item, env[0])
        output = yield Frame(update(editor.get(path), env))
        if output is END:
            deleted.append(path)
        else:
            editor.set(path, output)
    yield delete_paths(editor.root, deleted, env[0]) if deleted else editor.root
