"""What every part of a definition's model has in common: its reference, and notes on its properties.

The structs of the model are the one source of what a definition may look like: the reader (`shape`), the JSON Schema
for editors (`schema`) and the plan compiler all go by their fields. What a Python type cannot say stands in `Property`.
"""

from collections.abc import Mapping
from typing import Any, ClassVar

import msgspec


class Property(msgspec.Struct, frozen=True, kw_only=True):
    """What the type of a field does not say about the property of the document.

    Attributes:
        doc: one sentence for whoever writes the definition; editors show it.
        min_length: the least length of a string.
        min_items: the least number of items of an array; an empty array where one is due is a note, not an error.
        unique: the items of the array differ from one another.
        minimum: the least value of a number.
        maximum: the greatest value of a number.
        multiple_of: the number is a multiple of this.
        aliases: other names of the property, of version 0.9; each is read with a warning.
        missing: the code of the warning for a property that the specification requires and Evenweave does without.
        kinds: the JSON types that a value with embedded expressions may have (default: any).
        bare: a string without `${ }` is an expression (the specification's samples write both).
        lenient: the code of the warning for a value of another type that is taken all the same: an expression where
            `kinds` asks for an object; in the profile `sonataflow` anything where an object is due.
        resource: the property may be a URI of a document that holds it.
        place: the string is a URI of a document, or begins with one.
    """

    doc: str
    min_length: int = 0
    min_items: int = 0
    unique: bool = False
    minimum: float | None = None
    maximum: float | None = None
    multiple_of: float | None = None
    aliases: tuple[str, ...] = ()
    missing: str = ""
    kinds: tuple[str, ...] = ()
    bare: bool = False
    resource: bool = False
    place: bool = False
    lenient: str = ""


class Node(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """A part of a definition, in normal form.

    Attributes:
        ref: where it stands, a JSON pointer into the document (`/states/0/onEvents/0/actions/1`); for a part that a
            resource holds, the resource's URI, `#`, and the pointer into that document. What is filled in by default
            has the pointer that it would have, had it been written.

    Class attributes:
        filled: the fields that are no properties of the document.
        shorthand: the property that a plain string stands for, where the notation has a short form.
        exactly_one: groups of properties of which exactly one must be there.
        additional: unknown properties are allowed by the specification's schema.
        flag: `true` is a short form of the object; `false` is reported under this code.
        binds: the property that names a variable of the expressions inside.
        several: the code of the note for more than one property of a group in `exactly_one`, where that is no error.
        object_needs: properties that the object form requires and the short form goes without.
        needed_unless: property -> (other property, value): it is required unless the other one has that value.
        moved: property -> (object, property) where it should have been written.
    """

    filled: ClassVar[tuple[str, ...]] = ("ref",)
    shorthand: ClassVar[str] = ""
    exactly_one: ClassVar[tuple[tuple[str, ...], ...]] = ()
    additional: ClassVar[bool] = False
    flag: ClassVar[str] = ""
    binds: ClassVar[str] = ""
    several: ClassVar[str] = ""
    object_needs: ClassVar[tuple[str, ...]] = ()
    needed_unless: ClassVar[Mapping[str, tuple[str, str]]] = {}
    moved: ClassVar[Mapping[str, tuple[str, str]]] = {}

    ref: str

    @classmethod
    def complete(cls, values: dict[str, Any], written: Mapping[str, Any]) -> None:
        """Bring the fields read from a document to normal form, in place, before the struct is made.

        Args:
            values: field name -> value; every field is there, absent ones with their default.
            written: the object as in the document.
        """
