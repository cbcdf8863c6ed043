"""docs/functions.md: its definitions run."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import yaml
from aiohttp import web
from blocks import ROOT

from evenweave import source
from evenweave.app import Outside
from evenweave.definitions import swf08
from evenweave.plan.swf08 import compile as compile_swf08
from evenweave.worker.alone import Alone
from evenweave.worker.driving import Watch, drive
from evenweave.worker.performing import Performer
from evenweave.worker.settings import Settings

if TYPE_CHECKING:
    from pathlib import Path

PAGE = (ROOT / "docs" / "functions.md").read_text("utf-8")


def block(heading: str, language: str) -> str:
    """The first block of a language below a heading."""
    return PAGE.partition(f"\n{heading}\n")[2].partition(f"```{language}\n")[2].partition("\n```")[0]


async def run(text: str, data: dict[str, Any], outside: Outside) -> Any:
    """The output of a definition."""
    document = source.load("flow.yaml", text).document
    assert document is not None
    loaded = swf08.load(document)
    assert loaded.workflow is not None, loaded.diagnostics
    plan = compile_swf08(document, loaded.workflow, {}).plan
    assert plan is not None
    functions = outside.open_functions()
    performer = Performer(functions, outside.open_secrets(), Settings(), lambda *_: plan)
    made = await drive(lambda now: Alone(plan, data, now=now), [], performer, Watch(jumps=True), timeout_s=20.0)
    await functions.close()
    assert made.instance.status == "completed", made.instance.reason
    return made.data


def test_python_example_greets() -> None:
    """The definition calls the callable beside it."""
    names: dict[str, Any] = {}
    exec(block("## custom: Python callables", "python"), names)
    text = block("## custom: Python callables", "yaml")
    assert yaml.safe_load(text)["functions"][0]["type"] == "custom"
    made = asyncio.run(run(text, {"person": "Ann"}, Outside(callables={"greet": names["greet"]})))
    assert made == {"person": "Ann", "greeting": "Hello, Ann!"}


def test_http_examples_run(tmp_path: Path) -> None:
    """REST by a document and by the short form, GraphQL and OData, against one server."""
    asked: list[tuple[str, str, str]] = []

    async def serve(request: web.Request) -> web.Response:
        asked.append((request.method, request.path, request.headers.get("authorization", "")))
        answers = {
            "/v1/orders/7": {"status": "paid"},
            "/orders/7": {"verbose": request.query.get("verbose")},
            "/graphql": {"data": {"film": {"title": "Metropolis"}}},
            "/odata/Pets": {"value": [request.query.get("$top")]},
        }
        return web.json_response(answers[request.path])

    async def run_all() -> list[Any]:
        app = web.Application()
        app.router.add_route("*", "/{path:.*}", serve)
        runner = web.AppRunner(app)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        host, port = runner.addresses[0][:2]
        hosts = ("shop.example.org", "films.example.org", "pets.example.org")
        outside = Outside(
            resolve=dict.fromkeys(hosts, f"http://{host}:{port}"), documents=tmp_path, secrets={"shop": "t0ken"}
        )
        made = [await run(text, {"id": "7"}, outside) for text in examples]
        await runner.cleanup()
        return made

    rest = PAGE.partition("\n## rest\n")[2].partition("\n## graphql\n")[0].split("```yaml\n")
    texts = [each.partition("\n```")[0] for each in rest[1:]]
    (tmp_path / "shop.yaml").write_text(texts[1])
    examples = [texts[0], texts[2], block("## graphql", "yaml"), block("## odata", "yaml")]
    by_document, short, graphql, odata = asyncio.run(run_all())
    assert by_document == {"id": "7", "order": {"status": "paid"}}
    assert short == {"id": "7", "verbose": "true"}
    assert graphql == {"id": "7", "title": "Metropolis"}
    assert odata == {"id": "7", "value": ["2"]}
    assert asked[0] == ("GET", "/v1/orders/7", "Bearer t0ken")


def test_rpc_example_is_served_by_a_callable() -> None:
    """A callable stands in for the service, under the name of its method."""
    outside = Outside(callables={"Orders#Add": lambda counts: {"total": sum(counts)}})
    assert asyncio.run(run(block("## rpc", "yaml"), {}, outside)) == {"total": 3}
