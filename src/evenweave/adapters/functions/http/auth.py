"""Credentials: basic, bearer, and tokens of OAuth2 (RFC 6749, RFC 8693)."""

from __future__ import annotations

import base64
import time
from typing import TYPE_CHECKING, Any, Final

import msgspec

from evenweave.ports.functions import CallFailed

if TYPE_CHECKING:
    from collections.abc import Mapping

    from evenweave.adapters.functions.http.client import HttpClient
    from evenweave.ports.functions import Auth

_EXCHANGE: Final = "urn:ietf:params:oauth:grant-type:token-exchange"
_ACCESS: Final = "urn:ietf:params:oauth:token-type:access_token"
_EARLY_S: Final = 30.0


class Authenticator:
    """Gives the header of credentials; tokens are kept in memory until shortly before they expire."""

    def __init__(self, client: HttpClient) -> None:
        self._client = client
        self._tokens: dict[bytes, tuple[float, str]] = {}
        self._endpoints: dict[str, str] = {}

    async def headers(self, auth: Auth | None) -> Mapping[str, str]:
        """The headers of a request with these credentials.

        Raises:
            CallFailed: They lack something, or the authority gives no token.
        """
        if auth is None:
            return {}
        match auth.scheme:
            case "basic":
                pair = f"{_need(auth, 'username')}:{_need(auth, 'password')}"
                return {"authorization": f"Basic {base64.b64encode(pair.encode()).decode()}"}
            case "bearer":
                return {"authorization": f"Bearer {_need(auth, 'token')}"}
            case _:
                return {"authorization": f"Bearer {await self._token(auth)}"}

    def forget(self, auth: Auth) -> bool:
        """Forget a token that was refused; whether there was one."""
        return self._tokens.pop(_key(auth), None) is not None

    async def _token(self, auth: Auth) -> str:
        key = _key(auth)
        known = self._tokens.get(key)
        if known is not None and time.monotonic() < known[0]:
            return known[1]
        endpoint = await self._endpoint(_need(auth, "authority"))
        answer = await self._client.request("POST", endpoint, form=_form(auth))
        value = answer.value() if answer.status < 300 else None
        if not isinstance(value, dict) or not isinstance(value.get("access_token"), str):
            title = f'the authority gives no token for the auth definition "{auth.name}": {answer.status}'
            raise CallFailed("auth", title, ["auth", f"HTTP:{answer.status}"])
        token: str = value["access_token"]
        lasts_s = value.get("expires_in", 60)
        if isinstance(lasts_s, int | float):
            self._tokens[key] = time.monotonic() + lasts_s - _EARLY_S, token
        return token

    async def _endpoint(self, authority: str) -> str:
        """Where tokens are: as the authority's metadata says (OpenID Connect Discovery), else the authority itself."""
        found = self._endpoints.get(authority)
        if found is None:
            found = authority
            try:
                answer = await self._client.request("GET", f"{authority.rstrip('/')}/.well-known/openid-configuration")
                value = answer.value() if answer.status < 300 else None
            except CallFailed as error:
                if error.error != "response":
                    raise
                value = None
            if isinstance(value, dict) and isinstance(value.get("token_endpoint"), str):
                found = value["token_endpoint"]
            self._endpoints[authority] = found
        return found


def _form(auth: Auth) -> dict[str, str]:
    said = auth.properties
    grant = said.get("grantType", "clientCredentials")
    form = {"client_id": _need(auth, "clientId")}
    if said.get("clientSecret"):
        form["client_secret"] = str(said["clientSecret"])
    if said.get("scopes"):
        form["scope"] = " ".join(map(str, said["scopes"]))
    if said.get("audiences"):
        form["audience"] = " ".join(map(str, said["audiences"]))
    match grant:
        case "clientCredentials":
            form["grant_type"] = "client_credentials"
        case "password":
            form |= {"grant_type": "password", "username": _need(auth, "username"), "password": _need(auth, "password")}
        case "tokenExchange":
            form |= {
                "grant_type": _EXCHANGE,
                "subject_token": _need(auth, "subjectToken"),
                "subject_token_type": _ACCESS,
            }
            for name, field in (("requestedSubject", "requested_subject"), ("requestedIssuer", "requested_issuer")):
                if said.get(name):
                    form[field] = str(said[name])
        case _:
            raise CallFailed("auth", f'"{grant}" is no grant type of OAuth2 that is known here')
    return form


def _need(auth: Auth, name: str) -> str:
    value = auth.properties.get(name)
    if not isinstance(value, str) or not value:
        raise CallFailed("auth", f'the auth definition "{auth.name}" has no {name}')
    return value


def _key(auth: Auth) -> bytes:
    said: dict[str, Any] = auth.properties
    return msgspec.json.encode([auth.name, said], order="deterministic")
