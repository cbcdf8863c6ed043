"""Reads YAML by the rules of its core schema (YAML 1.2.2, 10.3), with the place of every value.

So ``no``, ``1:30`` and ``2024-01-01`` are strings and ``0o17`` is 15. The value is what JSON can carry: keys are
strings, numbers are finite. The events come from libyaml one at a time and are put together without recursion, so that
a bound is met before the thing that it bounds exists. Merge keys (``<<``) are not in YAML 1.2 but in many documents,
and are read.
"""

from __future__ import annotations

from re import compile as pattern
from typing import TYPE_CHECKING, Any, Final

from yaml import CSafeLoader
from yaml.error import MarkedYAMLError
from yaml.events import (
    AliasEvent,
    CollectionEndEvent,
    DocumentStartEvent,
    MappingStartEvent,
    ScalarEvent,
    SequenceStartEvent,
    StreamEndEvent,
)
from yaml.reader import ReaderError

from evenweave.source.limits import MAX_ALIASED, MAX_DEPTH, MAX_PROBLEMS, TooManyProblems, too_deep
from evenweave.source.number import integer, real
from evenweave.source.place import Place, Problem, Reading
from evenweave.source.spelling import closest
from evenweave.source.yamlerror import explain

if TYPE_CHECKING:
    from yaml.events import CollectionStartEvent, Event

__all__ = ["read"]

# YAML 1.2.2, 5.1: what a stream may hold. libyaml counts bytes where it reports these, so they are sought beforehand.
_UNPRINTABLE = pattern("[^\t\n\r\x20-\x7e\x85\xa0-\ud7ff\ue000-\ufefe\uff00-\ufffd\U00010000-\U0010ffff]")
_PROPERTIES = pattern(r"(?:[!&][^\s,\[\]{}]*(?:\s+|$))*")

# YAML 1.2.2, 10.3.2: tag resolution of plain scalars.
_NULL = frozenset({"", "~", "null", "Null", "NULL"})
_BOOLEAN = {"true": True, "True": True, "TRUE": True, "false": False, "False": False, "FALSE": False}
_INTEGER = pattern(r"[-+]?[0-9]+")
_BASED = pattern(r"0o[0-7]+|0x[0-9a-fA-F]+")
_REAL = pattern(r"[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?")
_NOT_FINITE = pattern(r"[-+]?\.(?:inf|Inf|INF)|\.(?:nan|NaN|NAN)")
_MAYBE_NOT_TEXT = frozenset("-+.0123456789~nNtTfF")

_PREFIX: Final = "tag:yaml.org,2002:"
_MERGE: Final = "<<"


class _Frame:
    """A collection that is not complete yet."""

    __slots__ = ("anchor", "flow", "height", "key", "merges", "place", "value", "weight")

    def __init__(self, value: dict[str, Any] | list[Any], place: Place, anchor: str | None, flow: bool) -> None:
        self.value = value
        self.place = place
        self.anchor = anchor
        self.flow = flow
        self.key: str | None = None  # the key that waits for its value
        self.merges: list[tuple[Any, Place]] | None = None
        self.weight = 1  # nodes below and with this one, aliases expanded
        self.height = 0  # levels below this one


class _Stop(Exception):
    """The text cannot be read any further."""


class _Builder:
    """Puts a value and its places together from libyaml's events."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.problems: list[Problem] = []
        self.anchors: dict[str, tuple[Any, Place, int, int]] = {}
        self.open: set[str] = set()
        self.stack: list[_Frame] = []
        self.aliased = 0
        self.unusable_keys = 0
        self.root: tuple[Any, Place] | None = None

    def note(self, code: str, place: tuple[int, int], message: str, hint: str = "", *, warn: bool = False) -> None:
        self.problems.append(Problem(code, place[0], place[1], message, hint, "warning" if warn else "error"))
        if len(self.problems) >= MAX_PROBLEMS:
            raise TooManyProblems

    def place(self, event: ScalarEvent | CollectionStartEvent, style: str = "") -> Place:
        """Return where the content of a node begins: behind its anchor and its tag."""
        start, end = _stretch(event)
        if event.anchor or event.tag:
            found = _PROPERTIES.match(self.text, start)
            start = found.end() if found else start
        return Place(start, max(start, end), style)

    def scalar(self, event: ScalarEvent) -> None:
        text = event.value
        place = self.place(event, event.style or "")
        if self.stack:
            frame = self.stack[-1]
            if frame.key is None and frame.value.__class__ is dict:
                self.key(frame, event, place)
                return
        if event.implicit[0] and event.tag is None:
            value = self.plain(text, place) if not text or text[0] in _MAYBE_NOT_TEXT else text
        elif event.tag:
            value = self.tagged(event.tag, text, place)
        else:
            value = text
        # An aliased text counts by its length too: few long ones make as big a bomb as many short ones.
        self.complete(value, place, event.anchor, 1 + len(text) // 40, 0)

    def plain(self, text: str, place: Place) -> Any:
        if text in _NULL:
            return None
        if text in _BOOLEAN:
            return _BOOLEAN[text]
        if _INTEGER.fullmatch(text):
            number: int | float | None = integer(text, 10)
        elif _BASED.fullmatch(text):
            number = integer(text[2:], 8 if text[1] == "o" else 16)
        elif _REAL.fullmatch(text):
            number = real(text)
        elif _NOT_FINITE.fullmatch(text):
            number = None
        else:
            return text
        if number is None:
            shown = text if len(text) <= 24 else f"{text[:20]}..."
            self.note("FI110", (place.start, place.end), f"{shown} is no number that JSON can carry", "quote it")
        return number

    def tagged(self, tag: str, text: str, place: Place) -> Any:
        short = tag.removeprefix(_PREFIX)
        if tag == "!" or short == "str":
            return text
        if short in {"null", "bool", "int", "float"}:
            value = self.plain(text, place)
            if short == "float" and type(value) is int:
                return float(value)
            kind = {"NoneType": "null"}.get(type(value).__name__, type(value).__name__)
            if kind != short:
                self.note("FI111", (place.start, place.end), f"!!{short} does not fit {text!r}", "leave the tag out")
            return value
        self.unknown_tag(tag, (place.start, place.end))
        return text

    def unknown_tag(self, tag: str, place: tuple[int, int]) -> None:
        name = f"!!{tag.removeprefix(_PREFIX)}" if tag.startswith(_PREFIX) else tag
        self.note("FI111", place, f"the tag {name} is not supported", "only what JSON can carry is: leave the tag out")

    def key(self, frame: _Frame, event: ScalarEvent, place: Place) -> None:
        name = event.value
        stretch = (place.start, max(place.end, place.start))
        if event.anchor:
            self.anchors[event.anchor] = (name, place, 1, 0)
        if event.implicit[0]:
            if name in _NULL:
                self.note("FI109", stretch, "a key is empty", "give the property a name, or quote the key")
                self.unusable_keys += 1
                name = f"\0{self.unusable_keys}"
            elif name == _MERGE:
                frame.key = _MERGE
                frame.place.keys[_MERGE] = stretch  # type: ignore[index]
                if frame.merges is None:
                    frame.merges = []
                else:
                    self.duplicate(frame, name, stretch)
                return
            elif name[0] in _MAYBE_NOT_TEXT and (
                name in _BOOLEAN or _BASED.fullmatch(name) or _REAL.fullmatch(name) or _NOT_FINITE.fullmatch(name)
            ):
                self.note(
                    "FI108", stretch, f'the key {name} is not text; it is read as "{name}"', "quote it", warn=True
                )
        keys = frame.place.keys
        assert keys is not None
        if name in keys:
            self.duplicate(frame, name, stretch)
        else:
            keys[name] = stretch
        frame.key = name

    def duplicate(self, frame: _Frame, name: str, stretch: tuple[int, int]) -> None:
        assert frame.place.keys is not None
        first = self.text.count("\n", 0, frame.place.keys[name][0]) + 1
        self.note("FI107", stretch, f'the key "{name}" is here a second time', f"the first is in line {first}")

    def begin(self, event: CollectionStartEvent, value: dict[str, Any] | list[Any]) -> None:
        place = self.place(event)
        if len(self.stack) >= MAX_DEPTH:
            self.problems.append(too_deep(place.start))
            raise _Stop
        if event.tag and event.tag not in {"!", f"{_PREFIX}{'map' if isinstance(value, dict) else 'seq'}"}:
            self.unknown_tag(event.tag, (place.start, place.end))
        if isinstance(value, dict):
            place.keys, place.children = {}, {}
        else:
            place.children = []
        if event.anchor:
            self.open.add(event.anchor)
        self.stack.append(_Frame(value, place, event.anchor, bool(event.flow_style)))

    def finish(self, event: CollectionEndEvent) -> None:
        frame = self.stack.pop()
        place = frame.place
        place.end = _stretch(event)[1] if frame.flow else self.end_of_block(place)
        if frame.merges:
            self.merge(frame, frame.merges)
        if frame.anchor:
            self.open.discard(frame.anchor)
        self.complete(frame.value, place, frame.anchor, frame.weight, frame.height)

    @staticmethod
    def end_of_block(place: Place) -> int:
        """Return where the last item ends: libyaml's mark is behind the blank lines and comments that follow."""
        if place.keys:
            children = place.children
            assert isinstance(children, dict)
            name, key = next(reversed(place.keys.items()))
            return max(key[1], children[name].end if name in children else 0)
        return place.children[-1].end if isinstance(place.children, list) and place.children else place.start

    def merge(self, frame: _Frame, merges: list[tuple[Any, Place]]) -> None:
        """Add what ``<<`` names; a key of the mapping's own and an earlier one of the list win."""
        assert isinstance(frame.value, dict)
        for value, place in merges:
            where = place.target or place
            if isinstance(value, list) and isinstance(where.children, list):
                sources = list(zip(value, where.children, strict=True))
            else:
                sources = [(value, place)]
            for source, at in sources:
                origin = at.target or at
                if not isinstance(source, dict) or not isinstance(origin.children, dict):
                    self.note("FI112", (at.start, at.end), "<< merges mappings only", "name a mapping by its alias")
                    continue
                for name, item in source.items():
                    if name not in frame.value:
                        frame.value[name] = item
                        if name in origin.children and isinstance(frame.place.children, dict):
                            frame.place.children[name] = origin.children[name]
                            frame.place.keys[name] = origin.keys[name]  # type: ignore[index]

    def alias(self, event: AliasEvent) -> None:
        name = str(event.anchor)
        start, end = _stretch(event)
        if name in self.open:
            self.note(
                "FI106", (start, end), f"*{name} stands inside the value that it names", "a value cannot hold itself"
            )
            raise _Stop
        if name not in self.anchors:
            near = closest(name, self.anchors)
            hint = f"did you mean *{near}?" if near else f"mark a value above with &{name}, or quote the text"
            self.note("FI106", (start, end), f"*{name} names no value above", hint)
            raise _Stop
        value, target, weight, height = self.anchors[name]
        self.aliased += weight
        if self.aliased > MAX_ALIASED:
            self.note("FI105", (start, end), f"aliases repeat more than {MAX_ALIASED:,} values", "write less by alias")
            raise _Stop
        if len(self.stack) + height > MAX_DEPTH:
            self.problems.append(too_deep(start))
            raise _Stop
        place = Place(start, end)
        place.target = target
        self.complete(value, place, None, weight, height)

    def complete(self, value: Any, place: Place, anchor: str | None, weight: int, height: int) -> None:
        if anchor:
            self.anchors[anchor] = (value, place, weight, height)
        if not self.stack:
            self.root = (value, place)
            return
        frame = self.stack[-1]
        frame.weight += weight
        if height >= frame.height:
            frame.height = height + 1
        children = frame.place.children
        if children.__class__ is list:
            frame.value.append(value)  # type: ignore[union-attr]
            children.append(place)
            return
        name = frame.key
        if name is None:  # a key that is an alias or a collection
            self.note(
                "FI109", (place.start, place.end), "a key is not text", "a key is one text; quote it if it needs to be"
            )
            self.unusable_keys += 1
            frame.key = f"\0{self.unusable_keys}"
            return
        frame.key = None
        if name == _MERGE and frame.merges is not None and frame.merges == []:
            frame.merges.append((value, place))
            return
        if name not in frame.value:
            frame.value[name] = value  # type: ignore[call-overload]
            children[name] = place  # type: ignore[index, call-overload]

    def run(self) -> None:
        parser = CSafeLoader(self.text)
        documents = 0
        try:
            while True:
                event = parser.get_event()
                if isinstance(event, ScalarEvent):
                    self.scalar(event)
                elif isinstance(event, MappingStartEvent):
                    self.begin(event, {})
                elif isinstance(event, SequenceStartEvent):
                    self.begin(event, [])
                elif isinstance(event, CollectionEndEvent):
                    self.finish(event)
                elif isinstance(event, AliasEvent):
                    self.alias(event)
                elif isinstance(event, DocumentStartEvent):
                    documents += 1
                    if documents > 1:
                        start, _ = _stretch(event)
                        hint = "put each document into a file of its own"
                        self.note("FI104", (start, start + 3), "a second document begins here", hint)
                        raise _Stop
                elif event is None or isinstance(event, StreamEndEvent):
                    return
        finally:
            parser.dispose()


def _stretch(event: Event) -> tuple[int, int]:
    """Return where ``event`` begins and ends; libyaml always says."""
    start, end = event.start_mark, event.end_mark
    assert start is not None
    assert end is not None
    return start.index, end.index


def read(text: str) -> Reading:
    """Read ``text`` as one YAML document; every problem that can be told is noted, a broken syntax ends the reading."""
    unprintable = _UNPRINTABLE.search(text)
    if unprintable:
        at = unprintable.start()
        message = f"the character U+{ord(text[at]):04X} is not allowed in YAML"
        problem = Problem("FI103", at, at + 1, message, "remove it, or write it as an escape in double quotes")
        return Reading(None, None, [problem])
    builder = _Builder(text)
    try:
        builder.run()
    except MarkedYAMLError as error:
        builder.problems.append(explain(text, error))
        return Reading(None, None, builder.problems)
    except ReaderError as error:
        builder.problems.append(Problem("FI103", 0, 0, str(error.reason)))
        return Reading(None, None, builder.problems)
    except (_Stop, TooManyProblems):
        return Reading(None, None, builder.problems)
    if builder.root is None:
        builder.problems.append(Problem("FI104", 0, 0, "the document is empty"))
        return Reading(None, None, builder.problems)
    value, place = builder.root
    return Reading(value, place, builder.problems)
