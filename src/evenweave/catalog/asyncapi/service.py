"""What a document says of its service, in one form for every version of AsyncAPI."""

from __future__ import annotations

from typing import Any

import msgspec

from evenweave.plan.operation import Operation  # noqa: TC001 - resolved by msgspec

__all__ = ["Channel", "Parameter", "Server", "Service"]


class Parameter(msgspec.Struct, frozen=True, kw_only=True):
    """A part in braces of a channel's address.

    ``schema`` is a JSON Schema that stands alone, or None; ``location`` tells where in a message the value is found
    (``$message.payload#/user/id``), or is None.
    """

    name: str
    description: str = ""
    schema: Any = None
    location: str | None = None


class Server(msgspec.Struct, frozen=True, kw_only=True):
    """A broker that the service is reached by, as its document names it."""

    name: str
    url: str
    protocol: str
    description: str = ""


class Channel(msgspec.Struct, frozen=True, kw_only=True):
    """An address that messages travel through. Without ``servers`` it is on all of the service's servers."""

    address: str
    description: str = ""
    parameters: tuple[Parameter, ...] = ()
    servers: tuple[str, ...] = ()


class Service(msgspec.Struct, frozen=True, kw_only=True):
    """A service as its AsyncAPI document describes it.

    ``name`` is the file name that the document was given under, ``title`` and ``version`` are its ``info``'s, ``id`` is
    its own (a URN, or empty), ``asyncapi`` the version of AsyncAPI that it is written in. ``digest`` pins the content:
    of the document and of the files of its bundle that it refers to, not of their layout or comments.
    """

    name: str
    title: str
    version: str
    asyncapi: str
    digest: str
    id: str = ""
    description: str = ""
    operations: tuple[Operation, ...] = ()
    channels: tuple[Channel, ...] = ()
    servers: tuple[Server, ...] = ()
