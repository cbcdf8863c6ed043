"""Translates Oniguruma's patterns to RE2, and finds matches.

RE2 takes linear time, but has no look-around and no back-references, and its word boundary knows ASCII only. Where a
pattern needs these, :mod:`evenweave.jq.builtins.backtracking` takes over, within a bound that is charged beforehand.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, TypeAlias

import re2

from evenweave.jq.builtins.backtracking import NAMED, Backtracking, compile_backtracking
from evenweave.jq.errors import JqError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from evenweave.jq.limits import Budget

Spans: TypeAlias = list[tuple[int, int]]

_CLASSES: Final = {
    "d": r"\p{Nd}",
    "D": r"\P{Nd}",
    "h": "0-9a-fA-F",
    "w": r"\p{L}\p{M}\p{N}\p{Pc}",
    "s": r"\t-\r\x{85}\p{Z}",
}
_OUTSIDE: Final = {
    "d": r"\p{Nd}",
    "D": r"\P{Nd}",
    "h": "[0-9a-fA-F]",
    "H": "[^0-9a-fA-F]",
    "w": r"[\p{L}\p{M}\p{N}\p{Pc}]",
    "W": r"[^\p{L}\p{M}\p{N}\p{Pc}]",
    "s": r"[\t-\r\x{85}\p{Z}]",
    "S": r"[^\t-\r\x{85}\p{Z}]",
    "Z": r"\z",
    "e": r"\x1b",
    "R": r"(?:\r\n|[\n-\r\x{85}\x{2028}\x{2029}])",
}
_BEYOND: Final = ("(?=", "(?!", "(?<=", "(?<!", "(?>")
_REFUSED: Final = ("(?~", "(?(")
MAX_PATTERN: Final = 10_000
"""The longest pattern, in code points."""


@dataclass(frozen=True, slots=True)
class Pattern:
    """A compiled pattern.

    Attributes:
        linear: RE2's own object; ``None`` if the pattern needs more than RE2 has.
        backtracking: The same for the bounded engine, if the pattern has a bound and may need it.
        boundaries: Whether the pattern has word boundaries, which RE2 sees in ASCII text only.
        ends: Whether it has ``$``, which also matches before a last line break, where RE2's does not.
        names: The name of each group, or ``None``.
    """

    linear: Any
    backtracking: Backtracking | None
    boundaries: bool
    ends: bool
    names: tuple[str | None, ...]

    def search(self, text: str, budget: Budget, *, every: bool) -> Iterator[Spans]:
        """The spans, in code points, of each match and its groups; ``(-1, -1)`` for a group that took no part."""
        engine = self.linear
        other = self.backtracking
        if other is not None and (
            engine is None or (self.boundaries and not text.isascii()) or (self.ends and text.endswith("\n"))
        ):
            budget.charge(other.bound(len(text)))
            engine = other.engine
        at = 0
        while at <= len(text):
            found = engine.search(text, at)
            if found is None:
                return
            yield [found.span(group) for group in range(len(self.names) + 1)]
            if not every:
                return
            start, stop = found.span()
            at = stop + 1 if start == stop else stop


def compile_pattern(pattern: str, flags: str) -> Pattern:
    """Compile a pattern with some of the flags ``i x s p l``.

    Raises:
        JqError: the pattern is wrong, too large, or needs what can be done in no bounded time.
    """
    if len(pattern) > MAX_PATTERN:
        raise JqError(f"Regex failure: the pattern is longer than {MAX_PATTERN} characters")
    translator = _Translator(pattern, extended="x" in flags)
    translated = translator.translate()
    other = None
    if (translator.beyond or translator.boundaries or translator.ends) and "l" not in flags:
        other = compile_backtracking(pattern, flags)
    if translator.beyond:
        if other is None:
            raise JqError(f"Regex failure: {translator.beyond} is not supported here: matching has to end in time")
        engine = None
        count, index = other.engine.groups, other.engine.groupindex
    else:
        engine = _compile_linear(translated, flags)
        count, index = engine.groups, engine.groupindex
    names: list[str | None] = [None] * count
    for name, place in index.items():
        names[place - 1] = name
    return Pattern(engine, other, translator.boundaries, translator.ends, tuple(names))


def _compile_linear(translated: str, flags: str) -> Any:
    options = re2.Options()
    options.log_errors = False
    options.max_mem = 8 << 20
    options.longest_match = "l" in flags
    options.case_sensitive = "i" not in flags
    options.dot_nl = "p" in flags
    try:
        return re2.compile(translated, options)
    except re2.error as error:
        raise JqError(f"Regex failure: {_reason(error)}") from None


def _reason(error: Exception) -> str:
    reason = error.args[0] if error.args else error
    return reason.decode("utf-8", "replace") if isinstance(reason, bytes) else str(reason)


class _Translator:
    """Walks over a pattern once."""

    def __init__(self, pattern: str, *, extended: bool) -> None:
        self.pattern = pattern
        self.extended = extended
        self.at = 0
        self.beyond = ""
        self.boundaries = False
        self.ends = False

    def translate(self) -> str:
        out: list[str] = []
        while self.at < len(self.pattern):
            letter = self.pattern[self.at]
            if letter == "\\":
                out.append(self._escape())
            elif letter == "[":
                out.append(self._set())
            elif letter == "(":
                out.append(self._group())
            elif self.extended and letter in " \t\n\r\f\v":
                self.at += 1
            elif self.extended and letter == "#":
                stop = self.pattern.find("\n", self.at)
                self.at = len(self.pattern) if stop < 0 else stop
            elif letter in "*+?" and self.pattern.startswith("+", self.at + 1):
                self.beyond = "a possessive quantifier"
                self.at += 1
            else:
                self.ends = self.ends or letter == "$"
                out.append(letter)
                self.at += 1
        return "".join(out)

    def _escape(self) -> str:
        letter = self.pattern[self.at + 1 : self.at + 2]
        self.at += 2
        if letter in {"b", "B"}:
            self.boundaries = True
        if letter == "Z":
            self.ends = True
        if letter in _OUTSIDE:
            return _OUTSIDE[letter]
        if (letter.isdigit() and letter != "0") or letter in {"k", "g"}:
            self.beyond = "a back-reference"
            return ""
        if letter == "u" and re.match(r"[0-9A-Fa-f]{4}", self.pattern[self.at :]):
            digits = self.pattern[self.at : self.at + 4]
            self.at += 4
            return f"\\x{{{digits}}}"
        return "\\" + letter

    def _set(self) -> str:
        out = ["["]
        self.at += 1
        if self.pattern.startswith("^", self.at):
            out.append("^")
            self.at += 1
        first = True
        while self.at < len(self.pattern):
            letter = self.pattern[self.at]
            if letter == "]" and not first:
                self.at += 1
                out.append("]")
                return "".join(out)
            if self.pattern.startswith("[:", self.at):
                stop = self.pattern.find(":]", self.at)
                if stop > 0:
                    out.append(_posix(self.pattern[self.at + 2 : stop]))
                    self.at = stop + 2
                    first = False
                    continue
            if letter == "[" or self.pattern.startswith("&&", self.at):
                raise JqError("Regex failure: a set inside a set is not supported")
            if letter == "\\":
                escaped = self.pattern[self.at + 1 : self.at + 2]
                out.append(_CLASSES.get(escaped, "\\" + escaped))
                self.at += 2
            else:
                out.append(letter)
                self.at += 1
            first = False
        raise JqError("Regex failure: premature end of char-class")

    def _group(self) -> str:
        for start in _REFUSED:
            if self.pattern.startswith(start, self.at):
                raise JqError(f"Regex failure: {start} is not supported")
        for start in _BEYOND:
            if self.pattern.startswith(start, self.at):
                self.beyond = "an atomic group" if start == "(?>" else "look-around"
                self.at += len(start)
                return "(?:"
        named = NAMED.match(self.pattern, self.at)
        if named is not None:
            self.at = named.end()
            return f"(?P<{named[1]}>"
        if self.pattern.startswith("(?#", self.at):
            stop = self.pattern.find(")", self.at)
            self.at = len(self.pattern) if stop < 0 else stop + 1
            return ""
        self.at += 1
        return "("


_POSIX: Final = {
    "alpha": r"\p{L}\p{M}", "digit": r"\p{Nd}", "alnum": r"\p{L}\p{M}\p{N}", "upper": r"\p{Lu}", "lower": r"\p{Ll}",
    "space": r"\t-\r\x{85}\p{Z}", "word": r"\p{L}\p{M}\p{N}\p{Pc}", "xdigit": "0-9a-fA-F", "punct": r"\p{P}\p{S}",
}  # fmt: skip


def _posix(name: str) -> str:
    return _POSIX.get(name) or f"[:{name}:]"
