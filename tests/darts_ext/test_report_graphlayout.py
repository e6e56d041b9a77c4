"""The layered layout, against exhaustive search."""

import random
from itertools import combinations, pairwise, product

import pytest

from darts_ext.report.graphlayout import LANE_HEIGHT, _count_crossings, _spread, arrange


def test_spread_is_the_least_squares_solution():
    rng = random.Random(0)
    for _ in range(50):
        wanted, heights = [rng.uniform(0, 60) for _ in range(4)], [rng.uniform(5, 25) for _ in range(4)]
        offsets = [sum((heights[j] + heights[j + 1]) / 2 + 3 for j in range(i)) for i in range(4)]
        best = None
        for joins in product([False, True], repeat=3):  # which neighbours touch
            blocks, place = [[0]], []
            for i, join in enumerate(joins, start=1):
                blocks[-1].append(i) if join else blocks.append([i])
            for block in blocks:
                level = sum(wanted[i] - offsets[i] for i in block) / len(block)
                place += [level + offsets[i] for i in block]
            if all(b - a - (offsets[i + 1] - offsets[i]) > -1e-9 for i, (a, b) in enumerate(pairwise(place))):
                cost = sum((p - w) ** 2 for p, w in zip(place, wanted, strict=True))
                best = min(best or (cost, place), (cost, place))
        assert _spread(wanted, heights, 3) == pytest.approx(best[1])


def test_arrange_untangles_what_can_be_untangled():
    layout = arrange([(0, 3), (1, 2)], dict.fromkeys(range(4), 20.0), roots=2, gap=10)
    assert layout.layers == [[0, 1], [3, 2]]
    links = [(route[0], route[1]) for route in layout.routes]
    assert _count_crossings(layout.layers, links) == 0 and _count_crossings([[0, 1], [2, 3]], links) == 1


def test_items_of_a_layer_keep_their_distance():
    arcs = [(a, b) for a, b in combinations(range(8), 2) if b >= 2]
    heights = {node: 20.0 + 5 * node for node in range(8)}
    layout = arrange(arcs, heights, roots=2, gap=10)
    assert sorted(item for layer in layout.layers for item in layer if isinstance(item, int)) == list(range(8))
    for layer in layout.layers:
        for above, below in pairwise(layer):
            needed = (heights.get(above, LANE_HEIGHT) + heights.get(below, LANE_HEIGHT)) / 2 + 10
            assert layout.centre[below] - layout.centre[above] >= needed - 1e-6
