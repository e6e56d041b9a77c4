"""T-norms by their axioms, calibration by its definition."""

from itertools import product

import pytest
from scipy.stats import rankdata

from selection import SelectionError
from selection.numerics.tnorm import TNORMS, calibrate, tnorm

GRID = [i / 8 for i in range(9)]


@pytest.mark.parametrize("name", TNORMS)
def test_every_tnorm_keeps_the_axioms(name):
    for x, y, z in product(GRID, repeat=3):
        assert tnorm(name, [x, y]) == tnorm(name, [y, x])
        assert tnorm(name, [tnorm(name, [x, y]), z]) == pytest.approx(tnorm(name, [x, tnorm(name, [y, z])]), abs=1e-12)
        if y <= z:
            assert tnorm(name, [x, y]) <= tnorm(name, [x, z])
        assert tnorm(name, [x, 1.0]) == x
        assert tnorm(name, [x, 0.0]) == 0


def test_from_the_strictest_to_the_mildest():
    for x, y in product(GRID, repeat=2):
        assert tnorm("lukasiewicz", [x, y]) <= tnorm("product", [x, y]) + 1e-12 <= tnorm("minimum", [x, y]) + 2e-12


def test_ranks_are_scipys():
    values = [3.0, float("-inf"), 7.0, 3.0, 1e300, 0.0]
    assert calibrate(values) == pytest.approx(rankdata(values) / 6)
    assert calibrate([]) == []


def test_what_cannot_be_ranked_and_unknown_norms():
    with pytest.raises(SelectionError, match="value number 1 is not a number"):
        calibrate([1.0, float("nan")])
    with pytest.raises(SelectionError, match="did you mean 'product'"):
        tnorm("prodct", [0.5])
