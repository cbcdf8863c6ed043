"""Which layer each node of a drawing stands on, and in which order: the first two steps of a layered drawing.

Nodes are numbers. Boxes stand on even layers; between two of them is a layer for what is written beside arrows. A long
arrow becomes a chain: it passes each layer on its way as a node of its own, so that nothing else stands there.
"""

from __future__ import annotations

import itertools
from bisect import bisect_right, insort
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Sequence

_SWEEPS: Final = 24
STEP: Final = 2

Pair = tuple[int, int]


def orient(count: int, pairs: Sequence[Pair]) -> list[bool]:
    """Which pairs have to be turned round so that no way leads back: those that close a circle.

    Circles are looked for from the first node on, in the order of the pairs: what was declared first goes down.
    """
    leaving: list[list[int]] = [[] for _ in range(count)]
    for number, (tail, _) in enumerate(pairs):
        leaving[tail].append(number)
    turned = [False] * len(pairs)
    state = [0] * count  # 0 not seen, 1 on the way, 2 done
    for root in range(count):
        if state[root]:
            continue
        state[root] = 1
        way: list[tuple[int, int]] = [(root, 0)]
        while way:
            node, at = way.pop()
            if at == len(leaving[node]):
                state[node] = 2
                continue
            way.append((node, at + 1))
            number = leaving[node][at]
            head = pairs[number][1]
            if state[head] == 1:
                turned[number] = True
            elif state[head] == 0:
                state[head] = 1
                way.append((head, 0))
    return turned


def rank(count: int, pairs: Sequence[Pair]) -> list[int]:
    """The layer of each node, from 0: below everything that leads to it, and close to what it leads to."""
    leaving: list[list[int]] = [[] for _ in range(count)]
    waiting = [0] * count
    for tail, head in pairs:
        leaving[tail].append(head)
        waiting[head] += 1
    entered = waiting[:]
    order = [node for node in range(count) if not waiting[node]]
    layers = [0] * count
    for node in order:
        for head in leaving[node]:
            layers[head] = max(layers[head], layers[node] + STEP)
            waiting[head] -= 1
            if not waiting[head]:
                order.append(head)
    for node in order:
        if not entered[node] and leaving[node]:
            layers[node] = min(layers[head] for head in leaving[node]) - STEP
    return layers


def arrange(layers: Sequence[list[int]], above: Sequence[Sequence[int]], below: Sequence[Sequence[int]]) -> None:
    """Order the nodes of each layer, in place, so that few arrows cross.

    Args:
        layers: The nodes of each layer; their order is a first guess.
        above: The neighbours of each node in the layer above.
        below: Those in the layer below.
    """
    best = [layer[:] for layer in layers]
    least = _crossings(layers, below)
    for sweep in range(_SWEEPS):
        if not least:
            break
        down = sweep % 2 == 0
        for index in range(1, len(layers)) if down else range(len(layers) - 2, -1, -1):
            _sort(layers[index], layers[index - 1 if down else index + 1], above if down else below)
        for upper, lower in itertools.pairwise(layers):
            _swap(lower, upper, above)
        many = _crossings(layers, below)
        if many < least:
            least, best = many, [layer[:] for layer in layers]
    for layer, good in zip(layers, best, strict=True):
        layer[:] = good


def _sort(layer: list[int], fixed: Sequence[int], neighbours: Sequence[Sequence[int]]) -> None:
    """Order a layer by where the neighbours of its nodes stand; a node without any stays where it is."""
    place = {node: index for index, node in enumerate(fixed)}
    own = {node: index for index, node in enumerate(layer)}
    stretch = len(fixed) / max(len(layer), 1)

    def centre(node: int) -> float:
        near = neighbours[node]
        return sum(place[each] for each in near) / len(near) if near else own[node] * stretch

    layer.sort(key=centre)


def _swap(layer: list[int], fixed: Sequence[int], neighbours: Sequence[Sequence[int]]) -> None:
    """Change neighbours of a layer about where that saves crossings."""
    place = {node: index for index, node in enumerate(fixed)}
    better = True
    while better:
        better = False
        for index in range(len(layer) - 1):
            left, right = layer[index], layer[index + 1]
            ours = [place[each] for each in neighbours[left]]
            theirs = [place[each] for each in neighbours[right]]
            kept = sum(one > other for one in ours for other in theirs)
            swapped = sum(one < other for one in ours for other in theirs)
            if swapped < kept:
                layer[index], layer[index + 1] = right, left
                better = True


def _crossings(layers: Sequence[Sequence[int]], below: Sequence[Sequence[int]]) -> int:
    total = 0
    for upper, lower in itertools.pairwise(layers):
        place = {node: index for index, node in enumerate(lower)}
        seen: list[int] = []
        for node in upper:
            heads = sorted(place[each] for each in below[node])
            total += sum(len(seen) - bisect_right(seen, head) for head in heads)
            for head in heads:
                insort(seen, head)
    return total
