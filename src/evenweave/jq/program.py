"""A compiled expression, and what callers may ask of it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from evenweave.jq.codes import ABSENT, MANY, ONE, Break
from evenweave.jq.compiler import Compiler, check_formats
from evenweave.jq.errors import JqError, JqLimitError
from evenweave.jq.limits import Budget, out_of_fuel
from evenweave.jq.outputs import make_finisher
from evenweave.jq.parser import parse
from evenweave.jq.reads import field_path, is_path_expression, top_level_reads

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from evenweave.jq.codes import Code, Env, Run


@dataclass(frozen=True, slots=True)
class Parts:
    """What a compiler of an expression language hands to :class:`Program`.

    Attributes:
        code: The code of the expression.
        make_paths: Compiles the expression to a function that gives the paths it selects.
        reads: See :class:`Program`.
        is_path: See :class:`Program`.
        finish: What every output has to go through.
        loops: Whether an evaluation can take more steps than the expression has parts, so that it needs a budget.
        fields: See :class:`Program`.
    """

    code: Code
    make_paths: Callable[[], Run]
    reads: frozenset[tuple[str, ...]] | None
    is_path: bool
    finish: Callable[[Any, Budget], Any] | None = None
    loops: bool = True
    fields: tuple[str, ...] | None = None


def compile_parts(source: str, variables: Sequence[str]) -> Parts:
    """Compile a jq expression.

    Raises:
        JqSyntaxError: the expression is none, or names what does not exist or is not supported.
    """
    tree = parse(source)
    check_formats(source, tree)
    compiler = Compiler(source, tree, variables)
    resolution = compiler.resolution
    return Parts(
        compiler.compile(),
        compiler.compile_paths,
        reads=top_level_reads(tree, resolution),
        is_path=is_path_expression(tree, resolution),
        finish=make_finisher(tree, resolution),
        loops=resolution.loops,
        fields=field_path(tree),
    )


class Program:
    """A compiled expression. It holds no state between calls, so one program may serve many threads.

    Every method takes the input, then optionally a :class:`Budget` (both by position, so that they collide with no
    variable), then a keyword argument for each variable the program was compiled with.

    Neither the input nor the variables are ever changed; outputs share parts with them, so a caller must treat both as
    immutable.

    Attributes:
        source: The expression as it was written.
        variables: The names of the variables, without the ``$``.
        reads: The paths below ``.`` that the program reads, each as a tuple of field names, none the beginning of
            another; ``None`` if it may read all of its input. What is not below one of them has no influence on the
            outputs.
        is_path: Whether the program is a path expression, so that :meth:`paths` can work on it.
        single: Whether it has at most one output, so that :meth:`first` is all there is.
        fields: The names of a program that is nothing but fields of its input, such as ``.order.id``; else ``None``.
    """

    __slots__ = (
        "_env", "_finish", "_make_paths", "_many", "_paths", "_quick", "_run",
        "fields", "is_path", "reads", "single", "source", "variables",
    )  # fmt: skip

    def __init__(self, source: str, variables: Sequence[str], parts: Parts) -> None:
        self.source = source
        self.variables = tuple(variables)
        self.reads = parts.reads
        self.is_path = parts.is_path
        self.fields = parts.fields
        self._make_paths = parts.make_paths
        self._paths: Run | None = None
        self._finish = parts.finish
        code = parts.code
        self._run = code.run
        self._many = code.many()
        self.single = code.shape is not MANY
        # A program without loops, variables and literals beyond a double needs no budget of its own.
        quick = code.shape is ONE and not self.variables and not parts.loops and parts.finish is None
        self._env: Env = (Budget(),)
        self._quick = code.run if quick else None

    def __repr__(self) -> str:
        return f"Program({self.source!r})"

    def first(self, value: Any, budget: Budget | None = None, /, **variables: Any) -> Any:
        """The first output, or ``None`` if there is none. Where the difference matters, use :meth:`iter`.

        Raises:
            JqError: the evaluation ended in an error before its first output.
            JqLimitError: it used up its fuel or passed a cap.
        """
        if self._quick is not None and not variables:
            try:
                return self._quick(value, self._env)
            except RecursionError:
                raise _too_nested() from None
        if not self.single:
            for output in self.iter(value, budget, **variables):
                return output
            return None
        env = self._bind(budget, variables)
        try:
            output = self._run(value, env)
        except RecursionError:
            raise _too_nested() from None
        if output is ABSENT:
            return None
        return output if self._finish is None else self._finish(output, env[0])

    def all(self, value: Any, budget: Budget | None = None, /, **variables: Any) -> list[Any]:
        """All outputs.

        Raises:
            JqError: the evaluation ended in an error.
            JqLimitError: it used up its fuel or passed a cap.
        """
        return list(self.iter(value, budget, **variables))

    def iter(self, value: Any, budget: Budget | None = None, /, **variables: Any) -> Iterator[Any]:
        """The outputs one by one; those before an error come before the error is raised.

        Raises:
            JqError: the evaluation ended in an error.
            JqLimitError: it used up its fuel or passed a cap.
        """
        env = self._bind(budget, variables)
        return self._outputs(self._many, value, env, self._finish)

    def paths(self, value: Any, budget: Budget | None = None, /, **variables: Any) -> list[list[Any]]:
        """The paths that the program selects in the input, as ``path`` gives them.

        Raises:
            JqError: the evaluation ended in an error, such as that the program is no path expression.
            JqLimitError: it used up its fuel or passed a cap.
        """
        if self._paths is None:
            self._paths = self._make_paths()
        return list(self._outputs(self._paths, value, self._bind(budget, variables), None))

    def _bind(self, budget: Budget | None, variables: dict[str, Any]) -> Env:
        if len(variables) != len(self.variables):
            self._refuse(variables)
        budget = Budget() if budget is None else budget
        try:
            return (budget, *[variables[name] for name in self.variables])
        except KeyError:
            self._refuse(variables)
            raise

    def _refuse(self, variables: dict[str, Any]) -> None:
        missing = [name for name in self.variables if name not in variables]
        unknown = [name for name in variables if name not in self.variables]
        raise TypeError(f"variables missing: {missing}, unknown: {unknown}")

    @staticmethod
    def _outputs(
        run: Callable[[Any, Env], Any], value: Any, env: Env, finish: Callable[[Any, Budget], Any] | None
    ) -> Iterator[Any]:
        budget = env[0]
        try:
            for output in run(value, env):
                budget.left -= 1
                if budget.left < 0:
                    raise out_of_fuel()
                yield output if finish is None else finish(output, budget)
        except Break:
            raise JqError("break") from None
        except RecursionError:
            raise _too_nested() from None


def _too_nested() -> JqLimitError:
    return JqLimitError("The expression or a value is nested too deeply")
