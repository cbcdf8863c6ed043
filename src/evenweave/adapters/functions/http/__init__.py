"""Functions that are called over HTTP: rest, graphql, odata."""

from evenweave.adapters.functions.http.client import HttpClient
from evenweave.adapters.functions.http.documents import Documents
from evenweave.adapters.functions.http.functions import HttpFunctions

__all__ = ["Documents", "HttpClient", "HttpFunctions"]
