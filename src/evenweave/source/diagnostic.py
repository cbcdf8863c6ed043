"""What is wrong with a user's document, and where: values that every face can show in its own way."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

import msgspec

if TYPE_CHECKING:
    from collections.abc import Iterable

__all__ = ["Diagnostic", "Severity", "Span", "has_errors", "ordered", "strict", "to_json"]

Severity = Literal["error", "warning", "info"]


class Span(msgspec.Struct, frozen=True, order=True):
    """A stretch of a text. Lines and columns count from 1, columns in code points; the end is exclusive."""

    start_line: int = 1
    start_column: int = 1
    end_line: int = 1
    end_column: int = 1


class Diagnostic(msgspec.Struct, frozen=True):
    """One thing to say about one place of a document.

    ``code`` names the kind of finding for good (``SW104``), ``file`` is the document's name as the user gave it,
    ``message`` says what is off, ``hint`` what to do about it, and ``rule`` cites the clause that is violated; the last
    two may be empty. A document with an ``error`` is not used; ``warning`` and ``info`` let it pass.
    """

    code: str
    file: str
    span: Span
    severity: Severity
    message: str
    hint: str = ""
    rule: str = ""


def has_errors(diagnostics: Iterable[Diagnostic]) -> bool:
    """Say whether one of ``diagnostics`` is an error."""
    return any(diagnostic.severity == "error" for diagnostic in diagnostics)


def strict(diagnostics: Iterable[Diagnostic]) -> list[Diagnostic]:
    """Return ``diagnostics`` with every warning turned into an error; information stays information."""
    return [
        msgspec.structs.replace(diagnostic, severity="error") if diagnostic.severity == "warning" else diagnostic
        for diagnostic in diagnostics
    ]


def ordered(diagnostics: Iterable[Diagnostic]) -> list[Diagnostic]:
    """Return ``diagnostics`` in the order of their places: by file, then from the top of the text to its end."""
    return sorted(diagnostics, key=lambda diagnostic: (diagnostic.file, diagnostic.span, diagnostic.code))


def to_json(diagnostic: Diagnostic) -> dict[str, Any]:
    """Return ``diagnostic`` as the plain value that the command line and the HTTP faces answer with."""
    return {
        "file": diagnostic.file,
        "line": diagnostic.span.start_line,
        "column": diagnostic.span.start_column,
        "code": diagnostic.code,
        "severity": diagnostic.severity,
        "message": diagnostic.message,
        "hint": diagnostic.hint,
    }
