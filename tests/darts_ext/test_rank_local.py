"""What `rank --neighbourhood` says a local search takes, against the search by hand."""

import numpy as np
import pytest
import torch

from darts_ext.config import DataSettings, RankSettings, RunSettings
from darts_ext.rank import rerank, run_rank
from darts_ext.rank.cells import find_neighbourhood
from darts_ext.tabular import NasBench201, TransNas101
from selection import measure
from supernet import Genotype, build

TABLE = NasBench201()
LARGEST = "|nor_conv_3x3~0|+|nor_conv_3x3~0|nor_conv_3x3~1|+|nor_conv_3x3~0|nor_conv_3x3~1|nor_conv_3x3~2|"


def test_the_neighbourhood_is_the_largest_cell_and_all_that_differ_in_one_edge():
    near = find_neighbourhood(TABLE)
    texts = {TABLE.genotype(index).to_text() for index in near}
    assert len(texts) == len(near) == 1 + 6 * 4
    words = LARGEST.replace("+", "").split("|")
    for text in texts:
        assert sum(a != b for a, b in zip(text.replace("+", "").split("|"), words)) <= 1
    assert len(find_neighbourhood(TransNas101())) == 1 + 6 * 3


@pytest.fixture(scope="module")
def board(tmp_path_factory):
    out = str(tmp_path_factory.mktemp("near") / "rank")
    settings = RankSettings(candidates=4, channels=4, images=8, measures="snip,snip+parameters", neighbourhood=True)
    return run_rank(RunSettings(out=out, seed=3), DataSettings(data="digits"), settings)


def test_the_pick_is_the_best_of_the_neighbourhood(board):
    rows = {row["measure"]: row for row in board.rows}
    assert rows["parameters"]["cifar10_local"] == pytest.approx(TABLE.test("cifar10")[TABLE.index(_read(LARGEST))])
    assert np.isclose(rows["random"]["cifar10_local"], TABLE.test("cifar10")[find_neighbourhood(TABLE)]).any()
    (cell,) = _search_by_hand(board)
    for dataset in TABLE.datasets:
        assert rows["snip"][f"{dataset}_local"] == pytest.approx(TABLE.test(dataset)[cell])


def test_a_leaderboard_that_is_made_anew_has_it_too(board):
    again = {row["measure"]: row["cifar10_local"] for row in rerank(board.folder).rows}
    assert again == pytest.approx({row["measure"]: row["cifar10_local"] for row in board.rows})
    assert {"snip", "parameters", "flops", "random"} < set(again)
    assert all(len(column) == 4 for column in board.columns.values())


def _read(text):
    return Genotype.from_text(text)


def _search_by_hand(board):
    """Takes snip of all cells of the neighbourhood, as the images of the run."""
    from darts_ext.data import Images
    from darts_ext.rank.command import _draw_inputs

    images = Images(DataSettings(data="digits"), torch.device("cpu"), 3)
    (inputs,) = _draw_inputs(images, RankSettings(images=8), 3)
    near = find_neighbourhood(TABLE)
    values = []
    for index in near:
        sizes = {"channels": 4, "layers": 1, "initialisation": "he_fan_in", "seed": 3000, **images.task}
        values.append(measure("snip", build(TABLE.genotype(index), **sizes), inputs.x, inputs.y))
    return [near[index] for index in np.flatnonzero(np.array(values) == max(values))]
