"""Tuning between the rounds of a selection, and a selection that is killed and repeated."""

import json
import shutil
from dataclasses import replace

import pytest
import torch

from darts_ext.cli import main
from darts_ext.config import DataSettings, SearchSettings
from darts_ext.data import Images, halves
from darts_ext.search import Search, Tuning
from selection import committed, masked
from supernet import Supernet, create_space

SMALL = (
    "--data digits --train_limit 80 --test_limit 60 --space tiny --channels 2 --layers 1 --batch_size 20 --epochs 1 "
    "--threads 1"
)
SELECT = "--tune_epochs 2 --tune_learning_rate_factor 0.5 --threads 1"
PROTOCOLS = {"paired": SELECT, "darts-pt": f"{SELECT} --protocol darts-pt"}
SETTINGS = SearchSettings(
    space="tiny",
    channels=2,
    layers=1,
    batch_size=20,
    learning_rate=0.2,
    alpha_learning_rate=0.1,
    epochs=3,
    average="ema",
)


@pytest.fixture(scope="module")
def searched(tmp_path_factory):
    out = tmp_path_factory.mktemp("tuning") / "searched"
    assert main(["search", *SMALL.split(), "--alpha_learning_rate", "0.1", "--out", str(out)]) == 0
    return out


@pytest.fixture(scope="module", params=PROTOCOLS)
def whole(request, searched, tmp_path_factory):
    """The options of a selection, and its folder when nothing went wrong."""
    out = shutil.copytree(searched, tmp_path_factory.mktemp(request.param) / "run")
    assert main(["select", str(out), *PROTOCOLS[request.param].split()]) == 0
    return PROTOCOLS[request.param].split(), out


def outcome(folder):
    """All that a selection found, but for the seconds."""
    found = json.loads((folder / "scores.json").read_text())
    found.pop("seconds")
    return found, json.loads((folder / "genotype.json").read_text())


def same(a, b):
    if isinstance(a, torch.Tensor):
        return torch.equal(a, b)
    if isinstance(a, dict):
        return a.keys() == b.keys() and all(same(a[key], b[key]) for key in a if key not in ("seconds", "expected"))
    if isinstance(a, (list, tuple)):
        return len(a) == len(b) and all(map(same, a, b))
    return a == b


def checkpoint(folder):
    return torch.load(folder / "select" / "last.pt", weights_only=True)


@pytest.mark.parametrize(
    ("where", "number"),
    [
        ("torch.nn.utils.clip_grad_norm_", 6),  # in the second round's tuning: two steps an epoch, two epochs a round
        ("selection.budget.Budget.count", 9),  # while a later round is scored
        ("darts_ext.select.choosing.save_checkpoint", 6),  # the last round is done, and not yet written down
    ],
)
def test_a_selection_that_is_killed_and_repeated_ends_as_an_uninterrupted_one(
    whole, searched, run_killed, tmp_path, capsys, where, number
):
    options, expected = whole
    out = shutil.copytree(searched, tmp_path / "run")
    run_killed(where, number, ["select", out, *options])
    assert (out / "select" / "last.pt").exists()
    assert not (out / "scores.json").exists()
    before = checkpoint(out)["progress"]["done"]
    assert main(["select", str(out), *options]) == 0
    assert f"goes on after {before} of 6 rounds" in capsys.readouterr().err
    assert outcome(out) == outcome(expected)
    mine, theirs = checkpoint(out), checkpoint(expected)
    for saved in (mine, theirs):  # rows of alpha that are decided are far apart, and how far does not matter
        net = saved["tuning"]["net"]
        for name in [name for name in net if name.startswith("alphas")]:
            del net[name]
        saved["tuning"].pop("alpha_optimizer")
    assert same(mine, theirs)


def test_the_search_is_left_as_it_was_and_a_repeated_selection_is_read(whole, searched, monkeypatch):
    options, out = whole
    assert (out / "search" / "last.pt").read_bytes() == (searched / "search" / "last.pt").read_bytes()
    assert not list(out.rglob("*.part"))
    before = outcome(out)
    monkeypatch.setattr(Tuning, "run_round", lambda *_: pytest.fail("tuned again"))
    assert main(["select", str(out), *options]) == 0
    assert outcome(out) == before


def test_history_tells_the_value_of_the_tuned_supernet(whole):
    scores, _ = outcome(whole[1])
    assert [len(row["decided"]) for row in scores["history"]] == [1] * 6
    assert all(0 <= row["value"] <= 1 for row in scores["history"])
    assert len({row["value"] for row in scores["history"]}) > 1


def test_other_settings_start_anew(searched, tmp_path, capsys):
    out = shutil.copytree(searched, tmp_path / "run")
    command = ["select", str(out), "--strategy", "progressive", "--threads", "1"]
    assert main([*command, "--tune_epochs", "1"]) == 0
    assert main(command) == 0
    assert "goes on" not in capsys.readouterr().err
    untuned = outcome(out)
    shutil.rmtree(out / "select")
    assert main(command) == 0
    assert outcome(out) == untuned


def test_a_broken_checkpoint_is_named(searched, tmp_path, capsys):
    out = shutil.copytree(searched, tmp_path / "run")
    (out / "select").mkdir()
    (out / "select" / "last.pt").write_bytes(b"half")
    assert main(["select", str(out), "--tune_epochs", "1"]) == 2
    assert "select/last.pt cannot be read as a checkpoint" in capsys.readouterr().err.replace("\\", "/")
    assert not (out / "scores.json").exists()


# the training itself


def create_stage(kind=Tuning, **changes):
    settings = replace(SETTINGS, **changes)
    images = Images(DataSettings(train_limit=120, test_limit=20), torch.device("cpu"), seed=0)
    net = Supernet(create_space("tiny"), channels=2, layers=1, seed=0, **images.task)
    train, val = halves(images.dataset, 0.5, 0)
    batches = [images.augmented(train, 20, "a"), images.augmented(val, 20, "b"), images.clean(val)]
    options = {"epochs": 2, "factor": 0.1} if kind is Tuning else {}
    return kind(net, settings, *batches, 0, **options)


def steps(iterable, _):
    return iterable


def rows(net):
    return {name: row.detach().clone() for name, row in net.logits().items()}


def test_the_rate_is_a_tenth_and_constant_and_momentum_goes_on():
    tuning, rates = create_stage(), []
    optimizer = tuning.weight_optimizer
    original = optimizer.step

    def step():
        rates.append(optimizer.param_groups[0]["lr"])
        original()

    optimizer.step = step
    tuning.run_round(steps)
    momentum = [state["momentum_buffer"] for state in optimizer.state.values()]
    tuning.run_round(steps)
    assert rates == [pytest.approx(0.02)] * 12
    for state, before in zip(optimizer.state.values(), momentum, strict=True):
        assert state["momentum_buffer"] is before
    assert tuning.average.model is None


@pytest.mark.parametrize("kind", ["first", "finite_difference", "exact"])
def test_decided_choices_stay_and_others_learn_on(kind):
    tuning = create_stage(hypergradient=kind)
    net, before = tuning.net, rows(tuning.net)
    gone = net.choices()["normal/0/op"]["sep_conv_3x3"][0]
    weights = [weight.detach().clone() for weight in gone.parameters()]
    with (
        committed(net, "normal/0/op", "skip_connect"),
        masked(net, {"normal/1/op": list(net.choices()["normal/1/op"])}),
    ):
        tuning.run_round(steps)
        assert net.logits()["normal/0/op"].softmax(0).tolist() == [0.0, 1.0, 0.0]
        after = rows(net)
    for name in before.keys() - {"normal/0/op", "normal/1/op"}:
        assert not torch.equal(before[name], after[name]), name
    assert weights
    assert all(torch.equal(weight, now) for weight, now in zip(weights, gone.parameters(), strict=True))


def test_fixed_alphas_stay_fixed():
    tuning = create_stage(alpha="fixed")
    before = rows(tuning.net)
    tuning.run_round(steps)
    assert same(before, rows(tuning.net))


def test_tuning_goes_on_from_its_state():
    whole, first, second = create_stage(), create_stage(), create_stage()
    for _ in range(2):
        whole.run_round(steps)
    first.run_round(steps)
    second.load(first.state())
    second.run_round(steps)
    assert same(whole.state(), second.state())


def test_the_row_of_a_search_begins_with_training_and_validation():
    search = create_stage(Search, average="none")
    row = search.run_epoch(0, steps)
    assert list(row)[:5] == ["learning_rate", "train_loss", "train_accuracy", "val_loss", "val_accuracy"]
