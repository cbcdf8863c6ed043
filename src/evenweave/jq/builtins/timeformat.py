"""``strftime`` and ``strptime`` in the C locale and UTC, without the platform's own."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from evenweave.jq.builtins.calendar import broken_down, date_of, days_of, iso_week, seconds_of, weekday_of

if TYPE_CHECKING:
    from collections.abc import Callable

_DAYS: Final = ("Sunday", "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday")
_MONTHS: Final = (
    "January", "February", "March", "April", "May", "June",
    "July", "August", "September", "October", "November", "December",
)  # fmt: skip
_SHORTHANDS: Final = {
    "D": "%m/%d/%y", "F": "%Y-%m-%d", "T": "%H:%M:%S", "R": "%H:%M", "r": "%I:%M:%S %p", "c": "%a %b %e %H:%M:%S %Y",
    "x": "%m/%d/%y", "X": "%H:%M:%S", "h": "%b",
}  # fmt: skip


def _name(names: tuple[str, ...], place: int) -> str:
    return names[place] if 0 <= place < len(names) else "?"


_DIRECTIVES: Final[dict[str, Callable[[list[int]], str]]] = {
    "Y": lambda f: str(f[0]),
    "C": lambda f: f"{f[0] // 100:02}",
    "y": lambda f: f"{f[0] % 100:02}",
    "G": lambda f: str(iso_week(f)[0]),
    "g": lambda f: f"{iso_week(f)[0] % 100:02}",
    "m": lambda f: f"{f[1] + 1:02}",
    "d": lambda f: f"{f[2]:02}",
    "e": lambda f: f"{f[2]:2}",
    "H": lambda f: f"{f[3]:02}",
    "k": lambda f: f"{f[3]:2}",
    "I": lambda f: f"{(f[3] - 1) % 12 + 1:02}",
    "l": lambda f: f"{(f[3] - 1) % 12 + 1:2}",
    "M": lambda f: f"{f[4]:02}",
    "S": lambda f: f"{f[5]:02}",
    "j": lambda f: f"{f[7] + 1:03}",
    "w": lambda f: str(f[6]),
    "u": lambda f: str(f[6] or 7),
    "a": lambda f: _name(_DAYS, f[6])[:3],
    "A": lambda f: _name(_DAYS, f[6]),
    "b": lambda f: _name(_MONTHS, f[1])[:3],
    "B": lambda f: _name(_MONTHS, f[1]),
    "p": lambda f: "AM" if f[3] < 12 else "PM",
    "P": lambda f: "am" if f[3] < 12 else "pm",
    "U": lambda f: f"{(f[7] + 7 - f[6]) // 7:02}",
    "W": lambda f: f"{(f[7] + 7 - (f[6] - 1) % 7) // 7:02}",
    "V": lambda f: f"{iso_week(f)[1]:02}",
    "s": lambda f: str(seconds_of(f)),
    "Z": lambda f: "GMT",
    "z": lambda f: "+0000",
    "n": lambda f: "\n",
    "t": lambda f: "\t",
    "%": lambda f: "%",
}
_DIRECTIVE: Final = re.compile(r"%([-_0^#]*)([EO]?)(.)", re.DOTALL)


def format_time(fields: list[int], layout: str) -> str:
    """A broken down time written after a layout."""

    def expand(found: re.Match[str]) -> str:
        flags, _, letter = found.groups()
        if letter in _SHORTHANDS:
            return format_time(fields, _SHORTHANDS[letter])
        write = _DIRECTIVES.get(letter)
        if write is None:
            return found[0]
        text = write(fields)
        if "-" in flags:
            text = text.lstrip("0 ") or "0"
        elif "_" in flags:
            text = text.lstrip("0").rjust(len(text))
        return text.upper() if "^" in flags else text

    return _DIRECTIVE.sub(expand, layout)


_NUMBERS: Final = {
    "Y": (0, r"[+-]?\d{1,4}"), "m": (1, r"\d{1,2}"), "d": (2, r"\d{1,2}"), "e": (2, r"\d{1,2}"), "H": (3, r"\d{1,2}"),
    "k": (3, r"\d{1,2}"), "M": (4, r"\d{1,2}"), "S": (5, r"\d{1,2}"), "j": (7, r"\d{1,3}"), "w": (6, r"\d"),
}  # fmt: skip
_RANGES: Final = {1: (1, 12), 2: (1, 31), 3: (0, 23), 4: (0, 59), 5: (0, 60), 7: (1, 366), 6: (0, 6)}


_DATE_DIRECTIVES: Final = frozenset("YymdeCbBhjUWGgV")
_NO_WEEKDAY: Final = 8
_NO_YEARDAY: Final = 367


def parse_time(text: str, layout: str) -> tuple[list[int], str] | None:
    """The broken down time that a text gives after a layout, and what is left of the text, which starts with a space.

    Returns ``None`` if the text does not fit. Without any directive for a date the day of the week is 8 and that of the
    year 367, as in jq.
    """
    return _Parser(text).parse(layout)


class _Parser:
    def __init__(self, text: str) -> None:
        self.text = text
        self.at = 0
        self.fields = [1900, 0, 0, 0, 0, 0, _NO_WEEKDAY, _NO_YEARDAY]
        self.seen: set[str] = set()
        self.hour12: int | None = None
        self.afternoon = False
        self.epoch: int | None = None

    def parse(self, layout: str) -> tuple[list[int], str] | None:
        if not self._read(layout):
            return None
        rest = self.text[self.at :]
        if rest and not rest[0].isspace():
            return None
        if self.epoch is not None:
            return broken_down(self.epoch), rest
        fields = self.fields
        if self.hour12 is not None:
            fields[3] = self.hour12 % 12 + (12 if self.afternoon else 0)
        if self.seen & _DATE_DIRECTIVES:
            self._complete_date()
        return fields, rest

    def _complete_date(self) -> None:
        fields = self.fields
        if "j" in self.seen and not self.seen & frozenset("mbBhde"):
            _, fields[1], fields[2] = date_of(days_of(fields[0], 0, 1) + fields[7])
        days = days_of(fields[0], fields[1], fields[2])
        fields[6] = weekday_of(days)
        fields[7] = days - days_of(fields[0], 0, 1)

    def _read(self, layout: str) -> bool:
        place = 0
        while place < len(layout):
            letter = layout[place]
            if letter.isspace():
                self._skip_space()
                place += 1
            elif letter != "%":
                if not self.text.startswith(letter, self.at):
                    return False
                self.at += 1
                place += 1
            else:
                place += 1
                while layout[place : place + 1] in {"E", "O", "-", "_"}:
                    place += 1
                if not self._directive(layout[place : place + 1]):
                    return False
                place += 1
        return True

    def _skip_space(self) -> None:
        while self.text[self.at : self.at + 1].isspace():
            self.at += 1

    def _take(self, pattern: str) -> str | None:
        found = re.compile(pattern).match(self.text, self.at)
        if found is None:
            return None
        self.at = found.end()
        return found[0]

    def _directive(self, letter: str) -> bool:
        self.seen.add(letter)
        if letter in _SHORTHANDS:
            return self._read(_SHORTHANDS[letter])
        if letter in {"n", "t"}:
            self._skip_space()
            return True
        if letter == "%":
            return self._take("%") is not None
        if letter in _NUMBERS:
            return self._number(*_NUMBERS[letter])
        if letter in {"a", "A"}:
            return self._word(_DAYS, 6)
        if letter in {"b", "B", "h"}:
            return self._word(_MONTHS, 1)
        return self._rest(letter)

    def _number(self, field: int, pattern: str) -> bool:
        self._skip_space()
        digits = self._take(pattern)
        if digits is None:
            return False
        number = int(digits)
        low, high = _RANGES.get(field, (-9999, 9999))
        if not low <= number <= high:
            return False
        self.fields[field] = number - 1 if field in {1, 7} else number
        return True

    def _word(self, names: tuple[str, ...], field: int) -> bool:
        rest = self.text[self.at :].lower()
        for place, name in enumerate(names):
            for form in (name, name[:3]):
                if rest.startswith(form.lower()):
                    self.fields[field] = place
                    self.at += len(form)
                    return True
        return False

    def _rest(self, letter: str) -> bool:
        match letter:
            case "I" | "l":
                digits = self._take(r"\s*\d{1,2}")
                self.hour12 = None if digits is None else int(digits)
                return self.hour12 is not None and 1 <= self.hour12 <= 12
            case "p" | "P":
                word = self._take(r"[AaPp][Mm]")
                self.afternoon = word is not None and word.lower() == "pm"
                return word is not None
            case "y":
                digits = self._take(r"\d{1,2}")
                if digits is not None:
                    self.fields[0] = int(digits) + (1900 if int(digits) >= 69 else 2000)
                return digits is not None
            case "Z":
                return self._take(r"[A-Za-z]*") is not None
            case "z":
                return self._take(r"\s*(?:Z|[+-]\d{2}:?(?:\d{2})?)") is not None
            case "s":
                digits = self._take(r"-?\d{1,12}")
                self.epoch = None if digits is None else int(digits)
                return digits is not None
            case _:
                return False
