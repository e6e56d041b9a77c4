"""The shipped combination: the same numbers for a list of networks, in `sample`, and by hand."""

import numpy as np
import pytest
import torch
from scipy.stats import rankdata

import supernet
from selection import COMBINATION, SelectionError, combined, measure_all, select

X = torch.randn(16, 3, 8, 8, generator=torch.Generator().manual_seed(0))
Y = torch.arange(16) % 4


def test_it_is_the_product_or_the_minimum_of_relative_ranks():
    values = {"a": [3.0, 1.0, 2.0, 2.0], "b": [0.1, float("-inf"), 5.0, 0.2]}
    ranks = [rankdata(column) / 4 for column in values.values()]
    assert combined(values) == pytest.approx(np.prod(ranks, 0).tolist())
    assert combined(values, "minimum") == pytest.approx(np.min(ranks, 0).tolist())
    with pytest.raises(SelectionError, match=r"4 \(a\), 1 \(b\)"):
        combined({"a": values["a"], "b": [1.0]})


def test_select_takes_the_candidate_that_is_best_by_it():
    net = supernet.Supernet(supernet.create_space("nasbench201"), channels=4, layers=1, num_classes=4, seed=0)

    def child(options, inputs):
        return supernet.build(net.genotype(options, inputs), channels=4, layers=1, num_classes=4, seed=1)

    made = select(net, "combination", "sample", batches=[(X, Y)], candidates=6, build=child)
    assert made.criterion == "combination"
    assert len(made.candidates) == 6
    networks = [child(candidate["options"], candidate["inputs"]) for candidate in made.candidates]
    rows = [measure_all(COMBINATION, network, X, Y) for network in networks]
    columns = {name: [row[name] for row in rows] for name in COMBINATION}
    assert [candidate["value"] for candidate in made.candidates] == pytest.approx(combined(columns))
    assert made.decisions == made.candidates[0]["options"]
