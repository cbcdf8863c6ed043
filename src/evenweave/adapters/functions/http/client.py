"""Requests, within bounds: which hosts, where they really go, how large an answer may be."""

from __future__ import annotations

import ssl
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urljoin, urlsplit, urlunsplit

import aiohttp
import msgspec

from evenweave.ports.functions import CallFailed

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

MAX_BYTES: Final = 512 * 1024
_PIECE: Final = 65_536
_REDIRECTS: Final = 5
_MOVED: Final = frozenset({301, 302, 303, 307, 308})
_OWN: Final = ("authorization", "cookie", "idempotency-key")
_SHOWN: Final = 200


class Answer(msgspec.Struct, frozen=True):
    """What a server answered.

    Attributes:
        status: The status.
        type: The media type, in lower case and without parameters.
        body: The body.
        url: Where it came from in the end.
    """

    status: int
    type: str
    body: bytes
    url: str

    def value(self) -> Any:
        """The body as a value: JSON as what it means, other text as text, nothing as null.

        Raises:
            CallFailed: It is neither.
        """
        if not self.body:
            return None
        is_json = self.type.endswith(("/json", "+json")) or not self.type
        try:
            return msgspec.json.decode(self.body) if is_json else self.body.decode()
        except (ValueError, RecursionError):
            what = "JSON" if is_json else "text"
            raise CallFailed("response", f"the answer of {_place(self.url)} is no {what}") from None

    def result(self) -> Any:
        """The value of an answer that is a success.

        Raises:
            CallFailed: Its status says that it is none; the status is the error's code.
        """
        if self.status < 300:
            return self.value()
        said = self.body[:_SHOWN].decode(errors="replace")
        title = f"{_place(self.url)} answered {self.status}{f': {said}' if said else ''}"
        raise CallFailed("http", title, [f"HTTP:{self.status}", str(self.status)])


class HttpClient:
    """Makes requests.

    Args:
        resolve: The egress map: requests to ``HOST`` or ``HOST:PORT`` go to a URL.
        hosts: The hosts that may be called, such as ``api.example.org`` or ``*.example.org``; ``None`` is any. A host
            of the egress map may always be.
        max_bytes: How large an answer may be.
    """

    def __init__(
        self,
        *,
        resolve: Mapping[str, str] | None = None,
        hosts: Sequence[str] | None = None,
        max_bytes: int = MAX_BYTES,
    ) -> None:
        self.resolve = {host.lower(): url.rstrip("/") for host, url in (resolve or {}).items()}
        self._hosts = None if hosts is None else [host.lower() for host in hosts]
        self._max_bytes = max_bytes
        self._session: aiohttp.ClientSession | None = None

    async def request(
        self,
        method: str,
        url: str,
        *,
        headers: Mapping[str, str] | None = None,
        json: Any = ...,
        form: Mapping[str, str] | None = None,
    ) -> Answer:
        """Make a request and return the answer, whatever its status; redirects of GET and HEAD are followed.

        Raises:
            CallFailed: The host may not be called, there is no answer, or it is too large.
        """
        sent = {"accept": "application/json", **{name.lower(): value for name, value in (headers or {}).items()}}
        body: Any = None
        if form is not None:
            body = dict(form)
        elif json is not ...:
            body = msgspec.json.encode(json)
            sent.setdefault("content-type", "application/json")
        for _ in range(_REDIRECTS + 1):
            answer, location = await self._once(method, url, sent, body)
            if answer.status not in _MOVED or not location or method not in {"GET", "HEAD"}:
                return answer
            following = urljoin(url, location)
            if urlsplit(following).netloc != urlsplit(url).netloc:
                sent = {name: value for name, value in sent.items() if name not in _OWN}
            url = following
        raise CallFailed("http", f"{_place(url)} redirects more than {_REDIRECTS} times", ["redirects", "http"])

    async def close(self) -> None:
        """Close the connections."""
        if self._session is not None:
            await self._session.close()
            self._session = None

    async def _once(self, method: str, url: str, headers: Mapping[str, str], body: Any) -> tuple[Answer, str]:
        target = self.route(url)
        if self._session is None:
            # What a definition says is all that is sent: no cookies are kept, no proxy is taken from the environment.
            self._session = aiohttp.ClientSession(cookie_jar=aiohttp.DummyCookieJar(), timeout=aiohttp.ClientTimeout())
        try:
            async with self._session.request(
                method, target, headers=headers, data=body, allow_redirects=False
            ) as response:
                read = await self._read(response, url)
                kind = response.headers.get("content-type", "").partition(";")[0].strip().lower()
                return Answer(response.status, kind, read, url), response.headers.get("location", "")
        except (aiohttp.ClientError, ssl.SSLError, OSError, ValueError) as error:
            # aiohttp's words may hold the whole URL, and so a key in its query.
            reason = error.strerror if isinstance(error, OSError) and error.strerror else type(error).__name__
            raise CallFailed("connection", f"{_place(url)} cannot be reached: {reason}") from None

    async def _read(self, response: aiohttp.ClientResponse, url: str) -> bytes:
        pieces, size = [], 0
        async for piece in response.content.iter_chunked(_PIECE):
            size += len(piece)
            if size > self._max_bytes:
                limit = self._max_bytes
                raise CallFailed("response", f"the answer of {_place(url)} has more than {limit} bytes")
            pieces.append(piece)
        return b"".join(pieces)

    def route(self, url: str) -> str:
        """Where requests to a URL go.

        Raises:
            CallFailed: It is no URL, or its host may not be called.
        """
        try:
            parts = urlsplit(url)
            host, port = (parts.hostname or "").lower(), parts.port
        except ValueError:
            host, port, parts = "", None, urlsplit("")
        if parts.scheme not in {"http", "https"} or not host:
            raise CallFailed("arguments", f'"{url.partition("?")[0]}" is no URL that can be called')
        mapped = self.resolve.get(f"{host}:{port}" if port else host) or self.resolve.get(host)
        if mapped is not None:
            base = urlsplit(mapped)
            path = base.path.rstrip("/") + (parts.path or "/")
            return urlunsplit((base.scheme, base.netloc, path, parts.query, ""))
        if self._hosts is not None and not any(fnmatchcase(host, pattern) for pattern in self._hosts):
            raise CallFailed("not-allowed", f'the host "{host}" may not be called')
        return url


def _place(url: str) -> str:
    """A URL without what may be secret in it: credentials and query."""
    parts = urlsplit(url)
    return urlunsplit((parts.scheme, parts.netloc.rpartition("@")[2], parts.path, "", ""))
