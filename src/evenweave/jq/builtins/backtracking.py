"""Patterns that need more than a linear engine has, on Python's backtracking engine, within a bound known beforehand.

Only patterns whose worst case is a polynomial of the text's length pass: a repetition may cover a single character, or
a group without any repetition or alternative inside. With ``k`` repetitions and ``a`` ways through the alternatives a
search takes at most about ``a * n^(k + 1)`` steps, and that is charged before it starts.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

NAMED: Final = re.compile(r"\(\?<([A-Za-z_]\w*)>")
_MAX_FACTOR: Final = 4096
_MAX_REPEAT: Final = 100
_REPETITION: Final = re.compile(r"[*+?]|\{(\d*)(,?)(\d*)\}")
_SET: Final = re.compile(r"\[\^?\]?(?:\\.|\[:\w+:\]|[^\]\\\[])*\]", re.DOTALL)
_ESCAPES: Final = {"h": "[0-9a-fA-F]", "H": "[^0-9a-fA-F]", "z": r"\Z", "Z": r"(?=\n?\Z)", "e": r"\x1b"}
_ZERO_WIDTH: Final = frozenset("bBAzZG")


@dataclass(frozen=True, slots=True)
class Backtracking:
    """A compiled pattern and its bound.

    Attributes:
        engine: The compiled pattern.
        power: The power of the text's length.
        factor: The factor before it.
    """

    engine: re.Pattern[str]
    power: int
    factor: int

    def bound(self, length: int) -> int:
        """The fuel that the worst case takes on a text of a length."""
        return int(self.factor * (length + 1) ** self.power) >> 3


@dataclass(slots=True)
class _Group:
    """What an open group holds so far."""

    simple: bool = True
    alternatives: int = 1


def compile_backtracking(pattern: str, flags: str) -> Backtracking | None:
    """Compile a pattern, if it is one with a bound that Python's engine understands."""
    walker = _Walker(pattern, extended="x" in flags)
    translated = walker.walk()
    if translated is None:
        return None
    options = re.IGNORECASE if "i" in flags else 0
    if "p" in flags:
        options |= re.DOTALL
    try:
        engine = re.compile(translated, options)
    except (re.error, OverflowError, RecursionError):
        return None
    return Backtracking(engine, walker.repetitions + 1, walker.factor)


class _Walker:
    """Translates a pattern and finds its bound; gives up on what has none."""

    def __init__(self, pattern: str, *, extended: bool) -> None:
        self.pattern = pattern
        self.extended = extended
        self.at = 0
        self.repetitions = 0
        self.factor = 1
        self.open: list[_Group] = [_Group()]
        self.out: list[str] = []

    def walk(self) -> str | None:
        while self.at < len(self.pattern):
            if not self._step():
                return None
        return "".join(self.out) if len(self.open) == 1 and self.factor <= _MAX_FACTOR else None

    def _step(self) -> bool:
        pattern, letter = self.pattern, self.pattern[self.at]
        if self.extended and letter in " \t\n\r\f\v":
            self.at += 1
            return True
        if self.extended and letter == "#":
            return False
        if letter == "(":
            return self._open_group()
        if letter == ")":
            if len(self.open) == 1:
                return False
            group = self.open.pop()
            self.at += 1
            self.out.append(")")
            return self._repetition(simple=group.simple)
        if letter == "|":
            self.open[-1].simple = False
            self.factor *= 2
            self.at += 1
            self.out.append("|")
            return True
        if letter == "[":
            found = _SET.match(pattern, self.at)
            if found is None or "[:" in found[0] or "&&" in found[0] or r"\h" in found[0]:
                return False
            self.at = found.end()
            self.out.append(found[0])
            return self._repetition(simple=True)
        if letter == "\\":
            return self._escape()
        if letter == "$":
            self.at += 1
            self.out.append(_ESCAPES["Z"])
            return True
        self.at += 1
        self.out.append(re.escape(letter) if letter in "{}]" else letter)
        return letter == "^" or self._repetition(simple=True)

    def _open_group(self) -> bool:
        pattern = self.pattern
        named = NAMED.match(pattern, self.at)
        if named is not None:
            self.at = named.end()
            self.out.append(f"(?P<{named[1]}>")
        else:
            start = next(
                (one for one in ("(?=", "(?!", "(?<=", "(?<!", "(?>", "(?:") if pattern.startswith(one, self.at)), "("
            )
            if start == "(" and pattern.startswith("(?", self.at):
                return False
            self.at += len(start)
            self.out.append(start)
        self.open.append(_Group())
        return True

    def _escape(self) -> bool:
        letter = self.pattern[self.at + 1 : self.at + 2]
        if letter in {"p", "P", "k", "g", "R", "X", "u", "x", "G", ""}:
            return False
        self.at += 2
        self.out.append(_ESCAPES.get(letter, "\\" + letter))
        return letter in _ZERO_WIDTH or self._repetition(simple=True)

    def _repetition(self, *, simple: bool) -> bool:
        """What may follow an atom; ``simple`` if repeating it cannot make the search branch inside."""
        found = _REPETITION.match(self.pattern, self.at)
        if found is None:
            # A group with a repetition inside makes the group around it no simple one either.
            self.open[-1].simple = self.open[-1].simple and simple
            return True
        self.open[-1].simple = False
        if found[0] == "?":
            self.factor *= 2
        elif not simple:
            return False
        elif found[0] in {"*", "+"} or (found[2] and not found[3]):
            self.repetitions += 1
        elif int(found[3] or found[1] or 0) > _MAX_REPEAT:
            return False
        else:
            self.factor *= 2
        self.at = found.end()
        self.out.append(found[0])
        if self.pattern[self.at : self.at + 1] in {"?", "+"} and self.at < len(self.pattern):
            self.out.append(self.pattern[self.at])
            self.at += 1
        return True
