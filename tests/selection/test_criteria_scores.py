"""Scores of criteria against their definitions, on networks that this project did not build into selection."""

from pathlib import Path

import pytest
import torch
from small_supernets import batch, supernet_of
from torch import nn
from torch.nn import functional as F

import selection
from selection import masked, score, select
from selection.testing import Planted, textures
from supernet import Supernet, create_space, from_quark0

FIXTURE = Path(__file__).parents[1] / "fixtures" / "quark0.pt"


def test_magnitude_takes_the_skips_where_perturbation_takes_the_convolutions_that_are_needed():
    net, batches = Planted(), [textures()]
    skips = dict.fromkeys(net.choices(), "skip_connect")
    convolutions = dict.fromkeys(net.choices(), "nor_conv_3x3")
    assert select(net, "magnitude").decisions == skips
    assert select(net, "parameters").decisions == convolutions
    # the two edges do the same: one at a time each of them can be spared
    for criterion in ("perturbation", "perturbation_loss"):
        assert select(net, criterion, "oneshot", batches=batches).decisions == convolutions


def accuracy_by_hand(net, batches):
    with torch.no_grad():
        right = sum(int((net(x).argmax(1) == y).sum()) for x, y in batches)
    return right / sum(len(y) for _, y in batches)


def test_removal_scores_are_differences_of_accuracies():
    net, batches = supernet_of("tiny").train(), [batch(6, size=4, seed=1), batch(5, size=4, seed=2)]
    base = accuracy_by_hand(net, batches)
    scores = score(net, "perturbation", batches)
    for choice, options in net.choices().items():
        for option in options:
            with masked(net, {choice: [option]}):
                assert scores[choice][option] == pytest.approx(base - accuracy_by_hand(net, batches), abs=1e-12)


@pytest.mark.parametrize("criterion", selection.list_criteria())
@pytest.mark.parametrize("space", ["tiny", "nasbench201"])
def test_criteria_leave_the_net_alone_and_repeat(criterion, space):
    net, batches = supernet_of(space).eval(), [batch(2, size=4)]
    net(batches[0][0]).sum().backward()
    state = {name: tensor.clone() for name, tensor in net.state_dict().items()}
    trained = [parameter for parameter in net.parameters() if parameter.grad is not None]
    gradients = [parameter.grad.clone() for parameter in trained]
    torch.manual_seed(5)
    random_state = torch.get_rng_state()
    first = select(net, criterion, batches=batches, seed=3)
    assert torch.equal(torch.get_rng_state(), random_state)
    assert all(torch.equal(tensor, state[name]) for name, tensor in net.state_dict().items())
    assert all(torch.equal(parameter.grad, gradient) for parameter, gradient in zip(trained, gradients))
    assert not any(module.training for module in net.modules())
    again = select(net, criterion, batches=batches, seed=3)
    assert (first.decisions, first.inputs, first.scores) == (again.decisions, again.inputs, again.scores)
    net.space.check(net.genotype(first.decisions, first.inputs))


def test_magnitude_is_darts_own_rule():
    """Decisions and topology as quark0/darts takes them, on alphas with ties and on alphas where `none` wins."""
    saved = torch.load(FIXTURE, weights_only=True)
    for name, alphas in saved["genotype_alphas"].items():
        net = from_quark0(saved["state_dict"], alphas[0], alphas[1])
        chosen = select(net, "magnitude")
        assert net.genotype(chosen.decisions, chosen.inputs).to_text() == saved["genotypes"][f"genotype_{name}"]


def test_residual_adds_every_skip_and_takes_first_activations_and_largest_operations():
    space = create_space("nasbench201", activations=("tanh", "relu"), added_skip=True)
    net = Supernet(space, channels=4, layers=1, num_classes=3, seed=0)
    chosen = select(net, "residual").decisions
    for choice, option in chosen.items():
        expected = {"op": "nor_conv_3x3", "act": "tanh", "skip": "add_skip"}[choice.rsplit("/", 1)[1]]
        assert option == expected, choice
    plain = supernet_of("nasbench201")
    assert select(plain, "residual").decisions == select(plain, "parameters").decisions


def test_random_depends_on_the_seed_only():
    net = supernet_of("darts")
    torch.manual_seed(1)
    first = select(net, "random", seed=4)
    torch.manual_seed(2)
    assert select(net, "random", seed=4).decisions == first.decisions
    assert select(net, "random", seed=5).decisions != first.decisions


@pytest.mark.parametrize("space", ["tiny", "nasbench201", "s4"])
def test_taylor_is_the_derivative_by_an_options_scale(space):
    """Against scaling each option's output by hand, up and down."""
    net, batches = supernet_of(space).train(), [batch(3, size=4, seed=3), batch(2, size=4, seed=4)]
    found = score(net, "taylor", batches)

    def loss_with(modules, scale):
        handles = [module.register_forward_hook(lambda module, inputs, output: output * scale) for module in modules]
        total = 0.0
        for x, y in batches:
            torch.manual_seed(0)
            total += float(F.cross_entropy(net(x), y, reduction="sum").detach())
        for handle in handles:
            handle.remove()
        return total / sum(len(y) for _, y in batches)

    if space == "s4":  # noise is drawn anew in every pass, here after a seed for each batch, there after one for all
        batches.pop()
        found = score(net, "taylor", batches)
    for choice, options in list(net.choices().items())[:: 7 if space == "s4" else 1]:
        for option, modules in options.items():
            slope = (loss_with(modules, 1 + 1e-7) - loss_with(modules, 1 - 1e-7)) / 2e-7  # small: kinks lie close
            assert found[choice][option] == pytest.approx(-slope, rel=1e-4, abs=1e-7)


def test_taylor_takes_one_pass_for_all_options():
    net, batches = supernet_of("nasbench201"), [batch(4)]
    made = select(net, "taylor", "oneshot", batches=batches)
    assert made.evaluations == 1
    assert not any(module._forward_hooks for module in net.modules())


def test_a_lift_and_a_measure_make_a_criterion():
    net, batches = Planted(), [textures()]
    assert score(net, "alone:ntk_min", batches) == score(net, "ntk", batches)
    few = {"images": 3}
    assert score(net, "ntk_min", batches, settings={"ntk_min": few}) == score(
        net, "ntk", batches, settings={"ntk": few}
    )
    assert score(net, "removal:loss", batches) == score(net, "perturbation_loss", batches)


def test_a_choice_that_only_its_order_decides_is_noted():
    net, batches = Planted(), [textures()]
    assert select(net, "perturbation", "oneshot", batches=batches).notes == []
    nn.init.zeros_(net.head.weight)
    tied = (
        "2 of 2 choices have equal best scores, as cell/0/op, and take the first option: "
        "more images, or a loss, may tell them apart"
    )
    assert select(net, "perturbation", "oneshot", batches=batches).notes == [tied]
