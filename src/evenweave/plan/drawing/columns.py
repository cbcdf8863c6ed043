"""How far right each node of a drawing stands: the third step of a layered drawing."""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

_SWEEPS: Final = 30


def place(
    layers: Sequence[Sequence[int]],
    extents: Sequence[tuple[float, float]],
    weights: Mapping[tuple[int, int], float],
    gap: float,
) -> list[float]:
    """Where the middle of each node stands, so that arrows are as straight as the order of the nodes allows.

    Each sweep puts every layer as close as can be to the neighbours above it, below it, or on both sides: that is a
    regression with the order and the room of the nodes as constraints, and it has one answer.

    Args:
        layers: The nodes of each layer, in order.
        extents: How far each node reaches to the left and to the right of its middle.
        weights: How much a pair of neighbours wants to be one above the other; the upper one first.
        gap: The room between two nodes.
    """
    count = len(extents)
    above: list[list[tuple[int, float]]] = [[] for _ in range(count)]
    below: list[list[tuple[int, float]]] = [[] for _ in range(count)]
    for (upper, lower), weight in weights.items():
        above[lower].append((upper, weight))
        below[upper].append((lower, weight))
    middles = [0.0] * count
    for layer in layers:
        _settle(layer, [0.0] * len(layer), [1.0] * len(layer), extents, gap, middles)
    for sweep in range(_SWEEPS):
        down = sweep % 2 == 0
        last = sweep >= _SWEEPS - 6
        for layer in layers if down else reversed(layers):
            wished, heavy = [], []
            for node in layer:
                near = above[node] + below[node] if last else above[node] if down else below[node]
                weight = sum(each for _, each in near)
                # Who has nobody to follow stays, unless it is pushed.
                wished.append(sum(middles[other] * each for other, each in near) / weight if near else middles[node])
                heavy.append(weight if near else 0.01)
            _settle(layer, wished, heavy, extents, gap, middles)
    return middles


def _settle(
    layer: Sequence[int],
    wished: Sequence[float],
    heavy: Sequence[float],
    extents: Sequence[tuple[float, float]],
    gap: float,
    middles: list[float],
) -> None:
    """Place one layer: least squares of the way to the wished places, in order and without overlap.

    With the room before each node taken off, that is isotonic regression, and adjacent violators are pooled.
    """
    offsets = [0.0]
    for left, right in itertools.pairwise(layer):
        offsets.append(offsets[-1] + extents[left][1] + gap + extents[right][0])
    pools: list[tuple[float, float, int]] = []  # the sum of weighted places, of weights, and how many nodes
    for wish, weight, offset in zip(wished, heavy, offsets, strict=True):
        total, mass, size = (wish - offset) * weight, weight, 1
        while pools and pools[-1][0] / pools[-1][1] > total / mass:
            before = pools.pop()
            total, mass, size = total + before[0], mass + before[1], size + before[2]
        pools.append((total, mass, size))
    index = 0
    for total, mass, size in pools:
        for _ in range(size):
            middles[layer[index]] = total / mass + offsets[index]
            index += 1
