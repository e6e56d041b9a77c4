"""Ways to train a supernet beside their authors' own code, and beside ConfigurableOptimizer, which has most of them."""

import importlib

import pytest
import torch
from adapt import checkouts
from torch import nn

from darts_ext.config import SearchSettings
from darts_ext.search.smoothing import clip, mixed_by, move_to_the_worst
from darts_ext.search.stopping import find_end
from supernet import Supernet, create_relaxation, create_space
from supernet.seeding import seeded

ALPHA = torch.randn(1, 5, generator=torch.Generator().manual_seed(0))
UPSTREAM = torch.randn(1, 5, generator=torch.Generator().manual_seed(1))


def compare(mine, theirs, upstream=UPSTREAM):
    outcomes = []
    for weigh in (mine, theirs):
        alpha = ALPHA.clone().requires_grad_()
        with seeded(4):
            weights = weigh(alpha)
        (gradient,) = torch.autograd.grad((weights * upstream).sum(), alpha)
        outcomes.append((weights, gradient))
    torch.testing.assert_close(*outcomes)


@pytest.mark.parametrize(("name", "method"), [("softmax", "softmax"), ("gumbel", "gumbel"), ("dirichlet", "dirichlet")])
def test_drnas(name, method):
    with checkouts.checkout("DrNAS"):
        weigh = importlib.import_module("utils").process_step_matrix
        compare(create_relaxation(name).weigh, lambda alpha: weigh(alpha, method, None, tau=10.0))


def test_the_divergence_of_drnas():
    net = checkouts.drnas_bench(k=1)
    net.reg_scale = 0.3
    mine = create_relaxation("dirichlet", kl=0.3).penalty([net._arch_parameters])
    theirs = net._get_kl_reg()
    torch.testing.assert_close(mine, theirs)
    torch.testing.assert_close(
        torch.autograd.grad(mine, net._arch_parameters), torch.autograd.grad(theirs, net._arch_parameters)
    )


def test_the_zero_one_loss_of_fairdarts():
    logits, labels = torch.randn(4, 3), torch.tensor([0, 1, 2, 0])
    normal, reduce = torch.randn(14, 7), torch.randn(14, 7)
    with checkouts.checkout("FairDARTS", "fairdarts"), checkouts.no_gpu():
        loss = importlib.import_module("separate_loss").ConvSeparateLoss(weight=10.0)
        total, _, _ = loss(logits, labels, torch.cat([normal.sigmoid(), reduce.sigmoid()]))
    mine = create_relaxation("sigmoid").penalty([normal, reduce])
    torch.testing.assert_close(nn.functional.cross_entropy(logits, labels) + mine, total)


def sampler(name, kind, **settings):
    module = importlib.import_module(f"confopt.oneshot.archsampler.{name}.sampler")
    return getattr(module, kind)([ALPHA], **settings)


def test_configurable_optimizer():
    with checkouts.checkout("ConfigurableOptimizer", "src"):
        for package in ("confopt", "confopt.oneshot"):  # whose own code asks for many packages
            checkouts.stub(package, package.replace(".", "/"))
        checkouts.stub("reinmax").reinmax = None
        theirs = sampler("gdas", "GDASSampler", sample_frequency="step", tau_min=0.1, tau_max=10, total_epochs=11)
        with seeded(4):
            drawn = create_relaxation("gdas").weigh(ALPHA) != 0
        # only the option that is drawn is computed, so that nothing comes up through the others
        compare(create_relaxation("gdas").weigh, theirs.sample, UPSTREAM * drawn)
        theirs = sampler("drnas", "DRNASSampler")
        compare(create_relaxation("dirichlet").weigh, theirs.sample)
        theirs = sampler("snas", "SNASSampler", temp_init=1.0, temp_min=0.33)
        compare(create_relaxation("gumbel", temperature=1.0, temperature_min=0.33).weigh, theirs.sample)


class Host(nn.Module):
    """What SmoothDARTS' search for the worst mixture asks of a supernet, over one of ours."""

    def __init__(self, net, compute_loss):
        super().__init__()
        self.net, self.compute_loss = net, compute_loss
        self.mixing = nn.Parameter(next(iter(net.mixing_weights().values())).detach().clone())

    def arch_parameters(self):
        return [self.mixing]

    def _loss(self, *_, **__):
        with mixed_by(self.net, {next(iter(self.net.alphas)): self.mixing}):
            return self.compute_loss()

    def clip(self):
        self.mixing.data.copy_(clip(self.mixing.data))  # as its own, row by row


def test_smoothdarts():
    net = Supernet(create_space("tiny"), channels=4, layers=3, num_classes=4, seed=0).double()
    x, y = torch.randn(8, 3, 8, 8, dtype=torch.float64), torch.arange(8) % 4
    net.train()(x)  # statistics for eval mode

    def compute_loss():
        return nn.functional.cross_entropy(net.eval()(x), y)

    before = {name: weights.detach() for name, weights in net.eval().mixing_weights().items()}
    mine = move_to_the_worst(net, before, before, 0.2, compute_loss)
    with checkouts.checkout("SmoothDARTS"):
        host = Host(net, compute_loss)
        importlib.import_module("attacker.perturb").Linf_PGD_alpha(host, x, y, 0.2, random_start=False)
    (moved,) = mine.values()
    torch.testing.assert_close(moved, host.mixing.detach())
    assert mine is not before


@pytest.mark.parametrize("every", [1, 2])
def test_the_rule_of_robustdarts(every):
    values = (torch.rand(30, generator=torch.Generator().manual_seed(every)) + torch.arange(30) * 0.1).tolist()
    with checkouts.checkout("RobustDARTS", "src"):
        checkouts.stub("torchvision").transforms = None
        tracker = importlib.import_module("utils").EVLocalAvg(window=5, ev_freq=every, total_epochs=100)
        rows, theirs = [], None
        for epoch in range(30 * every):
            rows.append({"curvature": "" if epoch % every else values[epoch // every], "genotype": ""})
            if epoch % every == 0 and theirs is None:
                tracker.update(epoch, values[epoch // every], None)
                tracker.early_stop(epoch, factor=1.3, es_start_epoch=10, delta=4)
                theirs = (epoch + 1, tracker.stop_epoch + 1) if tracker.stop_search else None
    end = find_end(rows, SearchSettings(stop_curvature=1.3, curvature_every=every))
    assert (end.epochs, end.best) == theirs


@pytest.mark.parametrize("stride", [1, 2])
def test_an_edge_of_pcdarts(stride):
    with checkouts.checkout("PC-DARTS"), checkouts.no_gpu():
        theirs = importlib.import_module("model_search").MixedOp(16 * stride, stride).double().eval()
    net = Supernet(create_space("darts"), channels=16, layers=4, num_classes=3, partial_channels=4, seed=0).double()
    cell = net.eval().cells[1 if stride == 2 else 0]
    assert cell.edges[0].stride == stride
    for mine, other in zip(cell.edges[0].options, theirs._ops):
        mine.load_state_dict(dict(zip(mine.state_dict(), other.state_dict().values(), strict=True)))
    x = torch.randn(2, 16 * stride, 8, 8, dtype=torch.float64)
    weights = torch.randn(8, dtype=torch.float64).softmax(0)
    ours = cell.partial.join(0, cell.edges[0](cell.partial.head(x), weights), x)
    torch.testing.assert_close(ours, theirs(x, weights))
