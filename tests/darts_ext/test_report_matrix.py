"""The matrix of trainings and selectors, and its analysis of variance against least squares."""

import json

import numpy as np
import pytest

from darts_ext.cli import main
from darts_ext.compare.settings import ask_all_supernets
from darts_ext.report.charts.matrix import draw_matrix
from darts_ext.report.variance import cross, describe_variance, draw_cells, explain_variance

RNG = np.random.default_rng(0)
SHAPE = (3, 4, 5)


def explained(accuracies, *factors):
    """Sum of squares that dummy variables of the factors (and their crossings) explain, by least squares."""
    index = np.indices(accuracies.shape).reshape(3, -1)
    columns = [np.ones(accuracies.size)]
    for factor in factors:
        levels = index[list(factor)]
        for level in np.unique(levels, axis=1).T:
            columns.append((levels == level[:, None]).all(0).astype(float))
    design = np.stack(columns, 1)
    fitted = design @ np.linalg.lstsq(design, accuracies.ravel(), rcond=None)[0]
    return float(((fitted - accuracies.mean()) ** 2).sum())


def test_shares_are_those_of_nested_least_squares():
    accuracies = RNG.normal(size=SHAPE) + RNG.normal(size=(3, 1, 1)) + 2 * RNG.normal(size=(1, 4, 1))
    total = float(((accuracies - accuracies.mean()) ** 2).sum())
    shares = explain_variance(accuracies)
    assert shares["supernet"] == pytest.approx(explained(accuracies, (0,)) / total)
    assert shares["selector"] == pytest.approx(explained(accuracies, (1,)) / total)
    assert shares["seed"] == pytest.approx(explained(accuracies, (2,)) / total)
    main_effects = explained(accuracies, (0,), (1,))
    assert shares["both"] == pytest.approx((explained(accuracies, (0, 1)) - main_effects) / total)
    assert sum(shares.values()) == pytest.approx(1)
    assert set(explain_variance(np.ones(SHAPE)).values()) == {0.0}


def result(criterion, seed, accuracy):
    return {"criterion": criterion, "seed": str(seed), "test_accuracy": str(accuracy)}


def test_only_what_all_supernets_have_in_all_seeds_is_crossed():
    results = [
        result(f"{supernet}{criterion}", seed, 10 * seed + len(criterion))
        for supernet in ("", "gdas/")
        for criterion in ("magnitude", "loss@local(magnitude)", "ntk")
        for seed in (0, 1)
    ]
    results += [result("random", 0, 50), result("ntk", 2, 1), result("gdas/taylor", 0, 3)]
    cells = cross(results, "softmax")
    assert list(cells) == ["softmax", "gdas"]
    assert list(cells["gdas"]) == ["magnitude", "loss@local(magnitude)", "ntk"]
    assert cells["gdas"]["magnitude"] == [9.0, 19.0]
    assert "Over 2 seeds" in describe_variance(cells)
    unfinished = [*results[:-3], result("gdas/magnitude", 0, "")]
    assert cross([row for row in unfinished if row["seed"] == "0"][:-1], "own")["own"]["ntk"] == [3.0]
    assert cross(results[:2], "own") == {}
    assert cross([row for row in results if "/" not in row["criterion"]], "own") == {}


def test_one_seed_shows_no_chance():
    cells = {"a": {"x": [1.0], "y": [2.0]}, "b": {"x": [1.0], "y": [4.0]}}
    assert describe_variance(cells) == ""
    assert "4.00" in draw_cells(cells)


def test_cells_are_coloured_by_their_place():
    nan = float("nan")
    svg = draw_matrix({"a": {"x": (10.0, 1.0), "y": (94.0, nan)}, "b<": {"x": (nan, nan), "y": (93.0, 0.5)}}, title="t")
    assert "10.00 \u00b1 1.00" in svg
    assert "b&lt;" in svg and "b<," not in svg
    assert svg.count('class="cell"') == 9
    assert 'fill-opacity="0.70"' in svg


def test_a_star_asks_every_supernet():
    others = {"gdas": {}, "fixed": {}}
    assert ask_all_supernets(["*/ntk", "gdas/ntk", "random"], others) == ["ntk", "gdas/ntk", "fixed/ntk", "random"]
    assert ask_all_supernets(["*/ntk"], None) == ["ntk"]


def test_a_comparison_of_trainings_shows_the_matrix(tmp_path):
    out = tmp_path / "run"
    words = "--space nasbench201 --channels 2 --layers 1 --batch_size 20 --threads 1 --data digits --train_limit 60"
    words += " --test_limit 30 --epochs 1 --seeds 2 --judge table --criteria */magnitude,*/taylor,random"
    supernets = json.dumps({"gdas": {"relaxation": "gdas"}, "decay": {"beta_decay": 2.0}})
    assert main(["compare", *words.split(), "--supernets", supernets, "--out", str(out)]) == 0
    page = (out / "report.html").read_text()
    assert "Training by selector" in page
    assert "Over 2 seeds, the training of the supernet explains" in page
    assert "mean test accuracy by supernet and selector" in page
