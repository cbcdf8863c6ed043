"""The functions of the language itself.

Three kinds: *functions* of values (:data:`FUNCTIONS`), *natives* that take filters and compile to closures of their
own (:data:`NATIVES`), and *definitions* in the language (:data:`PRELUDE_NAMES`). A native that takes filters has a
definition too, for where it has to run on the machine or as a path expression.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from evenweave.jq.builtins import arrays, dates, numbers, objects, regex, searching, strings
from evenweave.jq.builtins.filters import NATIVES
from evenweave.jq.builtins.function import Function
from evenweave.jq.builtins.prelude import PRELUDE_NAMES, prelude_function

if TYPE_CHECKING:
    from collections.abc import Mapping

_OUTSIDE: Final = "an expression reads nothing but its input and its variables"
_EFFECT: Final = "an expression has no effects"

REFUSED: Final[Mapping[str, str]] = {
    "env": _OUTSIDE, "input": _OUTSIDE, "inputs": _OUTSIDE, "input_filename": _OUTSIDE, "input_line_number": _OUTSIDE,
    "get_search_list": _OUTSIDE, "get_jq_origin": _OUTSIDE, "get_prog_origin": _OUTSIDE, "modulemeta": _OUTSIDE,
    "halt": _EFFECT, "halt_error": _EFFECT, "debug": _EFFECT, "stderr": _EFFECT,
}  # fmt: skip
"""What jq has and this does not, and why."""

_SUBJECTS: Final[dict[tuple[str, int], Function]] = {
    **arrays.FUNCTIONS,
    **searching.FUNCTIONS,
    **objects.FUNCTIONS,
    **numbers.FUNCTIONS,
    **strings.FUNCTIONS,
    **regex.FUNCTIONS,
    **dates.FUNCTIONS,
}


def _names(_value: Any) -> list[str]:
    keys = {*_SUBJECTS, *NATIVES, *PRELUDE_NAMES, ("builtins", 0)}
    return sorted(f"{name}/{arity}" for name, arity in keys if not name.startswith("_"))


FUNCTIONS: Final[Mapping[tuple[str, int], Function]] = {**_SUBJECTS, ("builtins", 0): Function(_names)}

__all__ = ["FUNCTIONS", "NATIVES", "PRELUDE_NAMES", "REFUSED", "Function", "prelude_function"]
