"""Mistakes in the syntax of YAML, in the words of somebody who has to mend the file."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from evenweave.source.place import Problem

if TYPE_CHECKING:
    from yaml.error import MarkedYAMLError

# libyaml's words for a mistake, and what its maker can do about it. The first that the message contains answers.
_HINTS: Final = (
    ("mapping values are not allowed", "quote a text that contains ': ', or check the indentation"),
    ("could not find expected ':'", "each line of a mapping is `key: value`; check the indentation"),
    ("did not find expected key", "check the indentation and the quotes of this line and the one above"),
    ("did not find expected '-' indicator", "check the indentation: the items of a list line up"),
    ("did not find expected ',' or", "a bracket or a comma is missing, or a text needs quotes"),
    ("cannot start any token", "a text that begins with this character needs quotes"),
    ("unexpected end of stream", "the closing quote is missing"),
    ("unknown escape character", "a backslash in double quotes is written \\\\; single quotes take it as it is"),
    ("undefined tag handle", "a text that begins with '!' needs quotes"),
    ("block sequence entries are not allowed", "put the list on lines of its own"),
    ("did not find expected <document start>", "a document ends where its indentation ends; check this line's"),
)


def explain(text: str, error: MarkedYAMLError) -> Problem:
    """Put libyaml's complaint into the words of somebody who has to mend the file."""
    problem = str(error.problem or "this is no YAML")
    mark = error.problem_mark or error.context_mark
    at = min(mark.index if mark else 0, len(text))
    if "unexpected end of stream" in problem and error.context_mark:
        at = error.context_mark.index
        problem = "this quoted text never ends"
        return Problem("FI101", at, at + 1, problem, "the closing quote is missing")
    if "tab character" in problem or ("cannot start any token" in problem and text[at : at + 1] == "\t"):
        return Problem("FI102", at, at + 1, "a tab cannot indent YAML", "use spaces")
    line_start = max(text.rfind("\n", 0, at), text.rfind("\r", 0, at)) + 1
    if "\t" in text[line_start:at] and not text[line_start:at].strip():
        return Problem(
            "FI102", line_start + text[line_start:at].index("\t"), at, "a tab cannot indent YAML", "use spaces"
        )
    if "cannot start any token" in problem:
        problem = f"a value cannot begin with {text[at : at + 1]!r}"
        return Problem("FI101", at, at + 1, problem, "quote the text")
    hint = next((hint for words, hint in _HINTS if words in problem), "")
    context = f" {error.context}" if error.context else ""
    end = at + 1 if at < len(text) and text[at] not in "\r\n" else at
    return Problem("FI101", at, end, f"this is not YAML: {problem}{context}", hint)
