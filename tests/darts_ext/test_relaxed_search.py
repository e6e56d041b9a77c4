"""Searches whose supernets are mixed by other relaxations than softmax."""

import csv
import json

import pytest
import torch
from small_searches import bar, search_of
from small_supernets import batch
from torch.nn import functional as F

from darts_ext.cli import main
from darts_ext.config.search import RELAXATIONS
from darts_ext.search import hypergradient
from darts_ext.search.bilevel import Search, one_draw
from darts_ext.search.skipdrop import skips_dropped
from supernet import list_relaxations

CELLS = [
    *"--space nasbench201 --channels 2 --layers 1 --batch_size 20 --threads 1".split(),
    *"--data digits --train_limit 120 --test_limit 60".split(),
]


def test_the_command_line_knows_every_relaxation():
    assert sorted(RELAXATIONS) == list_relaxations()


TRAINERS = [
    *RELAXATIONS,
    "softmax --smooth adversarial --beta_decay 5",
    "sigmoid --partial_channels 2 --channels 4 --auxiliary_skip true --skip_dropout 0.3",
]


@pytest.mark.parametrize("relaxation", TRAINERS)
def test_a_search_goes_on_where_it_was(relaxation, tmp_path):
    words = ["search", *CELLS, "--relaxation", *relaxation.split(), "--epochs", "2"]
    assert main([*words, "--out", str(tmp_path / "whole")]) == 0

    class Killed(Exception):
        pass

    original = Search.run_epoch

    def stop(self, epoch, bar):
        if epoch == 1:
            raise Killed
        return original(self, epoch, bar)

    Search.run_epoch = stop
    try:
        with pytest.raises(Killed):
            main([*words, "--out", str(tmp_path / "cut")])
    finally:
        Search.run_epoch = original
    assert main([*words, "--out", str(tmp_path / "cut")]) == 0
    ends = [torch.load(tmp_path / name / "search" / "last.pt", weights_only=True) for name in ("whole", "cut")]
    nets = [end["stage"]["net"] for end in ends]
    assert all(torch.equal(value, nets[1][name]) for name, value in nets[0].items())
    with (tmp_path / "whole" / "summary.csv").open(newline="") as file:
        assert all(float(row["val_loss"]) > 0 for row in csv.DictReader(file))


def test_the_temperature_falls_over_the_epochs():
    search = search_of("gumbel")
    seen = []
    for epoch in range(5):
        search.train_epoch(epoch, bar)
        seen.append(search.net.relaxation.progress)
    assert seen == [0.0, 0.25, 0.5, 0.75, 1.0]


@pytest.mark.parametrize(("name", "setting"), [("sigmoid", "zero_one"), ("dirichlet", "kl")])
def test_the_penalty_moves_the_alphas(name, setting):
    """Its gradient is added to that of the validation loss."""
    gradients = []
    for weight in (0.0, 3.0):
        search = search_of(name)
        setattr(search.net.relaxation, setting, weight)
        torch.manual_seed(0)
        search.alpha_optimizer = torch.optim.SGD(search.net.arch_parameters(), lr=1.0)
        before = [alpha.detach().clone() for alpha in search.net.arch_parameters()]
        (one,) = search.train
        search._alpha_step(one, one)
        after = search.net.arch_parameters()
        gradients.append([a - b.detach() for a, b in zip(before, after)])
        alphas = [alpha.clone().requires_grad_() for alpha in before]
        penalty = search.net.relaxation.penalty(alphas)
    expected = torch.autograd.grad(penalty, alphas)
    for without, with_it, added in zip(*gradients, expected):
        torch.testing.assert_close(with_it - without, added)


@pytest.mark.parametrize("name", ["gumbel", "gdas", "reinmax", "dirichlet"])
def test_the_terms_of_a_second_order_gradient_see_one_mixture(name):
    net = search_of(name).net
    x, y = batch(8)
    data = (x.double(), y)
    optimizer = torch.optim.SGD(net.weight_parameters(), lr=0.05, momentum=0.9)
    seen, weigh = [], net.relaxation.weigh

    def record(alpha):
        weights = weigh(alpha)
        seen.append(weights.detach().clone())
        return weights

    net.relaxation.weigh = record
    for _ in range(2):
        with one_draw(net):
            hypergradient("finite_difference", net, F.cross_entropy, data, data, optimizer)
    assert len(seen) == 2 * 4  # train, val, and to both sides
    assert all(torch.equal(weights, seen[0]) for weights in seen[:4])
    assert not torch.equal(seen[0], seen[4])
    assert net.draw_seed is None


@pytest.mark.parametrize("relaxation", ["sigmoid", "gdas"])
def test_every_kind_of_criterion_chooses_on_them(relaxation, tmp_path):
    out = tmp_path / "run"
    assert main(["search", *CELLS, "--relaxation", relaxation, "--epochs", "1", "--out", str(out)]) == 0
    words = [
        "--criterion",
        "perturbation@progressive",
        "--tune_epochs",
        "0.5",
        "--select_images",
        "20",
        "--threads",
        "1",
    ]
    assert main(["select", str(out), *words]) == 0
    assert len(json.loads((out / "scores.json").read_text())["decisions"]) == 6
    for criterion in ("magnitude", "taylor"):
        assert main(["select", str(out), "--criterion", criterion, "--select_images", "20"]) == 0


def test_skip_connections_drop_their_values_while_training():
    net = search_of("softmax").net
    skips = [module for options in net.choices().values() for module in options["skip_connect"]]
    x = torch.ones(2, 4, 8, 8, dtype=torch.float64)
    identity = next(module for module in skips if not list(module.parameters()))
    with skips_dropped(net.train(), 0.25):
        torch.manual_seed(0)
        values, counts = torch.cat([identity(x) for _ in range(40)]).unique(return_counts=True)
        assert torch.equal(values, torch.tensor([0, 4 / 3], dtype=torch.float64))
        assert float(counts[0] / counts.sum()) == pytest.approx(0.25, abs=0.01)
        net.eval()
        assert torch.equal(identity(x), x)
    assert torch.equal(identity.train()(x), x)
    torch.manual_seed(0)
    with skips_dropped(net.train(), 0.25):
        dropped = net(batch(8)[0].double())
    assert not torch.allclose(dropped, net(batch(8)[0].double()))


def test_alphas_and_betas_start_after_the_warm_up():
    net = {"channels": 8, "partial_channels": 2}
    search = search_of("softmax", net=net, alpha_warm_up=2, alpha_learning_rate=0.1, alpha_weight_decay=0.0)
    moved = []
    for epoch in range(4):
        before = [alpha.detach().clone() for alpha in search.net.arch_parameters()]
        search.train_epoch(epoch, bar)
        moved.append([not torch.equal(a, b) for a, b in zip(before, search.net.arch_parameters())])
    assert moved == [[False, False], [False, False], [True, True], [True, True]]


def test_settings_of_another_relaxation_are_refused(tmp_path, capsys):
    out = str(tmp_path / "run")
    assert main(["search", *CELLS, "--relaxation", "gdas", "--kl", "1", "--epochs", "1", "--out", out]) == 2
    assert capsys.readouterr().err.strip().splitlines()[-1].endswith("relaxation gdas does not take kl")
    assert not (tmp_path / "run").exists()
    assert main(["search", *CELLS, "--relaxation", "gdas", "--temperature", "0", "--epochs", "1", "--out", out]) == 2


def test_the_weight_of_the_auxiliary_skips_falls_to_nothing():
    search = search_of("softmax", auxiliary_skip=True, net={"auxiliary_skip": True})
    seen = []
    for epoch in range(5):
        search.train_epoch(epoch, bar)
        seen.append(search.net.auxiliary_weight)
    assert seen == [1.0, 0.75, 0.5, 0.25, 0.0]


def test_space_mlp_has_no_edges_for_auxiliary_skips(tmp_path, capsys):
    words = "search --space mlp --data digits --epochs 1 --auxiliary_skip true --out".split()
    assert main([*words, str(tmp_path / "run")]) == 2
    assert "leave it out" in capsys.readouterr().err
