"""The Catalog's routes, over a real server."""

from served import SERVICE, Asking

NEWER = SERVICE.replace(b"1.0.0", b"1.1.0")


async def test_documents_are_registered_once(catalog: Asking) -> None:
    """A document is created, found again when it is the same, and gets a version when it changes."""
    first = await catalog("POST", "/v1/documents", SERVICE, name="parcels.yaml")
    assert (first.status, first.kind) == (201, "application/json")
    assert (first.json["name"], first.json["version"], first.json["diagnostics"]) == ("parcels.yaml", 1, [])
    again = await catalog("POST", "/v1/documents", SERVICE, name="parcels.yaml")
    assert (again.status, again.json["version"]) == (200, 1)
    newer = await catalog("POST", "/v1/documents", NEWER, name="parcels.yaml")
    assert (newer.status, newer.json["version"]) == (201, 2)
    (row,) = (await catalog("GET", "/v1/documents")).json
    assert (row["version"], row["title"], row["info_version"]) == (2, "Parcels", "1.1.0")
    assert {each["id"]: each["direction"] for each in row["operations"]} == {
        "sendParcel": "publish",
        "parcelSent": "subscribe",
    }
    assert (await catalog("GET", "/v1/documents/parcels.yaml")).json["document"] == NEWER.decode()
    assert (await catalog("GET", "/v1/documents/parcels.yaml/1")).json["document"] == SERVICE.decode()


async def test_documents_are_removed(catalog: Asking) -> None:
    """A removed document is gone with its versions and operations."""
    await catalog("POST", "/v1/documents", SERVICE, name="parcels.yaml")
    assert (await catalog("DELETE", "/v1/documents/parcels.yaml")).status == 204
    (await catalog("GET", "/v1/documents/parcels.yaml")).problem(404)
    (await catalog("DELETE", "/v1/documents/parcels.yaml")).problem(404)
    (await catalog("GET", "/v1/operations", ref="file://parcels.yaml#sendParcel")).problem(404)


async def test_operations_are_found(catalog: Asking) -> None:
    """An operation is found by file name and by title; the answer has channel, direction and messages."""
    await catalog("POST", "/v1/documents", SERVICE, name="parcels.yaml")
    for document in ("file://parcels.yaml", "Parcels"):
        found = (await catalog("GET", "/v1/operations", ref=f"{document}#sendParcel")).json
        assert (found["channel"], found["direction"]) == ("parcel/in", "publish")
        assert [message["name"] for message in found["messages"]] == ["Parcel"]
    unknown = (await catalog("GET", "/v1/operations", ref="file://parcels.yaml#sendParcl")).problem(404)
    assert unknown["hint"] == 'did you mean "sendParcel"?'
    (await catalog("GET", "/v1/operations")).problem(400)


async def test_bad_documents_are_refused(catalog: Asking) -> None:
    """What is no AsyncAPI is a 422 with a place; nothing is registered."""
    for body in (b"a: [1\n", b"asyncapi: 2.6.0\nasyncapi: 2.6.0\n", b"", b"\xff\xfe", b"specVersion: '0.8'\n"):
        problem = (await catalog("POST", "/v1/documents", body, name="bad.yaml")).problem(422)
        assert problem["diagnostics"], body
        first = problem["diagnostics"][0]
        assert (first["file"], first["severity"]) == ("bad.yaml", "error")
        assert first["line"] >= 1
        assert first["column"] >= 1
    assert (await catalog("GET", "/v1/documents")).json == []


async def test_warnings_are_errors_when_asked(catalog: Asking) -> None:
    """A document with warnings is registered, but not strictly."""
    warned = SERVICE.replace(b"{name: Parcel}", b"{$ref: '#/components/Parcel'}")
    (await catalog("POST", "/v1/documents", warned, name="p.yaml", strict="1")).problem(422)
    answer = await catalog("POST", "/v1/documents", warned, name="p.yaml")
    assert answer.status == 201
    assert [item["severity"] for item in answer.json["diagnostics"]] == ["warning"]


async def test_requests_that_mean_nothing_are_problems(catalog: Asking) -> None:
    """No name, too large, no such path, no such method: each is a problem document."""
    (await catalog("POST", "/v1/documents", SERVICE)).problem(400)
    (await catalog("POST", "/v1/documents", b"#" * (4 * 1024 * 1024 + 1), name="a.yaml")).problem(413)
    (await catalog("GET", "/v1/nothing")).problem(404)
    (await catalog("PUT", "/v1/documents")).problem(405)
    (await catalog("GET", "/v1/documents/a.yaml/first")).problem(404)


async def test_names_may_hold_slashes(catalog: Asking) -> None:
    """A document below a folder is shown and removed by its quoted name."""
    await catalog("POST", "/v1/documents", SERVICE, name="sub/a b.yaml")
    assert (await catalog("GET", "/v1/documents/sub%2Fa%20b.yaml")).json["name"] == "sub/a b.yaml"
    assert (await catalog("GET", "/v1/documents/sub%2Fa%20b.yaml/1")).json["version"] == 1
    assert (await catalog("DELETE", "/v1/documents/sub%2Fa%20b.yaml")).status == 204


async def test_health_is_told(catalog: Asking) -> None:
    """The process says that it is there and serves."""
    assert (await catalog("GET", "/healthz")).json == {"status": "ok"}
    assert (await catalog("GET", "/readyz")).status == 200
