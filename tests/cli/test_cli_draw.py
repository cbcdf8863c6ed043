"""`evenweave draw`."""

import xml.etree.ElementTree as ET
from pathlib import Path

from command_line import Command

HEAD = "id: flow\nversion: '1.0'\nspecVersion: '0.8'\nname: flow\n"


def test_draw_writes_mermaid_to_the_terminal(example: Path, evenweave: Command) -> None:
    """Without anything else it is Mermaid on standard output."""
    outcome = evenweave("draw", example / "storeorderworkflow.yaml")
    assert outcome.code == 0
    assert outcome.out.startswith("---\ntitle: 'Store Order Management Workflow 1.0'\n---\nflowchart TD\n")
    assert "Payment Successful" in outcome.out


def test_draw_writes_svg_into_a_file(folder: Path, example: Path, evenweave: Command) -> None:
    """A file that ends in .svg becomes SVG; the format may be said as well."""
    definition = example / "storeorderworkflow.yaml"
    assert (evenweave("draw", definition, "-o", "flow.svg").code, (folder / "flow.svg").exists()) == (0, True)
    drawn = (folder / "flow.svg").read_text("utf-8")
    assert ET.fromstring(drawn).tag == "{http://www.w3.org/2000/svg}svg"
    assert "Send Order Shipment" in drawn
    assert evenweave("draw", definition, "--format", "svg").out == drawn
    assert evenweave("draw", definition, "-o", "flow.mmd").code == 0
    assert "flowchart TD" in (folder / "flow.mmd").read_text("utf-8")


def test_draw_needs_no_services(folder: Path, example: Path, evenweave: Command) -> None:
    """A definition whose operations nobody has is drawn all the same."""
    (folder / "lone.yaml").write_text((example / "storeorderworkflow.yaml").read_text())
    assert evenweave("draw", "lone.yaml").code == 0


def test_draw_points_at_mistakes(folder: Path, example: Path, evenweave: Command) -> None:
    """What is not valid is not drawn, and says why; neither is a document of another kind."""
    (folder / "bad.yaml").write_text(HEAD + "states: [{name: s, type: inject, data: {}, transition: t}]\n")
    outcome = evenweave("draw", "bad.yaml")
    assert (outcome.code, outcome.out) == (2, "")
    assert "bad.yaml:5:" in outcome.err
    assert "SW104" in outcome.err
    outcome = evenweave("draw", example / "orderService.yaml")
    assert outcome.code == 2
    assert "is an AsyncAPI document" in outcome.err


def test_draw_says_where_it_cannot_write(folder: Path, example: Path, evenweave: Command) -> None:
    """A file that cannot be written and one that is not there are usage errors."""
    outcome = evenweave("draw", example / "storeorderworkflow.yaml", "-o", "no/such/folder.svg")
    assert outcome.code == 64
    assert "no/such/folder.svg" in outcome.err
    assert evenweave("draw", "nowhere.yaml").code == 64
