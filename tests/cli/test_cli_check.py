"""`evenweave check`: what files are, what is wrong with them, and what they may refer to."""

import time
from pathlib import Path
from typing import Any

import pytest
from command_line import Command

SERVICE = """asyncapi: 2.6.0
info: {title: Parcels, version: '1'}
channels:
  parcel/in:
    publish: {operationId: sendParcel, message: {$ref: '%s'}}
  parcel/out:
    subscribe: {operationId: parcelSent, message: {name: Sent}}
"""
DEFINITION = """id: parcels
version: '1'
specVersion: '0.8'
name: Parcels
states:
  - name: send
    type: operation
    actions: [{functionRef: send}]
    end: true
functions:
  - {name: send, type: asyncapi, operation: 'file://parcels.yaml#sendParcel'}
"""


def write(folder: Path, **files: str) -> None:
    """Write files; `sub__a` is sub/a.yaml."""
    for name, text in files.items():
        path = folder / (name.replace("__", "/") + ".yaml")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)


def codes(found: Any) -> list[tuple[str, int, str]]:
    """File, line and code of each diagnostic."""
    return [(item["file"], item["line"], item["code"]) for item in found]


def test_the_printed_documents_have_nine_warnings(printed: Path, evenweave: Command) -> None:
    """The design document's five documents pass with exactly nine warnings, and do not pass strictly."""
    files = sorted(printed.glob("*.yaml"))
    assert len(files) == 5
    outcome = evenweave("check", *files, "--format", "json")
    assert outcome.code == 0
    assert [item["severity"] for item in outcome.json] == ["warning"] * 9
    strict = evenweave("check", *files, "--format", "json", "--strict")
    assert strict.code == 1
    assert [item["severity"] for item in strict.json] == ["error"] * 9
    assert evenweave("check", *files).out.endswith("5 files: 9 warnings\n")


def test_the_example_is_without_fault(example: Path, evenweave: Command) -> None:
    """The example has nothing to complain about, strictly."""
    outcome = evenweave("check", *sorted(example.glob("*.yaml")), "--strict", "--format", "json")
    assert (outcome.code, outcome.json) == (0, [])


def test_check_is_quick(example: Path, process: Command) -> None:
    """Checking one file takes less than 0.4 s on a quiet machine; here with room for a busy one."""
    began = time.monotonic()
    assert process("check", example / "orderService.yaml").code == 0
    assert time.monotonic() - began < 2.0


BROKEN = {
    "not YAML": (b"a: [1\n", "FI101"),
    "not JSON": (b'{"asyncapi" "2.6.0"}', "FI120"),
    "duplicate keys": (b"asyncapi: 2.6.0\nasyncapi: 2.6.0\n", "FI107"),
    "binary": (b"\x00\xff\xfe\x01" * 100, "FI103"),
    "empty": (b"", "FI104"),
    "blank": (b" \n\n", "FI104"),
    "too large": (b"#" * (4 * 1024 * 1024 + 1), "FI105"),
    "alias bomb": (
        b"a0: &a0 [1,1,1,1,1,1,1,1,1,1]\n"
        + b"".join(b"a%d: &a%d [%s]\n" % (n, n, b",".join([b"*a%d" % (n - 1)] * 10)) for n in range(1, 9)),
        "FI105",
    ),
    "too deep": (b"[" * 100 + b"]" * 100, "FI105"),
    "neither": (b"name: somebody\n", "FI901"),
    "a list": (b"- 1\n", "FI901"),
    "1.0": (b"document: {dsl: 1.0.0}\ndo: []\n", "FI902"),
    "not AsyncAPI 2": (b"asyncapi: 9.9.9\n", "AA1"),
    "not a workflow": (b"specVersion: '0.8'\n", "SW002"),
}


@pytest.mark.parametrize("name", BROKEN)
def test_broken_files_are_diagnosed(folder: Path, evenweave: Command, name: str) -> None:
    """Whatever a file holds, check says what is wrong at a line and column from 1 on, and exits 1."""
    data, code = BROKEN[name]
    (folder / "file.yaml").write_bytes(data)
    outcome = evenweave("check", "file.yaml", "--format", "json")
    assert outcome.code == 1
    assert any(item["code"].startswith(code) for item in outcome.json), outcome.out
    for item in outcome.json:
        assert set(item) == {"file", "line", "column", "code", "severity", "message", "hint"}
        assert item["file"] == "file.yaml"
        assert item["line"] >= 1
        assert item["column"] >= 1
    assert evenweave("check", "file.yaml").code == 1


def test_all_files_are_diagnosed_at_once(folder: Path, evenweave: Command) -> None:
    """One broken file does not hide the faults of another."""
    write(folder, a="a: [1\n", b="asyncapi: 2.6.0\n", c=DEFINITION.replace("end: true", "transition: sned"))
    found = evenweave("check", "a.yaml", "b.yaml", "c.yaml", "--format", "json").json
    assert {item["file"] for item in found} == {"a.yaml", "b.yaml", "c.yaml"}
    unknown = next(item for item in found if item["code"] == "SW104")
    assert (unknown["line"], unknown["hint"]) == (9, 'did you mean "send"?')


def test_files_are_named_as_given(folder: Path, evenweave: Command) -> None:
    """Diagnostics name the file with the user's own characters."""
    write(folder, sub__a="a: 1\n")
    for name in ("./sub/a.yaml", "sub//a.yaml", "sub/../sub/a.yaml", str(folder / "sub/a.yaml")):
        assert [item["file"] for item in evenweave("check", name, "--format", "json").json] == [name]


def test_operations_are_found_in_given_files_and_below_the_folder(folder: Path, evenweave: Command) -> None:
    """A definition finds a document beside it, and one that was given from elsewhere; otherwise it is a warning."""
    service = SERVICE % "#/components/messages/P" + "components: {messages: {P: {name: P}}}\n"
    write(folder, flows__parcels=service, flows__flow=DEFINITION, lone__flow=DEFINITION, other__parcels=service)
    assert evenweave("check", "flows/flow.yaml", "--strict").code == 0
    alone = evenweave("check", "lone/flow.yaml", "--format", "json")
    assert (alone.code, codes(alone.json)) == (0, [("lone/flow.yaml", 11, "SW501")])
    assert evenweave("check", "lone/flow.yaml", "other/parcels.yaml", "--strict").code == 0
    assert evenweave("check", "lone/flow.yaml", "--strict").code == 1


def test_an_unknown_operation_names_the_nearest(folder: Path, evenweave: Command) -> None:
    """Where the document is there and the operation is not, the hint has the one that was perhaps meant."""
    write(folder, parcels=SERVICE % "#/components/messages/P" + "components: {messages: {P: {name: P}}}\n")
    write(folder, flow=DEFINITION.replace("#sendParcel", "#sendParcl"))
    (found,) = evenweave("check", "flow.yaml", "--format", "json").json
    assert (found["code"], found["hint"]) == ("SW501", 'did you mean "sendParcel"?')


def test_an_event_against_its_direction_is_an_error(folder: Path, evenweave: Command) -> None:
    """A produced event on an operation that the service sends is an error at its place."""
    write(folder, parcels=SERVICE % "#/components/messages/P" + "components: {messages: {P: {name: P}}}\n")
    flow = """id: f
version: '1'
specVersion: '0.8'
name: f
states:
  - {name: s, type: inject, data: {}, end: {produceEvents: [{eventRef: out}]}}
events:
  - name: out
    kind: produced
    type: asyncapi
    source: file://parcels.yaml#parcelSent
"""
    write(folder, flow=flow)
    outcome = evenweave("check", "flow.yaml", "--format", "json")
    assert outcome.code == 1
    (found,) = outcome.json
    assert (found["code"], found["line"], found["severity"]) == ("SW502", 11, "error")
    assert "kind: consumed" in found["hint"]


def test_references_lead_below_the_folder_and_nowhere_else(folder: Path, evenweave: Command) -> None:
    """A `$ref` reaches files below the document's folder; `..`, whole paths, hosts and links out of it do not."""
    message = "P: {name: P, payload: {$ref: 'deeper/schema.yaml#/S'}}\n"
    write(
        folder, home__sub__messages=message, home__sub__deeper__schema="S: {type: string}\n", away__messages="P: {}\n"
    )
    (folder / "home/link").symlink_to(folder / "away")
    (folder / "home/file.yaml").symlink_to(folder / "away/messages.yaml")
    write(folder, home__good=SERVICE % "sub/messages.yaml#/P")
    assert evenweave("check", "home/good.yaml", "--strict").code == 0
    away = str(folder / "away/messages.yaml")
    for ref in ("../away/messages.yaml", "link/messages.yaml", "file.yaml", away, f"file://{away}", "http://h/m.yaml"):
        write(folder, home__bad=SERVICE % f"{ref}#/P")
        outcome = evenweave("check", "home/bad.yaml", "--format", "json")
        assert outcome.code == 1, ref
        assert [item["line"] for item in outcome.json] == [5], ref


def test_a_fault_below_the_folder_names_its_own_file(folder: Path, evenweave: Command) -> None:
    """What is wrong in a file that was not given is shown there, with its line."""
    write(folder, home__a=SERVICE % "m.yaml#/P", home__m="P:\n  name: P\n  payload: {type: strnig}\n")
    outcome = evenweave("check", "home/a.yaml")
    assert outcome.code == 1
    assert "home/m.yaml:3:" in outcome.out
    assert "3 |   payload: {type: strnig}" in outcome.out


def test_files_may_refer_to_each_other_by_name(folder: Path, evenweave: Command) -> None:
    """A file from another folder serves where it was given, and then need be no document of its own."""
    write(folder, one__a=SERVICE % "m.yaml#/P", two__m="P: {name: P}\n")
    assert evenweave("check", "one/a.yaml").code == 1
    assert evenweave("check", "one/a.yaml", "two/m.yaml", "--strict").code == 0


def test_definitions_read_their_parts_from_files_below(folder: Path, evenweave: Command) -> None:
    """Functions in a file of their own are checked there; links and `..` lead to nothing."""
    functions = "functions:\n  - {name: send, type: asyncapi, operation: 'file://parcels.yaml#nope'}\n"
    write(folder, home__flow=DEFINITION[: DEFINITION.index("functions:")] + "functions: file://sub/parts.yaml\n")
    write(folder, home__sub__parts=functions)
    write(folder, home__parcels=SERVICE % "#/components/messages/P" + "components: {messages: {P: {name: P}}}\n")
    outcome = evenweave("check", "home/flow.yaml", "--format", "json")
    assert codes(outcome.json) == [("home/sub/parts.yaml", 2, "SW501")]
    write(folder, away__parts=functions)
    (folder / "home/link").symlink_to(folder / "away")
    for uri in ("file://../away/parts.yaml", "file://link/parts.yaml", str(folder / "away/parts.yaml")):
        write(folder, home__flow=DEFINITION[: DEFINITION.index("functions:")] + f"functions: {uri}\n")
        outcome = evenweave("check", "home/flow.yaml", "--format", "json")
        assert ("home/flow.yaml", 10, "SW108") in codes(outcome.json), uri


WAITING = """id: waiting
specVersion: '0.8'
states: [{name: wait, type: event, onEvents: [{eventRefs: [came]}], end: true}]
events: [{name: came, type: parcel/out, source: ''}]
"""


def test_an_event_that_nobody_in_the_files_sends_is_a_warning(folder: Path, evenweave: Command) -> None:
    """With AsyncAPI documents among the files; what a service sends or another file publishes is sent."""
    service = SERVICE % "#/components/messages/P" + "components: {messages: {P: {name: P}}}\n"
    write(folder, parcels=service, flow=WAITING, lost=WAITING.replace("parcel/out", "parcel/lost"))
    assert evenweave("check", "flow.yaml", "lost.yaml", "--strict").code == 0
    assert evenweave("check", "flow.yaml", "parcels.yaml", "--strict").code == 0
    outcome = evenweave("check", "flow.yaml", "lost.yaml", "parcels.yaml")
    assert outcome.code == 0
    assert outcome.out == (
        'lost.yaml:4:29: warning[SW503] nobody sends events of the type "parcel/lost"\n'
        "    4 | events: [{name: came, type: parcel/lost, source: ''}]\n"
        '      |                             ^^^^^^^^^^^ did you mean "parcel/out"?\n'
        "3 files: 1 warning\n"
    )
    assert evenweave("check", "lost.yaml", "parcels.yaml", "--strict").code == 1
    publishing = """id: publishing
specVersion: '0.8'
states: [{name: s, type: inject, data: {}, end: {produceEvents: [{eventRef: lost}]}}]
events: [{name: lost, type: parcel/lost, kind: produced}]
"""
    write(folder, publishing=publishing)
    assert evenweave("check", "lost.yaml", "parcels.yaml", "publishing.yaml", "--strict").code == 0
    write(folder, publishing="asyncapi: 2.6.0\n")
    found = evenweave("check", "lost.yaml", "parcels.yaml", "publishing.yaml", "--format", "json").json
    assert "SW503" not in {item["code"] for item in found}
