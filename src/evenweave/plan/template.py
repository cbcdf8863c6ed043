"""Values with expressions in them: what ``data``, ``arguments`` and filters of a definition compile to."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from evenweave.jq import Program


@dataclass(frozen=True, slots=True)
class Expression:
    """A compiled expression.

    Attributes:
        program: The program.
        source: Its text as written, for errors.
        reference: JSON pointer of the text in the definition.
        names: The variables that it reads; they are passed to the program.
        selects: The language only selects (JSONPath): a condition is true where it selects something.
    """

    program: Program
    source: str
    reference: str
    names: tuple[str, ...] = ()
    selects: bool = False


@dataclass(frozen=True, slots=True)
class Constant:
    """A value without expressions."""

    value: Any


@dataclass(frozen=True, slots=True)
class Text:
    """Text with expressions in it, such as ``Order ${ .id } was paid``."""

    parts: tuple[str | Expression, ...]


@dataclass(frozen=True, slots=True)
class Object:
    """An object, some values of which contain expressions."""

    items: tuple[tuple[str, Template], ...]


@dataclass(frozen=True, slots=True)
class Array:
    """An array, some items of which contain expressions."""

    items: tuple[Template, ...]


Template = Constant | Expression | Text | Object | Array
