"""JSON text as jq reads and writes it: ``tojson``, ``fromjson``, numbers, and values inside error messages.

Both directions work without recursion, because a value may be nested 10,000 levels deep.
"""

from __future__ import annotations

import math
import re
from decimal import Decimal, InvalidOperation
from typing import TYPE_CHECKING, Any, Final, Self

if TYPE_CHECKING:
    from evenweave.jq.limits import Budget

MAX_DEPTH: Final = 10_000
"""How deep a text may nest for jq to read or write it."""

_SAFE: Final = 1 << 53
_ESCAPED: Final = re.compile(r'["\\\x00-\x1f\x7f]')
_SHORT: Final = {'"': '\\"', "\\": "\\\\", "\b": "\\b", "\f": "\\f", "\n": "\\n", "\r": "\\r", "\t": "\\t"}
_NUMBER: Final = re.compile(r"[+-]?(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)(?:[eE][+-]?[0-9]+)?\Z", re.ASCII)
_SPECIAL: Final = re.compile(r"[+-]?(?:nan|inf(?:inity)?)\Z", re.IGNORECASE)
_MAX_INTEGER_DIGITS: Final = 300


class Exact(float):
    """A number whose text says more than a double holds (``1E+1000``, ``1.000``, 30 digits after the point).

    It counts as its nearest double everywhere but in comparisons between two literals and when written as text, as in
    jq 1.8. It never leaves an evaluation: outputs hold plain numbers.
    """

    __slots__ = ("decimal",)

    decimal: Decimal

    def __new__(cls, decimal: Decimal) -> Self:
        """The number that a decimal stands for."""
        number = super().__new__(cls, decimal)
        number.decimal = decimal
        return number

    def __reduce__(self) -> tuple[Any, ...]:
        return (Exact, (self.decimal,))


def read_number(text: str) -> int | float:
    """The number that a text of digits, with or without fraction and exponent, stands for."""
    body = text.lstrip("+-")
    if body.isdigit() and len(body) <= _MAX_INTEGER_DIGITS:
        number = int(text)
        return -0.0 if number == 0 and text[0] == "-" else number
    try:
        decimal = Decimal(text)
        double = float(decimal)
    except (InvalidOperation, OverflowError, ValueError):
        return float(text)
    if decimal.is_finite() and (math.isinf(double) or str(decimal) != write_float(double, literal=True)):
        return Exact(decimal)
    return double


def write_float(number: float, *, literal: bool = False) -> str:
    """A double as jq writes it: the shortest digits that read back the same.

    Args:
        number: The double. NaN is written ``null`` and an infinity as the largest double.
        literal: Keep the ``.0`` of an integral value, which jq keeps for a number that came from a text.
    """
    if math.isnan(number):
        return "null"
    if math.isinf(number):
        return "1.7976931348623157e+308" if number > 0 else "-1.7976931348623157e+308"
    text = repr(number)
    mantissa, mark, exponent = text.partition("e")
    if not mark:
        if not text.endswith(".0") or (literal and 0 < abs(number) < _SAFE):
            return text
        return text[:-2]
    power = int(exponent)
    digits = mantissa.lstrip("-").replace(".", "")
    if 0 < power < len(digits) + 15:
        sign = "-" if number < 0 else ""
        return sign + digits.ljust(power + 1, "0")
    return text


def write_number(number: float) -> str:
    """A number as jq writes it."""
    if isinstance(number, Exact):
        return str(number.decimal)
    if isinstance(number, int):
        return str(number) if -_BIG < number < _BIG else write_float(_double(number))
    return write_float(number, literal=True)


_BIG: Final = 10**4000


def _double(number: float) -> float:
    try:
        return float(number)
    except OverflowError:
        return math.inf if number > 0 else -math.inf


def _escape(match: re.Match[str]) -> str:
    letter = match.group()
    return _SHORT.get(letter) or f"\\u{ord(letter):04x}"


def write_string(text: str) -> str:
    """A string as JSON text, with quotes."""
    return '"' + _ESCAPED.sub(_escape, text) + '"'


def write_json(value: Any, limit: int | None = None, budget: Budget | None = None) -> str:
    """A value as jq's ``tojson`` writes it: no spaces, objects in their own order.

    Args:
        value: The value. What is nested deeper than 10,000 levels is written as ``<skipped: too deep>``.
        budget: What to charge for the elements.
        limit: Stop soon after this many characters; for the start of a long value inside an error message.
    """
    kind = type(value)
    if kind is str:
        return write_string(value if limit is None else value[:limit])
    if kind is not list and kind is not dict:
        return _write_scalar(value)
    out: list[str] = []
    length = 0
    # What remains to be written: text to copy, or (value, depth).
    stack: list[Any] = [(value, 0)]
    while stack:
        item = stack.pop()
        if type(item) is str:
            text = item
        else:
            value, depth = item
            kind = type(value)
            if budget is not None and (kind is list or kind is dict):
                budget.charge(1 + len(value) * 2)
            if kind is not list and kind is not dict:
                text = _write_scalar(value)
            elif depth > MAX_DEPTH:
                text = "<skipped: too deep>"
            elif not value:
                text = "[]" if kind is list else "{}"
            elif kind is list:
                text = "["
                parts = value if limit is None else value[:limit]
                tail: list[Any] = []
                for element in parts:
                    tail.append((element, depth + 1))
                    tail.append(",")
                tail[-1] = "]"
                tail.reverse()
                stack.extend(tail)
            else:
                text = "{"
                tail = []
                for key, element in value.items():
                    tail.append(write_string(key) + ":")
                    tail.append((element, depth + 1))
                    tail.append(",")
                tail[-1] = "}"
                tail.reverse()
                stack.extend(tail)
        out.append(text)
        if limit is not None:
            length += len(text)
            if length > limit:
                break
    return "".join(out)


def _write_scalar(value: Any) -> str:
    if value is None:
        return "null"
    if value is True:
        return "true"
    if value is False:
        return "false"
    if isinstance(value, str):
        return write_string(value)
    return write_number(value)


_KINDS: Final = {
    type(None): "null",
    bool: "boolean",
    int: "number",
    float: "number",
    Exact: "number",
    str: "string",
    list: "array",
    dict: "object",
}
_CLOSE: Final = {"string": '"', "array": "]", "object": "}"}


def kind_of(value: Any) -> str:
    """The name of a value's type, as ``type`` gives it.

    Raises:
        TypeError: the value is none that JSON has (a tuple, bytes, a date, ...).
    """
    try:
        return _KINDS[type(value)]
    except KeyError:
        raise TypeError(f"not a JSON value: {type(value).__name__}") from None


def shorten(value: Any, width: int = 29) -> str:
    """A value as JSON, cut to ``width`` bytes of UTF-8 the way jq cuts values inside error messages."""
    kind = kind_of(value)
    text = write_json(value, limit=4 * width)
    data = text.encode("utf-8", "replace")
    if len(data) <= width:
        return text
    close = _CLOSE.get(kind, "")
    return data[: width - 3 - len(close)].decode("utf-8", "ignore") + "..." + close


def describe(value: Any) -> str:
    """A value with its type, as jq's error messages name it: ``string ("abc")``."""
    return f"{kind_of(value)} ({shorten(value)})"


def special_number(text: str) -> float | None:
    """The number that a text such as ``nan`` or ``-Infinity`` stands for, ``None`` if it is no such text."""
    if _SPECIAL.match(text) is None:
        return None
    return math.nan if text[-1] in "nN" else float(text)


def is_number_text(text: str) -> bool:
    """Whether ``tonumber`` takes the string."""
    return _NUMBER.match(text) is not None
