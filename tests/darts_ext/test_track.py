"""What other criteria would choose while a supernet trains: equal to a selection on the supernet of that epoch, looked
up, drawn, resumed."""

import csv
import shutil

import pytest

from darts_ext.cli import main
from darts_ext.report.picks import draw_picks
from darts_ext.report.runfolder import Run
from darts_ext.tabular import NasBench201
from supernet import Genotype

SMALL = "--train_limit 200 --test_limit 60 --channels 2 --layers 1 --batch_size 64 --threads 1"
SEARCH = ["search", "--data", "digits", "--space", "nasbench201", *SMALL.split()]
TRACK = ["--track", "perturbation,magnitude", "--track_every", "2", "--track_images", "64"]


def rows(folder):
    with (folder / "summary.csv").open(newline="") as file:
        return list(csv.DictReader(file))


@pytest.fixture(scope="module")
def tracked(tmp_path_factory):
    """A search of three epochs with TRACK."""
    out = tmp_path_factory.mktemp("track") / "tracked"
    assert main([*SEARCH, *TRACK, "--epochs", "3", "--out", str(out)]) == 0
    return out


def test_picks_come_every_second_epoch_and_at_the_last(tracked):
    assert [bool(row["pick:perturbation"]) for row in rows(tracked)] == [False, True, True]


def test_magnitude_picks_the_genotype_by_alpha(tracked):
    assert all(row["pick:magnitude"] in ("", row["genotype"]) for row in rows(tracked))


def test_a_pick_is_looked_up(tracked):
    last = rows(tracked)[-1]
    table = NasBench201()
    index = table.index(Genotype.from_text(last["pick:perturbation"]))
    assert float(last["table_cifar10:perturbation"]) == table.test("cifar10")[index]


def test_the_last_pick_is_that_of_a_selection_on_the_run(tracked, tmp_path, capsys):
    out = shutil.copytree(tracked, tmp_path / "run")
    assert main(["select", str(out), "--criterion", "perturbation", "--select_images", "64", "--threads", "1"]) == 0
    assert capsys.readouterr().out.strip() == rows(tracked)[-1]["pick:perturbation"]


def test_tracking_does_not_touch_the_training(tracked, tmp_path):
    assert main([*SEARCH, "--epochs", "3", "--out", str(tmp_path / "plain")]) == 0
    plain = rows(tmp_path / "plain")
    assert len(plain) == 3
    for with_tracking, without in zip(rows(tracked), plain, strict=True):
        for name in without.keys() - {"seconds"}:
            assert with_tracking[name] == without[name], name


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
def test_unknown_criteria_and_impossible_numbers_are_refused(argv, says, tmp_path, capsys):
    assert main([*SEARCH, *argv, "--out", str(tmp_path / "out")]) == 2
    assert says in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


def test_a_progressive_criterion_is_tracked_and_selects(tmp_path, capsys):
    out = tmp_path / "out"
    track = ["--track", "perturbation@progressive", "--track_images", "64", "--track_tune_epochs", "0.5"]
    assert main([*SEARCH, *track, "--epochs", "1", "--out", str(out)]) == 0
    capsys.readouterr()
    argv = "--criterion perturbation@progressive --select_images 64 --tune_epochs 0.5 --threads 1".split()
    assert main(["select", str(out), *argv]) == 0
    assert Genotype.from_text(capsys.readouterr().out.strip()).format == "nasbench201"
    assert rows(out)[0]["pick:perturbation@progressive"]


def test_fixed_alphas_are_not_looked_up_but_other_criteria_are(tmp_path):
    assert main([*SEARCH, *TRACK, "--epochs", "1", "--alpha", "fixed", "--out", str(tmp_path / "out")]) == 0
    (row,) = rows(tmp_path / "out")
    assert "table_cifar10" not in row
    assert "table_cifar10:perturbation" in row


def test_the_charts_have_means_and_bands_over_the_seeds():
    epochs = [
        [{"table_cifar10": str(value), "skip_share": "0.5"} for value in values]
        for values in ((90, 54.3), (92, 54.3, 88))
    ]
    learned = [Run(f"seed{seed}", rows, None, []) for seed, rows in enumerate(epochs)]
    fixed = Run("seed0-fixed", [{"table_cifar10:perturbation": "93"}] * 2, None, [])
    accuracies, skips = draw_picks([*learned, fixed])
    assert accuracies.count('class="line"') == 2
    assert accuracies.count('class="band"') == 1
    assert "magnitude (vanilla DARTS)" in accuracies
    assert "fixed/perturbation" in accuracies
    assert skips.count('class="line"') == 1, "fixed alphas have no share of skips"
    assert draw_picks([Run("seed0", [{"val_accuracy": "1"}], None, [])]) == []
