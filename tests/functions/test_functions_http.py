"""Functions over HTTP, against a server on loopback."""

from __future__ import annotations

import base64
import json
import socket
from typing import TYPE_CHECKING, Any

import pytest
import yaml
from aiohttp import web
from function_server import Server, asking

from evenweave.ports.functions import Auth, CallFailed

if TYPE_CHECKING:
    from pathlib import Path

V3: dict[str, Any] = {
    "openapi": "3.0.3",
    "info": {"title": "Shop", "version": "1"},
    "servers": [{"url": "https://api.example.org/{stage}/", "variables": {"stage": {"default": "v1"}}}],
    "paths": {
        "/orders/{id}": {
            "parameters": [{"$ref": "#/components/parameters/id"}],
            "get": {
                "operationId": "getOrder",
                "parameters": [
                    {"name": "tags", "in": "query", "schema": {"type": "array"}},
                    {"name": "codes", "in": "query", "explode": False, "schema": {"type": "array"}},
                    {"name": "page", "in": "query", "schema": {"type": "integer", "default": 1}},
                    {"name": "X-Trace", "in": "header", "schema": {"type": "string"}},
                    {"name": "sid", "in": "cookie", "schema": {"type": "string"}},
                ],
            },
            "put": {"operationId": "putOrder", "requestBody": {"content": {"application/json": {}}}},
        },
        "/login": {
            "post": {
                "operationId": "login",
                "servers": [{"url": "/auth"}],
                "requestBody": {"content": {"application/x-www-form-urlencoded": {}}},
            }
        },
    },
    "components": {"parameters": {"id": {"name": "id", "in": "path", "required": True, "schema": {}}}},
}
V2: dict[str, Any] = {
    "swagger": "2.0",
    "info": {"title": "Pets", "version": "1"},
    "basePath": "/pets",
    "paths": {
        "/{id}/photo": {
            "post": {
                "operationId": "addPhoto",
                "parameters": [
                    {"name": "id", "in": "path", "required": True, "type": "string"},
                    {"name": "sizes", "in": "query", "type": "array", "collectionFormat": "pipes"},
                    {"name": "photo", "in": "body", "schema": {}},
                ],
            }
        },
        "/form": {"post": {"operationId": "form", "parameters": [{"name": "n", "in": "formData", "type": "integer"}]}},
    },
}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with documents."""
    (tmp_path / "docs").mkdir()
    (tmp_path / "docs" / "shop.yaml").write_text(yaml.safe_dump(V3))
    (tmp_path / "docs" / "pets.json").write_text(json.dumps(V2))
    (tmp_path / "outside.yaml").write_text(yaml.safe_dump(V3))
    return tmp_path / "docs"


async def failed(server: Server, folder: Path | None, *args: Any, **more: Any) -> CallFailed:
    """The error of a call."""
    functions = server.functions(folder)
    with pytest.raises(CallFailed) as raised:
        await functions.call(asking(*args, **more))
    await functions.close()
    return raised.value


async def test_openapi3_parameters_go_where_the_document_says(server: Server, folder: Path) -> None:
    """Path, query, header and cookie parameters, with their styles and defaults; the call's key is a header."""
    functions = server.functions(folder)
    server.answers["/v1/orders/a b/c"] = {"id": 7}
    arguments = {"id": "a b/c", "tags": ["x", "y"], "codes": [1, 2], "X-Trace": "t", "sid": "s"}
    assert await functions.call(asking("file://shop.yaml#getOrder", arguments)) == {"id": 7}
    (asked,) = server.asked
    assert (asked.method, asked.path) == ("GET", "/v1/orders/a%20b%2Fc")
    assert asked.query == {"tags": ["x", "y"], "codes": "1,2", "page": "1"}
    assert (asked.headers["x-trace"], asked.headers["cookie"]) == ("t", "sid=s")
    assert asked.headers["idempotency-key"] == "i:7"
    await functions.close()


async def test_openapi3_body_is_what_is_left(server: Server, folder: Path) -> None:
    """Arguments that are no parameters are the body, or the one that is called `body` is; forms are forms."""
    functions = server.functions(folder)
    await functions.call(asking("shop.yaml#putOrder", {"id": 1, "n": 2}))
    await functions.call(asking("shop.yaml#putOrder", {"id": 1, "body": [1]}))
    await functions.call(asking("shop.yaml#putOrder", data={"id": 1, "state": True}))
    await functions.call(asking("shop.yaml#login", {"user": "ann", "n": 1}))
    assert [each.json for each in server.asked[:3]] == [{"n": 2}, [1], {"state": True}]
    form = server.asked[3]
    assert (form.path, form.body) == ("/auth/login", "user=ann&n=1")
    await functions.close()


async def test_swagger2_document_without_a_host_is_served_by_localhost(server: Server, folder: Path) -> None:
    """basePath, body parameters by their name, collection formats, form data."""
    functions = server.functions(folder)
    await functions.call(asking("pets.json#addPhoto", {"id": "7", "sizes": [1, 2], "photo": {"raw": "x"}}))
    await functions.call(asking("pets.json#form", {"n": 3}))
    photo, form = server.asked
    assert (photo.path, photo.query, photo.json) == ("/pets/7/photo", {"sizes": "1|2"}, {"raw": "x"})
    assert (form.path, form.body) == ("/pets/form", "n=3")
    await functions.close()


async def test_document_may_be_at_a_url(server: Server) -> None:
    """It is fetched once, with the credentials of the function; without a server it is served from where it came."""
    document = {key: value for key, value in V3.items() if key != "servers"}
    server.answers["/openapi.json"] = document
    functions = server.functions(None, resolve={"api.example.org": server.url})
    auth = Auth("a", "bearer", {"token": "t"})
    for _ in range(2):
        await functions.call(asking("https://api.example.org/openapi.json#getOrder", {"id": 1}, auth=auth))
    assert [each.path for each in server.asked] == ["/openapi.json", "/orders/1", "/orders/1"]
    assert {each.headers["authorization"] for each in server.asked} == {"Bearer t"}
    await functions.close()


@pytest.mark.parametrize(
    ("operation", "arguments", "error", "words"),
    [
        ("shop.yaml#getOrder", {}, "arguments", '"id" is missing'),
        ("shop.yaml#getOrder", {"id": 1, "more": 2}, "arguments", 'no parameter "more"'),
        ("shop.yaml#getOrder", {"id": 1, "X-Trace": "a\r\nb: c"}, "arguments", "a character"),
        ("shop.yaml#nothing", {}, "document", 'no operation "nothing"'),
        ("nothing.yaml#getOrder", {}, "document", 'no document "nothing.yaml"'),
        ("../outside.yaml#getOrder", {}, "document", "no document"),
        ("get:ftp://api.example.org/x", {}, "arguments", "no URL"),
        ("get:http://api.example.org/{x}", {}, "arguments", 'no argument "x"'),
    ],
)
async def test_call_that_cannot_be_made_says_why(
    server: Server, folder: Path, operation: str, arguments: Any, error: str, words: str
) -> None:
    """Nothing is sent, and the error names what is wrong."""
    found = await failed(server, folder, operation, arguments)
    assert (found.error, words in found.title, server.asked) == (error, True, [])


async def test_short_form_fills_the_url_and_puts_the_rest_where_the_method_has_it(server: Server) -> None:
    """GET has a query, POST a body; without arguments POST sends the state's data, GET nothing."""
    functions = server.functions()
    await functions.call(asking("GET:http://api.example.org/a/{id}?k=1", {"id": "x/y", "q": "a b", "l": [1, 2]}))
    await functions.call(asking("post:http://api.example.org/b", {"n": 1}))
    await functions.call(asking("POST:http://api.example.org/b", data={"s": 1}))
    await functions.call(asking("get:http://api.example.org/b", data={"s": 1}))
    await functions.call(asking("get:/c"))
    get, post, state, bare, local = server.asked
    assert (get.path, get.query) == ("/a/x%2Fy", {"k": "1", "q": "a b", "l": ["1", "2"]})
    assert (post.method, post.json, state.json) == ("POST", {"n": 1}, {"s": 1})
    assert (bare.query, bare.body, local.path) == ({}, "", "/c")
    await functions.close()


@pytest.mark.parametrize("status", [400, 404, 503])
async def test_status_that_is_no_success_is_an_error_with_its_code(server: Server, status: int) -> None:
    """The codes are the ones by which a definition knows it; what the server said is in the words."""
    server.answers["/x"] = lambda _: web.Response(status=status, text="sorry")
    found = await failed(server, None, "get:http://api.example.org/x")
    assert (found.error, found.codes) == ("http", [f"HTTP:{status}", str(status)])
    assert f"answered {status}: sorry" in found.title


async def test_answers_of_other_kinds(server: Server) -> None:
    """Text is text, nothing is null; what claims to be JSON and is none is an error."""
    functions = server.functions()
    server.answers["/text"] = lambda _: web.Response(text="hello")
    server.answers["/none"] = lambda _: web.Response(status=204)
    server.answers["/bad"] = lambda _: web.Response(text="{", content_type="application/json")
    assert await functions.call(asking("get:/text")) == "hello"
    assert await functions.call(asking("get:/none")) is None
    await functions.close()
    assert (await failed(server, None, "get:/bad")).error == "response"


async def test_answer_that_is_too_large_is_an_error(server: Server) -> None:
    """No more of it is read than the limit."""
    server.answers["/x"] = "x" * 5000
    functions = server.functions(max_bytes=1000)
    with pytest.raises(CallFailed, match="more than 1000 bytes"):
        await functions.call(asking("get:/x"))
    await functions.close()


async def test_server_that_is_not_there_is_an_error() -> None:
    """The words do not show the query, which may hold a key."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        found = await failed(Server(), None, f"get:http://127.0.0.1:{taken.getsockname()[1]}/x?key=secret")
    assert (found.error, "secret" in found.title) == ("connection", False)


async def test_only_allowed_hosts_are_called(server: Server) -> None:
    """A host is allowed by name or pattern, or because the egress map has it; redirects do not lead around that."""
    functions = server.functions(hosts=["*.good.org"])
    for url in ("http://bad.org/x", "http://good.org.bad.org/", f"{server.url}/x"):
        with pytest.raises(CallFailed) as raised:
            await functions.call(asking(f"get:{url}"))
        assert raised.value.error == "not-allowed"
    server.answers["/moved"] = lambda _: web.Response(status=302, headers={"location": "http://bad.org/"})
    with pytest.raises(CallFailed, match=r"bad\.org"):
        await functions.call(asking("get:http://api.example.org/moved"))
    await functions.close()


async def test_redirect_is_followed_and_credentials_stay_behind(server: Server) -> None:
    """On the same host they go along; to another one they do not."""
    server.answers["/same"] = lambda _: web.Response(status=307, headers={"location": "/end"})
    server.answers["/other"] = lambda _: web.Response(status=302, headers={"location": "http://localhost/end"})
    functions = server.functions()
    auth = Auth("a", "bearer", {"token": "t"})
    for path in ("same", "other"):
        await functions.call(asking(f"get:http://api.example.org/{path}", auth=auth))
    ends = [each for each in server.asked if each.path == "/end"]
    assert [each.headers.get("authorization") for each in ends] == ["Bearer t", None]
    await functions.close()


async def test_graphql_writes_a_query_and_takes_its_field(server: Server) -> None:
    """Arguments are literals, the selection set is as written."""
    functions = server.functions()
    server.answers["/graphql"] = {"data": {"pet": {"name": "Rex"}}}
    arguments = {"id": 7, "where": {"tag": 'a "b"  c', "old": None}, "list": [1, True]}
    request = asking("http://api.example.org/graphql#query#pet", arguments, type="graphql", select="{ name }")
    assert await functions.call(request) == {"name": "Rex"}
    written = 'query { pet(id: 7, where: {tag: "a \\"b\\"  c", old: null}, list: [1, true]) { name } }'
    assert server.asked[0].json == {"query": written}
    server.answers["/graphql"] = {"errors": [{"message": "no", "extensions": {"code": "FORBIDDEN"}}]}
    with pytest.raises(CallFailed, match="pet: no") as raised:
        await functions.call(asking("http://api.example.org/graphql#mutation#pet", {}, type="graphql"))
    assert raised.value.codes == ["FORBIDDEN", "graphql"]
    assert server.asked[1].json == {"query": "mutation { pet }"}
    await functions.close()


async def test_odata_maps_its_arguments_onto_a_url(server: Server) -> None:
    """`key` names an entity, `queryOptions` become system query options; anything else is an error."""
    functions = server.functions()
    options = {"queryOptions": {"filter": "Age gt 3", "top": 5, "orderBy": "Name", "count": True}}
    await functions.call(asking("http://api.example.org/svc#Pets", options, type="odata"))
    await functions.call(asking("http://api.example.org/svc/#Pets", {"key": "it's"}, type="odata"))
    await functions.call(asking("http://api.example.org/svc#Pets", {"key": "7"}, type="odata"))
    many, one, number = server.asked
    assert many.path == "/svc/Pets"
    wanted = {"$filter": "Age gt 3", "$top": "5", "$orderby": "Name", "$count": "true", "$format": "json"}
    assert many.query == wanted
    assert (one.path, number.path) == ("/svc/Pets('it''s')", "/svc/Pets(7)")
    await functions.close()
    for wrong in ({"other": 1}, {"queryOptions": {"nothing": 1}}):
        found = await failed(server, None, "http://api.example.org/svc#Pets", wrong, type="odata")
        assert found.error == "arguments"


async def test_basic_and_bearer_credentials_are_a_header(server: Server) -> None:
    """Without what they need, nothing is sent."""
    functions = server.functions()
    await functions.call(asking("get:/x", auth=Auth("a", "basic", {"username": "ann", "password": "pw"})))
    await functions.call(asking("get:/x", auth=Auth("a", "bearer", {"token": "t"})))
    basic = "Basic " + base64.b64encode(b"ann:pw").decode()
    assert [each.headers["authorization"] for each in server.asked] == [basic, "Bearer t"]
    await functions.close()
    found = await failed(server, None, "get:/x", auth=Auth("a", "basic", {"username": "ann"}))
    assert (found.error, "no password" in found.title) == ("auth", True)


@pytest.mark.parametrize(
    ("said", "sent"),
    [
        ({"grantType": "clientCredentials", "scopes": ["a", "b"]}, "grant_type=client_credentials"),
        ({"grantType": "password", "username": "u", "password": "p"}, "grant_type=password&username=u&password=p"),
        (
            {"grantType": "tokenExchange", "subjectToken": "s", "requestedIssuer": "i"},
            "subject_token=s&subject_token_type=urn%3Aietf%3Aparams%3Aoauth%3Atoken-type%3Aaccess_token",
        ),
    ],
)
async def test_oauth2_token_is_fetched_once_and_again_when_refused(
    server: Server, said: dict[str, Any], sent: str
) -> None:
    """The token's place is in the authority's metadata; a 401 drops the token and asks for another one."""
    tokens = iter(["one", "two"])
    server.answers["/realm/.well-known/openid-configuration"] = {"token_endpoint": "http://api.example.org/token"}
    server.answers["/token"] = lambda _: {"access_token": next(tokens), "expires_in": 3600}
    server.answers["/old"] = lambda asked: (
        {"ok": 1} if asked.headers["authorization"] == "Bearer two" else web.Response(status=401)
    )
    auth = Auth(
        "a", "oauth2", {"authority": "http://api.example.org/realm", "clientId": "c", "clientSecret": "x", **said}
    )
    functions = server.functions()
    await functions.call(asking("get:/x", auth=auth))
    await functions.call(asking("get:/x", auth=auth))
    assert await functions.call(asking("get:/old", auth=auth)) == {"ok": 1}
    paths = [each.path for each in server.asked]
    assert paths == ["/realm/.well-known/openid-configuration", "/token", "/x", "/x", "/old", "/token", "/old"]
    assert sent in server.asked[1].body
    assert "client_id=c&client_secret=x" in server.asked[1].body
    await functions.close()


async def test_oauth2_authority_without_metadata_is_the_endpoint(server: Server) -> None:
    """An authority that gives no token is an error with its status."""
    server.answers["/token/.well-known/openid-configuration"] = lambda _: web.Response(status=404)
    server.answers["/token"] = {"access_token": "t"}
    auth = Auth("a", "oauth2", {"authority": "http://api.example.org/token", "clientId": "c"})
    functions = server.functions()
    await functions.call(asking("get:/x", auth=auth))
    assert server.asked[-1].headers["authorization"] == "Bearer t"
    await functions.close()
    server.answers["/token"] = lambda _: web.Response(status=403)
    found = await failed(server, None, "get:/x", auth=auth)
    assert (found.error, found.codes) == ("auth", ["auth", "HTTP:403"])
