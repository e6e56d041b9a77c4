"""Whole architectures around a given one, from the command line."""

import csv
import json

import pytest

from darts_ext.cli import main
from supernet import Genotype

DATA = "--data digits --train_limit 100 --test_limit 60 --batch_size 30 --epochs 1 --threads 1".split()
DENSE = [*"--space mlp --channels 8 --layers 3".split(), *DATA]


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    out = tmp_path_factory.mktemp("local") / "run"
    assert main(["search", *DENSE, "--out", str(out)]) == 0
    return out


def choose(run, *words):
    """Chooses on the run; returns the genotype, and what scores.json says."""
    assert main(["select", str(run), "--threads", "1", *words]) == 0
    scores = json.loads((run / "scores.json").read_text())
    return Genotype.from_json((run / "genotype.json").read_text()), scores


def count_differences(first, second):
    pairs = zip(first.cells["layer"][0], second.cells["layer"][0])
    return sum((one.act != other.act) + (one.skip != other.skip) for one, other in pairs)


def test_the_search_begins_at_a_criterions_choice(run):
    start, _ = choose(run, "--criterion", "perturbation_loss")
    found, scores = choose(run, "--criterion", "loss@local", "--start", "perturbation_loss", "--radius", "2")
    assert scores["strategy"] == "local"
    assert count_differences(start, found) == len(scores["history"]) <= 2
    assert "loss after each round" in (run / "report.html").read_text()


def test_the_search_begins_at_the_genotype_of_a_file(run, tmp_path):
    path = tmp_path / "start.txt"
    path.write_text("MLP(tanh, tanh:add_skip, relu)")
    found, _ = choose(run, "--criterion", "ntk_min@local", "--start", str(path), "--candidate_weights", "initial")
    assert count_differences(Genotype.from_text(path.read_text()), found) <= 1


def test_a_comparison_takes_it_as_any_criterion(tmp_path):
    out = tmp_path / "compare"
    words = [*DENSE, "--criteria", "loss@local,perturbation_loss,residual", "--start", "perturbation_loss"]
    retrain = "--retrain.channels 8 --retrain.epochs 1 --retrain.batch_size 30 --seeds 1".split()
    assert main(["compare", *words, *retrain, "--out", str(out)]) == 0
    with (out / "summary.csv").open(newline="") as file:
        assert {row["criterion"] for row in csv.DictReader(file)} == {"loss@local", "perturbation_loss", "residual"}


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["--start", "missing.json"], "missing.json cannot be read"),
        (["--start", "perturbatoin"], "did you mean 'perturbation'"),
        (["--radius", "0"], "radius must be at least 1, not 0"),
        (["--step", "worst"], "unknown step 'worst'"),
        (["--max_parameters", "3"], "start costs more than 3 parameters"),
    ],
)
def test_what_cannot_be_is_one_line(run, words, says, capsys):
    assert main(["select", str(run), "--criterion", "loss@local", *words]) == 2
    line = capsys.readouterr().err.strip().splitlines()[-1]
    assert says in line


@pytest.mark.parametrize(
    ("text", "says"),
    [("MLP(relu, relu)", "has 3 hidden layers here, not 2"), ("nothing", "'nothing' is not of the form")],
)
def test_a_start_that_is_no_architecture_of_the_space_is_named(run, tmp_path, text, says, capsys):
    path = tmp_path / "start.txt"
    path.write_text(text)
    assert main(["select", str(run), "--criterion", "loss@local", "--start", str(path)]) == 2
    line = capsys.readouterr().err.strip().splitlines()[-1]
    assert line.startswith(f"run_darts.py: {path}: ") and says in line


def test_options_of_local_are_refused_elsewhere(run, capsys):
    assert main(["select", str(run), "--criterion", "magnitude", "--start", "random"]) == 2
    assert "start is an option of local" in capsys.readouterr().err
