"""Activations, added skips and fully-connected layers from the command line: search, select, retrain, compare, judge,
draw, resume."""

import csv
import json
import math
import shutil
from itertools import pairwise

import pytest
import torch
from scipy.stats import kendalltau
from torch import nn

from darts_ext.cli import main
from darts_ext.config import SearchSettings
from darts_ext.report.charts.cellgraph import draw_cell
from darts_ext.runtime.errors import UsageError
from darts_ext.runtime.training import Average
from darts_ext.search import read_space
from darts_ext.search.observe import skip_shares
from supernet import Genotype, create_space

DATA = "--data digits --train_limit 100 --test_limit 60 --batch_size 30 --epochs 1 --threads 1".split()
CELLS = [*"--space tiny --channels 2 --layers 1 --activations relu,gelu,tanh --added_skip".split(), *DATA]
DENSE = [*"--space mlp --channels 8 --layers 3".split(), *DATA]


def rows(path):
    with path.open(newline="") as file:
        return list(csv.DictReader(file))


@pytest.fixture(scope="module")
def searched(tmp_path_factory):
    """A search of CELLS, to be copied."""
    out = tmp_path_factory.mktemp("searched") / "run"
    assert main(["search", *CELLS, "--out", str(out)]) == 0
    return out


@pytest.mark.parametrize("sizes", [CELLS, DENSE], ids=["cells", "mlp"])
def test_search_select_retrain(sizes, tmp_path, capsys):
    out = tmp_path / "run"
    assert main(["search", *sizes, "--out", str(out)]) == 0
    assert 0 <= float(rows(out / "summary.csv")[0]["added_skip_share"]) <= 1
    select = ["select", str(out), "--threads", "1", "--select_images", "15", "--criterion"]
    for criterion in ("magnitude", "taylor", "perturbation+ntk_min_relative"):
        assert main([*select, criterion]) == 0
        genotype = Genotype.from_json((out / "genotype.json").read_text())
        assert Genotype.from_text(capsys.readouterr().out.strip().splitlines()[-1]) == genotype
        scores = json.loads((out / "scores.json").read_text())["scores"]
        assert {choice.split("/")[2] for choice in scores} >= {"act", "skip"}
    retrain = "--channels 4 --layers 1 --epochs 1 --batch_size 30 --threads 1".split()
    assert main(["retrain", str(out), *retrain]) == 0
    assert (out / "evaluate" / "model.safetensors").exists()
    page = (out / "report.html").read_text()
    assert page.count("<summary>How ") == 1
    assert page.count("scores of ") >= 2, "a heat map for each kind of choice"


def test_progressive_tuning_on_activations(searched, tmp_path):
    out = shutil.copytree(searched, tmp_path / "run")
    select = "--criterion perturbation --tune_epochs 0.5 --select_images 15 --threads 1".split()
    assert main(["select", str(out), *select]) == 0
    history = json.loads((out / "scores.json").read_text())["history"]
    assert len(history) == 5 + 5 + 5 + 1, "operations, activations, added skips, and the one node that drops an edge"


@pytest.mark.parametrize(
    ("options", "joined"),
    [(DENSE, True), (CELLS, True), (["--space", "tiny", "--channels", "2", "--layers", "1", *DATA], False)],
    ids=["mlp", "cells", "plain cells"],
)
def test_the_residual_baseline_joins_the_default_criteria_where_skips_can_be_added(options, joined, tmp_path):
    out = tmp_path / "out"
    retrain = "--retrain.epochs 1 --retrain.channels 4 --retrain.layers 1 --retrain.batch_size 50".split()
    argv = ["compare", *options, "--seeds", "1", "--select_images", "10", *retrain, "--out", str(out)]
    assert main(argv) == 0
    table = {row["criterion"]: row for row in rows(out / "summary.csv")}
    assert ("residual" in table) == joined
    if joined:
        genotype = Genotype.from_text(table["residual"]["genotype"])
        edges = [edge for cell, _ in genotype.cells.values() for edge in cell]
        assert {edge.act for edge in edges} == {"relu"}
        parametric = [edge for edge in edges if edge.op not in ("none", "skip_connect")]
        assert sum(edge.skip for edge in parametric) == len(parametric) - (genotype.format == "mlp")
        assert "residual (baseline)" in (out / "report.html").read_text()


def test_criteria_that_are_named_are_taken_as_they_are(tmp_path):
    out = tmp_path / "out"
    retrain = "--retrain.epochs 1 --retrain.channels 4 --retrain.batch_size 50".split()
    assert main(["compare", *DENSE, "--seeds", "1", "--criteria", "parameters", *retrain, "--out", str(out)]) == 0
    assert [row["criterion"] for row in rows(out / "summary.csv")] == ["parameters"]


def test_compare_judges_measures_by_random_architectures(tmp_path, capsys):
    out = tmp_path / "out"
    argv = [
        *["compare", *DENSE, "--seeds", "1", "--out", str(out)],
        *"--criteria magnitude,ntk_infinite_min@sample,parameters --candidates 5 --population 5".split(),
        *"--measures parameters,ntk_infinite_min,ntk_min".split(),
        *"--retrain.epochs 1 --retrain.channels 8 --retrain.batch_size 30".split(),
    ]
    assert main(argv) == 0
    population, measures = rows(out / "population.csv"), rows(out / "measures.csv")
    assert len({row["genotype"] for row in population}) == 5
    kendall = {row["measure"]: float(row["kendall"]) for row in measures}
    assert set(kendall) == {"parameters", "ntk_infinite_min", "ntk_min"}
    accuracies, scores = ([float(row[name]) for row in population] for name in ("test_accuracy", "ntk_min"))
    assert kendall["ntk_min"] == pytest.approx(kendalltau(scores, accuracies).statistic)
    assert math.isnan(kendall["parameters"]), "all have the same size: there is no order"
    assert "Training-free measures" in (out / "report.html").read_text()
    assert "over 5 random architectures" in capsys.readouterr().out
    assert len(list((out / "children").rglob("model.safetensors"))) >= 5
    assert main(argv) == 0
    assert (rows(out / "population.csv"), rows(out / "measures.csv")) == (population, measures)


@pytest.mark.parametrize(
    ("argv", "says"),
    [
        (["search", "--activations", "relu,gelo"], "did you mean 'gelu'"),
        (["search", "--activations", "relu,relu"], "twice"),
        (["search", "--activations", ","], "activations names none"),
        (["search", "--parametrisation", "ntk"], "parametrisation ntk is one of mlp"),
        (["compare", *DENSE, "--criteria", "random", "--retrain.drop_path", "0.2"], "no paths to drop"),
        (["compare", *DENSE, "--criteria", "removal:ntk_infinite_min"], "layer/0/act is open"),
        (["search", *DENSE, "--track", "ntk_infinite_min"], "layer/0/act is open"),
        (
            ["compare", *DENSE, "--criteria", "random", "--population", "3", "--measures", "expressivity"],
            "expressivity",
        ),
        (["compare", *DENSE, "--criteria", "random", "--population", "2"], "at least 3"),
        (
            [
                "compare",
                *DENSE,
                *"--criteria random --activations relu,tanh --added_skip false --population 999".split(),
            ],
            "8 architectures",
        ),
        (
            ["search", "--space", "tiny", "--skip_start", "2"],
            "skip_start 2.0 starts added skips, and there are none: --added_skip true",
        ),
        (
            ["search", "--space", "tiny", "--activations", "relu,hard_sigmoid", "--hypergradient", "exact"],
            "hard_sigmoid cannot be differentiated twice",
        ),
        (["search", "--space", "mlp", "--activations", "relu", "--added_skip", "false"], "nothing to choose"),
        (["search", "--space", "mlp", "--parametrisation", "mup"], "parametrisation is one of standard, ntk"),
        (["compare", "--config", "smoke", "--criteria", "ntk_infinite_min@sample"], "space 'mlp' only"),
        (["compare", "--config", "smoke", "--population", "3", "--measures", "ntk_mn"], "did you mean 'ntk_min'"),
        (
            ["compare", "--config", "smoke", "--criteria", "ntk@beam", "--max_parameters", "3"],
            "no architecture costs at most 3 parameters",
        ),
        (["compare", "--config", "smoke", "--criteria", "ntk", "--settings", '{"ntk": {"imagez": 4}}'], "imagez"),
        (
            ["compare", "--config", "smoke", "--criteria", "ntk_complexity", "--select_images", "3"],
            "images of every class",
        ),
    ],
)
def test_a_mistake_about_activations_and_measures_is_said_before_anything_is_written(argv, says, tmp_path, fails):
    fails(*argv, "--out", tmp_path / "out", says=says, out=tmp_path / "out")


def test_select_takes_its_seed_and_refuses_another_folder(searched, tmp_path, fails):
    out, other = shutil.copytree(searched, tmp_path / "run"), tmp_path / "else"
    select = ["select", str(out), "--criterion", "random"]
    fails(*select, "--out", other, says="leave --out", out=other)
    genotypes = []
    for seed in ("0", "1", "2", "1"):
        assert main([*select, "--seed", seed, "--threads", "1"]) == 0
        genotypes.append((out / "genotype.json").read_text())
    assert genotypes[1] == genotypes[3]
    assert len(set(genotypes)) > 1


@pytest.mark.parametrize(
    "text",
    [
        "MLP(relu, tanh:add_skip)",
        "|nor_conv_3x3~0|+|skip_connect~0|nor_conv_1x1~1|+|avg_pool_3x3~0|none~1|nor_conv_3x3~2|",
    ],
)
def test_retrain_tells_what_pruning_leaves(text, tmp_path):
    genotype, out = tmp_path / "genotype.txt", tmp_path / "out"
    genotype.write_text(text)
    sizes = "--channels 8 --layers 1 --node_scale 0.2".split()
    assert main(["retrain", str(genotype), *DATA, *sizes, "--out", str(out)]) == 0
    pruned, last = rows(out / "evaluate" / "pruning.csv"), rows(out / "evaluate" / "summary.csv")[-1]
    assert [float(row["pruned"]) for row in pruned] == [0, 0.25, 0.5, 0.75, 0.9, 0.95]
    assert float(pruned[0]["test_accuracy"]) == pytest.approx(float(last["test_accuracy"]))
    assert len({row["test_loss"] for row in pruned}) > 3


def test_settings_of_a_search_name_its_space():
    space = read_space(SearchSettings(space="nasbench201", activations="relu, gelu", added_skip=True))
    assert space == create_space("nasbench201", activations=("relu", "gelu"), added_skip=True)
    assert read_space(SearchSettings(space="mlp", layers=2)).layers == 2
    read_space(SearchSettings(space="tiny", activations="relu,hard_sigmoid", hypergradient="finite_difference"))
    with pytest.raises(UsageError, match="finite_difference"):
        read_space(SearchSettings(space="tiny", activations="hard_sigmoid", hypergradient="exact"))


def test_the_two_skips_are_counted_apart():
    options = {
        "a/0/op": ("skip_connect", "conv"),
        "a/1/op": ("skip_connect", "conv"),
        "a/0/skip": ("no_skip", "add_skip"),
        "a/0/act": ("relu", "tanh"),
    }
    mixing = {"a/0/op": [0.9, 0.1], "a/1/op": [0.2, 0.8], "a/0/skip": [0.1, 0.9], "a/0/act": [0.5, 0.5]}
    assert skip_shares(mixing, options, ()) == {"skip_share": 0.5, "added_skip_share": 1.0}
    assert skip_shares({"a/0/act": [1.0, 0.0]}, options, ()) == {}


def test_the_activation_is_drawn_on_the_edge_and_the_added_skip_as_an_arc():
    edges = [
        {"op": "sep_conv_3x3", "from": 0, "to": 1, "act": "gelu", "add_skip": True},
        {"op": "skip_connect", "from": 0, "to": 2},
    ]
    svg = draw_cell(edges, inputs=1, concat=[2], title="t")
    assert svg.count('class="edge"') == 3
    assert ">sep_conv_3x3 gelu<" in svg
    assert ">add_skip<" in svg
    dense = draw_cell([{"op": "linear", "from": 0, "to": 1, "act": "tanh"}], inputs=1, concat=[1], title="t")
    assert ">tanh<" in dense
    assert "linear" not in dense


def test_the_uniform_average_is_the_mean_of_the_iterates_from_an_epoch_on():
    net = nn.Sequential(nn.Linear(2, 2, bias=False))
    average, iterates = Average(net, "uniform", 0.9, first=1), []
    for epoch in range(3):
        for _ in range(4):
            with torch.no_grad():
                net[0].weight.add_(torch.randn(2, 2))
            average.after_step(epoch)
            if epoch >= 1:
                iterates.append(net[0].weight.detach().clone())
        kept = average.after_epoch([])
        assert (kept is net) == (epoch < 1)
    torch.testing.assert_close(kept[0].weight, torch.stack(iterates).mean(0))


def test_batch_statistics_of_averaged_weights_are_computed_anew():
    torch.manual_seed(0)
    net = nn.Sequential(nn.Linear(3, 4), nn.BatchNorm1d(4))
    average, x = Average(net, "uniform", 0.9), torch.randn(40, 3)
    for before, after in pairwise(range(4)):
        with torch.no_grad():
            net[0].weight.add_(torch.randn(4, 3) * (after - before))
        average.after_step(0)
    kept = average.after_epoch([(x, None)])
    z = x @ kept[0].weight.T + kept[0].bias
    torch.testing.assert_close(kept[1].running_mean, z.mean(0))
    torch.testing.assert_close(kept[1].running_var, z.var(0))


def test_added_skips_of_a_search_start_where_they_are_told(tmp_path):
    out = tmp_path / "run"
    assert main(["search", *DENSE, "--skip_start", "3", "--alpha", "fixed", "--out", str(out)]) == 0
    assert float(rows(out / "summary.csv")[0]["added_skip_share"]) == 1.0
    weights = json.loads((out / "search" / "alphas.json").read_text())["epochs"][-1]["layer/1/skip"]
    assert weights[1] == pytest.approx(1 / (1 + math.exp(-3)), abs=1e-3)
