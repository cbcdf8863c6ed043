"""Draws the results as SVG: ``python bench/plots.py FOLDER``.

It reads ``bench/out/results.json`` and writes two pictures.
"""

from __future__ import annotations

import json
import math
import sys
from pathlib import Path
from typing import Any, NamedTuple
from xml.sax.saxutils import escape

WIDTH, HEIGHT = 760, 420
LEFT, RIGHT, TOP, BOTTOM = 80, 200, 50, 60
COLOURS = {"sqlite": "#0b6e99", "postgresql": "#b3541e"}
DASHES = ("", "7 4", "2 4")

Point = tuple[float, float]


class Line(NamedTuple):
    """A line of a plot."""

    name: str
    colour: str
    dash: str
    points: list[Point]


def draw(title: str, unit: str, lines: list[Line], concurrencies: list[int]) -> str:
    """A plot over the number of orders in flight, both axes logarithmic."""
    values = [value for line in lines for _, value in line.points]
    low, high = math.floor(math.log10(min(values))), math.ceil(math.log10(max(values)))
    high = max(high, low + 1)
    inner_width, inner_height = WIDTH - LEFT - RIGHT, HEIGHT - TOP - BOTTOM

    def across(in_flight: float) -> float:
        return LEFT + inner_width * math.log2(in_flight) / max(1.0, math.log2(max(concurrencies)))

    def up(value: float) -> float:
        return TOP + inner_height * (1 - (math.log10(value) - low) / (high - low))

    size = f'width="{WIDTH}" height="{HEIGHT}" viewBox="0 0 {WIDTH} {HEIGHT}"'
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" {size} font-family="sans-serif" font-size="13">',
        f"<title>{escape(title)}</title>",
        f'<rect width="{WIDTH}" height="{HEIGHT}" fill="#ffffff"/>',
        f'<text x="{LEFT}" y="28" font-size="16">{escape(title)}</text>',
    ]
    for power in range(low, high + 1):
        y = up(10.0**power)
        parts.append(f'<line x1="{LEFT}" y1="{y:.1f}" x2="{WIDTH - RIGHT}" y2="{y:.1f}" stroke="#dddddd"/>')
        parts.append(f'<text x="{LEFT - 8}" y="{y + 4:.1f}" text-anchor="end">{10.0**power:,g}</text>')
    for in_flight in concurrencies:
        x = across(in_flight)
        parts.append(f'<line x1="{x:.1f}" y1="{TOP}" x2="{x:.1f}" y2="{HEIGHT - BOTTOM}" stroke="#eeeeee"/>')
        parts.append(f'<text x="{x:.1f}" y="{HEIGHT - BOTTOM + 20}" text-anchor="middle">{in_flight}</text>')
    middle = LEFT + inner_width / 2
    parts.append(f'<text x="{middle:.1f}" y="{HEIGHT - 14}" text-anchor="middle">orders in flight</text>')
    parts.append(
        f'<text transform="translate(20 {TOP + inner_height / 2:.1f}) rotate(-90)" text-anchor="middle">'
        f"{escape(unit)}</text>"
    )
    for number, line in enumerate(lines):
        stroke = f'stroke="{line.colour}" stroke-dasharray="{line.dash}"'
        path = " ".join(f"{across(x):.1f},{up(value):.1f}" for x, value in line.points)
        parts.append(f'<polyline points="{path}" fill="none" {stroke} stroke-width="2"/>')
        y = TOP + 14 + 22 * number
        x = WIDTH - RIGHT + 16
        parts.append(f'<line x1="{x}" y1="{y}" x2="{x + 28}" y2="{y}" {stroke} stroke-width="2"/>')
        parts.append(f'<text x="{x + 36}" y="{y + 4}">{escape(line.name)}</text>')
    return "\n".join([*parts, "</svg>", ""])


def make_lines(rows: list[dict[str, Any]], columns: dict[str, str]) -> list[Line]:
    """A line for each store and column that was measured."""
    lines = []
    for store in dict.fromkeys(row["store"] for row in rows):
        for (column, name), dash in zip(columns.items(), DASHES, strict=False):
            points = [(row["in_flight"], row[column]) for row in rows if row["store"] == store and row.get(column)]
            if points:
                lines.append(Line(f"{name}, {store}", COLOURS.get(store, "#555555"), dash, points))
    return lines


def main(folder: Path) -> None:
    """Write the pictures."""
    rows = json.loads((Path(__file__).parent / "out" / "results.json").read_text())
    concurrencies = sorted({row["in_flight"] for row in rows})
    orders = make_lines(rows, {"orders_s": "Evenweave", "floor_orders_s": "floor", "dbos_orders_s": "DBOS"})
    latency = make_lines(rows, {"p50_ms": "p50", "p99_ms": "p99", "floor_p50_ms": "floor p50"})
    (folder / "performance-orders.svg").write_text(draw("Orders a second", "orders/s", orders, concurrencies))
    (folder / "performance-latency.svg").write_text(draw("Latency of an order", "ms", latency, concurrencies))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
