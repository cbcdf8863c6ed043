"""Follows ``$ref`` within a document and its bundle, and never out of it.

A bundle is what the caller has at hand: file names to documents. Nothing is fetched, from no disk and no network,
whatever a reference says (DESIGN, section 7): a document that somebody uploads must not read what its reader can read.
"""

from __future__ import annotations

from dataclasses import dataclass
from posixpath import dirname, normpath
from posixpath import join as join_path
from re import compile as pattern
from typing import TYPE_CHECKING, Any, Final, NamedTuple
from urllib.parse import unquote

from evenweave.source import closest, pointer

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from evenweave.source import Document

__all__ = ["Broken", "Location", "References"]

_NOTHING: Final = object()
_INDEX: Final = pattern(r"0|[1-9][0-9]{0,8}")


class Location(NamedTuple):
    """A value, and where it stands."""

    document: Document
    pointer: str
    value: Any

    @property
    def key(self) -> tuple[str, str]:
        """What tells this place from every other one."""
        return self.document.name, self.pointer

    def child(self, *tokens: str | int) -> Location | None:
        """Return the place below this one, or None where there is none."""
        value = self.value
        for token in tokens:
            inside = token in value if isinstance(value, dict) else isinstance(token, int) and token < _items(value)
            if not inside:
                return None
            value = value[token]
        return Location(self.document, pointer.join(self.pointer, *tokens), value)

    def children(self) -> Iterable[tuple[str | int, Location]]:
        """Return the items of this mapping or list with their keys; another value has none."""
        items: Iterable[tuple[str | int, Any]] = ()
        if isinstance(self.value, dict):
            items = self.value.items()
        elif isinstance(self.value, list):
            items = enumerate(self.value)
        return [(key, Location(self.document, pointer.join(self.pointer, key), item)) for key, item in items]


@dataclass(frozen=True, slots=True)
class Broken:
    """A reference that leads nowhere: out of the bundle where it ``leaves``, to itself where it ``turns``."""

    location: Location
    message: str
    hint: str = ""
    leaves: bool = False
    turns: bool = False


class References:
    """The references of one document and of the bundle around it."""

    def __init__(self, document: Document, bundle: Mapping[str, Document]) -> None:
        self.document = document
        self._files = {normpath(name): other for name, other in bundle.items()}
        self._files[normpath(document.name)] = document
        self._used: dict[str, Document] = {}

    @property
    def used(self) -> list[Document]:
        """The other documents that references led to so far, by name."""
        return [self._used[name] for name in sorted(self._used)]

    def root(self) -> Location:
        """Return the whole document."""
        return Location(self.document, "", self.document.value)

    def follow(self, location: Location, home: str | None = None) -> Location | Broken:
        """Return what is at ``location``, behind every reference that stands there in its place.

        ``home`` is the pointer of a schema with an ``$id`` around the place, whose own root ``#/`` may mean.
        """
        seen: set[tuple[str, str]] = set()
        here = location
        while isinstance(here.value, dict) and isinstance(here.value.get("$ref"), str):
            if here.key in seen:
                return Broken(_at_ref(location), "this reference leads to itself", "refer to something", turns=True)
            seen.add(here.key)
            target = self.resolve(here, home)
            if isinstance(target, Broken):
                return target
            here, home = target, None
        return here

    def resolve(self, location: Location, home: str | None = None) -> Location | Broken:
        """Return where the ``$ref`` at ``location`` leads, one step."""
        ref = location.value["$ref"]
        at = _at_ref(location)
        path, hash_, fragment = ref.partition("#")
        fragment = unquote(fragment)
        document = location.document
        if path:
            other = self._file(at, path)
            if isinstance(other, Broken):
                return other
            document = other
        if fragment and not fragment.startswith("/"):
            hint = f"write '{path}{hash_}/{fragment}'"
            return Broken(at, f'"{ref}" is no reference: behind the # a JSON pointer begins with a slash', hint)
        if not path and not hash_:
            return Broken(at, "this reference is empty", "refer to something below '#/components'")
        found = _below(document.value, fragment)
        if found is _NOTHING and home is not None and not path:
            # A schema with an `$id` is a root of its own (JSON Schema draft-07, 8.2.3).
            fragment = home + fragment
            found = _below(document.value, fragment)
        if found is _NOTHING:
            return Broken(at, f'"{ref}" refers to nothing', self._hint(document, pointer.split(fragment), path))
        return Location(document, fragment, found)

    def _file(self, at: Location, path: str) -> Document | Broken:
        """Return the document that ``path``, relative to the one that refers to it, names in the bundle."""
        if "://" in path or path.startswith(("/", "\\")) or path[1:2] == ":":
            message = f'"{path}" is outside of the files given: references to hosts and whole paths are not followed'
            return Broken(at, message, "copy what it refers to into a file beside this one, and give both", leaves=True)
        path = unquote(path)
        name = normpath(join_path(dirname(at.document.name), path))
        other = self._files.get(name) or self._files.get(normpath(path))
        if other is None:
            near = closest(path, self._files)
            hint = f'did you mean "{near}"?' if near else "give the file together with this one"
            return Broken(at, f'the file "{path}" is not among those given', hint, leaves=True)
        if other is not self.document:
            self._used[other.name] = other
        return other

    @staticmethod
    def _hint(document: Document, tokens: list[str], path: str) -> str:
        """Name the first part of the pointer that is missing, and what was perhaps meant."""
        value = document.value
        for index, token in enumerate(tokens):
            deeper = _below(value, pointer.join("", token))
            if deeper is _NOTHING:
                where = f"{path}#{pointer.join('', *tokens[:index])}"
                if isinstance(value, dict):
                    near = closest(token, value)
                    if near:
                        return f"did you mean '{path}#{pointer.join('', *tokens[:index], near, *tokens[index + 1 :])}'?"
                return f'"{token}" is not in {where}' if index else f'there is no "{token}"'
            value = deeper
        return ""


def _at_ref(location: Location) -> Location:
    return Location(location.document, pointer.join(location.pointer, "$ref"), location.value["$ref"])


def _items(value: Any) -> int:
    return len(value) if isinstance(value, list) else 0


def _below(value: Any, at: str) -> Any:
    for token in pointer.split(at):
        if isinstance(value, dict) and token in value:
            value = value[token]
        elif isinstance(value, list) and _INDEX.fullmatch(token) and int(token) < len(value):
            value = value[int(token)]
        else:
            return _NOTHING
    return value
