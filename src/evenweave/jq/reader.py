"""Reads JSON text the way jq's parser does, with its error messages, without recursion."""

from __future__ import annotations

import re
from typing import Any, Final

from evenweave.jq.errors import JqError
from evenweave.jq.text import MAX_DEPTH, is_number_text, read_number, special_number

_SPACE: Final = " \t\n\r"
_DELIMITERS: Final = '[]{},:"'
_TOKEN: Final = re.compile(r"[^\s\[\]{},:\"]+")
_STRING: Final = re.compile(r'"((?:[^"\\]|\\.)*)"', re.DOTALL)
_ESCAPE: Final = re.compile(r"\\(u[0-9A-Fa-f]{4}(?:(?<=u[Dd][89ABab]..)\\u[0-9A-Fa-f]{4})?|.)", re.DOTALL)
_SIMPLE: Final = {'"': '"', "\\": "\\", "/": "/", "b": "\b", "f": "\f", "n": "\n", "r": "\r", "t": "\t"}
_WORDS: Final = {"true": True, "false": False, "null": None}
_MISPLACED: Final = {
    "]": "Unmatched ']'",
    "}": "Unmatched '}'",
    ",": "Expected value before ','",
    ":": "':' not as part of an object",
}


class _Wrong(Exception):
    """What is wrong at the position of the reader; ``end`` if the text ended too early."""

    def __init__(self, message: str, *, end: bool = False) -> None:
        self.end = end
        super().__init__(message)


class Reader:
    """Reads one text."""

    def __init__(self, text: str) -> None:
        self.text = text.removeprefix("\ufeff")
        self.at = 0

    def read(self) -> Any:
        """The value of the text.

        Raises:
            JqError: it is no JSON value.
        """
        try:
            if not self._skip():
                raise JqError(f"Expected JSON value (while parsing '{self.text}')")
            value = self._read_value()
            if self._skip():
                self._read_value()
                raise JqError(f"Unexpected extra JSON values (while parsing '{self.text}')")
        except _Wrong as wrong:
            line, column = self._position()
            at_end = "EOF at " if wrong.end else ""
            raise JqError(f"{wrong} at {at_end}line {line}, column {column} (while parsing '{self.text}')") from None
        return value

    def _position(self) -> tuple[int, int]:
        before = self.text[: self.at]
        line = before.count("\n") + 1
        return line, len(before.rpartition("\n")[2].encode("utf-8", "replace"))

    def _skip(self) -> str:
        while self.at < len(self.text) and self.text[self.at] in _SPACE:
            self.at += 1
        return self.text[self.at : self.at + 1]

    def _read_value(self) -> Any:
        # Open arrays and objects; for an object also the key that waits for its value.
        stack: list[tuple[Any, Any]] = []
        while True:
            value = self._read_start(stack)
            if value is stack:
                continue
            # The value is finished: put it where it belongs, and close what it finishes.
            while stack:
                container, key = stack[-1]
                if type(container) is list:
                    container.append(value)
                else:
                    container[key] = value
                if self._read_separator(stack):
                    break
                value = stack.pop()[0]
            else:
                return value

    def _read_start(self, stack: list[tuple[Any, Any]]) -> Any:
        """A scalar or an empty container; ``stack`` itself if a container was opened."""
        letter = self._skip()
        if letter == "":
            raise _Wrong("Unfinished JSON term", end=True)
        if letter == '"':
            return self._read_string()
        if letter not in _DELIMITERS:
            return self._read_word()
        self.at += 1
        if letter not in "[{":
            raise _Wrong(_MISPLACED[letter])
        if len(stack) >= MAX_DEPTH:
            raise _Wrong("Exceeds depth limit for parsing")
        closing = self._skip()
        if closing == ("]" if letter == "[" else "}"):
            self.at += 1
            return [] if letter == "[" else {}
        stack.append(([], None) if letter == "[" else ({}, self._read_key()))
        return stack

    def _read_separator(self, stack: list[tuple[Any, Any]]) -> bool:
        """Whether another value of the innermost container follows; if not, the container ends here."""
        container, _ = stack[-1]
        letter = self._skip()
        if letter == "":
            raise _Wrong("Unfinished JSON term", end=True)
        if letter == ",":
            self.at += 1
            if type(container) is dict:
                stack[-1] = (container, self._read_key(after_comma=True))
            elif self._skip() == "]":
                self.at += 1
                raise _Wrong("Expected another array element")
            return True
        if letter == ("]" if type(container) is list else "}"):
            self.at += 1
            return False
        self._refuse_second()
        return False

    def _refuse_second(self) -> None:
        """Fail on what follows a value without a separator. jq notices at the end of it."""
        letter = self._skip()
        if letter in "]}:":
            self.at += 1
            raise _Wrong(_MISPLACED[letter])
        if letter == '"':
            self._read_string()
        elif letter not in _DELIMITERS:
            self._read_word()
            self._skip()
        if self.at >= len(self.text):
            raise _Wrong("Expected separator between values", end=True)
        self.at += 0 if letter == '"' else 1
        raise _Wrong("Expected separator between values")

    def _read_key(self, *, after_comma: bool = False) -> str:
        letter = self._skip()
        if letter == "":
            raise _Wrong("Unfinished JSON term", end=True)
        if letter == "}" and after_comma:
            self.at += 1
            raise _Wrong("Expected another key-value pair")
        if letter != '"':
            if letter not in _DELIMITERS:
                self._read_word()
                self._skip()
                self.at += 1
                raise _Wrong("Object keys must be strings")
            self.at += 1
            raise _Wrong(_MISPLACED.get(letter, "Object keys must be strings"))
        key = self._read_string()
        following = self._skip()
        if following == ":":
            self.at += 1
            return key
        if following == "":
            raise _Wrong("Unfinished JSON term", end=True)
        if following in ",}":
            self.at += 1
            raise _Wrong("Objects must consist of key:value pairs")
        self._refuse_second()
        return key

    def _read_string(self) -> str:
        found = _STRING.match(self.text, self.at)
        if found is None:
            self.at = len(self.text)
            raise _Wrong("Unfinished string", end=True)
        self.at = found.end()
        body = found[1]
        return _ESCAPE.sub(_unescape, body) if "\\" in body else body

    def _read_word(self) -> Any:
        found = _TOKEN.match(self.text, self.at)
        word = found[0] if found is not None else self.text[self.at]
        self.at += len(word)
        if word in _WORDS:
            return _WORDS[word]
        if is_number_text(word):
            return read_number(word)
        special = special_number(word)
        if special is not None:
            return special
        end = self.at >= len(self.text)
        self.at += 0 if end else 1
        if word[0] == "'":
            raise _Wrong("Invalid string literal; expected \", but got '", end=end)
        kind = "literal" if word[0] in "tf" or word.startswith("nu") else "numeric literal"
        raise _Wrong(f"Invalid {kind}", end=end)


def _unescape(found: re.Match[str]) -> str:
    escape = found[1]
    if escape in _SIMPLE:
        return _SIMPLE[escape]
    if escape[0] != "u":
        raise _Wrong("Invalid escape")
    if len(escape) == 1:
        raise _Wrong("Invalid \\uXXXX escape")
    code = int(escape[1:5], 16)
    if len(escape) > 5:
        low = int(escape[7:11], 16)
        if 0xD800 <= code < 0xDC00 <= low < 0xE000:
            return chr(0x10000 + ((code - 0xD800) << 10) + low - 0xDC00)
        return _scalar(code) + _scalar(low)
    return _scalar(code)


def _scalar(code: int) -> str:
    return "\ufffd" if 0xD800 <= code < 0xE000 else chr(code)


def read_json(text: str) -> Any:
    """The value of a JSON text, as jq's ``fromjson`` reads it (``nan`` and single values of any type included).

    Raises:
        JqError: the text is no JSON, or nests deeper than 10,000 levels; with jq's message.
    """
    return Reader(text).read()
