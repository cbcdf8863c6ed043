"""The formats, such as ``@json`` and ``@base64``, and the inverses that some have."""

from __future__ import annotations

import math
import re
from base64 import b64decode, b64encode
from typing import TYPE_CHECKING, Any, Final

from evenweave.jq.errors import JqError
from evenweave.jq.text import describe, write_json
from evenweave.jq.values import NUMBERS

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

_HTML: Final = {ord("<"): "&lt;", ord(">"): "&gt;", ord("&"): "&amp;", ord("'"): "&apos;", ord('"'): "&quot;"}
_TSV: Final = {ord("\t"): "\\t", ord("\n"): "\\n", ord("\r"): "\\r", ord("\\"): "\\\\"}
_UNRESERVED: Final = frozenset(b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_.~")
_BASE64_END: Final = re.compile(r"=+\Z")
_BASE64_DATA: Final = re.compile(r"[A-Za-z0-9+/]*\Z")
_PERCENT: Final = re.compile(rb"%([0-9A-Fa-f]{2})")


def text(value: Any) -> str:
    """``@text``."""
    return value if type(value) is str else write_json(value)


def _row(value: Any, name: str) -> list[Any]:
    if type(value) is not list:
        raise JqError(f"{describe(value)} cannot be {name}-formatted, only array")
    return value


def _cell(element: Any, quote: Callable[[str], str]) -> str:
    kind = type(element)
    if kind is str:
        return quote(element)
    if element is None:
        return ""
    if kind is bool:
        return "true" if element else "false"
    if kind in NUMBERS:
        return "" if math.isnan(element) else write_json(element)
    raise JqError(f"{describe(element)} is not valid in a csv row")


def _csv(value: Any) -> str:
    return ",".join(
        [_cell(element, lambda cell: '"' + cell.replace('"', '""') + '"') for element in _row(value, "csv")]
    )


def _tsv(value: Any) -> str:
    return "\t".join([_cell(element, lambda cell: cell.translate(_TSV)) for element in _row(value, "tsv")])


def _html(value: Any) -> str:
    return text(value).translate(_HTML)


def _uri(value: Any) -> str:
    return "".join(
        [chr(byte) if byte in _UNRESERVED else f"%{byte:02X}" for byte in text(value).encode("utf-8", "replace")]
    )


def _urid(value: Any) -> str:
    source = text(value)
    data = source.encode("utf-8", "replace")
    if b"%" in _PERCENT.sub(b"", data):
        raise JqError(f"{describe(source)} is not a valid uri encoding")
    try:
        return _PERCENT.sub(lambda match: bytes((int(match[1], 16),)), data).decode("utf-8")
    except UnicodeDecodeError:
        raise JqError(f"{describe(source)} is not a valid uri encoding") from None


def _sh(value: Any) -> str:
    return " ".join([_sh_word(element) for element in (value if type(value) is list else [value])])


def _sh_word(element: Any) -> str:
    if type(element) is str:
        return "'" + element.replace("'", "'\\''") + "'"
    if type(element) is list or type(element) is dict:
        raise JqError(f"{describe(element)} can not be escaped for shell")
    return write_json(element)


def _base64(value: Any) -> str:
    return b64encode(text(value).encode("utf-8", "replace")).decode("ascii")


def _base64d(value: Any) -> str:
    source = text(value)
    data = _BASE64_END.sub("", source)
    if not _BASE64_DATA.match(data):
        raise JqError(f"{describe(source)} is not valid base64 data")
    if len(data) % 4 == 1:
        raise JqError(f"{describe(source)} trailing base64 byte found")
    return decode(b64decode(data + "=" * (-len(data) % 4)))


def decode(data: bytes) -> str:
    """Bytes as UTF-8, what is wrong replaced as jq does: a broken character takes its whole announced length."""
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError:
        return "".join(_decode_characters(data))


def _decode_characters(data: bytes) -> Iterator[str]:
    at = 0
    while at < len(data):
        first = data[at]
        width = (
            1
            if first < 0x80
            else 2
            if 0xC2 <= first < 0xE0
            else 3
            if 0xE0 <= first < 0xF0
            else 4
            if 0xF0 <= first < 0xF5
            else 0
        )
        if width == 0:
            yield "\ufffd"
            at += 1
            continue
        if at + width > len(data):
            yield "\ufffd"
            return
        stop = at + 1
        while stop < at + width and data[stop] & 0xC0 == 0x80:
            stop += 1
        yield data[at:stop].decode("utf-8", "ignore") or "\ufffd"
        at = stop


FORMATS: Final[dict[str, Callable[[Any], str]]] = {
    "text": text,
    "json": write_json,
    "csv": _csv,
    "tsv": _tsv,
    "html": _html,
    "uri": _uri,
    "urid": _urid,
    "sh": _sh,
    "base64": _base64,
    "base64d": _base64d,
}
