"""Shortlists that are judged again, from the command line: by brief training, by a table, on processes, after kills."""

import csv
import json

import pytest
import torch

from darts_ext.cli import main
from darts_ext.runtime.files import load_checkpoint
from darts_ext.runtime.training import evaluate
from darts_ext.select import brief
from darts_ext.select.memory import Memory
from darts_ext.tabular import NasBench201
from supernet import Genotype, build

CELLS = [
    *"--space nasbench201 --channels 2 --layers 1 --epochs 1 --batch_size 20 --threads 1".split(),
    *"--data digits --train_limit 120 --test_limit 60".split(),
]
BRIEF = "--then training --brief_epochs 1 --brief_rounds 2 --shortlist 4".split()


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    out = tmp_path_factory.mktemp("second") / "run"
    assert main(["search", *CELLS, "--out", str(out)]) == 0
    return out


def choose(run, *words):
    """Chooses on the run; returns the genotype, and what scores.json says."""
    assert main(["select", str(run), "--threads", "1", *words]) == 0
    scores = json.loads((run / "scores.json").read_text())
    return Genotype.from_json((run / "genotype.json").read_text()), scores


def forget(run):
    for path in [*run.glob("brief/*/*.pt"), *run.glob("select/*")]:
        path.unlink()


def test_the_better_half_is_trained_on_and_the_best_is_taken(run):
    forget(run)
    found, scores = choose(run, "--criterion", "naswot@sample", "--candidates", "6", *BRIEF)
    verdicts = [row["then"] for row in scores["shortlist"]]
    assert sorted(verdict["epochs"] for verdict in verdicts) == [1, 1, 2, 2]
    assert [verdict["epochs"] for verdict in verdicts] == [2, 2, 1, 1]
    assert verdicts[0]["accuracy"] >= verdicts[1]["accuracy"]
    operations = list(scores["shortlist"][0]["options"].values())
    assert [edge.op for edge in found.cells["cell"][0]] == operations
    files = list(run.glob("brief/*/*.pt"))
    assert sorted(len(load_checkpoint(path)["accuracies"]) for path in files) == [1, 1, 2, 2]


def test_processes_and_kills_change_nothing(run, monkeypatch):
    words = ["--criterion", "naswot@local", *BRIEF, "--candidate_weights", "he_fan_in", "--draws", "2"]
    forget(run)
    found, scores = choose(run, *words)
    forget(run)
    _, spread = choose(run, *words, "--processes", "2")
    assert spread["shortlist"] == scores["shortlist"]
    assert spread["candidates"] == scores["candidates"]

    forget(run)
    calls = []

    class Killed(Exception):
        pass

    def stop_soon(*arguments):
        calls.append(1)
        if len(calls) == 4:
            raise Killed
        return evaluate(*arguments)

    monkeypatch.setattr(brief, "evaluate", stop_soon)
    with pytest.raises(Killed):
        main(["select", str(run), "--threads", "1", *words])
    monkeypatch.setattr(brief, "evaluate", evaluate)
    again, resumed = choose(run, *words)
    assert again == found
    for name in ("shortlist", "candidates", "evaluations", "notes"):
        assert resumed[name] == scores[name]


def test_the_networks_are_judged_on_the_half_of_the_alphas_and_never_on_test_images(run, monkeypatch):
    forget(run)
    sizes = []

    def count(net, batches, *rest):
        batches = list(batches)
        sizes.append(sum(len(x) for x, _ in batches))
        return evaluate(net, batches, *rest)

    monkeypatch.setattr(brief, "evaluate", count)
    choose(run, "--criterion", "naswot@sample", "--candidates", "6", *BRIEF)
    assert set(sizes) == {60}, "half of the 120 training images"


def test_the_table_judges_by_12_epochs(run):
    table = NasBench201()
    _, scores = choose(
        run, "--criterion", "parameters@local:table", "--shortlist", "25", "--candidate_weights", "initial"
    )
    accuracies = []
    for row in scores["shortlist"]:
        operations = list(row["options"].values())
        text = "|{}~0|+|{}~0|{}~1|+|{}~0|{}~1|{}~2|".format(*operations)
        accuracies.append(table.brief_validation[table.index(Genotype.from_text(text))])
    assert [row["then"]["value"] for row in scores["shortlist"]] == pytest.approx(accuracies)
    assert accuracies == sorted(accuracies, reverse=True)
    assert len(accuracies) == 25


def test_a_comparison_has_second_stages_of_some_criteria(tmp_path):
    out = tmp_path / "compare"
    criteria = "magnitude,naswot@local(magnitude):training,parameters@local:table,parameters"
    words = ["--criteria", criteria, "--shortlist", "3", "--brief_epochs", "1", "--seeds", "1", "--judge", "table"]
    assert main(["compare", *CELLS, *words, "--out", str(out)]) == 0
    with (out / "summary.csv").open(newline="") as file:
        assert [row["criterion"] for row in csv.DictReader(file)] == criteria.split(",")
    assert main(["compare", *CELLS, *words, "--out", str(out), "--processes", "2"]) == 0


def test_a_half_written_memory_is_read_as_far_as_it_is_whole(tmp_path):
    path = tmp_path / "measured.jsonl"
    key = ("loss", (("a", "b"), ("c", "d")))
    memory = Memory(path, {"seed": 1})
    memory[key] = ([1.5, float("-inf")], ["a note"])
    with path.open("a") as file:
        file.write('[["loss", [["a"')
    assert dict(Memory(path, {"seed": 1})) == {key: ([1.5, float("-inf")], ["a note"])}
    assert not Memory(path, {"seed": 2}), "of another call"


def test_he_weights_have_their_variance(run):
    cell = Genotype.from_text("|nor_conv_3x3~0|+|none~0|none~1|+|none~0|none~1|skip_connect~2|")
    for name, fan in (("he_fan_in", 9 * 64), ("he_fan_out", 9 * 64)):
        net = build(cell, channels=64, layers=1, num_classes=10, seed=0, initialisation=name)
        weights = next(m for m in net.cells[0].modules() if isinstance(m, torch.nn.Conv2d)).weight
        assert float(weights.detach().var()) == pytest.approx(2 / fan, rel=0.02)


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["--criterion", "magnitude", "--then", "loss"], "then is an option of sample and local"),
        (["--criterion", "magnitude@oneshot:training"], "a shortlist is made of whole architectures"),
        (["--criterion", "loss@sample", "--shortlist", "4"], "there are none: give --then"),
        (["--criterion", "loss@sample", "--brief_epochs", "2"], "give --then training"),
        (["--criterion", "loss@sample:table", "--brief_epochs", "2"], "give --then training"),
        (["--criterion", "loss@sample:trainning"], "unknown criterion 'trainning'"),
        (["--criterion", "loss@sample:table", "--shortlist", "99999"], "and the space has 15625"),
        (["--criterion", "loss@sample:table", "--shortlist", "1"], "shortlist"),
        (["--criterion", "loss@sample", "--candidate_weights", "he"], "candidate_weights is supernet, initial,"),
        (["--criterion", "loss@sample", "--processes", "0"], "processes must be at least 1"),
    ],
)
def test_what_cannot_be_is_one_line(run, words, says, capsys):
    assert main(["select", str(run), *words]) == 2
    assert says in capsys.readouterr().err.strip().splitlines()[-1]


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["--criterion", "ntk_min@sample:table"], "then table looks cells up in NAS-Bench-201, and mlp has others"),
        (["--criterion", "ntk_min@sample", "--candidate_weights", "he_fan_in"], "are of networks of cells"),
    ],
)
def test_what_another_space_does_not_have_is_one_line(tmp_path_factory, words, says, capsys):
    out = tmp_path_factory.mktemp("mlp") / "run"
    data = "--data digits --train_limit 60 --test_limit 60 --batch_size 30 --epochs 1 --threads 1".split()
    assert main(["search", "--space", "mlp", "--channels", "4", "--layers", "2", *data, "--out", str(out)]) == 0
    assert main(["select", str(out), *words]) == 2
    assert says in capsys.readouterr().err.strip().splitlines()[-1]


def test_a_comparison_refuses_what_cannot_be_before_it_trains(tmp_path, capsys):
    out = tmp_path / "compare"
    words = "--space mlp --channels 4 --layers 2 --data digits --train_limit 60 --test_limit 60 --batch_size 30".split()
    words += ["--retrain.batch_size", "30"]
    for criterion, says in (("ntk_min@sample", "are of networks of cells"), ("ntk_min@sample:table", "take training")):
        weights = [] if "table" in criterion else ["--candidate_weights", "he_fan_in"]
        assert main(["compare", *words, "--criteria", criterion, *weights, "--out", str(out)]) == 2
        assert says in capsys.readouterr().err.strip().splitlines()[-1]
        assert not out.exists()
