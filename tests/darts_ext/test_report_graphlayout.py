"""The layered layout, against exhaustive search."""

import random
from itertools import combinations, pairwise, product

import pytest

from darts_ext.report.charts.graphlayout import LANE_HEIGHT, _count_crossings, _spread, arrange


def spread_by_search(wanted, heights, gap):
    """The best of all ways to let neighbours touch."""
    count = len(wanted)
    offsets = [sum((heights[j] + heights[j + 1]) / 2 + gap for j in range(i)) for i in range(count)]
    solutions = []
    for joins in product([False, True], repeat=count - 1):
        positions = []
        for block in group(joins):
            level = sum(wanted[i] - offsets[i] for i in block) / len(block)
            positions += [level + offsets[i] for i in block]
        gaps = [b - a - (offsets[i + 1] - offsets[i]) for i, (a, b) in enumerate(pairwise(positions))]
        if min(gaps) > -1e-9:
            cost = sum((position - want) ** 2 for position, want in zip(positions, wanted, strict=True))
            solutions.append((cost, positions))
    return min(solutions)[1]


def group(joins):
    """The numbers 0 ... len(joins) in blocks: `joins` says which neighbours share one."""
    blocks = [[0]]
    for i, join in enumerate(joins, start=1):
        if join:
            blocks[-1].append(i)
        else:
            blocks.append([i])
    return blocks


def test_spread_is_the_least_squares_solution():
    rng = random.Random(0)
    for _ in range(50):
        wanted = [rng.uniform(0, 60) for _ in range(4)]
        heights = [rng.uniform(5, 25) for _ in range(4)]
        assert _spread(wanted, heights, 3) == pytest.approx(spread_by_search(wanted, heights, 3))


def test_arrange_untangles_what_can_be_untangled():
    layout = arrange([(0, 3), (1, 2)], dict.fromkeys(range(4), 20.0), roots=2, gap=10)
    assert layout.layers == [[0, 1], [3, 2]]
    links = [(route[0], route[1]) for route in layout.routes]
    assert _count_crossings(layout.layers, links) == 0
    assert _count_crossings([[0, 1], [2, 3]], links) == 1


@pytest.fixture(scope="module")
def complete():
    """The heights of eight nodes, and the layout of a graph in which all are joined."""
    arcs = [(a, b) for a, b in combinations(range(8), 2) if b >= 2]
    heights = {node: 20.0 + 5 * node for node in range(8)}
    return heights, arrange(arcs, heights, roots=2, gap=10)


def test_every_node_is_placed_once(complete):
    _, layout = complete
    nodes = [item for layer in layout.layers for item in layer if isinstance(item, int)]
    assert sorted(nodes) == list(range(8))


def test_items_of_a_layer_keep_their_distance(complete):
    heights, layout = complete
    for layer in layout.layers:
        for above, below in pairwise(layer):
            needed = (heights.get(above, LANE_HEIGHT) + heights.get(below, LANE_HEIGHT)) / 2 + 10
            assert layout.centre[below] - layout.centre[above] >= needed - 1e-6
