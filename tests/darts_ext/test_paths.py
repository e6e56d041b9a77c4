"""Supernets that are trained by single paths."""

import copy
import json

import pytest
import torch
from small_supernets import batch, supernet_of
from torch.nn import functional as F

from darts_ext.cli import main
from darts_ext.search.paths import compute_gradients, draw_fair_paths, draw_paths, evaluate_paths
from selection import Task
from selection.architecture import draw_architecture
from selection.protocol import allowed_options

SPACES = ["nasbench201", "tiny", "darts"]


@pytest.mark.parametrize("name", SPACES)
def test_fair_paths_have_every_option_once(name):
    net = supernet_of(name)
    paths = draw_fair_paths(net, torch.Generator().manual_seed(0))
    for choice in net.choices():
        options = allowed_options(net, choice)
        assert len(paths) == len(options)
        assert sorted(path.options[choice] for path in paths) == sorted(options)


@pytest.mark.parametrize("name", ["nasbench201", "tiny"])
def test_a_single_path_trains_the_weights_of_its_architecture_alone(name):
    net = supernet_of(name).double()
    x, y = batch(8, size=16)
    x = x.double()
    path = draw_architecture(net, torch.Generator().manual_seed(3))
    weights = list(net.weight_parameters())
    loss, logits, gradients = compute_gradients(net.train(), [path], x, y, weights, Task("cross_entropy"))
    torch.testing.assert_close(loss, F.cross_entropy(logits, y))
    used = {id(weight) for weight, gradient in zip(weights, gradients) if gradient is not None}
    for choice, options in net.choices().items():
        for option, modules in options.items():
            chosen = choice not in path.gone and path.options[choice] == option
            for module in modules:
                for parameter in module.parameters():
                    assert chosen or id(parameter) not in used


def test_fair_paths_add_up_their_gradients():
    net = supernet_of("nasbench201").double().train()
    x, y = batch(8, size=16)
    paths = draw_fair_paths(net, torch.Generator().manual_seed(0))
    weights, task = list(net.weight_parameters()), Task("cross_entropy")
    total = [torch.zeros_like(weight) for weight in weights]
    for path in paths:
        *_, gradients = compute_gradients(net, [path], x.double(), y, weights, task)
        for place, gradient in zip(total, gradients):
            if gradient is not None:
                place += gradient
    *_, together = compute_gradients(net, paths, x.double(), y, weights, task)
    for place, gradient in zip(total, together):
        torch.testing.assert_close(place, torch.zeros_like(place) if gradient is None else gradient)


def test_paths_depend_on_seed_and_epoch_alone():
    net = supernet_of("tiny")

    def draw(seed, epoch):
        paths = draw_paths(net, "single_path", seed, epoch)
        return [next(paths)[0].key() for _ in range(8)]

    assert draw(0, 0) == draw(0, 0)
    assert draw(0, 0) != draw(0, 1) != draw(1, 0)


def test_random_architectures_are_evaluated_with_the_statistics_of_the_batch():
    net = supernet_of("nasbench201")
    x, y = batch(8, size=16)
    before = copy.deepcopy(net.state_dict())
    row = evaluate_paths(net, [(x, y)], 0, 0, Task("cross_entropy"))
    assert set(row) == {"val_loss", "val_accuracy"}
    assert all(torch.equal(value, before[name]) for name, value in net.state_dict().items())


CELLS = [
    *"--space nasbench201 --channels 2 --layers 1 --batch_size 20 --threads 1".split(),
    *"--data digits --train_limit 120 --test_limit 60".split(),
]


def test_inherited_weights_of_a_mixture_are_remarked_on(tmp_path):
    for relaxation, remarks in (("softmax", True), ("single_path", False)):
        out = tmp_path / relaxation
        assert main(["search", *CELLS, "--relaxation", relaxation, "--epochs", "1", "--out", str(out)]) == 0
        assert main(["select", str(out), "--criterion", "loss@sample", "--candidates", "3"]) == 0
        notes = json.loads((out / "scores.json").read_text())["notes"]
        assert any("were not trained for them" in note for note in notes) == remarks


def test_tuning_between_decisions_is_of_mixtures(tmp_path, capsys):
    out = tmp_path / "run"
    assert main(["search", *CELLS, "--relaxation", "single_path", "--epochs", "1", "--out", str(out)]) == 0
    assert main(["select", str(out), "--criterion", "perturbation", "--tune_epochs", "1"]) == 2
    assert "is trained by single_path" in capsys.readouterr().err.strip().splitlines()[-1]
    assert main(["search", *CELLS, "--relaxation", "one_path", "--epochs", "1", "--out", str(tmp_path / "no")]) == 2
    assert "relaxation is softmax, sigmoid" in capsys.readouterr().err.strip().splitlines()[-1]
