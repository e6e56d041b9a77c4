"""A run that is killed and repeated ends bit-identical to one that was not."""

import csv
import random
from pathlib import Path

import pytest
import torch
from safetensors import safe_open

from darts_ext.cli import main
from darts_ext.runtime.errors import UsageError
from darts_ext.runtime.folder import check_folder, write_settings

TRAINING = (
    "--data digits --train_limit 160 --test_limit 60 --batch_size 40 --threads 1 "
    "--space tiny --channels 2 --layers 2 --alpha_learning_rate 0.1"
)
SEARCH = f"search {TRAINING} --epochs 3 --hypergradient finite_difference --average ema --ema_decay 0.8 --tensorboard"
COMPARE = (
    f"compare {TRAINING} --epochs 2 --seeds 1 --criteria magnitude,random "
    "--retrain.epochs 2 --retrain.channels 4 --retrain.layers 2 --retrain.batch_size 40 "
    "--retrain.drop_path 0.3 --retrain.average uniform"
)

TUNED = (
    f"compare {TRAINING} --epochs 1 --seeds 1 --criteria perturbation@progressive --tune_epochs 1 --select_images 40 "
    "--retrain.epochs 1 --retrain.channels 4 --retrain.layers 2 --retrain.batch_size 40"
)


def rows(path):
    with open(path) as file:
        return [{name: value for name, value in row.items() if "seconds" not in name} for row in csv.DictReader(file)]


def same(a, b):
    if isinstance(a, torch.Tensor):
        return torch.equal(a, b)
    if isinstance(a, dict):
        return a.keys() == b.keys() and all(same(a[key], b[key]) for key in a if key != "seconds")
    if isinstance(a, (list, tuple)):
        return len(a) == len(b) and all(map(same, a, b))
    return a == b


def load(path):
    return torch.load(path, weights_only=True)


@pytest.fixture(scope="module")
def whole_search(tmp_path_factory):
    out = tmp_path_factory.mktemp("search") / "whole"
    assert main([*SEARCH.split(), "--out", str(out)]) == 0
    return out


@pytest.fixture(scope="module")
def whole_comparison(tmp_path_factory):
    out = tmp_path_factory.mktemp("comparison") / "whole"
    assert main([*COMPARE.split(), "--out", str(out)]) == 0
    return out


def test_the_comparison_of_runs_can_fail(whole_search):
    """The checkpoints hold what they should, and `same` sees one changed bit."""
    saved = load(whole_search / "search" / "last.pt")
    assert {"net", "average", "weight_optimizer", "alpha_optimizer", "mixing"} <= saved["stage"].keys()
    other = load(whole_search / "search" / "last.pt")
    assert same(saved, other)
    other["stage"]["net"]["alphas.normal"][0, 0] += 1e-7
    assert not same(saved, other)
    assert len(rows(whole_search / "summary.csv")) == 3


@pytest.mark.parametrize(
    ("where", "number"),
    [
        ("os.replace", 1),  # before anything but the folder is there
        ("torch.nn.utils.clip_grad_norm_", 5),  # in the middle of an epoch
        ("os.replace", 3),  # the first checkpoint is written, but not in place
        ("os.replace", 7),  # between the second checkpoint and its summary
    ],
)
def test_search_killed_and_repeated(whole_search, run_killed, tmp_path, where, number):
    out = tmp_path / "run"
    run_killed(where, number, [*SEARCH.split(), "--out", out])
    assert not list(out.rglob("*.csv")) or rows(out / "summary.csv")
    assert main([*SEARCH.split(), "--out", str(out)]) == 0
    assert same(load(out / "search" / "last.pt"), load(whole_search / "search" / "last.pt"))
    assert rows(out / "summary.csv") == rows(whole_search / "summary.csv")
    assert (out / "search" / "alphas.json").read_text() == (whole_search / "search" / "alphas.json").read_text()


def weights(folder):
    """Metadata and bytes of the tensors; the order of the metadata in the file is safetensors' own."""
    with safe_open(folder / "model.safetensors", framework="pt") as file:
        names = list(file.keys())
        return file.metadata(), {name: file.get_tensor(name).numpy().tobytes() for name in names}


@pytest.mark.parametrize(
    ("where", "number"),
    [
        ("darts_ext.select.on_run.choose", 2),  # after the first criterion's choice
        ("darts_ext.runtime.epochs.save_checkpoint", 4),  # in the first retraining
        ("darts_ext.compare.command.aggregate", 1),  # after the first row
    ],
)
def test_comparison_killed_and_repeated(whole_comparison, run_killed, tmp_path, where, number):
    out = tmp_path / "run"
    run_killed(where, number, [*COMPARE.split(), "--out", out])
    assert main([*COMPARE.split(), "--out", str(out)]) == 0
    assert rows(out / "summary.csv") == rows(whole_comparison / "summary.csv")
    assert rows(out / "comparison.csv") == rows(whole_comparison / "comparison.csv")
    children = sorted(path.name for path in (whole_comparison / "children").iterdir())
    assert sorted(path.name for path in (out / "children").iterdir()) == children
    for child in children:
        assert same(*(load(place / "children" / child / "evaluate" / "last.pt") for place in (out, whole_comparison)))
        assert weights(out / "children" / child / "evaluate") == weights(
            whole_comparison / "children" / child / "evaluate"
        )
    assert not list(out.rglob("*.part"))


def without_times(saved):
    """A selection's checkpoint without its seconds, and without the digest of the search's, which holds some."""
    return {**saved, "asked": {**saved["asked"], "supernet": ""}, "seconds": 0}


def test_a_tuned_selection_killed_at_random_and_repeated(run_killed, tmp_path):
    """Between the rounds weight decay moves even the alphas that are decided: they too go on from where they were."""
    whole, out = tmp_path / "whole", tmp_path / "run"
    assert main([*TUNED.split(), "--out", str(whole)]) == 0
    # of two steps in each of five rounds, after two of the search
    for step in random.Random(0).choices(range(4, 8), k=2):
        run_killed("torch.nn.utils.clip_grad_norm_", step, [*TUNED.split(), "--out", out])
    assert main([*TUNED.split(), "--out", str(out)]) == 0
    place = Path("seed0/perturbation@progressive")
    checkpoints = [without_times(load(folder / place / "select" / "last.pt")) for folder in (whole, out)]
    assert same(*checkpoints)
    assert (whole / place / "genotype.json").read_text() == (out / place / "genotype.json").read_text()
    assert rows(out / "summary.csv") == rows(whole / "summary.csv")


def test_alphas_are_complete_after_a_kill_between_them_and_the_last_checkpoint(whole_search, run_killed, tmp_path):
    out = tmp_path / "run"
    run_killed("darts_ext.search.supernet.write_alphas", 3, [*SEARCH.split(), "--out", out])
    assert main([*SEARCH.split(), "--out", str(out)]) == 0
    assert (out / "search" / "alphas.json").read_text() == (whole_search / "search" / "alphas.json").read_text()


def test_a_finished_run_repeated_changes_nothing(whole_comparison):
    before = {
        path: path.read_bytes()
        for path in whole_comparison.rglob("*")
        if path.suffix in (".pt", ".csv", ".safetensors")
    }
    assert main([*COMPARE.split(), "--out", str(whole_comparison)]) == 0
    assert all(path.read_bytes() == content for path, content in before.items())


def test_interrupt_says_how_to_go_on(tmp_path, monkeypatch, capsys):
    from darts_ext.search.bilevel import Search

    original = Search.run_epoch

    def interrupted(self, epoch, bar):
        if epoch == 1:
            raise KeyboardInterrupt
        return original(self, epoch, bar)

    monkeypatch.setattr(Search, "run_epoch", interrupted)
    assert main([*SEARCH.split(), "--out", str(tmp_path / "run")]) == 130
    assert "the same command goes on" in capsys.readouterr().err
    assert len(rows(tmp_path / "run" / "summary.csv")) == 1


def test_a_folder_made_before_there_was_a_setting_goes_on_with_its_default(tmp_path):
    write_settings(tmp_path, "search", {"epochs": 3})
    assert check_folder(tmp_path, "search", {"epochs": 3, "rescore": False}) == tmp_path
    with pytest.raises(UsageError, match="was made with rescore=None, now it is True"):
        check_folder(tmp_path, "search", {"epochs": 3, "rescore": True})
