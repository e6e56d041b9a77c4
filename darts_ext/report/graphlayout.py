"""Layered layout of a small directed acyclic graph, left to right (Sugiyama's method): knows nothing of SVG."""

from collections import defaultdict
from collections.abc import Hashable, Mapping, Sequence
from itertools import combinations, pairwise
from statistics import fmean
from typing import NamedTuple

Item = Hashable  # a node, or ("lane", arc, layer): the place where a long arc passes through a layer
LANE_HEIGHT = 14.0
SWEEPS = 12


class Layout(NamedTuple):
    """Where everything lies: the items of each layer from top to bottom, the centre of each item, the items on each
    arc's way."""

    layers: list[list[Item]]
    centre: dict[Item, float]
    routes: list[list[Item]]


def arrange(arcs: Sequence[tuple[int, int]], heights: Mapping[int, float], roots: int, gap: float) -> Layout:
    """Place the nodes 0 ... of the given heights so that few arcs cross and no two items of a layer overlap.

    Nodes below `roots` form layer 0 in their order; every other node lies one layer after its latest source.
    A long arc gets a lane of its own in each layer it passes, so that it never runs under a node.

    >>> layout = arrange([(0, 1), (0, 2), (1, 2)], {0: 20, 1: 20, 2: 20}, roots=1, gap=10)
    >>> layout.layers
    [[0], [('lane', 1, 1), 1], [2]]
    >>> layout.routes[1]
    [0, ('lane', 1, 1), 2]
    """
    depth = _depths(arcs, heights, roots)
    routes = [
        [source, *(("lane", arc, layer) for layer in range(depth[source] + 1, depth[target])), target]
        for arc, (source, target) in enumerate(arcs)
    ]
    layers: list[list[Item]] = [[] for _ in range(max(depth.values()) + 1)]
    for route in routes:
        for item in route[1:-1]:
            layers[item[2]].append(item)
    for node in sorted(depth):
        layers[depth[node]].append(node)
    links = [link for route in routes for link in pairwise(route)]
    layers = _untangle(layers, links)
    return Layout(layers, _positions(layers, links, heights, gap), routes)


def _depths(arcs: Sequence[tuple[int, int]], heights: Mapping[int, float], roots: int) -> dict[int, int]:
    depth = {node: 0 if node < roots else 1 for node in heights}
    for source, target in sorted(arcs, key=lambda arc: arc[1]):  # arcs run from lower to higher numbers
        depth[target] = max(depth[target], depth[source] + 1)
    return depth


def _untangle(layers: list[list[Item]], links: Sequence[tuple[Item, Item]]) -> list[list[Item]]:
    """Sort every layer by the mean rank of its neighbours, forwards and backwards by turns; the fewest crossings
    win."""
    before, after = _neighbours(links)
    best = layers = [list(layer) for layer in layers]
    fewest = _crossings(layers, links)
    for sweep in range(SWEEPS):
        forwards = sweep % 2 == 0
        neighbours = before if forwards else after
        for index in range(1, len(layers)) if forwards else range(len(layers) - 2, 0, -1):
            rank = {item: i for layer in layers for i, item in enumerate(layer)}
            layers[index].sort(key=lambda item, rank=rank: fmean([rank[n] for n in neighbours[item]] or [rank[item]]))
        if (count := _crossings(layers, links)) < fewest:
            best, fewest = [list(layer) for layer in layers], count
    return best


def _crossings(layers: Sequence[Sequence[Item]], links: Sequence[tuple[Item, Item]]) -> int:
    place = {item: (column, rank) for column, layer in enumerate(layers) for rank, item in enumerate(layer)}
    ends = [(place[a][0], place[a][1], place[b][1]) for a, b in links]
    return sum(p[0] == q[0] and (p[1] - q[1]) * (p[2] - q[2]) < 0 for p, q in combinations(ends, 2))


def _neighbours(links: Sequence[tuple[Item, Item]]) -> tuple[dict[Item, list[Item]], dict[Item, list[Item]]]:
    before, after = defaultdict(list), defaultdict(list)
    for a, b in links:
        before[b].append(a)
        after[a].append(b)
    return before, after


def _positions(
    layers: Sequence[Sequence[Item]], links: Sequence[tuple[Item, Item]], heights: Mapping[int, float], gap: float
) -> dict[Item, float]:
    """Pull every item towards its neighbours, layer after layer, within the order of its layer."""
    before, after = _neighbours(links)
    centre = {item: 0.0 for layer in layers for item in layer}
    for _ in range(SWEEPS):
        for layer in layers:
            wanted = [fmean([centre[n] for n in before[item] + after[item]] or [centre[item]]) for item in layer]
            tall = [heights.get(item, LANE_HEIGHT) for item in layer]
            centre.update(zip(layer, _spread(wanted, tall, gap), strict=True))
    return centre


def _spread(wanted: Sequence[float], heights: Sequence[float], gap: float) -> list[float]:
    """The positions nearest to those wanted, in least squares, that keep the order and leave the gap: isotonic
    regression.

    >>> _spread([0, 0, 50], [10, 10, 10], gap=2)
    [-6.0, 6.0, 50.0]
    """
    offsets = [0.0]
    for above, below in pairwise(heights):
        offsets.append(offsets[-1] + (above + below) / 2 + gap)
    blocks: list[list[float]] = []
    for want, offset in zip(wanted, offsets, strict=True):
        blocks.append([want - offset])
        while len(blocks) > 1 and fmean(blocks[-2]) > fmean(blocks[-1]):
            blocks[-2:] = [blocks[-2] + blocks[-1]]
    levels = [fmean(block) for block in blocks for _ in block]
    return [level + offset for level, offset in zip(levels, offsets, strict=True)]
