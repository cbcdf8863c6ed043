"""How large a document may be (DESIGN, section 7): bounds that no document of a person reaches and every bomb does."""

from __future__ import annotations

from typing import Final

from evenweave.source.place import Problem

__all__ = ["MAX_ALIASED", "MAX_BYTES", "MAX_DEPTH", "MAX_PROBLEMS", "TooManyProblems", "too_deep"]

#: Bytes of a document.
MAX_BYTES: Final = 4 * 1024 * 1024
#: Collections within one another, aliases expanded.
MAX_DEPTH: Final = 64
#: Values that aliases repeat, all together; a long text counts as one for every 40 characters.
MAX_ALIASED: Final = 100_000
#: Problems of one document that are noted before its reading ends.
MAX_PROBLEMS: Final = 100


class TooManyProblems(Exception):
    """A document has so many problems that more of them help nobody."""


def too_deep(at: int) -> Problem:
    """Return the problem of a collection that begins at offset ``at`` below the deepest level allowed."""
    return Problem("FI105", at, at + 1, f"more than {MAX_DEPTH} levels within one another", "flatten the document")
