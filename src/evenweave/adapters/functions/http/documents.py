"""Documents that functions refer to: below a folder that the user named, or at a URL."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any, Final, NamedTuple
from urllib.parse import unquote, urlsplit

from evenweave import source
from evenweave.ports.functions import CallFailed

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping
    from pathlib import Path

    from evenweave.adapters.functions.http.client import HttpClient

_FRESH_S: Final = 300.0


class Found(NamedTuple):
    """A document: what it says, and its origin where it came from a server."""

    value: Any
    origin: str


class Documents:
    """Finds and reads documents; nothing outside of the folder is read.

    Args:
        folder: Where files are; ``None`` is nowhere.
        client: What fetches from URLs.
    """

    def __init__(self, folder: Path | None, client: HttpClient) -> None:
        self._folder = None if folder is None else folder.resolve()
        self._client = client
        self._files: dict[Path, tuple[tuple[int, int], Any]] = {}
        self._fetched: dict[tuple[str, tuple[tuple[str, str], ...]], tuple[float, Any]] = {}

    async def find(self, uri: str, credentials: Callable[[], Awaitable[Mapping[str, str]]]) -> Found:
        """The document of a URI; ``credentials`` gives headers for fetching it.

        Raises:
            CallFailed: It is not there, or cannot be read.
        """
        if uri.startswith(("http://", "https://")):
            headers = await credentials()
            parts = urlsplit(uri)
            return Found(await self._fetch(uri, headers), f"{parts.scheme}://{parts.netloc}")
        path = self.place(uri)
        data = path.read_bytes()
        stamp = (path.stat().st_mtime_ns, len(data))
        known = self._files.get(path)
        if known is None or known[0] != stamp:
            self._files[path] = known = stamp, _parse(uri, data)
        return Found(known[1], "")

    def place(self, uri: str) -> Path:
        """The file of a URI.

        Raises:
            CallFailed: There is none below the folder.
        """
        name = uri.removeprefix("file://").removeprefix("classpath:").lstrip("/")
        if self._folder is not None:
            for written in dict.fromkeys((name, unquote(name))):
                try:
                    path = (self._folder / written).resolve()
                    if path.is_relative_to(self._folder) and path.is_file():
                        return path
                except (OSError, ValueError):  # a name that no file can have
                    continue
        raise CallFailed("document", f'there is no document "{uri}"')

    async def _fetch(self, uri: str, headers: Mapping[str, str]) -> Any:
        key = uri, tuple(sorted(headers.items()))
        known = self._fetched.get(key)
        if known is None or time.monotonic() - known[0] > _FRESH_S:
            answer = await self._client.request("GET", uri, headers={"accept": "*/*", **headers})
            if answer.status >= 300:
                raise CallFailed("document", f'the document "{uri}" cannot be fetched: {answer.status}')
            self._fetched[key] = known = time.monotonic(), _parse(uri, answer.body)
        return known[1]


def _parse(name: str, data: bytes) -> Any:
    document = source.load(name, data).document
    if document is None or not isinstance(document.value, dict):
        raise CallFailed("document", f'the document "{name}" is neither YAML nor JSON with an object')
    return document.value
