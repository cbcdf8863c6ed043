"""AsyncAPI 2.0 - 2.6, read into services whose operations point the way the engine sees them."""

from evenweave.catalog.asyncapi.reading import Loaded, read
from evenweave.catalog.asyncapi.service import Channel, Parameter, Server, Service

__all__ = ["Channel", "Loaded", "Parameter", "Server", "Service", "read"]
