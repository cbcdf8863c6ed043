"""A picture as SVG: one file that needs nothing else, and shows all that was cut off where the mouse rests on it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final
from xml.sax.saxutils import escape

from evenweave.plan.drawing.layout import lay_out
from evenweave.plan.drawing.picture import Row
from evenweave.plan.drawing.signs import SIGNS
from evenweave.plan.drawing.text import fit, width, wrap

if TYPE_CHECKING:
    from collections.abc import Sequence

    from evenweave.plan.drawing.layout import Layout, Placed, Route
    from evenweave.plan.drawing.picture import Arrow, Box, Picture

_TITLE: Final = 14.0
_TEXT: Final = 12.0
_SMALL: Final = 10.5
_LINE: Final = 17.0
_PAD: Final = 12.0
_INDENT: Final = 14.0
_SIGN: Final = 17.0
_WIDEST: Final = 300.0
_BESIDE: Final = 210.0
_MARK: Final = 26.0
_DOT: Final = 9.0
_HEADING: Final = 34.0

_STYLE: Final = """
text { font-family: "DejaVu Sans", Verdana, Helvetica, Arial, sans-serif; font-size: 12px; fill: #24292f }
.title { font-size: 14px; font-weight: bold }
.small { font-size: 10.5px; fill: #57606a }
.program { font-style: italic }
.box { fill: #f6f8fa; stroke: #57606a; stroke-width: 1.2 }
.compensation { fill: #f5effb; stroke: #6f42a6; stroke-dasharray: 5 3 }
.timeout { fill: #fff8e6; stroke: #9a6700 }
.mark { fill: none; stroke: #24292f; stroke-width: 1.4 }
.full { fill: #24292f; stroke: none }
.sign { fill: none; stroke: #24292f; stroke-width: 1.1; stroke-linejoin: round; stroke-linecap: round }
.solid { fill: #24292f }
.way { fill: none; stroke: #24292f; stroke-width: 1.3 }
.error { stroke: #b3261e; stroke-dasharray: 6 3 }
.undo { stroke: #6f42a6; stroke-dasharray: 2 3 }
.page { fill: #ffffff }
"""
_CLASSES: Final = {"transition": "way", "default": "way", "error": "way error", "compensation": "way undo"}
_HEADS: Final = {"transition": "#24292f", "default": "#24292f", "error": "#b3261e", "compensation": "#6f42a6"}


def render(picture: Picture) -> str:
    """Draw a picture as SVG.

    Returns:
        The text of an SVG document, the same for the same picture.
    """
    labels = [_written(arrow) for arrow in picture.arrows]
    numbers = {box.id: number for number, box in enumerate(picture.boxes)}
    layout = lay_out(
        [_size(box) for box in picture.boxes],
        [(numbers[arrow.tail], numbers[arrow.head]) for arrow in picture.arrows],
        [_room(label) if label else None for label in labels],
    )
    wide = max(layout.width, width(picture.title, _TITLE, bold=True) + 2 * _PAD + 12)
    shift = (wide - layout.width) / 2
    tall = layout.height + _HEADING
    parts = [
        (
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_n(wide)} {_n(tall)}"'
            f' width="{_n(wide)}" height="{_n(tall)}" role="img">'
        ),
        f"<title>{_escape(picture.title)}</title>",
        f"<style>{_STYLE}</style>",
        *_defs(),
        f'<rect class="page" width="{_n(wide)}" height="{_n(tall)}"/>',
        f'<text class="title" x="{_n(wide / 2)}" y="26" text-anchor="middle">{_escape(picture.title)}</text>',
        f'<g transform="translate({_n(shift)} {_n(_HEADING)})">',
        *_draw(picture, layout, labels),
        "</g>",
        "</svg>",
    ]
    return "\n".join(parts) + "\n"


def _draw(picture: Picture, layout: Layout, labels: Sequence[Sequence[Row]]) -> list[str]:
    """Arrows first, so that what is written lies over them."""
    parts = [_line(arrow, route) for arrow, route in zip(picture.arrows, layout.routes, strict=True)]
    for arrow, rows, route in zip(picture.arrows, labels, layout.routes, strict=True):
        if route.label is not None:
            parts += _label(rows, route.label, "\n".join(row.text for row in arrow.rows))
    for box, placed in zip(picture.boxes, layout.boxes, strict=True):
        parts += _box(box, placed)
    return parts


def _defs() -> list[str]:
    heads = [
        f'<marker id="head-{way}" viewBox="0 0 10 10" refX="9" refY="5" markerWidth="7" markerHeight="7"'
        f' orient="auto"><path d="M0 1 L10 5 L0 9 Z" fill="{colour}"/></marker>'
        for way, colour in _HEADS.items()
    ]
    return ["<defs>", *heads, "</defs>"]


def _written(arrow: Arrow) -> tuple[Row, ...]:
    """What stands beside an arrow: what is long takes two lines."""
    rows = (Row("otherwise"), *arrow.rows) if arrow.way == "default" else arrow.rows
    lines: list[Row] = []
    for row in rows:
        room = _BESIDE - (_SIGN if row.sign in SIGNS else 0.0)
        first, *rest = wrap(row.text, _TEXT, room, 2)
        lines.append(Row(first, row.sign))
        lines += [Row(line, "expression" if row.sign == "expression" else "") for line in rest]
    return tuple(lines)


def _size(box: Box) -> tuple[float, float]:
    if box.kind == "start":
        return 2 * _DOT, 2 * _DOT
    if box.kind == "end":
        return _MARK, _MARK
    if box.kind == "terminate":
        return min(width(box.title, _TEXT), _WIDEST) + 4, _MARK + _LINE + 4
    titles = wrap(box.title, _TITLE, _WIDEST, 3, bold=True)
    wide = max(width(line, _TITLE, bold=True) for line in titles)
    wide = max([wide, width(box.subtitle, _SMALL), *(min(_row_width(row), _WIDEST) for row in box.rows)])
    tall = _LINE * len(titles) + (_LINE if box.subtitle else 0) + _LINE * len(box.rows) + (6 if box.rows else 0)
    return max(wide + 2 * _PAD, 90.0), tall + 2 * _PAD - 4


def _row_width(row: Row) -> float:
    return row.depth * _INDENT + (_SIGN if row.sign in SIGNS else 0.0) + width(row.text, _TEXT)


def _room(rows: Sequence[Row]) -> tuple[float, float]:
    return max(min(_row_width(row), _BESIDE) for row in rows) + 8, _LINE * len(rows) + 2


def _box(box: Box, at: Placed) -> list[str]:
    middle, centre = at.x + at.width / 2, at.y + at.height / 2
    match box.kind:
        case "start":
            return [f'<circle class="full" cx="{_n(middle)}" cy="{_n(centre)}" r="{_n(_DOT)}"/>']
        case "end":
            return _end(middle, centre)
        case "terminate":
            y = at.y + _MARK / 2 + 1
            text = _escape(fit(box.title, _TEXT, _WIDEST))
            return [
                *_end(middle, y),
                f'<circle class="mark" cx="{_n(middle)}" cy="{_n(y)}" r="13"/>',
                f'<text x="{_n(middle)}" y="{_n(at.y + at.height - 5)}" text-anchor="middle">{text}</text>',
            ]
        case _:
            return _state(box, at)


def _end(x: float, y: float) -> list[str]:
    return [
        f'<circle class="mark" cx="{_n(x)}" cy="{_n(y)}" r="10"/>',
        f'<circle class="full" cx="{_n(x)}" cy="{_n(y)}" r="6"/>',
    ]


def _state(box: Box, at: Placed) -> list[str]:
    """A box with its name, its kind, and what it does."""
    look = "box" if box.kind == "state" else f"box {box.kind}"
    middle = at.x + at.width / 2
    y = at.y + _PAD + 9
    parts = [
        "<g>",
        f"<title>{_escape(_whole(box))}</title>",
        f'<rect class="{look}" x="{_n(at.x)}" y="{_n(at.y)}" width="{_n(at.width)}" height="{_n(at.height)}" rx="7"/>',
    ]
    for line in wrap(box.title, _TITLE, _WIDEST, 3, bold=True):
        parts.append(f'<text class="title" x="{_n(middle)}" y="{_n(y)}" text-anchor="middle">{_escape(line)}</text>')
        y += _LINE
    if box.subtitle:
        parts.append(
            f'<text class="small" x="{_n(middle)}" y="{_n(y - 2)}" text-anchor="middle">{_escape(box.subtitle)}</text>'
        )
        y += _LINE
    y += 4
    for row in box.rows:
        parts += _row(row, at.x + _PAD, y, at.width - 2 * _PAD)
        y += _LINE
    return [*parts, "</g>"]


def _label(rows: Sequence[Row], at: Placed, whole: str) -> list[str]:
    parts = [
        "<g>",
        f"<title>{_escape(whole)}</title>",
        f'<rect class="page" x="{_n(at.x)}" y="{_n(at.y)}" width="{_n(at.width)}" height="{_n(at.height)}"/>',
    ]
    for index, row in enumerate(rows):
        room = at.width - 8
        indent = (room - min(_row_width(row), room)) / 2
        parts += _row(row, at.x + 4 + indent, at.y + 13 + index * _LINE, room - indent)
    return [*parts, "</g>"]


def _row(row: Row, x: float, y: float, room: float) -> list[str]:
    """A line of text with its sign before it; ``y`` is where the text stands."""
    x += row.depth * _INDENT
    room -= row.depth * _INDENT
    parts = []
    sign = SIGNS.get(row.sign)
    if sign is not None:
        parts.append(f'<g transform="translate({_n(x)} {_n(y - 9.5)})">{sign}</g>')
        x += _SIGN
        room -= _SIGN
    look = ' class="program"' if row.sign == "expression" else ""
    parts.append(f'<text{look} x="{_n(x)}" y="{_n(y)}">{_escape(fit(row.text, _TEXT, room + 0.5))}</text>')
    return parts


def _line(arrow: Arrow, route: Route) -> str:
    points = route.points
    if route.loop:
        (x, top), (far, _), (_, bottom) = points
        path = f"M{_n(x)} {_n(top)} C{_n(far)} {_n(top)} {_n(far)} {_n(bottom)} {_n(x)} {_n(bottom)}"
    else:
        path = f"M{_n(points[0][0])} {_n(points[0][1])} L{_n(points[1][0])} {_n(points[1][1])}"
        for index in range(2, len(points), 2):
            (ax, ay), (bx, by), (cx, cy) = points[index - 1 : index + 2]
            half = (ay + by) / 2
            path += f" C{_n(ax)} {_n(half)} {_n(bx)} {_n(half)} {_n(bx)} {_n(by)} L{_n(cx)} {_n(cy)}"
    return f'<path class="{_CLASSES[arrow.way]}" d="{path}" marker-end="url(#head-{arrow.way})"/>'


def _whole(box: Box) -> str:
    return "\n".join((f"{box.title} ({box.subtitle})", *(f"{'  ' * row.depth}{row.text}" for row in box.rows)))


def _escape(text: str) -> str:
    """Text for XML, without the characters that XML does not know."""
    return escape("".join(sign if sign.isprintable() or sign == "\n" else " " for sign in text))


def _n(number: float) -> str:
    return f"{number:.1f}".removesuffix(".0")
