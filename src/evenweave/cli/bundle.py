"""What a file may refer to: other files that were given, and files below its own folder; nothing else is read."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from posixpath import dirname, join, normpath
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, unquote

import msgspec

from evenweave import source
from evenweave.source import Document, pointer
from evenweave.source.limits import MAX_BYTES

if TYPE_CHECKING:
    import os

    from evenweave.source import Diagnostic

_EMBEDDED = "x-evenweave-files"


class Given:
    """The documents that were named on the command line, by name and by place."""

    def __init__(self, documents: Mapping[str, Document]) -> None:
        self.names = {normpath(name): document for name, document in documents.items()}
        self.plain = {Path(name).name: document for name, document in documents.items()}
        self.places = {Path(name).resolve(): document for name, document in documents.items()}


class Bundle(Mapping[str, Document]):
    """The documents that one file may refer to, by the names that its readers look for.

    Args:
        name: The file, as the user gave it.
        given: What was given with it.

    Attributes:
        used: What it refers to.
    """

    def __init__(self, name: str, given: Given) -> None:
        self._home = dirname(name)
        self._folder = Path(name).parent.resolve()
        self._given = given
        self._found: dict[str, Document] = {}
        self.used: list[Document] = []

    def __getitem__(self, name: str) -> Document:
        """A document by one of the names of `__iter__`."""
        for documents in (self._found, self._given.names, self._given.plain):
            if name in documents:
                return documents[name]
        raise KeyError(name)

    def __iter__(self) -> Iterator[str]:
        """The names of what was given, and of what was found below the folder so far."""
        return iter({**self._given.plain, **self._given.names, **self._found})

    def __len__(self) -> int:
        """How many names those are."""
        return len(list(iter(self)))

    @property
    def texts(self) -> dict[str, str]:
        """The texts of what was found below the folder, by name: to show diagnostics in."""
        return {document.name: document.text for document in self._found.values()}

    def find(self, uri: str) -> Document | None:
        """The document that a definition means by a name such as ``file://sub/orderService.yaml``."""
        name = uri.removeprefix("file://")
        for written in dict.fromkeys((name, unquote(name))):
            found = self._below(normpath(join(self._home, written))) or self._given.plain.get(normpath(written))
            if found is not None:
                self.used.append(found)
                return found
        return None

    def gather(self, document: Document) -> None:
        """Read every file below the folder that the document's ``$ref`` lead to, and that theirs lead to."""
        todo, seen = [document], {document.name}
        while todo:
            here = todo.pop()
            for path in _paths(here.value):
                self._below(normpath(join(dirname(here.name), unquote(path))))
                found = self.target(here, path)
                if found is not None and found.name not in seen:
                    seen.add(found.name)
                    self.used.append(found)
                    todo.append(found)

    def target(self, document: Document, path: str) -> Document | None:
        """The gathered document that the file part of a ``$ref`` means; None where it leads elsewhere."""
        if "://" in path or path.startswith("/"):
            return None
        name = normpath(join(dirname(document.name), unquote(path)))
        return self.get(name) or self.get(normpath(unquote(path)))

    def _below(self, name: str) -> Document | None:
        """A file below the folder. Links are followed first: one that leads out of the folder leads nowhere."""
        if name in self._found:
            return self._found[name]
        try:
            place = Path(name).resolve()
            if not place.is_relative_to(self._folder) or not place.is_file():
                return None
            document = self._given.places.get(place) or _read(name, place)
        except (OSError, ValueError):  # a name that no file can have, a file that cannot be read
            return None
        if document is not None:
            self._found[name] = document
        return document


class Assembled(Document):
    """A definition with the documents that hold properties of it: diagnostics find their places in them."""

    def __init__(self, document: Document, parts: Mapping[str, Document]) -> None:
        super().__init__(document.name, document.text, document.value, document.kind, document._place)
        self._parts = parts

    def diagnostic(self, code: str, pointer: str, message: str, **more: Any) -> Diagnostic:
        """A diagnostic about a place of this document, or of the one that a reference such as ``uri#/0`` names."""
        for uri, part in self._parts.items():
            if pointer.startswith(f"{uri}#"):
                return part.diagnostic(code, pointer[len(uri) + 1 :], message, **more)
        return super().diagnostic(code, pointer, message, **more)


def _read(name: str, place: Path) -> Document | None:
    """A file as the document that it is; of a .proto file the value is its text."""
    data = read_bytes(place)
    if not name.endswith(".proto"):
        return source.load(name, data).document
    return source.plain(name, data)


def read_bytes(path: str | os.PathLike[str]) -> bytes:
    """The bytes of a file, at most one more than a document may have."""
    with open(path, "rb") as file:
        return file.read(MAX_BYTES + 1)


def embed(document: Document, bundle: Bundle) -> bytes | None:
    """An AsyncAPI document that stands alone: what it refers to in other files is put into it.

    Returns:
        JSON, or None where it refers to no other file and can stay as it is written.
    """
    files: dict[str, Document] = {}
    embedded: dict[str, Any] = {}
    root = _rewritten(document.value, document, document, bundle, files)
    while len(embedded) < len(files):
        for name, file in list(files.items()):
            if name not in embedded:
                embedded[name] = _rewritten(file.value, file, document, bundle, files)
    return msgspec.json.encode({**root, _EMBEDDED: embedded}) if embedded else None


def _rewritten(value: Any, here: Document, root: Document, bundle: Bundle, files: dict[str, Document]) -> Any:
    if isinstance(value, list):
        return [_rewritten(item, here, root, bundle, files) for item in value]
    if not isinstance(value, dict):
        return value
    copy = {key: _rewritten(item, here, root, bundle, files) for key, item in value.items()}
    ref = value.get("$ref")
    if isinstance(ref, str):
        path, _, fragment = ref.partition("#")
        target = bundle.target(here, path) if path else here
        if target is root:
            copy["$ref"] = f"#{fragment}"
        elif target is not None:
            files[target.name] = target
            copy["$ref"] = f"#{quote(pointer.join('', _EMBEDDED, target.name))}{fragment}"
    return copy


def _paths(value: Any) -> set[str]:
    """The file parts of all ``$ref`` in a value."""
    found, todo = set(), [value]
    while todo:
        item = todo.pop()
        if isinstance(item, dict):
            ref = item.get("$ref")
            if isinstance(ref, str) and not ref.startswith("#") and "://" not in ref:
                found.add(ref.partition("#")[0])
            todo.extend(item.values())
        elif isinstance(item, list):
            todo.extend(item)
    return found
