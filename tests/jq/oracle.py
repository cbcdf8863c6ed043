"""The libjq binding as the oracle of the tests.

It cannot be stopped: only programs without loops of their own run here.
"""

from __future__ import annotations

import json
import math
from typing import Any

import jq as libjq
from evenweave import jq

UNDECIDED = "undecided"
"""The error of a case that says nothing."""

NO_PATH = "Invalid path expression"


def plain(value: Any) -> Any:
    """A value in a form that tells ``1`` from ``true`` and compares NaN equal: numbers and booleans as text."""
    if isinstance(value, bool) or value is None:
        return json.dumps(value)
    if isinstance(value, (int, float)):
        if math.isnan(value):
            return "null"
        number = float(min(max(value, -1.7976931348623157e308), 1.7976931348623157e308))
        return f"{number + 0.0:.15g}"
    if isinstance(value, list):
        return [plain(element) for element in value]
    if isinstance(value, dict):
        return {key: plain(element) for key, element in value.items()}
    # How such a message goes on depends on how a builtin is written.
    return NO_PATH if NO_PATH in value else "s" + value


def message(error: str) -> Any:
    """An error in a form that compares equal where only its presentation differs."""
    if "compile error" in error:
        # jq computes constant keys when it compiles, Evenweave when it evaluates.
        return UNDECIDED if "as object key" in error else "does not compile"
    if error.startswith("Invalid path expression"):
        # Which builtins are paths up to which point depends on how each is written.
        return NO_PATH
    try:
        # An error that is no string is shown as JSON.
        return plain(json.loads(error))
    except ValueError:
        return error


def answer_of_libjq(program: str, value: Any) -> tuple[list[Any], Any]:
    """The outputs of libjq, and its error if it ended in one."""
    outputs: list[Any] = []
    try:
        outputs.extend(plain(output) for output in libjq.compile(program).input_text(json.dumps(value)))
    except ValueError as error:
        return outputs, message(str(error))
    return outputs, None


def answer_of_evenweave(program: str, value: Any) -> tuple[list[Any], Any]:
    """The outputs of Evenweave's compiler, and its error if it ended in one."""
    outputs: list[Any] = []
    try:
        for output in jq.compile(program).iter(value):
            outputs.append(plain(output))  # noqa: PERF401 - those before an error count
    except jq.JqSyntaxError:
        return outputs, "does not compile"
    except jq.JqLimitError:
        return outputs, UNDECIDED
    except jq.JqError as error:
        return outputs, message(error.value if isinstance(error.value, str) else json.dumps(error.value))
    return outputs, None
