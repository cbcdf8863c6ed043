"""The tokens of an expression, one after the other, for a parser that looks one ahead."""

from __future__ import annotations

from typing import Final

from evenweave.jq.errors import JqSyntaxError
from evenweave.jq.lexer import Lexer, Token

MAX_NESTING: Final = 100
"""How deep brackets, strings and definitions may nest. The parser and the compiler recurse over them."""


class Tokens:
    """A text, and how far it is read; ``token`` is what comes next."""

    __slots__ = ("lexer", "nesting", "source", "token")

    def __init__(self, source: str) -> None:
        self.source = source
        self.lexer = Lexer(source)
        self.token = self.lexer.read(0)
        self.nesting = 0

    def advance(self) -> Token:
        """Go on to the next token; the one that was there."""
        token = self.token
        self.token = self.lexer.read(token.stop)
        return token

    def is_keyword(self, text: str) -> bool:
        """Whether this keyword is there."""
        return self.token.kind == "keyword" and self.token.text == text

    def expect(self, kind: str) -> Token:
        """Go on over a token of this kind; anything else is an error."""
        if self.token.kind != kind:
            raise self.unexpected()
        return self.advance()

    def expect_keyword(self, text: str) -> None:
        """Go on over this keyword; anything else is an error."""
        if not self.is_keyword(text):
            raise self.unexpected(f"expecting {text}")
        self.advance()

    def unexpected(self, hint: str = "") -> JqSyntaxError:
        """The error that the token is not expected."""
        token = self.token
        what = "end of file" if token.kind == "end" else f"'{self.source[token.at : token.stop]}'"
        tail = f", {hint}" if hint else ""
        return JqSyntaxError(f"syntax error, unexpected {what}{tail}", self.source, token.at)

    def error(self, message: str, at: int) -> JqSyntaxError:
        """An error at a place."""
        return JqSyntaxError(message, self.source, at)
