"""How wide text is, before anything draws it.

Nobody knows which font will draw an SVG, so each character counts as wide as in DejaVu Sans, the widest of the common
ones; in all others the text is a little narrower than the room that is left for it.
"""

from __future__ import annotations

from typing import Final
from unicodedata import combining, east_asian_width

_WIDTHS: Final = {
    character: width
    for width, characters in (
        (0.35, " '.,:;/|\\ijlIJ"),
        (0.45, "()-[]!ftr"),
        (0.55, '"*_`?cszt'),
        (0.65, "{}0123456789$FLEPSTYabdeghknopquvxy"),
        (0.75, "ABCKRVXZNU"),
        (0.85, "&DGHOQ#+<=>^w~M"),
        (1.0, "%@Wm"),
    )
    for character in characters
}
_OTHER: Final = 0.95
_WIDE: Final = 1.1
BOLD: Final = 1.1
"""How much wider bold text is."""

MORE: Final = "…"


def width(text: str, size: float, *, bold: bool = False) -> float:
    """How wide text is at a font size, in the unit of that."""
    em = sum(_em(character) for character in text)
    return em * size * (BOLD if bold else 1.0)


def _em(character: str) -> float:
    known = _WIDTHS.get(character)
    if known is not None:
        return known
    if combining(character):
        return 0.0
    if east_asian_width(character) in {"W", "F"} or (not character.isascii() and character.isupper()):
        return _WIDE
    return _OTHER


def clip(text: str, longest: int) -> str:
    """Text of at most so many characters; what is cut off is marked."""
    return text if len(text) <= longest else text[: longest - 1].rstrip() + MORE


def fit(text: str, size: float, room: float) -> str:
    """As much of the text as there is room for; what is cut off is marked."""
    if width(text, size) <= room:
        return text
    room -= width(MORE, size)
    used, end = 0.0, 0
    for character in text:
        used += _em(character) * size
        if used > room:
            break
        end += 1
    return text[:end].rstrip() + MORE


def wrap(text: str, size: float, room: float, lines: int, *, bold: bool = False) -> list[str]:
    """Text in lines that fit, broken between words where that is possible; what is left over is cut and marked."""
    scale = BOLD if bold else 1.0
    done: list[str] = []
    line = ""
    for word in _words(text, size * scale, room):
        longer = f"{line} {word}" if line else word
        if not line or width(longer, size * scale) <= room:
            line = longer
        else:
            done.append(line)
            line = word
    done.append(line)
    if len(done) > lines:
        rest = " ".join(done[lines - 1 :])
        done = [*done[: lines - 1], fit(rest, size * scale, room)]
    return done


def _words(text: str, size: float, room: float) -> list[str]:
    """The words of a text; one that is wider than the room is broken into pieces."""
    words: list[str] = []
    for word in text.split():
        piece = ""
        for character in word:
            if piece and width(piece + character, size) > room:
                words.append(piece)
                piece = ""
            piece += character
        words.append(piece)
    return words or [""]
