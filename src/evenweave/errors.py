"""The tree of errors of everything above floor 0.

::

    EvenweaveError                  something Evenweave cannot do, with a message and a hint
    ├── InvalidDocument             a document with errors was to be used; carries its diagnostics
    └── UnknownOperation            no document of the Catalog has the operation referred to
        └── UnknownDocument         no document of the Catalog has the name, title or id referred to

A room that needs an error of its own roots it here, in its own module: under the entry that says how a face has to
answer (an unknown thing is a 404, an invalid document a 422), else under :class:`EvenweaveError`. ``evenweave.jq`` and
``evenweave.cloudevents`` stand apart and root their own trees.

A mistake in a user's document is not an exception but a :class:`evenweave.source.Diagnostic`, so that all of them can
be shown at once; :class:`InvalidDocument` is raised only when somebody goes on to use such a document all the same.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

    from evenweave.source.diagnostic import Diagnostic

__all__ = ["EvenweaveError", "InvalidDocument", "UnknownDocument", "UnknownOperation"]


class EvenweaveError(Exception):
    """Something that Evenweave cannot do.

    ``message`` says what and is a sentence without a full stop; ``hint`` says what the user can do about it, or is
    empty. ``str(error)`` is both, on one line.
    """

    message: str
    hint: str

    def __init__(self, message: str, hint: str = "") -> None:
        super().__init__(message, hint)
        self.message = message
        self.hint = hint

    def __str__(self) -> str:
        return f"{self.message}: {self.hint}" if self.hint else self.message


class InvalidDocument(EvenweaveError):
    """A document that has errors was to be used; ``diagnostics`` holds all that is known of it, warnings included."""

    diagnostics: tuple[Diagnostic, ...]

    def __init__(self, message: str, diagnostics: Iterable[Diagnostic], hint: str = "") -> None:
        super().__init__(message, hint)
        self.diagnostics = tuple(diagnostics)


class UnknownOperation(EvenweaveError):
    """A reference to an operation finds none; ``ref`` is the reference as the user wrote it."""

    ref: str

    def __init__(self, message: str, ref: str, hint: str = "") -> None:
        super().__init__(message, hint)
        self.ref = ref


class UnknownDocument(UnknownOperation):
    """A reference to an operation finds not even its document, by file name, title or id."""
