"""Options that the accuracy does not tell apart are told apart by the loss."""

from itertools import islice

import pytest
import torch
from torch import nn
from torch.nn import functional as F

from selection import SelectionError, masked, select
from selection.gates import committed
from tests.selection.toy_network import Toy, points

BATCHES = points(12)
X, Y = BATCHES[0]


@torch.no_grad()
def accuracy_of(net):
    return float((net(X).argmax(1) == Y).float().mean())


@torch.no_grad()
def loss_of(net):
    return float(F.cross_entropy(net(X).double(), Y))


def decide_by_hand(net, choice):
    """Returns the allowed option whose removal costs most accuracy, then most loss; and the options that are tied."""
    accuracies, losses = {}, {}
    for option in ("a", "b"):
        with masked(net, {choice: [option]}):
            accuracies[option], losses[option] = accuracy_of(net), loss_of(net)
    tied = [option for option in accuracies if accuracies[option] == min(accuracies.values())]
    return max(tied, key=lambda option: losses[option]), tied


def networks_with_ties(count=12):
    """Yields toys with a choice that the accuracy leaves open, and in which the loss takes the second option."""
    return islice(_find_networks_with_ties(), count)


def _find_networks_with_ties():
    for seed in range(200):
        net = Toy()
        with torch.no_grad():
            generator = torch.Generator().manual_seed(seed)
            for parameter in net.parameters():
                parameter.copy_(torch.randn(parameter.shape, generator=generator))
        found = {choice: decide_by_hand(net, choice) for choice in net.choices()}
        if any(option == "b" and len(tied) == 2 for option, tied in found.values()):
            yield net, found


@pytest.mark.parametrize("race", [0.0, 0.05])
def test_the_loss_decides_between_options_of_equal_accuracy(race):
    nets = list(networks_with_ties())
    assert len(nets) > 10
    for net, found in nets:
        made = select(net, "perturbation", "oneshot", batches=BATCHES, race=race)
        assert made.decisions == {choice: option for choice, (option, _) in found.items()}
        assert set(made.settled) == {choice for choice, (_, tied) in found.items() if len(tied) > 1}


def test_what_settled_is_the_drop_of_the_loss_and_is_said_and_counted():
    net, found = next(networks_with_ties())
    made = select(net, "perturbation", "oneshot", batches=BATCHES)
    for choice, scores in made.settled.items():
        assert list(scores) == found[choice][1]
        for option, value in scores.items():
            with masked(net, {choice: [option]}):
                without = loss_of(net)
            assert value == pytest.approx(without - loss_of(net), abs=1e-5)
    number = len(made.settled)
    options = 1 + sum(map(len, net.choices().values())) + 2  # two edges compete
    assert made.evaluations >= options + 1 + 3 * number
    assert any(f"{number} of 3 choices have equal best scores" in note for note in made.notes)
    assert any("the loss of" in note or "the loss without" in note for note in made.notes)


def test_each_round_of_a_progressive_selection_settles_on_the_network_as_it_is_then():
    for net, _ in networks_with_ties():
        made = select(net, "perturbation", "progressive", batches=BATCHES, order="fixed")
        first, second, _ = net.choices()
        assert made.decisions[first] == decide_by_hand(net, first)[0]
        with committed(net, first, made.decisions[first]):
            assert made.decisions[second] == decide_by_hand(net, second)[0]


def test_edges_of_equal_accuracy_are_dropped_by_the_loss():
    """Both inputs of the last node answer alike on their own: the loss says which one stays."""
    dropped_first = 0
    for net, _ in networks_with_ties(60):
        made = select(net, "perturbation", "oneshot", batches=BATCHES)
        losses, accuracies = {}, {}
        for name in ("layer/1/op", "layer/2/op"):
            with masked(net, {name: list("abc")}):
                losses[name], accuracies[name] = loss_of(net), accuracy_of(net)
        if len(set(accuracies.values())) == 1:
            assert made.inputs["layer/n2"] == [max(losses, key=losses.__getitem__)]
            dropped_first += made.inputs["layer/n2"] == ["layer/2/op"]
    assert dropped_first > 2


def test_the_protocol_of_darts_pt_takes_the_first_as_its_code_does():
    net, found = next(networks_with_ties())
    made = select(net, "perturbation", "oneshot", batches=BATCHES, protocol="darts-pt")
    assert made.settled == {}
    assert made.decisions == {choice: tied[0] for choice, (_, tied) in found.items()}


def test_a_metric_of_ones_own_is_not_settled_by_the_loss():
    net, _ = next(networks_with_ties())
    made = select(net, "perturbation", "oneshot", batches=BATCHES, metric=lambda outputs, y: 1.0)
    assert made.settled == {}
    assert set(made.decisions.values()) == {"a"}


def test_a_loss_of_ones_own_settles():
    """It is the negative of the usual one, and so takes the other option."""
    net, found = next(networks_with_ties())
    made = select(net, "perturbation", "oneshot", batches=BATCHES, loss=lambda outputs, y: -F.cross_entropy(outputs, y))
    for choice, (option, tied) in found.items():
        if len(tied) == 2:
            assert made.decisions[choice] != option


def test_a_loss_that_is_not_a_number_settles_nothing():
    net, _ = next(networks_with_ties())

    def fail(outputs, y):
        return outputs.sum() * float("nan")

    made = select(net, "perturbation", "oneshot", batches=BATCHES, loss=fail)
    assert made.settled == {}
    with pytest.raises(SelectionError):
        select(net, "perturbation_loss", "oneshot", batches=BATCHES, loss=fail)


def test_options_that_are_one_and_the_same_are_still_noted_as_a_tie():
    net = Toy()
    for edge in net.edges:
        edge["b"].load_state_dict(edge["a"].state_dict())
    nn.init.zeros_(net.alphas)
    made = select(net, "perturbation", "oneshot", batches=BATCHES)
    assert set(made.decisions.values()) == {"a"}
    assert any("take the first option" in note for note in made.notes)
