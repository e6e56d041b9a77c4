"""What other criteria would choose while a supernet trains: equal to a selection on the supernet of that epoch, looked
up, drawn, resumed."""

import csv

import pytest

from darts_ext.cli import main
from darts_ext.report.contents import Run
from darts_ext.report.picks import pick_charts
from darts_ext.tabular import NasBench201
from supernet import Genotype

SEARCH = "search --data digits --train_limit 200 --test_limit 60 --space nasbench201 --channels 2 --layers 1 --batch_size 30 --threads 1".split()
TRACK = ["--track", "perturbation,magnitude", "--track_every", "2", "--track_images", "64"]


def rows(folder):
    with (folder / "summary.csv").open(newline="") as file:
        return list(csv.DictReader(file))


def test_picks_are_those_of_a_selection_then(tmp_path, capsys):
    out = tmp_path / "out"
    assert main([*SEARCH, *TRACK, "--epochs", "3", "--batch_size", "64", "--out", str(out)]) == 0
    found = rows(out)
    assert [bool(row["pick:perturbation"]) for row in found] == [False, True, True], "every second epoch and the last"
    assert all(row["pick:magnitude"] in ("", row["genotype"]) for row in found)
    last = found[-1]
    assert (
        float(last["table_cifar10:perturbation"])
        == NasBench201().test("cifar10")[NasBench201().index(Genotype.from_text(last["pick:perturbation"]))]
    )
    capsys.readouterr()
    assert main(["select", str(out), "--criterion", "perturbation", "--select_images", "64", "--threads", "1"]) == 0
    assert capsys.readouterr().out.strip() == last["pick:perturbation"]


def test_tracking_does_not_touch_the_training(tmp_path):
    for name, extra in (("plain", []), ("tracked", TRACK)):
        assert main([*SEARCH, *extra, "--epochs", "2", "--out", str(tmp_path / name)]) == 0
    plain, tracked = rows(tmp_path / "plain"), rows(tmp_path / "tracked")
    assert [{name: row[name] for name in plain[0] if name != "seconds"} for row in tracked] == [
        {name: row[name] for name in plain[0] if name != "seconds"} for row in plain
    ]


@pytest.mark.parametrize(
    ("argv", "says"),
    [
        (["--track", "perturbatio"], "did you mean 'perturbation'"),
        (["--track", "magnitude@progressive"], "measures nothing"),
        (["--track", "perturbation@beam"], "strategy of --track"),
        (["--track_every", "0"], "at least 1"),
        (["--track", "perturbation", "--track_tune_epochs", "-1"], "negative"),
    ],
)
def test_mistakes(argv, says, tmp_path, capsys):
    assert main([*SEARCH, *argv, "--out", str(tmp_path / "out")]) == 2
    assert says in capsys.readouterr().err and not (tmp_path / "out").exists()


def test_a_progressive_pick_is_that_of_a_tuned_copy(tmp_path, capsys):
    out = tmp_path / "out"
    track = ["--track", "perturbation@progressive", "--track_images", "64", "--track_tune_epochs", "0.5"]
    assert main([*SEARCH, *track, "--epochs", "1", "--batch_size", "64", "--out", str(out)]) == 0
    capsys.readouterr()
    argv = [
        "--criterion",
        "perturbation@progressive",
        "--select_images",
        "64",
        "--tune_epochs",
        "0.5",
        "--threads",
        "1",
    ]
    assert main(["select", str(out), *argv]) == 0
    assert (
        Genotype.from_text(capsys.readouterr().out.strip()).format == "nasbench201"
        and rows(out)[0]["pick:perturbation@progressive"]
    )


def test_fixed_alphas_choose_nothing(tmp_path):
    assert main([*SEARCH, *TRACK, "--epochs", "1", "--alpha", "fixed", "--out", str(tmp_path / "out")]) == 0
    (row,) = rows(tmp_path / "out")
    assert "table_cifar10" not in row and "table_cifar10:perturbation" in row


def test_the_charts_have_means_and_bands_over_the_seeds():
    epochs = [
        [{"table_cifar10": str(value), "skip_share": "0.5"} for value in values]
        for values in ((90, 54.3), (92, 54.3, 88))
    ]
    learned = [Run(f"seed{seed}", rows, None, []) for seed, rows in enumerate(epochs)]
    fixed = Run("seed0-fixed", [{"table_cifar10:perturbation": "93"}] * 2, None, [])
    accuracies, skips = pick_charts([*learned, fixed])
    assert accuracies.count('class="line"') == 2 and accuracies.count('class="band"') == 1
    assert "magnitude (vanilla DARTS)" in accuracies and "fixed/perturbation" in accuracies
    assert skips.count('class="line"') == 1, "fixed alphas have no share of skips"
    assert pick_charts([Run("seed0", [{"val_accuracy": "1"}], None, [])]) == []
