"""Layered layout of a small directed acyclic graph, left to right (Sugiyama's method): knows nothing of SVG."""

from collections import defaultdict
from collections.abc import Hashable, Iterator, Mapping, Sequence
from itertools import combinations, pairwise
from statistics import fmean
from typing import NamedTuple

Item = Hashable  # a node, or ("lane", arc, layer): the place where a long arc passes through a layer
Link = tuple[Item, Item]  # the piece of an arc between two neighbouring layers
Neighbours = Mapping[Item, Sequence[Item]]
LANE_HEIGHT = 14.0
SWEEPS = 12


class Layout(NamedTuple):
    """Where everything lies.

    Attributes:
        layers: the items of each layer, from top to bottom.
        centre: the height of each item's centre.
        routes: the items on each arc's way.
    """

    layers: list[list[Item]]
    centre: dict[Item, float]
    routes: list[list[Item]]


def arrange(arcs: Sequence[tuple[int, int]], heights: Mapping[int, float], roots: int, gap: float) -> Layout:
    """Places the nodes 0 ... of the given heights so that few arcs cross and no two items of a layer overlap.

    Nodes below `roots` form layer 0 in their order; every other node lies one layer after its latest source.
    A long arc gets a lane of its own in each layer it passes, so that it never runs under a node.

    >>> layout = arrange([(0, 1), (0, 2), (1, 2)], {0: 20, 1: 20, 2: 20}, roots=1, gap=10)
    >>> layout.layers
    [[0], [('lane', 1, 1), 1], [2]]
    >>> layout.routes[1]
    [0, ('lane', 1, 1), 2]
    """
    depth = _find_depths(arcs, heights, roots)
    routes = _find_routes(arcs, depth)
    links = [link for route in routes for link in pairwise(route)]
    layers = _untangle(_fill_layers(routes, depth), links)
    return Layout(layers, _position(layers, links, heights, gap), routes)


def _find_depths(arcs: Sequence[tuple[int, int]], heights: Mapping[int, float], roots: int) -> dict[int, int]:
    """The layer of each node."""
    depth = {node: 0 if node < roots else 1 for node in heights}
    for source, target in sorted(arcs, key=lambda arc: arc[1]):  # arcs run from lower to higher numbers
        depth[target] = max(depth[target], depth[source] + 1)
    return depth


def _find_routes(arcs: Sequence[tuple[int, int]], depth: Mapping[int, int]) -> list[list[Item]]:
    routes = []
    for arc, (source, target) in enumerate(arcs):
        lanes = [("lane", arc, layer) for layer in range(depth[source] + 1, depth[target])]
        routes.append([source, *lanes, target])
    return routes


def _fill_layers(routes: Sequence[Sequence[Item]], depth: Mapping[int, int]) -> list[list[Item]]:
    """The lanes of each layer, then its nodes by their number."""
    layers: list[list[Item]] = [[] for _ in range(max(depth.values()) + 1)]
    for route in routes:
        for lane in route[1:-1]:
            _, _, layer = lane
            layers[layer].append(lane)
    for node in sorted(depth):
        layers[depth[node]].append(node)
    return layers


def _untangle(layers: list[list[Item]], links: Sequence[Link]) -> list[list[Item]]:
    """Sorts every layer by the mean rank of its neighbours, forwards and backwards by turns; fewest crossings win."""
    before, after = _find_neighbours(links)
    layers = [list(layer) for layer in layers]
    best = layers  # sorted in place below: where no sweep has fewer crossings, the last one stands
    fewest = _count_crossings(layers, links)
    for sweep in range(SWEEPS):
        if sweep % 2 == 0:
            _sort_layers(layers, range(1, len(layers)), before)
        else:
            _sort_layers(layers, range(len(layers) - 2, 0, -1), after)
        crossings = _count_crossings(layers, links)
        if crossings < fewest:
            best = [list(layer) for layer in layers]
            fewest = crossings
    return best


def _sort_layers(layers: list[list[Item]], order: range, neighbours: Neighbours) -> None:
    for index in order:
        rank = {item: i for layer in layers for i, item in enumerate(layer)}
        wanted = {item: _mean_of_neighbours(item, neighbours[item], rank) for item in layers[index]}
        layers[index].sort(key=wanted.__getitem__)


def _mean_of_neighbours(item: Item, neighbours: Sequence[Item], values: Mapping[Item, float]) -> float:
    """An item without neighbours keeps its own value."""
    return fmean([values[neighbour] for neighbour in neighbours] or [values[item]])


def _count_crossings(layers: Sequence[Sequence[Item]], links: Sequence[Link]) -> int:
    layer_of = {item: i for i, layer in enumerate(layers) for item in layer}
    rank = {item: i for layer in layers for i, item in enumerate(layer)}
    crossings = 0
    for (source, target), (other_source, other_target) in combinations(links, 2):
        if layer_of[source] == layer_of[other_source]:
            above_at_source = rank[source] - rank[other_source]
            above_at_target = rank[target] - rank[other_target]
            crossings += above_at_source * above_at_target < 0
    return crossings


def _find_neighbours(links: Sequence[Link]) -> tuple[Neighbours, Neighbours]:
    """The items before, and those after, each item."""
    before, after = defaultdict(list), defaultdict(list)
    for source, target in links:
        before[target].append(source)
        after[source].append(target)
    return before, after


def _position(
    layers: Sequence[Sequence[Item]], links: Sequence[Link], heights: Mapping[int, float], gap: float
) -> dict[Item, float]:
    """Pulls every item towards its neighbours, layer after layer, within the order of its layer."""
    before, after = _find_neighbours(links)
    centre = {item: 0.0 for layer in layers for item in layer}
    for _ in range(SWEEPS):
        for layer in layers:
            wanted = [_mean_of_neighbours(item, before[item] + after[item], centre) for item in layer]
            layer_heights = [heights.get(item, LANE_HEIGHT) for item in layer]
            centre.update(zip(layer, _spread(wanted, layer_heights, gap), strict=True))
    return centre


def _spread(wanted: Sequence[float], heights: Sequence[float], gap: float) -> list[float]:
    """Returns the positions nearest to those wanted, in least squares, that keep the order and leave the gap.

    This is an isotonic regression, by pooling adjacent violators.

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
    return [level + offset for level, offset in zip(_levels(blocks), offsets, strict=True)]


def _levels(blocks: Sequence[Sequence[float]]) -> Iterator[float]:
    """Yields the mean of its block for each position."""
    for block in blocks:
        mean = fmean(block)
        for _ in block:
            yield mean
