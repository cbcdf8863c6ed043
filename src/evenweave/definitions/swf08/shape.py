"""Shapes of values: each reads one kind of value, reports what is wrong with it, and gives its JSON Schema.

A shape never raises and never stops at a mistake. What could not be read is `INVALID`; the struct around it goes on
with a blank, so that the checks of meaning still see the rest of the document. `grammar` makes the shapes.
"""

import math
import re
from abc import ABC, abstractmethod
from collections.abc import Mapping
from fractions import Fraction
from typing import Any, Final

import msgspec

from evenweave.definitions.swf08.expression import Literal, read_value
from evenweave.definitions.swf08.node import Property
from evenweave.definitions.swf08.reader import Reader
from evenweave.source import closest, pointer

JSON_TYPES: Final[Mapping[type, str]] = {
    dict: "object",
    list: "array",
    str: "string",
    bool: "boolean",
    int: "number",
    float: "number",
    type(None): "null",
}
_NUMBER: Final = re.compile(r"-?\d+(?:\.\d+)?", re.ASCII)
_LONGEST_NUMBER: Final = 40
_ARTICLES: Final = {"object": "an object", "array": "a list", "null": "nothing"}


class Invalid(msgspec.Struct, frozen=True):
    """The mark of a value that could not be read."""


INVALID: Final = Invalid()
"""What `read` gives for a value that is wrong; it is reported."""


def type_name(value: Any) -> str:
    """Return the JSON type of a value, with its article, as messages name it."""
    name = JSON_TYPES[type(value)]
    return _ARTICLES.get(name, f"a {name}")


class Shape(ABC):
    """One kind of value."""

    @abstractmethod
    def read(self, reader: Reader, value: Any, ref: str) -> Any:
        """Read a value; give what the model holds for it, or `INVALID`."""

    @abstractmethod
    def blank(self, ref: str) -> Any:
        """Return what stands for a required value that is missing or wrong."""

    @abstractmethod
    def schema(self, definitions: dict[str, Any]) -> dict[str, Any]:
        """Return the JSON Schema of what `read` takes; structs go into `definitions`."""

    def wrong_type(self, reader: Reader, value: Any, ref: str, expected: str) -> Invalid:
        """Report a value of the wrong type."""
        hint = ""
        if expected == "a string" and isinstance(value, int | float) and not isinstance(value, bool):
            hint = f'put it in quotes: "{value}"'
        reader.report("SW001", ref, f"expected {expected}, got {type_name(value)}", hint)
        return INVALID


def read_boolean(reader: Reader, value: Any, ref: str) -> Any:
    """Return a value, as a boolean where it is one in the text of SonataFlow's users: "true" or "false"."""
    if not reader.wild or value not in ("true", "false"):
        return value
    reader.report("SW402", ref, f'"{value}" is text, read as {value}', "take the quotes away")
    return value == "true"


class BooleanShape(Shape):
    """True or false."""

    def read(self, reader: Reader, value: Any, ref: str) -> Any:
        """Read a boolean."""
        value = read_boolean(reader, value, ref)
        return value if isinstance(value, bool) else self.wrong_type(reader, value, ref, "true or false")

    def blank(self, ref: str) -> Any:
        """Return false."""
        del ref
        return False

    def schema(self, definitions: dict[str, Any]) -> dict[str, Any]:
        """Return the schema of a boolean."""
        del definitions
        return {"type": "boolean"}


class NumberShape(Shape):
    """A number, or a string that holds one, or a string of another shape (an expression, a duration)."""

    def __init__(self, note: Property, *, whole: bool, text: Shape) -> None:
        """Take the bounds from a note.

        Args:
            note: the bounds.
            whole: the number must be a whole one.
            text: the shape of a string that is no number.
        """
        self.note = note
        self.whole = whole
        self.text = text

    def read(self, reader: Reader, value: Any, ref: str) -> Any:
        """Read the number."""
        if isinstance(value, str):
            number = _number(value)
            if number is None:
                return self.text.read(reader, value, ref)
            # The schema bounds numbers only; a string may say 0 ("Value of 0 means no retries are performed").
            return self._whole(reader, number, ref)
        if isinstance(value, bool) or not isinstance(value, int | float):
            return self.wrong_type(reader, value, ref, "a number or a string")
        bounds = _bounds(value, self.note)
        if bounds:
            reader.report("SW006", ref, f"must be {bounds}")
            return INVALID
        return self._whole(reader, value, ref)

    def blank(self, ref: str) -> Any:
        """Return one."""
        del ref
        return 1

    def schema(self, definitions: dict[str, Any]) -> dict[str, Any]:
        """Return the schema of the number and its string."""
        del definitions
        bounds = {"minimum": self.note.minimum, "maximum": self.note.maximum, "multipleOf": self.note.multiple_of}
        return {
            "type": ["integer" if self.whole else "number", "string"],
            **{name: bound for name, bound in bounds.items() if bound is not None},
            **({"minLength": self.note.min_length} if self.note.min_length else {}),
        }

    def _whole(self, reader: Reader, number: float, ref: str) -> Any:
        """Give a whole number as an int, and report one that should be whole and is not."""
        if not self.whole:
            return number
        if number >= 0 and math.isfinite(number) and number == int(number):
            return int(number)
        reader.report("SW309", ref, "must be a whole number, 0 or more")
        return INVALID


class EnumShape(Shape):
    """One of some strings."""

    def __init__(self, values: tuple[str, ...]) -> None:
        """Take the strings."""
        self.values = values

    def read(self, reader: Reader, value: Any, ref: str) -> Any:
        """Read one of the strings."""
        if isinstance(value, str) and value in self.values:
            return value
        allowed = ", ".join(self.values)
        guess = closest(value, self.values) if isinstance(value, str) else None
        shown = f'"{value}"' if isinstance(value, str) else type_name(value)
        reader.report("SW004", ref, f"{shown} is not one of {allowed}", f'did you mean "{guess}"?' if guess else "")
        return INVALID

    def blank(self, ref: str) -> Any:
        """Return the first of the strings."""
        del ref
        return self.values[0]

    def schema(self, definitions: dict[str, Any]) -> dict[str, Any]:
        """Return the schema of the enumeration."""
        del definitions
        return {"type": "string", "enum": list(self.values)}


class ValueShape(Shape):
    """JSON of some types, in which strings may be expressions."""

    def __init__(self, note: Property) -> None:
        """Take types and leniency from a note."""
        self.note = note

    def read(self, reader: Reader, value: Any, ref: str) -> Any:
        """Read the value."""
        note = self.note
        kind = JSON_TYPES[type(value)]
        if note.kinds and kind not in note.kinds:
            meant = kind == "string" and ("${" in value or reader.is_meant(value.strip()))
            if not note.lenient or not meant:
                expected = " or ".join(_ARTICLES.get(name, f"a {name}") for name in note.kinds)
                return self.wrong_type(reader, value, ref, expected)
            reader.report(note.lenient, ref, "an expression where an object is due", "write an object of expressions")
        if isinstance(value, str):
            if len(value) < note.min_length:
                reader.report("SW006", ref, "must not be empty")
                return INVALID
            if "${" not in value and (note.bare or (note.lenient and "string" not in note.kinds)):
                return reader.expression(value, ref)
        return read_value(value, ref, reader.bare, every=True) if reader.wild else read_value(value, ref, reader.text)

    def blank(self, ref: str) -> Any:
        """Return null."""
        return Literal(ref=ref, value=None)

    def schema(self, definitions: dict[str, Any]) -> dict[str, Any]:
        """Return the schema of the types."""
        del definitions
        if self.note.lenient:
            return {"anyOf": [{"type": list(self.note.kinds)}, {"type": "string", "pattern": r"\$\{"}]}
        kinds = list(self.note.kinds)
        bounds = {"minLength": self.note.min_length} if self.note.min_length else {}
        return {"type": kinds[0] if len(kinds) == 1 else kinds, **bounds} if kinds else {}


class ArrayShape(Shape):
    """A list of one shape."""

    def __init__(self, item: Shape, note: Property | None, *, needed: bool) -> None:
        """Take the shape of the items and the bounds.

        Args:
            item: the shape of each item.
            note: the bounds.
            needed: an empty list is an error; elsewhere it says the same as no list at all.
        """
        self.item = item
        self.min_items = note.min_items if note else 0
        self.unique = bool(note and note.unique)
        self.needed = needed

    def read(self, reader: Reader, value: Any, ref: str) -> Any:
        """Read the items; wrong ones are left out."""
        if not isinstance(value, list):
            return self.wrong_type(reader, value, ref, "a list")
        if len(value) < self.min_items:
            if self.needed:
                reader.report("SW006", ref, "must not be an empty list")
            else:
                reader.report("SW027", ref, "the official schema refuses an empty list", "leave it out")
        if self.unique:
            seen: list[Any] = []
            for index, item in enumerate(value):
                if isinstance(item, str) and item in seen:
                    reader.report("SW006", f"{ref}/{index}", f'"{item}" is here twice', "name each once")
                seen.append(item)
        items = [self.item.read(reader, item, f"{ref}/{index}") for index, item in enumerate(value)]
        return tuple(item for item in items if item is not INVALID)

    def blank(self, ref: str) -> Any:
        """Return an empty list."""
        del ref
        return ()

    def schema(self, definitions: dict[str, Any]) -> dict[str, Any]:
        """Return the schema of the list."""
        bounds = {"minItems": self.min_items} if self.min_items and self.needed else {}
        unique = {"uniqueItems": True} if self.unique else {}
        return {"type": "array", "items": self.item.schema(definitions), **bounds, **unique}


class MapShape(Shape):
    """An object with any keys and values of one shape."""

    def __init__(self, item: Shape) -> None:
        """Take the shape of the values."""
        self.item = item

    def read(self, reader: Reader, value: Any, ref: str) -> Any:
        """Read the values; wrong ones are left out."""
        if not isinstance(value, dict):
            return self.wrong_type(reader, value, ref, "an object")
        items = {key: self.item.read(reader, item, pointer.join(ref, key)) for key, item in value.items()}
        return {key: item for key, item in items.items() if item is not INVALID}

    def blank(self, ref: str) -> Any:
        """Return an empty object."""
        del ref
        return {}

    def schema(self, definitions: dict[str, Any]) -> dict[str, Any]:
        """Return the schema of the object."""
        return {"type": "object", "additionalProperties": self.item.schema(definitions)}


class MetadataShape(MapShape):
    """An object of strings that nothing depends on: other values are taken as JSON text, with a warning."""

    def read(self, reader: Reader, value: Any, ref: str) -> Any:
        """Read the strings."""
        if not isinstance(value, dict):
            return self.wrong_type(reader, value, ref, "an object")
        strings: dict[str, str] = {}
        for key, item in value.items():
            if not isinstance(item, str):
                hint = "metadata is for people and tools: write a string"
                reader.report("SW025", pointer.join(ref, key), f"expected a string, got {type_name(item)}", hint)
            strings[key] = item if isinstance(item, str) else msgspec.json.encode(item).decode()
        return strings

    def schema(self, definitions: dict[str, Any]) -> dict[str, Any]:
        """Return the schema of metadata."""
        del definitions
        return {"type": "object"}


class ObjectShape(Shape):
    """A JSON object, kept as it is."""

    def __init__(self, note: Property) -> None:
        """Take leniency from a note: the code of the warning for another type, where SonataFlow takes any."""
        self.lenient = note.lenient

    def read(self, reader: Reader, value: Any, ref: str) -> Any:
        """Take the object."""
        if self.lenient and reader.wild and not isinstance(value, dict):
            reader.report(self.lenient, ref, f"{type_name(value)} where an object is due", "write an object")
            return value
        return value if isinstance(value, dict) else self.wrong_type(reader, value, ref, "an object")

    def blank(self, ref: str) -> Any:
        """Return an empty object."""
        del ref
        return {}

    def schema(self, definitions: dict[str, Any]) -> dict[str, Any]:
        """Return the schema of any object."""
        del definitions
        return {"type": "object"}


def _number(text: str) -> float | None:
    """Read a string that is nothing but a number."""
    match = _NUMBER.fullmatch(text) if len(text) <= _LONGEST_NUMBER else None
    return float(text) if match else None


def _bounds(value: float, note: Property) -> str:
    """Say which bound a number breaks; empty if none."""
    if not math.isfinite(value):
        return "a finite number"
    if note.minimum is not None and value < note.minimum:
        return f"{note.minimum:g} or more"
    if note.maximum is not None and value > note.maximum:
        return f"{note.maximum:g} or less"
    if note.multiple_of is not None and Fraction(str(value)) % Fraction(str(note.multiple_of)):
        return f"a multiple of {note.multiple_of:g}"
    return ""
