"""What a selection is asked for: strategies, their options, and entries of a comparison."""

import csv
import json
import math

import pytest
import torch

from darts_ext.cli import main
from darts_ext.config import DataSettings, StrategySettings
from darts_ext.data import Images
from darts_ext.select import ResampledBatches, candidates, read_selectors
from selection import Plan

SMALL = [
    *"--data digits --train_limit 120 --test_limit 60 --batch_size 30".split(),
    *"--space tiny --channels 2 --layers 1 --epochs 1 --threads 1".split(),
]


def entries(*names, strategy=None, **settings):
    return read_selectors(names, StrategySettings(**settings), strategy)


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    out = tmp_path_factory.mktemp("settings") / "run"
    assert main(["search", *SMALL, "--out", str(out)]) == 0
    return out


def chosen(run, *argv):
    """scores.json, which must be JSON for strict readers too."""
    assert main(["select", str(run), "--threads", "1", *argv]) == 0
    return json.loads((run / "scores.json").read_text(), parse_constant=lambda word: pytest.fail(f"{word} is no JSON"))


@pytest.mark.parametrize(
    ("name", "tune_epochs", "strategy"),
    [
        ("perturbation", 0, "oneshot"),
        ("perturbation", 1, "progressive"),
        ("ntk", 0, "progressive"),
        ("naswot", 0, "progressive"),
        ("naswot+parameters", 0, "beam"),
        ("naswot+ntk@sample", 0, "sample"),
        ("removal:loss@beam", 0, "beam"),
        ("magnitude@progressive", 1, "progressive"),
    ],
)
def test_a_criterion_takes_the_strategy_that_suits_it(name, tune_epochs, strategy):
    (entry,) = entries(name, tune_epochs=tune_epochs)
    assert entry.strategy == strategy


def test_tuning_in_a_comparison_leaves_baselines_as_they_are():
    found = entries("magnitude", "perturbation", "ntk", "random", "perturbation@oneshot", tune_epochs=2)
    assert [(entry.strategy, entry.settings.get("tune_epochs")) for entry in found] == [
        ("oneshot", None),
        ("progressive", 2),
        ("progressive", 2),
        ("oneshot", None),
        ("oneshot", None),
    ]


def test_only_what_a_strategy_takes_is_passed_on():
    asked = {
        "width": 3,
        "rescore": True,
        "candidates": 7,
        "max_parameters": 9.0,
        "order": "certain",
        "joint": False,
        "combine": "product",
    }
    found = entries(
        "perturbation@progressive", "perturbation@beam", "perturbation@sample", "perturbation@oneshot", **asked
    )
    assert [dict(entry.plan.options) for entry in found] == [
        {"order": "certain", "joint": False},
        {"width": 3, "combine": "product", "limits": {"parameters": 9.0}, "rescore": True},
        {"candidates": 7, "combine": "product", "limits": {"parameters": 9.0}},
        {},
    ]


def test_settings_go_to_the_criterion_that_they_name():
    first, second = entries("ntk", "perturbation", settings={"ntk": {"images": 8}})
    assert (first.settings["settings"], second.settings["settings"]) == ({"ntk": {"images": 8}}, None)


def test_folders_are_safe_and_the_same_name_is_one_entry():
    assert [entry.folder for entry in entries("alone:ntk_min@progressive", "naswot+ntk", "random", "random")] == [
        "alone-ntk_min@progressive",
        "naswot+ntk",
        "random",
    ]


@pytest.mark.parametrize(
    ("argv", "says"),
    [
        ("--tune_epochs 1 --strategy oneshot", "tune_epochs is an option of progressive, and the strategy is oneshot"),
        ("--criterion magnitude --tune_epochs 1", "name another strategy, or leave tune_epochs out"),
        ("--candidates 5", "candidates is an option of sample"),
        ("--max_flops 5", "max_flops is an option of sample and local and beam"),
        ("--rescore", "rescore is an option of beam"),
        ("--joint", "joint is an option of progressive"),
        ("--tune_learning_rate_factor 0.5 --strategy progressive", "give --tune_epochs"),
        ("--strategy sampel", "unknown strategy 'sampel': did you mean 'sample'?"),
        ("--criterion perturbation@beam --strategy sample", "names strategy beam, and strategy is sample"),
        ("--protocol pared", "unknown protocol 'pared': did you mean 'paired'?"),
        ("--strategy progressive --order sorted", "unknown order 'sorted'"),
        ("--strategy beam --combine sum", "unknown t-norm 'sum'"),
        ("--strategy sample --candidate_weights final", "candidate_weights is supernet, initial, he_fan_in or he"),
        ("--strategy sample --candidates 0", "candidates is a number of at least 1, or 'all'"),
        ("--strategy sample --candidates most", "candidates is a number of at least 1, or 'all'"),
        ("--strategy sample --criterion magnitude", "sample takes criteria with a measure"),
        ("--strategy beam --criterion magnitude+random --rescore", "none of the criteria measures anything"),
        ("--strategy oneshot --criterion ntk+naswot", "strategy oneshot takes one criterion"),
        ("--criterion ntk+nasswot", "unknown criterion 'nasswot': did you mean 'naswot'?"),
        ("--criterion combinaton", "unknown criterion 'combinaton': did you mean 'combination'?"),
        ("--criterion ntk+", "a name is missing in 'ntk+'"),
        ("--criterion taylor --protocol darts-pt", "leave protocol at paired"),
        ("--race 1", "race must lie in [0, 1)"),
        ("--tune_epochs -1", "tune_epochs must not be negative"),
        ("--strategy beam --width 0", "width must be at least 1"),
        ("--strategy beam --max_parameters 0", "max_parameters must be above 0"),
        ('--settings {"ntk":{"images":3}}', "unknown criterion in --settings 'ntk'"),
        ('--settings {"perturbation":3}', "--help tells what it takes"),
        ("--settings [1]", "settings cannot be [1]"),
        (
            '--criterion ntk --settings {"ntk":{"imagez":3}}',
            "unknown setting of ntk 'imagez': did you mean 'images'? (known: batchnorm, block,",
        ),
        ("--criterion naswot+parameters --max_parameters 3", "no architecture costs at most 3 parameters"),
    ],
)
def test_options_that_do_not_go_together_are_refused_in_one_line(run, fails, argv, says):
    fails("select", run, *argv.split(), says=says)
    assert not (run / "scores.json").exists()


@pytest.mark.parametrize(
    ("argv", "says"),
    [
        ("--criteria magnitude@oneshott", "unknown strategy 'oneshott'"),
        (
            "--criteria magnitude,random --tune_epochs 1",
            "tune_epochs is an option of progressive, and the strategy is oneshot",
        ),
        ("--criteria removal:loss,removal-loss", "unknown criterion 'removal-loss'"),
    ],
)
def test_a_criterion_of_a_comparison_that_cannot_be_is_refused_before_the_search(tmp_path, fails, argv, says):
    out = tmp_path / "out"
    fails("compare", *SMALL, *argv.split(), "--out", out, says=says, out=out)


def test_candidates_with_initial_weights_are_built_untrained_at_the_supernets_size(run, monkeypatch):
    networks = []
    original = candidates.build

    def build(*args, **sizes):
        networks.append(original(*args, **sizes))
        return networks[-1]

    monkeypatch.setattr(candidates, "build", build)
    argv = "--criterion ntk_min_relative+parameters --strategy sample --candidates 4 --candidate_weights initial"
    scores = chosen(run, *argv.split(), "--settings", '{"ntk_min_relative": {"images": 6}}')
    assert len(networks) == 2 * 4, "two criteria of four candidates"
    assert all(len(net.cells) == 1 for net in networks), "of the supernet's size"
    assert all(net.training for net in networks)
    assert len(scores["candidates"]) == 4
    assert scores["evaluations"] == 8
    assert scores["settings"]["settings"] == {"ntk_min_relative": {"images": 6}}
    values = [score for row in scores["scores"].values() for score in row.values()]
    assert None in values, "an option that no candidate has"
    (run / "scores.json").unlink()


def test_select_searches_by_beam_within_limits(run):
    argv = "--criterion naswot+perturbation --max_parameters 3000 --width 4 --combine product"
    scores = chosen(run, *argv.split())
    assert scores["strategy"] == "beam"
    assert scores["measure"] is None
    assert scores["reasons"]
    assert scores["settings"]["max_parameters"] == 3000
    (run / "scores.json").unlink()


def test_batches_of_darts_pt_are_fresh_and_the_same_again():
    images = Images(DataSettings(train_limit=60, test_limit=20), torch.device("cpu"), seed=0)

    def epochs():
        fresh = ResampledBatches(images.augmented(images.dataset.train, 20, "select"))
        return [fresh() for _ in range(2)]

    first, again = epochs(), epochs()
    for epoch, repeated in zip(first, again):
        assert all(torch.equal(a[0], b[0]) for a, b in zip(epoch, repeated))
    assert not torch.equal(first[0][0][0], first[1][0][0])


def test_darts_pt_measures_on_fresh_batches(run, monkeypatch):
    calls = []
    original = Plan.run

    def run_plan(plan, net, batches, **options):
        calls.append(batches)
        return original(plan, net, batches, **options)

    monkeypatch.setattr(Plan, "run", run_plan)
    scores = chosen(run, "--protocol", "darts-pt", "--strategy", "progressive", "--select_images", "30")
    assert calls[0].count == scores["evaluations"]
    assert scores["saved"] == 0
    (run / "scores.json").unlink()


def test_a_comparison_gives_each_criterion_its_strategy(tmp_path):
    out = tmp_path / "out"
    names = "perturbation@oneshot,perturbation,removal:loss@beam,parameters@sample"
    argv = [
        *[*SMALL, "--criteria", names],
        *"--tune_epochs 0.5 --candidates 3 --seeds 1 --select_images 30".split(),
        *"--retrain.epochs 1 --retrain.channels 2 --retrain.layers 1 --retrain.batch_size 30".split(),
    ]
    assert main(["compare", *argv, "--out", str(out)]) == 0
    with (out / "summary.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert [row["criterion"] for row in rows] == names.split(",")
    assert all(math.isfinite(float(row["saved"])) for row in rows)
    assert all(float(row["evaluations"]) > 0 for row in rows)
    folders = ("perturbation@oneshot", "perturbation", "removal-loss@beam", "parameters@sample")
    strategies = [json.loads((out / "seed0" / name / "scores.json").read_text())["strategy"] for name in folders]
    assert strategies == ["oneshot", "progressive", "beam", "sample"]
    assert (out / "seed0" / "perturbation" / "select" / "last.pt").exists()
    page = (out / "report.html").read_text()
    assert "How removal:loss@beam chose" in page
    assert "Not there yet" not in page


def test_criteria_lists_what_can_be_combined(capsys):
    assert main(["criteria"]) == 0
    shown = capsys.readouterr().out
    for words in ("perturbation ", "removal ", "naswot ", "LIFT:MEASURE is a criterion too", "joined"):
        assert words in shown
