"""Search, tuning and retraining in Python on a task of one's own: several labels an image, numbers."""

import pytest
import torch
from torch.nn import functional as F

from darts_ext.config import RetrainSettings, SearchSettings
from darts_ext.retrain import Retrain
from darts_ext.search import Search, Tuning
from supernet import Supernet, build, create_space


class Pairs:
    """Inputs and targets in the form that training takes them."""

    def __init__(self, targets, seed=0):
        self.x = torch.randn(len(targets), 3, 8, 8, generator=torch.Generator().manual_seed(seed))
        self.y = targets

    def __len__(self):
        return 2

    def epoch(self, number):
        half = len(self.x) // 2
        return iter([(self.x[:half], self.y[:half]), (self.x[half:], self.y[half:])])


SEVERAL = torch.randint(2, (12, 4), generator=torch.Generator().manual_seed(1)).float()
NUMBERS = torch.randn(12, 4, generator=torch.Generator().manual_seed(2))
CASES = [
    (SEVERAL, "binary_cross_entropy", F.binary_cross_entropy_with_logits, "accuracy"),
    (NUMBERS, "mse", F.mse_loss, None),
    (NUMBERS, F.smooth_l1_loss, F.smooth_l1_loss, None),
]


def bar(steps, total):
    return steps


def worst_error(outputs, targets):
    return -float((outputs - targets).abs().max())


def net_and_genotype():
    net = Supernet(create_space("tiny"), channels=2, layers=1, num_classes=4, seed=0)
    return net, net.genotype()


@torch.no_grad()
def outputs_of(net, x):
    return net.eval()(x)


@pytest.mark.parametrize(("targets", "loss", "by_hand", "judged"), CASES)
def test_a_search_trains_for_the_loss_and_reports_it(targets, loss, by_hand, judged):
    net, _ = net_and_genotype()
    data = Pairs(targets)
    before = float(by_hand(outputs_of(net, data.x), targets))
    settings = SearchSettings(space="tiny", epochs=8, learning_rate=0.1)
    search = Search(net, settings, data, data, data, seed=0, loss=loss, metric=None if judged else worst_error)
    for epoch in range(settings.epochs):
        row = search.run_epoch(epoch, bar)
    outputs = outputs_of(net, data.x)
    assert row["val_loss"] == pytest.approx(float(by_hand(outputs, targets)), rel=1e-5)
    assert row["val_loss"] < before
    if judged:
        right = ((outputs > 0) == targets.bool()).float().mean()
        assert row["val_accuracy"] == pytest.approx(100 * float(right), rel=1e-5)
    else:
        assert row["val_metric"] == pytest.approx(worst_error(outputs, targets), rel=1e-5)
        assert "val_accuracy" not in row and "train_accuracy" not in row


@pytest.mark.parametrize(("targets", "loss", "by_hand", "judged"), CASES)
def test_retraining_trains_for_the_loss_and_reports_it(targets, loss, by_hand, judged):
    _, genotype = net_and_genotype()
    net = build(genotype, channels=2, layers=1, num_classes=4, seed=0)
    data = Pairs(targets)
    settings = RetrainSettings(epochs=8, learning_rate=0.1)
    before = float(by_hand(outputs_of(net, data.x), targets))
    retraining = Retrain(net, settings, data, data, data, seed=0, loss=loss, metric=None if judged else worst_error)
    for epoch in range(settings.epochs):
        row = retraining.run_epoch(epoch, bar)
    outputs = outputs_of(net, data.x)
    assert row["test_loss"] == pytest.approx(float(by_hand(outputs, targets)), rel=1e-5)
    assert row["test_loss"] < before
    assert ("test_accuracy" in row) == bool(judged)


def test_tuning_trains_for_the_loss():
    net, _ = net_and_genotype()
    data = Pairs(NUMBERS)
    settings = SearchSettings(space="tiny", learning_rate=0.1)
    tuning = Tuning(net, settings, data, data, data, 0, epochs=4, factor=1.0, loss="mse")
    before = float(F.mse_loss(outputs_of(net, data.x), NUMBERS))
    tuning.run_round(bar)
    assert float(F.mse_loss(outputs_of(net, data.x), NUMBERS)) < before
