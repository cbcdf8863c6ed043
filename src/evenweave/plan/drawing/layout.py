"""Where everything in a picture stands: a layered drawing, from the top down (after Sugiyama, Tagawa and Toda).

What is written beside an arrow has a place of its own between two layers, like a box, and so has an arrow wherever it
passes a layer. So no text lies over another, and no arrow runs through a box.
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from evenweave.plan.drawing.columns import place
from evenweave.plan.drawing.layers import STEP, arrange, orient, rank

if TYPE_CHECKING:
    from collections.abc import Sequence

Point = tuple[float, float]
Size = tuple[float, float]

_GAP: Final = 26.0
_RISE: Final = 26.0
_MARGIN: Final = 18.0
_PASSING: Final = 10.0
_LOOP: Final = 30.0
_PORT: Final = 26.0
_STRAIGHT: Final = 6.0


@dataclass(frozen=True, slots=True)
class Placed:
    """A rectangle: its upper left corner, width and height."""

    x: float
    y: float
    width: float
    height: float


@dataclass(frozen=True, slots=True)
class Route:
    """The way of an arrow.

    Attributes:
        points: Two for each stretch: straight down (or up) between the first and the second, a curve from there to the
            third, and so on. The last point is where its head is.
        label: Where what is written beside it goes.
        loop: It leads back to the box that it comes from, on its right side; the points are where it leaves, how far
            it reaches, and where it comes back.
    """

    points: tuple[Point, ...]
    label: Placed | None
    loop: bool = False


@dataclass(frozen=True, slots=True)
class Layout:
    """Where everything stands, in the order of the picture's boxes and arrows."""

    width: float
    height: float
    boxes: tuple[Placed, ...]
    routes: tuple[Route, ...]


def lay_out(boxes: Sequence[Size], arrows: Sequence[tuple[int, int]], labels: Sequence[Size | None]) -> Layout:
    """Place boxes, and the arrows between them.

    Args:
        boxes: The size of each box.
        arrows: From which box to which each arrow leads.
        labels: The size of what is written beside each arrow.
    """
    return _Layout(boxes, arrows, labels).make()


class _Layout:
    def __init__(self, boxes: Sequence[Size], arrows: Sequence[tuple[int, int]], labels: Sequence[Size | None]) -> None:
        self._arrows = arrows
        self._labels = labels
        self._count = len(boxes)
        self._sizes: list[Size] = list(boxes)
        self._extents = [(width / 2, width / 2 + self._loops(box)) for box, (width, _) in enumerate(boxes)]
        self._layers: list[list[int]] = []
        self._chains: dict[int, list[int]] = {}
        self._written: dict[int, int] = {}
        self._weights: dict[tuple[int, int], float] = {}

    def make(self) -> Layout:
        straight = [number for number, (tail, head) in enumerate(self._arrows) if tail != head]
        turned = orient(self._count, [self._arrows[number] for number in straight])
        for number, back in zip(straight, turned, strict=True):
            tail, head = self._arrows[number]
            self._chains[number] = [head, tail] if back else [tail, head]
        self._back = {number for number, back in zip(straight, turned, strict=True) if back}
        ranks = rank(self._count, [(self._chains[number][0], self._chains[number][1]) for number in straight])
        self._layers = [[] for _ in range(max(ranks, default=0) + 1)]
        for box in self._depth_first(ranks):
            self._layers[ranks[box]].append(box)
        for number in straight:
            self._chain(number, ranks)
        self._arrange()
        middles = place(self._layers, self._extents, self._weights, _GAP)
        return self._finish(middles)

    def _loops(self, box: int) -> float:
        """The room on the right of a box for the arrows that lead back to it."""
        wide = 0.0
        for (tail, head), label in zip(self._arrows, self._labels, strict=True):
            if tail == head == box:
                wide = max(wide, _LOOP + (0.0 if label is None else label[0]))
        return wide

    def _depth_first(self, ranks: Sequence[int]) -> list[int]:
        """Boxes in the order in which the arrows lead to them: a first guess that has few crossings."""
        following: list[list[int]] = [[] for _ in range(self._count)]
        for upper, lower in self._chains.values():
            following[upper].append(lower)
        order: dict[int, None] = {}
        for root in sorted(range(self._count), key=lambda box: (ranks[box] > 0, box)):
            todo = [root]
            while todo:
                box = todo.pop()
                if box not in order:
                    order[box] = None
                    todo.extend(reversed(following[box]))
        return list(order)

    def _chain(self, number: int, ranks: Sequence[int]) -> None:
        """Let an arrow pass each layer on its way as a node; one of them is the place of what is written."""
        upper, lower = self._chains[number]
        first, last = ranks[upper], ranks[lower]
        written = last - 1 if number in self._back else first + 1
        chain = [upper]
        for layer in range(first + 1, last):
            node = len(self._sizes)
            label = self._labels[number] if layer == written else None
            width, height = label or (_PASSING, 0.0)
            if label is not None:
                self._written[number] = node
            self._sizes.append((width, height))
            self._extents.append((width / 2, width / 2))
            self._layers[layer].append(node)
            chain.append(node)
        chain.append(lower)
        self._chains[number] = chain
        for one, other in itertools.pairwise(chain):
            weight = _STRAIGHT if one >= self._count and other >= self._count else 1.0
            self._weights[one, other] = self._weights.get((one, other), 0.0) + weight

    def _arrange(self) -> None:
        above: list[list[int]] = [[] for _ in self._sizes]
        below: list[list[int]] = [[] for _ in self._sizes]
        for upper, lower in self._weights:
            above[lower].append(upper)
            below[upper].append(lower)
        for layer in self._layers[1::STEP]:
            # What passes between two layers begins in the order of what it comes from.
            place_of = {box: index for each in self._layers[::STEP] for index, box in enumerate(each)}
            layer.sort(key=lambda node: place_of.get(above[node][0], self._count))
        arrange(self._layers, above, below)

    def _finish(self, middles: list[float]) -> Layout:
        """From middles and layers to corners and points."""
        left = min((middles[node] - self._extents[node][0] for node in range(len(self._sizes))), default=0.0)
        middles = [middle - left + _MARGIN for middle in middles]
        right = max((middles[node] + self._extents[node][1] for node in range(len(self._sizes))), default=0.0)
        tops = self._rows()
        corners = [
            Placed(middles[node] - width / 2, tops[node], width, height)
            for node, (width, height) in enumerate(self._sizes)
        ]
        bottom = max((corner.y + corner.height for corner in corners), default=0.0)
        ends = self._ports(middles)
        routes = tuple(
            self._loop(number, corners) if tail == head else self._route(number, middles, corners, ends)
            for number, (tail, head) in enumerate(self._arrows)
        )
        return Layout(right + _MARGIN, bottom + _MARGIN, tuple(corners[: self._count]), routes)

    def _rows(self) -> list[float]:
        """The upper edge of each node: in the middle of its layer, and boxes at the top of theirs."""
        tops = [0.0] * len(self._sizes)
        self._bands: dict[int, tuple[float, float]] = {}
        y = _MARGIN
        for index, layer in enumerate(self._layers):
            tall = max((self._sizes[node][1] for node in layer), default=0.0)
            for node in layer:
                rest = tall - self._sizes[node][1]
                tops[node] = y if index % STEP == 0 else y + rest / 2
                self._bands[node] = y, y + tall
            y += tall + _RISE
        return tops

    def _ports(self, middles: Sequence[float]) -> dict[tuple[int, int], float]:
        """Where each arrow leaves or enters a box: side by side, in the order of where it leads to."""
        lower: dict[int, list[tuple[float, int, int]]] = {}
        upper: dict[int, list[tuple[float, int, int]]] = {}
        for number, chain in self._chains.items():
            lower.setdefault(chain[0], []).append((middles[chain[1]], number, 0))
            upper.setdefault(chain[-1], []).append((middles[chain[-2]], number, -1))
        ends = {}
        for sides in (lower, upper):
            for box, arrows in sides.items():
                room = max(self._sizes[box][0] - 24, 0.0)
                step = min(_PORT, room / max(len(arrows) - 1, 1))
                for index, (_, number, end) in enumerate(sorted(arrows)):
                    ends[number, end] = middles[box] + (index - (len(arrows) - 1) / 2) * step
        return ends

    def _route(
        self, number: int, middles: Sequence[float], corners: Sequence[Placed], ends: dict[tuple[int, int], float]
    ) -> Route:
        chain = self._chains[number]
        box = corners[chain[0]]
        points: list[Point] = [(ends[number, 0], box.y + box.height), (ends[number, 0], self._bands[chain[0]][1])]
        for node in chain[1:-1]:
            top, bottom = self._bands[node]
            points += [(middles[node], top), (middles[node], bottom)]
        points += [(ends[number, -1], self._bands[chain[-1]][0]), (ends[number, -1], corners[chain[-1]].y)]
        if number in self._back:
            points.reverse()
        written = self._written.get(number)
        return Route(tuple(points), None if written is None else corners[written])

    def _loop(self, number: int, corners: Sequence[Placed]) -> Route:
        """An arrow that leads back to its own box, on the right side; several share the height."""
        box = corners[self._arrows[number][0]]
        same = [other for other, pair in enumerate(self._arrows) if pair == self._arrows[number]]
        share = box.height / len(same)
        y = box.y + share * (same.index(number) + 0.5)
        x = box.x + box.width
        reach = min(share * 0.3, 12.0)
        points = ((x, y - reach), (x + _LOOP - 8, y), (x, y + reach))
        size = self._labels[number]
        label = None if size is None else Placed(x + _LOOP - 6, y - size[1] / 2, *size)
        return Route(points, label, loop=True)
