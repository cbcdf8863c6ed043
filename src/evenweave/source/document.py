"""A user's document: its text, its value, and where in the text each part of the value stands."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any, Final, Literal

from evenweave.source import json, yaml
from evenweave.source import pointer as pointers
from evenweave.source.diagnostic import Diagnostic, Severity, Span, has_errors
from evenweave.source.limits import MAX_BYTES
from evenweave.source.place import Lines, Notation, Place, Problem, Reading
from evenweave.source.scalar import align

if TYPE_CHECKING:
    from collections.abc import Iterable

__all__ = ["Dialect", "Document", "Loaded", "Part", "decode", "dialect", "load"]

#: What a span covers: the value a pointer leads to, or the key that it stands under.
Part = Literal["value", "key"]

#: What a document is written in: AsyncAPI, CNCF Serverless Workflow 0.8, or its DSL 1.0.
Dialect = Literal["asyncapi", "swf08", "swf10"]

_BOM: Final = "\ufeff"


class Document:
    """A document that could be read: ``name``, ``text``, ``value``, and ``kind``, the notation it is written in.

    ``name`` is as the caller gave it, ``text`` is without a byte order mark, and ``value`` is what JSON can carry: dict
    with string keys, list, str, int, float, bool and None. Values that an alias repeats are one object; they *must not*
    be changed.
    """

    __slots__ = ("__dict__", "_place", "kind", "name", "text", "value")

    def __init__(self, name: str, text: str, value: Any, kind: Notation, place: Place) -> None:
        self.name = name
        self.text = text
        self.value = value
        self.kind: Notation = kind
        self._place = place

    def __repr__(self) -> str:
        return f"Document(name={self.name!r}, kind={self.kind!r})"

    @cached_property
    def lines(self) -> Lines:
        """Where the lines of the text begin."""
        return Lines(self.text)

    def span(self, pointer: str, part: Part = "value") -> Span:
        """Return where the value at the JSON pointer ``pointer`` stands, or the key that it stands under.

        Where nothing is at ``pointer``, its nearest ancestor that exists answers. A value that is written as nothing,
        and the key of a list's item or of the document, have no place of their own: there the other part answers.
        """
        place, key = self._locate(pointer)
        start, end = place.start, place.end
        if key and (part == "key" or start == end):
            start, end = key
        return self.lines.span(start, end)

    def span_in(self, pointer: str, offset: int, length: int) -> Span:
        """Return where ``length`` characters from ``offset`` on, of the string at ``pointer``, stand.

        Quotes, escapes, line folding and the indentation of block scalars are seen through. Where that cannot be done
        exactly, and where no string is at ``pointer``, the span of the whole value answers.
        """
        place, _ = self._locate(pointer)
        value = self.at(pointer)
        aligned = align(self.text, place, value) if isinstance(value, str) else None
        if not aligned or offset < 0:
            return self.span(pointer)
        if offset >= len(aligned):
            return self.lines.span(aligned[-1][1], aligned[-1][1])
        last = min(offset + max(length, 1), len(aligned)) - 1
        start = aligned[offset][0]
        return self.lines.span(start, aligned[last][1] if length > 0 else start)

    def at(self, pointer: str, default: Any = None) -> Any:
        """Return the value at the JSON pointer ``pointer``, or ``default`` where there is none."""
        value = self.value
        for token in pointers.split(pointer):
            if isinstance(value, dict) and token in value:
                value = value[token]
            elif isinstance(value, list) and _is_index(token, len(value)):
                value = value[int(token)]
            else:
                return default
        return value

    def diagnostic(
        self,
        code: str,
        pointer: str,
        message: str,
        *,
        severity: Severity = "error",
        hint: str = "",
        rule: str = "",
        part: Part = "value",
    ) -> Diagnostic:
        """Return a diagnostic about the value (or its key) at ``pointer`` of this document."""
        return Diagnostic(code, self.name, self.span(pointer, part), severity, message, hint, rule)

    def _locate(self, pointer: str) -> tuple[Place, tuple[int, int] | None]:
        """Return the place at ``pointer`` or of its nearest ancestor, and the stretch of its key where it has one."""
        place = self._place
        key: tuple[int, int] | None = None
        for token in pointers.split(pointer):
            holder = place.target or place
            if isinstance(holder.children, dict) and token in holder.children:
                key = holder.keys[token] if holder.keys else None
                place = holder.children[token]
            elif isinstance(holder.children, list) and _is_index(token, len(holder.children)):
                key = None
                place = holder.children[int(token)]
            else:
                break
        return place, key


def plain(name: str, data: bytes) -> Document | None:
    """Return a text that is no YAML and no JSON as a document, whose value is the text; None where it cannot be one."""
    if len(data) > MAX_BYTES:
        return None
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError:
        return None
    return Document(name, text, text, "yaml", Place(0, len(text)))


@dataclass(frozen=True, slots=True)
class Loaded:
    """What :func:`load` made of a file: a document, or None and at least one error.

    ``text`` is the text as far as it could be told, so that :func:`evenweave.source.render` can show the place of an
    error.
    """

    document: Document | None
    diagnostics: tuple[Diagnostic, ...]
    text: str = ""


def load(name: str, data: bytes | str) -> Loaded:
    """Read one YAML or JSON document; ``name`` is its file name as the user gave it.

    A name that ends in ``.json`` says JSON; otherwise a text that begins with a bracket is JSON where it can be read
    so, and YAML where not. What cannot be used (not YAML, keys given twice, alias bombs, more than 4 MiB or 64 levels)
    is told by diagnostics, all that can be told at once; the document is None as soon as one of them is an error.
    Codes: FI1xx.
    """
    if len(data) > MAX_BYTES or (isinstance(data, str) and len(data.encode(errors="replace")) > MAX_BYTES):
        message = f"the file has more than {MAX_BYTES // 1024 // 1024} MiB"
        return _refused(name, "", [Problem("FI105", 0, 0, message, "split the document into several")])
    text = decode(data)
    foreign = _not_text(data, text)
    if foreign:
        return _refused(name, text, [foreign])
    if not text.strip():
        return _refused(name, text, [Problem("FI104", 0, 0, "the document is empty")])
    notation, reading = _read(name, text)
    if reading.place is None:
        return _refused(name, text, reading.problems)
    document = Document(name, text, reading.value, notation, reading.place)
    diagnostics = _diagnostics(name, document.lines, reading.problems) if reading.problems else ()
    return Loaded(None if has_errors(diagnostics) else document, diagnostics, text)


def decode(data: bytes | str) -> str:
    """Return ``data`` as the text that spans count in: UTF-8 without a byte order mark, unreadable bytes replaced."""
    text = data.decode(errors="replace") if isinstance(data, bytes) else data
    return text.removeprefix(_BOM)


def dialect(value: Any) -> Dialect | None:
    """Say what a document is by its marks: ``asyncapi``; ``document.dsl``; ``specVersion`` or ``states``."""
    if not isinstance(value, dict):
        return None
    if "asyncapi" in value:
        return "asyncapi"
    head = value.get("document")
    if isinstance(head, dict) and "dsl" in head:
        return "swf10"
    return "swf08" if "specVersion" in value or "states" in value else None


def _read(name: str, text: str) -> tuple[Notation, Reading]:
    first = text.lstrip()
    if name.lower().endswith(".json"):
        return "json", json.read(text)
    if first[0] not in "{[":
        return "yaml", yaml.read(text)
    reading = json.read(text)
    if not any(problem.code == json.SYNTAX for problem in reading.problems):
        return "json", reading
    # YAML's own flow style begins with a bracket too. Where neither fits, the text's second sign tells what it was to
    # be.
    other = yaml.read(text)
    if other.place is not None or not first[1:].lstrip().startswith(('"', "{", "[")):
        return "yaml", other
    return "json", reading


def _not_text(data: bytes | str, text: str) -> Problem | None:
    """Return the problem of data that is not UTF-8, and of text that could not be written as such."""
    try:
        if isinstance(data, bytes):
            data.decode()
        else:
            data.encode()
    except UnicodeDecodeError as error:
        at = len(decode(data[: error.start]))
        message = f"the byte 0x{error.object[error.start]:02X} is not UTF-8"
        return Problem("FI103", at, at + 1, message, "save the file in UTF-8")
    except UnicodeEncodeError as error:
        at = error.start - (len(data) - len(text))
        return Problem("FI103", at, at + 1, "half a character (a lone surrogate)", "write the whole character")
    return None


def _refused(name: str, text: str, problems: list[Problem]) -> Loaded:
    return Loaded(None, _diagnostics(name, Lines(text), problems), text)


def _diagnostics(name: str, lines: Lines, problems: Iterable[Problem]) -> tuple[Diagnostic, ...]:
    return tuple(
        Diagnostic(
            problem.code, name, lines.span(problem.start, problem.end), problem.severity, problem.message, problem.hint
        )
        for problem in problems
    )


def _is_index(token: str, length: int) -> bool:
    return token.isascii() and token.isdigit() and len(token) < 9 and int(token) < length
