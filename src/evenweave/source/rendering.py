"""Draws diagnostics for a terminal: the place, the line of the text, and a caret below what is meant."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final
from unicodedata import category, combining, east_asian_width

from evenweave.source.place import Lines

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from evenweave.source.diagnostic import Diagnostic

__all__ = ["render"]

_WIDTH: Final = 160  # characters of a line that are shown at most
_BEFORE: Final = 60  # of these, before the place
_REPLACEMENT: Final = "\ufffd"


def render(diagnostics: Iterable[Diagnostic], texts: Mapping[str, str]) -> str:
    """Return ``diagnostics`` as lines of text, in their order; ``texts`` maps the name of each file to its text.

    The first line of each is ``file:line:column: severity[code] message``. Where ``texts`` has the file, the line that
    is meant follows, with carets and the hint below it; a span of several lines is drawn on its first. What could move
    the cursor of a terminal is replaced, so that a document cannot paint over its own diagnostics.
    """
    lines: dict[str, list[str]] = {}
    drawn: list[str] = []
    for diagnostic in diagnostics:
        file = diagnostic.file
        if file in texts and file not in lines:
            # By the same rule that counted the lines of the spans: str.splitlines breaks at more.
            lines[file] = Lines(texts[file]).split(texts[file])
        drawn.extend(_draw(diagnostic, lines.get(file, [])))
    return "\n".join(drawn) + "\n" if drawn else ""


def _draw(diagnostic: Diagnostic, lines: list[str]) -> list[str]:
    span = diagnostic.span
    place = f"{diagnostic.file}:{span.start_line}:{span.start_column}"
    head = _visible(f"{place}: {diagnostic.severity}[{diagnostic.code}] {diagnostic.message}")
    hint = _visible(diagnostic.hint)
    if span.start_line > len(lines) or not lines[span.start_line - 1].strip():
        return [head, f"{'':>5}   {hint}"] if hint else [head]
    line = lines[span.start_line - 1]
    start = min(span.start_column - 1, len(line))
    end = span.end_column - 1 if span.end_line == span.start_line else len(line.rstrip())
    line, start, end = _window(line, start, max(min(end, len(line)), start))
    pad = "".join(["\t" if character == "\t" else " " * _columns(character) for character in line[:start]])
    carets = "^" * max(sum(_columns(character) for character in line[start:end]), 1)
    below = f"{pad}{carets} {hint}" if hint else f"{pad}{carets}"
    return [head, f"{span.start_line:>5} | {_visible(line)}", f"{'':>5} | {below}"]


def _window(line: str, start: int, end: int) -> tuple[str, int, int]:
    """Cut what is far from the place out of a long line."""
    if len(line) <= _WIDTH:
        return line, start, end
    first = max(start - _BEFORE, 0)
    last = min(first + _WIDTH, len(line))
    cut = f"{'...' if first else ''}{line[first:last]}{'...' if last < len(line) else ''}"
    moved = first - (3 if first else 0)
    return cut, start - moved, min(end, last) - moved


def _columns(character: str) -> int:
    """Return how many columns of a terminal ``character`` takes."""
    if combining(character) or category(character) in {"Mn", "Me"}:
        return 0
    return 2 if east_asian_width(character) in {"W", "F"} else 1


def _visible(text: str) -> str:
    """Replace control characters and those that turn the direction of writing; a tab stays."""
    return "".join(
        [
            character
            if character == "\t" or category(character) not in {"Cc", "Cf", "Zl", "Zp", "Cs"}
            else _REPLACEMENT
            for character in text
        ]
    )
