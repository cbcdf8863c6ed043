"""The expression languages that a definition may be written in."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from evenweave import jq
from evenweave.jq import jsonpath

if TYPE_CHECKING:
    from collections.abc import Sequence

LANGUAGES: Final = ("jq", "jsonpath")


def find_obstacle(language: str) -> tuple[str, str] | None:
    """What keeps expressions of a language from being compiled, and what to do about it; nothing where they can be."""
    if language not in LANGUAGES:
        return f'expressions in "{language}" are not supported', f"write them in {' or '.join(LANGUAGES)}"
    if language == "jsonpath":
        try:
            jsonpath.compile("$")
        except jq.JqSyntaxError:
            raise
        except jq.Error:
            return "JSONPath is not installed here", "install evenweave[jsonpath]"
    return None


def compile_expression(language: str, source: str, variables: Sequence[str] = ()) -> jq.Program:
    """Compile an expression of a language that has no obstacle.

    Raises:
        evenweave.jq.JqSyntaxError: The expression is none.
    """
    compile_source = jsonpath.compile if language == "jsonpath" else jq.compile
    return compile_source(source, variables=variables)
