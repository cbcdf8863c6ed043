"""JSON pointers (RFC 6901): the references by which errors, history and diagnostics name a place in a document."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

__all__ = ["escape", "join", "split", "unescape"]


def escape(token: str | int) -> str:
    """Return ``token`` for between two slashes: ``~`` becomes ``~0``, ``/`` becomes ``~1`` (RFC 6901, 3)."""
    return str(token).replace("~", "~0").replace("/", "~1")


def unescape(token: str) -> str:
    """Undo :func:`escape`. A ``~`` that escapes nothing stays as it is."""
    return token.replace("~1", "/").replace("~0", "~")


def join(base: str, *tokens: str | int) -> str:
    """Return ``base`` prolonged by ``tokens``, escaped: ``join("/states", 0, "a/b")`` is ``/states/0/a~1b``."""
    return base + "".join([f"/{escape(token)}" for token in tokens])


def split(pointer: str) -> list[str]:
    """Return the tokens of ``pointer``, unescaped; those of the empty pointer, the whole document, are none.

    Raises:
        ValueError: ``pointer`` is neither empty nor begins with a slash.
    """
    if not pointer:
        return []
    if not pointer.startswith("/"):
        raise ValueError(f"a JSON pointer begins with '/': {pointer!r}")
    tokens: Iterable[str] = pointer[1:].split("/")
    return [unescape(token) if "~" in token else token for token in tokens]
