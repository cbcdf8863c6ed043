"""Which characters of a text a scalar's value is made of, so that a caret can point inside it."""

from __future__ import annotations

from re import compile as pattern
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

    from evenweave.source.place import Place

__all__ = ["align"]

_BREAK = pattern(r"\r\n|\r|\n|\x85|\u2028|\u2029")
_ESCAPES = {
    "0": "\0", "a": "\a", "b": "\b", "t": "\t", "\t": "\t", "n": "\n", "v": "\v", "f": "\f", "r": "\r", "e": "\x1b",
    " ": " ", '"': '"', "/": "/", "\\": "\\", "N": "\x85", "_": "\xa0", "L": "\u2028", "P": "\u2029",
}  # fmt: skip
_WIDTH = {"x": 2, "u": 4, "U": 8}
_HEADER = pattern(r"[|>]([-+0-9]*)[ \t]*(?:#[^\r\n]*)?(?:\r\n|\r|\n)")


def align(text: str, place: Place, value: str) -> list[tuple[int, int]] | None:
    """Return the stretch of ``text`` behind each character of ``value``, or None where that cannot be told exactly.

    The scalar is read a second time by the rules of its style (YAML 1.2.2, 6.5 and 7.3, 8.1; RFC 8259, 7), which is
    only ever done where a diagnostic points inside it. A reading that does not give ``value`` again is not trusted.
    """
    if place.style in {"|", ">"}:
        readings = _blocks(text, place.start, place.end, folded=place.style == ">")
    elif place.style == "":
        readings = iter([_flow(text, place.start, place.end, "")])
    else:
        readings = iter([_flow(text, place.start + 1, place.end - 1, "'" if place.style == "'" else '"')])
    for read in readings:
        characters = "".join([character for character, _ in read])
        # Clipping and keeping of final line breaks do not move what stands before them.
        if characters == value or characters.rstrip("\n") == value.rstrip("\n"):
            return [stretch for _, stretch in read][: len(value)]
    return None


def _flow(text: str, at: int, end: int, quote: str) -> list[tuple[str, tuple[int, int]]]:
    """Read a plain or quoted scalar; a line break folds into a space, and blank lines into line breaks."""
    read: list[tuple[str, tuple[int, int]]] = []
    while at < end:
        character = text[at]
        if quote == '"' and character == "\\":
            at = _escape(text, at, end, read)
        elif quote == "'" and text.startswith("''", at):
            read.append(("'", (at, at + 2)))
            at += 2
        elif _BREAK.match(text, at):
            while read and read[-1][0] in {" ", "\t"} and read[-1][1][1] - read[-1][1][0] == 1:
                read.pop()
            at, breaks = _fold(text, at, end)
            read.extend(breaks)
        else:
            read.append((character, (at, at + 1)))
            at += 1
    return read


def _fold(text: str, at: int, end: int) -> tuple[int, list[tuple[str, tuple[int, int]]]]:
    """Return where the text goes on behind the line breaks at ``at``, and what they are read as."""
    breaks: list[tuple[int, int]] = []
    while at < end:
        found = _BREAK.match(text, at)
        if found:
            breaks.append(found.span())
            at = found.end()
        elif text[at] in {" ", "\t"}:
            at += 1
        else:
            break
    if len(breaks) == 1:
        return at, [(" ", breaks[0])]
    return at, [("\n", stretch) for stretch in breaks[1:]]


def _escape(text: str, at: int, end: int, read: list[tuple[str, tuple[int, int]]]) -> int:
    """Read the escape at ``at`` and return where the text goes on."""
    sign = text[at + 1 : at + 2]
    found = _BREAK.match(text, at + 1)
    if found:  # an escaped line break: the text goes on without a space
        at = found.end()
        while at < end and text[at] in {" ", "\t"}:
            at += 1
        return at
    if sign in _WIDTH:
        stop = at + 2 + _WIDTH[sign]
        code = int(text[at + 2 : stop], 16)
        if 0xD800 <= code < 0xDC00 and text.startswith("\\u", stop):
            low = int(text[stop + 2 : stop + 6], 16)
            code = 0x10000 + ((code - 0xD800) << 10) + (low - 0xDC00)
            stop += 6
        read.append((chr(code), (at, stop)))
        return stop
    read.append((_ESCAPES.get(sign, sign), (at, at + 2)))
    return at + 2


def _blocks(text: str, start: int, end: int, *, folded: bool) -> Iterator[list[tuple[str, tuple[int, int]]]]:
    """Read a block scalar; a folded one only as far as its lines are equally indented (the caller compares).

    An indentation indicator counts from the parent's indentation, which is not known here: there each indentation that
    the lines allow is a reading, the deepest first.
    """
    header = _HEADER.match(text, start)
    if not header:
        return
    lines: list[tuple[int, int, int]] = []  # start, end of the content, end with the break
    at = header.end()
    while at < end:
        found = _BREAK.search(text, at, end)
        stop, following = found.span() if found else (end, end)
        lines.append((at, stop, following))
        at = following
    filled = [_indentation(text[a:b]) for a, b, _ in lines if text[a:b].strip(" ")]
    if any(sign.isdigit() for sign in header[1]):
        deepest = min(filled, default=max((b - a for a, b, _ in lines), default=0))
        indents = range(deepest, 0, -1)
    else:
        indents = range(filled[0], filled[0] + 1) if filled else range(0)
    for indent in indents:
        read: list[tuple[str, tuple[int, int]]] = []
        for begin, stop, following in lines:
            read.extend((text[at], (at, at + 1)) for at in range(min(begin + indent, stop), stop))
            read.append(("\n", (stop, following)))
        yield _folded(read) if folded else read


def _indentation(line: str) -> int:
    return len(line) - len(line.lstrip(" "))


def _folded(read: list[tuple[str, tuple[int, int]]]) -> list[tuple[str, tuple[int, int]]]:
    """Fold single line breaks between two lines of text into spaces, and take one off each run of several."""
    result: list[tuple[str, tuple[int, int]]] = []
    index = 0
    while index < len(read):
        run = index
        while run < len(read) and read[run][0] == "\n":
            run += 1
        breaks = read[index:run]
        if not breaks:
            result.append(read[index])
            index += 1
            continue
        if run == len(read) or not result:
            result.extend(breaks)
        elif len(breaks) == 1:
            result.append((" ", breaks[0][1]))
        else:
            result.extend(breaks[1:])
        index = run
    return result
