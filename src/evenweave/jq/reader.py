"""Reads JSON text the way jq's parser does, with its error messages, without recursion."""

from __future__ import annotations

import math
import re
from typing import Any, Final

from evenweave.jq.errors import JqError
from evenweave.jq.text import MAX_DEPTH, is_number_text, read_number

_SPACE: Final = " \t\n\r"
_DELIMITERS: Final = '[]{},:"'
_TOKEN: Final = re.compile(r"[^\s\[\]{},:\"]+")
_STRING: Final = re.compile(r'"((?:[^"\\]|\\.)*)"', re.DOTALL)
_ESCAPE: Final = re.compile(r"\\(u[0-9A-Fa-f]{4}(?:\\u[0-9A-Fa-f]{4})?|.)", re.DOTALL)
_SIMPLE: Final = {'"': '"', "\\": "\\", "/": "/", "b": "\b", "f": "\f", "n": "\n", "r": "\r", "t": "\t"}
_WORDS: Final = {"true": True, "false": False, "null": None}
_SPECIAL: Final = re.compile(r"[+-]?(?:nan|inf(?:inity)?)\Z", re.IGNORECASE)


class _Wrong(Exception):  # noqa: N818 - becomes a JqError
    pass


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
            value = self._read_values()
        except _Wrong as wrong:
            line, column = self._position()
            at_end = "EOF at " if self.at >= len(self.text) else ""
            raise JqError(f"{wrong} at {at_end}line {line}, column {column} (while parsing '{self.text}')") from None
        return value

    def _position(self) -> tuple[int, int]:
        before = self.text[: self.at]
        line = before.count("\n") + 1
        return line, len(before.encode("utf-8", "replace")) if line == 1 else len(before) - before.rfind("\n") - 1

    def _skip(self) -> str:
        while self.at < len(self.text) and self.text[self.at] in _SPACE:
            self.at += 1
        return self.text[self.at : self.at + 1]

    def _read_values(self) -> Any:
        # Open arrays and objects; for an object also the key that waits for its value.
        stack: list[tuple[Any, Any]] = []
        while True:
            value = self._read_start(stack)
            if value is stack:
                continue
            # The value is finished: put it where it belongs, and close what it finishes.
            while True:
                if not stack:
                    if self._skip():
                        self.at += 1
                        raise (
                            _Wrong("Unexpected extra JSON values")
                            if False
                            else JqError(f"Unexpected extra JSON values (while parsing '{self.text}')")
                        )
                    return value
                container, key = stack[-1]
                if type(container) is list:
                    container.append(value)
                else:
                    container[key] = value
                if self._after_value(stack):
                    break
                value = stack.pop()[0]

    def _read_start(self, stack: list[tuple[Any, Any]]) -> Any:
        """A scalar or an empty container; ``stack`` itself if a container was opened."""
        letter = self._skip()
        if letter == "":
            raise (
                _Wrong("Unfinished JSON term")
                if stack
                else JqError(f"Expected JSON value (while parsing '{self.text}')")
            )
        if letter in "[{":
            if len(stack) >= MAX_DEPTH - 0:
                self.at += 1
                raise _Wrong("Exceeds depth limit for parsing")
            self.at += 1
            closing = self._skip()
            if letter == "[" and closing == "]":
                self.at += 1
                return []
            if letter == "{" and closing == "}":
                self.at += 1
                return {}
            stack.append(([], None) if letter == "[" else ({}, self._read_key()))
            return stack
        if letter == '"':
            return self._read_string()
        if letter in _DELIMITERS:
            self.at += 1
            raise _Wrong(f"Expected value before '{letter}'") if False else _Wrong(_unexpected(letter))
        return self._read_word()

    def _after_value(self, stack: list[tuple[Any, Any]]) -> bool:
        """Whether another value of the innermost container follows; if not, the container ends here."""
        container, _ = stack[-1]
        letter = self._skip()
        if letter == "":
            raise _Wrong("Unfinished JSON term")
        self.at += 1
        if letter == ",":
            if type(container) is dict:
                stack[-1] = (container, self._read_key())
            return True
        if letter == "]" and type(container) is list:
            return False
        if letter == "}" and type(container) is dict:
            return False
        if letter in "]}":
            raise _Wrong(f"Unmatched '{letter}'") if False else _Wrong(_mismatch(letter))
        raise _Wrong("Expected separator between values")

    def _read_key(self) -> str:
        letter = self._skip()
        if letter != '"':
            if letter == "":
                raise _Wrong("Unfinished JSON term")
            if letter == "'":
                self._read_word()
            self.at += 1
            raise _Wrong("Object keys must be strings")
        key = self._read_string()
        if self._skip() != ":":
            if self.at >= len(self.text):
                raise _Wrong("Unfinished JSON term")
            self.at += 1
            raise _Wrong("Objects must consist of key:value pairs")
        self.at += 1
        return key

    def _read_string(self) -> str:
        found = _STRING.match(self.text, self.at)
        if found is None:
            self.at = len(self.text)
            raise _Wrong("Unfinished string")
        self.at = found.end()
        body = found[1]
        return _ESCAPE.sub(self._unescape, body) if "\\" in body else body

    def _unescape(self, found: re.Match[str]) -> str:
        escape = found[1]
        if escape in _SIMPLE:
            return _SIMPLE[escape]
        if escape[0] != "u" or len(escape) == 1:
            raise _Wrong("Invalid escape")
        code = int(escape[1:5], 16)
        if len(escape) > 5:
            low = int(escape[7:11], 16)
            if 0xD800 <= code < 0xDC00 <= low < 0xE000:
                return chr(0x10000 + ((code - 0xD800) << 10) + low - 0xDC00)
            return _scalar(code) + _scalar(low)
        return _scalar(code)

    def _read_word(self) -> Any:
        found = _TOKEN.match(self.text, self.at)
        word = found[0] if found is not None else self.text[self.at]
        self.at += len(word)
        if word[0] == "'":
            self.at += 1
            raise _Wrong("Invalid string literal; expected \", but got '")
        if word in _WORDS:
            return _WORDS[word]
        if is_number_text(word):
            return read_number(word)
        if _SPECIAL.match(word):
            return math.nan if word[-1] in "nN" else float(word)
        if self.at < len(self.text):
            self.at += 1
        raise _Wrong(
            "Invalid numeric literal" if word[0] not in "tfn" or word.lower().startswith("nan") else "Invalid literal"
        )


def _scalar(code: int) -> str:
    return "\ufffd" if 0xD800 <= code < 0xE000 else chr(code)


def _unexpected(letter: str) -> str:
    return {
        "]": "Unmatched ']'",
        "}": "Unmatched '}'",
        ",": "Expected value before ','",
        ":": "':' not as part of an object",
    }[letter]


def _mismatch(letter: str) -> str:
    return "Unmatched ']' in the middle of an object" if letter == "]" else "Unmatched '}'"
