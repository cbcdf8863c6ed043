"""From the text of an expression to tokens.

A string is one token that holds its parts, because an interpolation holds an expression: the lexer and the parser call
each other through the offset where the inner expression starts.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

from evenweave.jq.errors import JqSyntaxError

KEYWORDS: Final = frozenset(
    ("and", "as", "break", "catch", "def", "elif", "else", "end", "foreach", "if", "import", "include", "label",
     "module", "or", "reduce", "then", "try", "__loc__")
)  # fmt: skip

_NAME = r"[A-Za-z_][A-Za-z_0-9]*"
_TOKEN: Final = re.compile(
    rf"""
    (?P<field>\.{_NAME})
  | (?P<number>(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)(?:[eE][+-]?[0-9]+)?)
  | (?P<name>(?:{_NAME}::)*{_NAME})
  | (?P<binding>\$(?:{_NAME}::)*{_NAME})
  | (?P<format>@[A-Za-z0-9_]+)
  | (?P<symbol>\?//|//=|\|=|\+=|-=|\*=|/=|%=|==|!=|<=|>=|//|\.\.|[.?=;,:|+\-*/%$<>\[\]{{}}()])
    """,
    re.VERBOSE,
)
_SPACE: Final = re.compile(r"(?:[ \t\n\r]+|\#(?:\\\r?\n|\\.|[^\n\\])*\\?)+", re.DOTALL)
_PLAIN: Final = re.compile(r'[^"\\]+')
_ESCAPES: Final = {'"': '"', "\\": "\\", "/": "/", "b": "\b", "f": "\f", "n": "\n", "r": "\r", "t": "\t"}
_HEX4: Final = re.compile(r"[0-9A-Fa-f]{4}")


@dataclass(frozen=True, slots=True)
class Token:
    """One token.

    Attributes:
        kind: ``field``, ``number``, ``name``, ``keyword``, ``binding``, ``format``, ``quote`` (the start of a string),
            ``end``, or for an operator its own text.
        text: The text, without the leading ``.``, ``$`` or ``@`` of a field, binding or format.
        at: Where it starts in the source.
        stop: Where it ends in the source.
    """

    kind: str
    text: str
    at: int
    stop: int


class Lexer:
    """Reads tokens from a position on."""

    __slots__ = ("source",)

    def __init__(self, source: str) -> None:
        self.source = source

    def read(self, position: int) -> Token:
        """The token at or after ``position``, past white space and comments.

        Raises:
            JqSyntaxError: there is a character that starts no token.
        """
        space = _SPACE.match(self.source, position)
        if space is not None:
            position = space.end()
        if position >= len(self.source):
            return Token("end", "", position, position)
        if self.source[position] == '"':
            return Token("quote", '"', position, position + 1)
        match = _TOKEN.match(self.source, position)
        if match is None:
            raise JqSyntaxError(f"syntax error, unexpected character {self.source[position]!r}", self.source, position)
        kind, text, stop = str(match.lastgroup), match.group(), match.end()
        if kind == "symbol":
            return Token(text, text, position, stop)
        if kind in {"field", "binding", "format"}:
            return Token(kind, text[1:], position, stop)
        if kind == "name" and text in KEYWORDS:
            return Token("keyword", text, position, stop)
        return Token(kind, text, position, stop)

    def read_text(self, position: int) -> tuple[str, int, bool]:
        r"""A run of string text from ``position`` (inside the quotes) to its end or to an interpolation.

        Returns:
            The text, the position after the closing quote or after ``\(``, and whether an interpolation starts there.

        Raises:
            JqSyntaxError: an escape is wrong, or the string does not end.
        """
        source = self.source
        parts: list[str] = []
        while True:
            if position >= len(source):
                raise JqSyntaxError("syntax error, unexpected end of file inside a string", source, position)
            plain = _PLAIN.match(source, position)
            if plain is not None:
                parts.append(plain.group())
                position = plain.end()
                continue
            if source[position] == '"':
                return "".join(parts), position + 1, False
            if source.startswith("\\(", position):
                return "".join(parts), position + 2, True
            text, position = self._escape(position)
            parts.append(text)

    def _escape(self, position: int) -> tuple[str, int]:
        source = self.source
        letter = source[position + 1 : position + 2]
        if letter in _ESCAPES:
            return _ESCAPES[letter], position + 2
        if letter != "u":
            raise JqSyntaxError("Invalid escape in a string", source, position)
        digits = _HEX4.match(source, position + 2)
        if digits is None:
            raise JqSyntaxError("Invalid \\uXXXX escape in a string", source, position)
        code, position = int(digits.group(), 16), position + 6
        if 0xD800 <= code < 0xDC00 and source.startswith("\\u", position):
            low = _HEX4.match(source, position + 2)
            if low is not None and 0xDC00 <= int(low.group(), 16) < 0xE000:
                return chr(0x10000 + ((code - 0xD800) << 10) + int(low.group(), 16) - 0xDC00), position + 6
        return ("\ufffd" if 0xD800 <= code < 0xE000 else chr(code)), position
