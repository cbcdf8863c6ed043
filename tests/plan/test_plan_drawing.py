"""Pictures: nothing lies over anything else, and whatever names say, what is written is valid."""

import re
import xml.etree.ElementTree as ET
from itertools import combinations, pairwise

from hypothesis import given, settings
from hypothesis import strategies as some

from evenweave.plan.drawing import Arrow, Box, Picture, Row, mermaid, svg
from evenweave.plan.drawing.layout import Layout, Placed, Point, lay_out
from evenweave.plan.drawing.text import fit, width, wrap

_SIZE = some.tuples(some.integers(20, 300), some.integers(20, 120))
_TEXT = some.text(some.characters(codec="utf-8"), max_size=30)
_LABEL = r'"(?:[\w .,:_\-/+=?!\'▷▶⊞⑂⧖↻↶]|#\d+;|<br/>|</?[bi]>)*"'
_LINES = (
    rf"    \w+(?:\(\(|\[|\(\(\(|\(\[|\{{\{{){_LABEL}(?:\)\)|\]|\)\)\)|\]\)|\}}\}})",
    rf"    \w+ (?:-->|-\.->)(?:\|{_LABEL}\|)? \w+",
    r"    linkStyle [\d,]+ [\w:,#]+",
    r"    class(?:Def)? [\w,]+ [\w :,#-]+",
)


@some.composite
def graphs(draw: some.DrawFn) -> tuple[list[tuple[int, int]], list[tuple[int, int]], list[tuple[int, int] | None]]:
    """Sizes of boxes, arrows between them, sizes of labels."""
    boxes = draw(some.lists(_SIZE, min_size=1, max_size=12))
    end = some.integers(0, len(boxes) - 1)
    arrows = draw(some.lists(some.tuples(end, end), max_size=20))
    labels = draw(some.lists(some.none() | _SIZE, min_size=len(arrows), max_size=len(arrows)))
    return boxes, arrows, labels


def overlap(one: Placed, other: Placed) -> bool:
    """Whether two rectangles share more than an edge."""
    return (
        one.x < other.x + other.width - 0.01
        and other.x < one.x + one.width - 0.01
        and one.y < other.y + other.height - 0.01
        and other.y < one.y + one.height - 0.01
    )


def along(points: tuple[Point, ...]) -> list[Point]:
    """Points on the way of an arrow, close together."""
    found = []
    for index, ((ax, ay), (bx, by)) in enumerate(pairwise(points)):
        for step in range(1, 20):
            t = step / 20
            # The curve's own formula: control points above and below, half-way between the ends.
            x = ax + (bx - ax) * (t if index % 2 == 0 else 3 * t**2 - 2 * t**3)
            found.append((x, ay + (by - ay) * t if index % 2 == 0 else _curve(ay, by, t)))
    return found


def _curve(top: float, bottom: float, t: float) -> float:
    half = (top + bottom) / 2
    return (1 - t) ** 3 * top + 3 * (1 - t) ** 2 * t * half + 3 * (1 - t) * t**2 * half + t**3 * bottom


def inside(point: Point, place: Placed) -> bool:
    """Whether a point lies in a rectangle, not at its edge."""
    x, y = point
    return place.x < x < place.x + place.width and place.y + 0.01 < y < place.y + place.height - 0.01


@settings(max_examples=150, deadline=None)
@given(graphs())
def test_layout_lets_nothing_overlap(
    graph: tuple[list[tuple[int, int]], list[tuple[int, int]], list[tuple[int, int] | None]],
) -> None:
    """No box or label lies over another, all are on the page, and no arrow runs through what is not its own."""
    boxes, arrows, labels = graph
    made: Layout = lay_out(boxes, arrows, labels)
    loops = {route.label for route in made.routes if route.loop}
    written = [route.label for route in made.routes if route.label is not None]
    # Several arrows that lead back to one box share its height: what is written there may be taller.
    rectangles = [*made.boxes, *(label for label in written if label not in loops)]
    assert [pair for pair in combinations(rectangles, 2) if overlap(*pair)] == []
    assert all(box.x >= 0 and box.y >= 0 for box in rectangles)
    assert all(box.x + box.width <= made.width and box.y + box.height <= made.height for box in rectangles)
    for (tail, head), route in zip(arrows, made.routes, strict=True):
        if route.loop:
            continue
        others = [each for each in rectangles if each not in {made.boxes[tail], made.boxes[head], route.label}]
        assert [point for point in along(route.points) for each in others if inside(point, each)] == []


@settings(max_examples=60, deadline=None)
@given(graphs())
def test_arrows_begin_and_end_at_their_boxes(
    graph: tuple[list[tuple[int, int]], list[tuple[int, int]], list[tuple[int, int] | None]],
) -> None:
    """The first point of an arrow is on the edge of the box that it leaves, the last one on that of its target."""
    boxes, arrows, labels = graph
    made = lay_out(boxes, arrows, labels)
    for (tail, head), route in zip(arrows, made.routes, strict=True):
        for end, box in ((route.points[0], made.boxes[tail]), (route.points[-1], made.boxes[head])):
            assert box.x - 0.01 <= end[0] <= box.x + box.width + 0.01
            assert box.y - 0.01 <= end[1] <= box.y + box.height + 0.01


def test_layout_goes_down_and_turns_what_leads_back() -> None:
    """Each box is below the one before it; an arrow that leads back goes up."""
    made = lay_out([(50, 20)] * 3, [(0, 1), (1, 2), (2, 0)], [None, None, (40, 12)])
    tops = [box.y for box in made.boxes]
    assert tops == sorted(tops)
    back = made.routes[2].points
    assert back[0][1] > back[-1][1]


def _picture(text: str, other: str) -> Picture:
    row = Row(text, "in", 1)
    return Picture(
        text,
        (
            Box("start", "start"),
            Box("s0", "state", text, "event", (row, Row(other, "out"))),
            Box("s1", "compensation", other, "operation"),
            Box("s2", "terminate", text),
        ),
        (
            Arrow("start", "s0"),
            Arrow("s0", "s1", "compensation", (row,)),
            Arrow("s0", "s2", "error", (Row(other),)),
            Arrow("s0", "s0", "default", (Row(text, "expression"),)),
        ),
    )


@settings(max_examples=150, deadline=None)
@given(_TEXT, _TEXT)
def test_whatever_names_say_svg_is_xml(text: str, other: str) -> None:
    """An SVG is well-formed XML, and the same for the same picture."""
    picture = _picture(text, other)
    drawn = svg.render(picture)
    assert ET.fromstring(drawn).tag == "{http://www.w3.org/2000/svg}svg"
    assert svg.render(picture) == drawn


@settings(max_examples=150, deadline=None)
@given(_TEXT, _TEXT)
def test_whatever_names_say_mermaid_is_mermaid(text: str, other: str) -> None:
    """Every line of a flowchart has the form that Mermaid knows, and labels hold no sign that means something there."""
    head, title, rest, kind, *lines = mermaid.render(_picture(text, other)).splitlines()
    assert (head, rest, kind) == ("---", "---", "flowchart TD")
    assert re.fullmatch(r"title: '(?:[^'\n]|'')*'", title)
    assert [line for line in lines if not any(re.fullmatch(form, line) for form in _LINES)] == []


def test_mermaid_escapes_what_means_something() -> None:
    """Quotes, brackets, number signs and entities are shown, not read."""
    (box,) = [line for line in mermaid.render(_picture('a "b" <i> #35;', "x")).splitlines() if line[4:7] == "s0["]
    assert "<b>a #34;b#34; #60;i#62; #35;35#59;</b>" in box


def test_text_fits_its_room() -> None:
    """Text is wrapped between words, words are broken where they must be, and what is left over is marked."""
    assert wrap("one two three", 10, width("one two", 10), 3) == ["one two", "three"]
    assert wrap("one two three four", 10, width("three", 10), 2)[1].endswith("…")
    assert all(width(line, 10) <= 50 for line in wrap("x" * 40, 10, 50, 9))
    assert fit("short", 10, 500) == "short"
    cut = fit("not so short at all", 10, 60)
    assert cut.endswith("…")
    assert width(cut, 10) <= 60
