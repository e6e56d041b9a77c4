"""SmoothDARTS and beta-DARTS: the moved mixture against the search for it written out, and what each is for."""

import math

import pytest
import torch
from small_searches import bar, search_of
from small_supernets import batch
from torch.nn import functional as F

from darts_ext.runtime.errors import UsageError
from darts_ext.search.bilevel import compute_beta_decay
from darts_ext.search.smoothing import STEPS, clip, mixed_by, move_randomly, move_to_the_worst, smoothed
from supernet import Supernet, create_space


def net_and_loss():
    net = Supernet(create_space("tiny"), channels=4, layers=3, num_classes=4, seed=0).double()
    x, y = batch(8)
    net.train()(x.double())  # statistics for eval mode
    return net, lambda: F.cross_entropy(net(x.double()), y)


def clip_by_hand(row):
    kept = [min(max(value, 0.0), 1.0) for value in row]
    if sum(kept) == 0:
        kept[row.index(max(row))] = 1.0
    return [value / sum(kept) for value in kept]


def test_rows_stay_shares():
    rows = torch.tensor([[0.5, 0.7, -0.1], [1.4, 0.2, 0.1], [-0.3, -0.1, -0.2], [0.2, 0.3, 0.5]], dtype=torch.float64)
    torch.testing.assert_close(clip(rows), torch.tensor([clip_by_hand(row) for row in rows.tolist()]).double())


def test_random_moves_are_within_the_radius_before_they_are_clipped():
    before = {"a": torch.full((4000, 2), 0.5, dtype=torch.float64)}
    torch.manual_seed(0)
    moved = move_randomly(before, 0.2)["a"]
    assert torch.allclose(moved.sum(1), torch.ones(4000).double())
    torch.manual_seed(0)
    noise = torch.empty(4000, 2, dtype=torch.float64).uniform_(-0.2, 0.2)
    torch.testing.assert_close(moved, (0.5 + noise) / (0.5 + noise).sum(1, keepdim=True))


def test_the_worst_mixture_is_found_as_written_down():
    net, loss = net_and_loss()
    net.eval()
    radius, (name, weights) = 0.2, next(iter(net.mixing_weights().items()))
    before = weights.detach()
    found = move_to_the_worst(net, {name: before}, {name: before}, radius, loss)[name]
    now = before.clone()
    for _ in range(STEPS):
        slopes = torch.zeros_like(now)
        for index in range(now.numel()):  # by central differences
            ends = []
            for sign in (1, -1):
                near = now.clone()
                near.view(-1)[index] += sign * 1e-6
                with mixed_by(net, {name: near}), torch.no_grad():
                    ends.append(loss())
            slopes.view(-1)[index] = (ends[0] - ends[1]).sign()
        stepped = now + 2 * radius / STEPS * slopes
        moved = before + (stepped - before).clamp(-radius, radius)
        now = torch.tensor([clip_by_hand(row) for row in moved.tolist()], dtype=torch.float64)
    torch.testing.assert_close(found, now)
    with torch.no_grad():
        plain = loss()
        with mixed_by(net, {name: found}):
            assert loss() > plain


def test_a_mixture_that_is_no_worse_is_not_taken():
    net, loss = net_and_loss()
    net.eval()
    before = {name: weights.detach() for name, weights in net.mixing_weights().items()}
    sinking = iter(range(100, 0, -1))
    assert move_to_the_worst(net, before, before, 0.2, lambda: loss() * 0 + next(sinking)) is not before
    rising = iter(range(100))
    assert move_to_the_worst(net, before, before, 0.2, lambda: loss() * 0 + next(rising)) is before


@pytest.mark.parametrize("kind", ["random", "adversarial"])
def test_all_is_as_before_after_a_step(kind):
    net, loss = net_and_loss()
    with torch.no_grad():
        for choice, alpha in list(net.logits().items())[:1]:
            alpha.copy_(net.commitment(choice, net.space.choices()[choice][0]))
    kept = {name: value.clone() for name, value in net.state_dict().items()}
    decided = {name: weights.amax(-1) == 1 for name, weights in net.mixing_weights().items()}
    with smoothed(net, kind, 0.3, loss):
        assert net.training
        for name, weights in net.mixing_weights().items():
            assert not weights.requires_grad
            torch.testing.assert_close(weights.sum(-1), torch.ones(len(weights)).double())
            assert (weights.amax(-1)[decided[name]] == 1).all()
    assert net.held_mixing is None
    assert all(torch.equal(value, kept[name]) for name, value in net.state_dict().items())


def test_smoothing_needs_weights_that_add_up_to_one():
    with pytest.raises(UsageError, match="as those of softmax, gumbel or dirichlet, and relaxation is gdas"):
        search_of("gdas", smooth="random")


@pytest.mark.parametrize(("kind", "epochs"), [("random", 40), ("adversarial", 15)])
def test_weights_trained_smoothly_lose_less_where_the_mixture_moves(kind, epochs):
    """What random moves add to the loss, beside plain training, on the images that the weights are trained on."""
    added = {}
    for smooth in ("none", kind):
        search = search_of("softmax", smooth=smooth, alpha="fixed", learning_rate=0.1)
        torch.manual_seed(0)
        for _ in range(epochs):
            search.train_epoch(4, bar)
        net, (one,) = search.net.train(), search.train
        before = {name: weights.detach() for name, weights in net.mixing_weights().items()}
        losses = []
        with torch.no_grad():
            plain = float(F.cross_entropy(net(one[0]), one[1]))
            for _ in range(40):
                with mixed_by(net, move_randomly(before, 0.3)):
                    losses.append(float(F.cross_entropy(net(one[0]), one[1])))
        added[smooth] = sum(losses) / len(losses) - plain
    assert added[kind] < added["none"]


def test_beta_decay_is_the_mean_of_log_sum_exp():
    alphas = [torch.tensor([[1.0, 2.0], [0.0, 0.0]]), torch.tensor([[3.0, -1.0, 0.5]])]
    rows = [row for alpha in alphas for row in alpha.tolist()]
    expected = sum(math.log(sum(math.exp(a) for a in row)) for row in rows) / len(rows)
    assert float(compute_beta_decay(alphas)) == pytest.approx(expected)


def test_beta_decay_bounds_the_spread_of_alpha():
    spreads = []
    for weight in (0.0, 50.0):
        search = search_of("softmax", beta_decay=weight, alpha_learning_rate=0.05, alpha_weight_decay=0.0)
        for epoch in range(5):
            for _ in range(6):
                search.train_epoch(epoch, bar)
        alphas = search.net.arch_parameters()
        spreads.append(max(float(alpha.detach().amax(-1).max() - alpha.detach().amin(-1).min()) for alpha in alphas))
    assert spreads[1] < 0.5 * spreads[0]
