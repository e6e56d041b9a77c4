"""What gates do to a network, and that they undo it."""

import warnings

import pytest
import torch
from small_supernets import batch, supernet_of
from torch import nn
from torch.nn import functional as F

from selection import SelectionError, committed, masked, ntk, preserved
from selection.testing import Planted, textures


@pytest.mark.parametrize("space", ["tiny", "nasbench201", "darts", "s1"])
def test_a_mask_is_a_zero_weight_not_renormalised(space):
    net, (x, _) = supernet_of(space).train(), batch(4)
    rows = net.mixing_weights()
    choices = list(net.choices().items())
    for choice, options in choices[:: len(choices) // 2]:
        group, row, _ = choice.split("/")
        for column, option in enumerate(options):
            weights = {name: tensor.clone() for name, tensor in rows.items()}
            weights[group][int(row), column] = 0
            net.mixing_weights = lambda weights=weights: weights
            expected = net(x)
            del net.mixing_weights
            with masked(net, {choice: [option]}):
                got = net(x)
            assert torch.allclose(got, expected, rtol=1e-10, atol=1e-12)


def test_masks_are_undone_exactly_also_after_an_exception():
    net, (x, _) = supernet_of("tiny").eval(), batch()
    before, state = net(x), {name: tensor.clone() for name, tensor in net.state_dict().items()}
    choice, (first, second, _) = "normal/0/op", list(net.choices()["normal/0/op"])
    with pytest.raises(ZeroDivisionError), masked(net, {choice: [first]}), masked(net, {choice: [first, second]}):
        assert not torch.equal(net(x), before)
        raise ZeroDivisionError
    assert torch.equal(net(x), before)
    assert all(torch.equal(tensor, state[name]) for name, tensor in net.state_dict().items())
    assert not any("forward" in module.__dict__ for module in net.modules())


def test_a_masked_option_is_not_computed():
    net, (x, _) = supernet_of("nasbench201"), batch()
    calls = []
    convolution = net.choices()["cell/0/op"]["nor_conv_3x3"]
    for module in convolution:
        module[1].register_forward_hook(lambda *_: calls.append(1))
    net(x)
    assert len(calls) == len(convolution)
    with masked(net, {"cell/0/op": ["nor_conv_3x3"]}):
        net(x)
    assert len(calls) == len(convolution)


@pytest.mark.parametrize("wrong", [{"cell/9/op": ["none"]}, {"cell/0/op": ["skip"]}])
def test_a_mask_of_an_unknown_choice_or_option_is_refused(wrong):
    with pytest.raises(SelectionError, match="did you mean"), masked(supernet_of("nasbench201"), wrong):
        pass


def test_masked_options_need_no_formula_and_no_warning():
    net, (x, _) = Planted().double(), textures()
    convolutions = {choice: ["nor_conv_3x3"] for choice in net.choices()}
    of_convolutions = {"parameters": lambda name, _: "nor_conv" in name, "outputs": "trace"}
    assert ntk(net, x.double(), **of_convolutions).any()
    with warnings.catch_warnings(), masked(net, convolutions):
        warnings.simplefilter("error")
        kernel = ntk(net, x.double(), **of_convolutions)
    assert not kernel.any()


def test_committed_choices_stay_committed_while_others_train():
    net, (x, y) = supernet_of("nasbench201").train(), batch()
    alphas = [alpha.clone() for alpha in net.arch_parameters()]
    plain = net(x)
    with committed(net, "cell/0/op", "nor_conv_3x3"), committed(net, "cell/3/op", "skip_connect"):
        assert torch.equal(net.mixing_weights()["cell"][0], torch.tensor([0.0, 0, 0, 1, 0]).double())
        optimizer = torch.optim.Adam(net.arch_parameters(), 0.1)
        for _ in range(3):
            optimizer.zero_grad()
            F.cross_entropy(net(x), y).backward()
            assert not net.alphas["cell"].grad[[0, 3]].any()
            assert net.alphas["cell"].grad[1].any()
            optimizer.step()
        assert torch.equal(net.mixing_weights()["cell"][3], torch.tensor([0.0, 1, 0, 0, 0]).double())
    assert torch.equal(net.alphas["cell"][[0, 3]], alphas[0][[0, 3]])
    assert not torch.equal(net.alphas["cell"][1], alphas[0][1])
    with torch.no_grad():
        net.alphas["cell"].copy_(alphas[0])
    assert torch.equal(net(x), plain)


def test_a_decision_that_training_has_moved_stays_where_it_is():
    """As where a selection goes on after a kill, on the network as it was then."""
    net = supernet_of("nasbench201")
    alphas = net.alphas["cell"]
    with committed(net, "cell/0/op", "skip_connect"):
        with torch.no_grad():
            alphas[0].mul_(1 - 1e-6)  # weight decay
        moved = alphas[0].clone()
        with committed(net, "cell/0/op", "skip_connect"):
            assert torch.equal(alphas[0], moved)
        with committed(net, "cell/0/op", "none"):
            assert torch.equal(net.mixing_weights()["cell"][0], torch.tensor([1.0, 0, 0, 0, 0]).double())


def test_a_commit_that_cannot_be_changes_nothing():
    net = supernet_of("nasbench201")
    alphas = net.alphas["cell"].detach().clone()
    for choice, option in [("cell/0/op", "skip"), ("cell/9/op", "none")]:
        with pytest.raises(SelectionError, match="unknown option"), committed(net, choice, option):
            pass
    with pytest.raises(ZeroDivisionError), committed(net, "cell/0/op", "none"):
        assert not torch.equal(net.alphas["cell"], alphas)
        raise ZeroDivisionError
    assert torch.equal(net.alphas["cell"], alphas)
    assert not any("forward" in module.__dict__ for module in net.modules())


def test_preserved_restores_after_an_exception():
    net = nn.Sequential(nn.BatchNorm1d(3)).train()
    mean, random_state = net[0].running_mean.clone(), torch.get_rng_state()
    with pytest.raises(ZeroDivisionError), preserved(net, seed=1):
        net(torch.randn(4, 3))
        net.eval()
        raise ZeroDivisionError
    assert torch.equal(net[0].running_mean, mean)
    assert net.training
    assert torch.equal(torch.get_rng_state(), random_state)
