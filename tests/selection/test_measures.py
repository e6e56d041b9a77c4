"""Measures against the peers' values in the fixture, and against their formulas written out."""

import inspect
import math

import pytest
import torch
from kernel_oracles import load_parity
from torch import nn

import selection.measures.ntk as ntk_measures
from selection import SelectionError, kernels, measure, measure_all
from selection.kernels import loss_gram, ntk
from selection.measures import alignment, saliency
from selection.numerics.spectrum import spectrum


@pytest.fixture(scope="module")
def parity():
    net, values = load_parity()
    return net, values, values["inputs"], values["targets"]


# their fisher fills a float32 array: the fixture holds its formula in float64 as well
@pytest.mark.parametrize("training", [True, False])
@pytest.mark.parametrize(
    ("name", "key", "settings"),
    [
        *((name, name, {}) for name in ("grad_norm", "plain", "snip", "grasp", "jacob_cov", "synflow")),
        ("fisher", "fisher64", {}),
        ("synflow", "synflow_bn", {"norms": True}),
    ],
)
def test_saliencies_are_those_of_zero_cost_nas(parity, name, key, settings, training):
    net, values, x, y = parity
    want = float(values[f"{key}_{'train' if training else 'eval'}"])
    assert measure(name, net, x, y, training=training, **settings) == pytest.approx(want, rel=1e-8)
    if training:
        assert measure(name, net, x, y, **settings) == pytest.approx(want, rel=1e-8)


@pytest.mark.parametrize("name", ["grad_norm", "plain", "snip", "grasp", "fisher", "jacob_cov"])
def test_images_are_the_first_ones(parity, name):
    net, _, x, y = parity
    assert measure(name, net, x, y, images=5) == measure(name, net, x[:5], y[:5]) != measure(name, net, x, y)


def test_naslib_and_te_nas_on_activations(parity):
    net, values, x, y = parity
    assert measure("naswot", net, x, y, training=False) == pytest.approx(float(values["nwot"]), rel=1e-8)
    assert measure("linear_regions", net, x, y, training=False) == float(values["linear_regions"])


@pytest.mark.parametrize(
    ("name", "key", "sign"),
    [
        ("gradalign_1", "gradalign_mean_cos", 1),
        ("gradalign_2", "gradalign_logdet_cos", 1),
        ("gradient_cosine", "mean_pairwise_cos", 1),
    ],
)
def test_gradient_agreement_is_that_of_the_fixture(parity, name, key, sign):
    net, values, x, y = parity
    assert measure(name, net, x, y, batchnorm="running") == pytest.approx(sign * float(values[key]), rel=1e-8)


def test_condition_is_te_nas(parity):
    net, values, x, y = parity
    for mode, key in (("running", "tenas_cond_eval"), ("coupled", "tenas_cond_train")):
        assert measure("ntk_condition", net, x, y, parameters="weight", batchnorm=mode) == pytest.approx(
            -float(values[key]), rel=1e-8
        )
    assert spectrum(ntk(net, x, outputs="trace", batchnorm="running")).condition == pytest.approx(
        float(values["ntk_trace_cond"]), rel=1e-8
    )


def test_kernel_measures_are_their_formulas(parity):
    net, _, x, y = parity
    kernel = ntk(net, x)
    values = torch.linalg.eigvalsh(kernel)
    assert measure("ntk_min", net, x, y) == pytest.approx(float(values[0]), rel=1e-10)
    assert measure("ntk_trace", net, x, y) == pytest.approx(float(values.sum()), rel=1e-10)
    assert measure("ntk_min_relative", net, x, y) == pytest.approx(float(values[0] / values.mean()), rel=1e-10)
    energy = []
    for label in range(int(y.max()) + 1):
        target = (y == label).double() - (y == label).double().mean()
        energy.append(target @ torch.linalg.inv(kernel + 1e-6 * values.mean() * torch.eye(len(x))) @ target)
    assert measure("ntk_complexity", net, x, y) == pytest.approx(
        -math.sqrt(sum(energy) / len(energy) / len(x)), rel=1e-8
    )
    pairs = torch.tensor([[1.0 if a == b else -1.0 for a in y] for b in y])
    correlation = torch.corrcoef(torch.stack([kernel.flatten(), pairs.flatten().double()]))[0, 1]
    assert measure("ntk_alignment", net, x, y) == pytest.approx(float(correlation), rel=1e-10)
    gram = loss_gram(net, x, y)
    conflicts = [gram[i, j] < 0 for i in range(len(x)) for j in range(len(x)) if i != j]
    assert measure("gradient_conflict", net, x, y) == pytest.approx(-float(sum(conflicts)) / len(conflicts))


def test_only_the_smallest_eigenvalue_follows_the_scale_of_the_output(parity):
    """K -> c^2 K: the smallest eigenvalue follows, the relative one and the condition number do not."""
    net, _, x, y = parity

    class Scaled(nn.Module):
        def __init__(self):
            super().__init__()
            self.net = net

        def forward(self, x):
            return 3 * self.net(x)

    assert measure("ntk_min", Scaled(), x, y) == pytest.approx(9 * measure("ntk_min", net, x, y))
    for name in ("ntk_min_relative", "ntk_condition", "gradalign_2"):
        settings = {} if name != "gradalign_2" else {"parameters": "all"}
        if name != "gradalign_2":
            assert measure(name, Scaled(), x, y, **settings) == pytest.approx(measure(name, net, x, y, **settings))


def test_duplicates_and_dead_nets_get_a_plain_answer():
    torch.manual_seed(0)
    net, x, y = nn.Sequential(nn.Linear(6, 8), nn.ReLU(), nn.Linear(8, 3)), torch.randn(5, 6), torch.arange(5) % 3
    twice = spectrum(ntk(net, torch.cat([x, x[:1]])))
    assert not twice.resolved
    assert 0 <= twice.min <= twice.floor
    assert twice.condition == math.inf
    assert spectrum(ntk(net, x)).resolved
    assert measure("ntk_condition", net, torch.cat([x, x[:1]]), torch.arange(6) % 3) == -math.inf
    with torch.no_grad():
        net[2].weight.zero_()
        net[0].weight.zero_()
        net[0].bias.fill_(-1)
    dead = spectrum(ntk(net, x))
    assert (dead.resolved, dead.min, dead.condition) == (False, pytest.approx(0, abs=1e-12), math.inf)
    assert measure("ntk_min_relative", net, x, y) == pytest.approx(0, abs=1e-12)


def test_networks_names_and_kernels_without_a_value_are_one_clear_error():
    net, x, y = nn.Linear(3, 2), torch.randn(4, 3), torch.arange(4) % 2
    with pytest.raises(SelectionError, match="has none"):
        measure("naswot", net, x, y)
    with pytest.raises(SelectionError, match="did you mean 'ntk_min'"):
        measure("ntk_mim", net, x, y)
    with pytest.raises(SelectionError, match="square"):
        spectrum(torch.ones(2, 3))
    with pytest.raises(SelectionError, match="finite"):
        spectrum(torch.tensor([[float("nan")]]))


LABELLED = ["accuracy", "loss", "grad_norm", "plain", "snip", "grasp", "fisher", "gradsign", "zico"]
GRAMS = ["gradalign_1", "gradalign_2", "gradient_cosine", "gradient_conflict"]


@pytest.mark.parametrize("label", [-1, 3, -100])
@pytest.mark.parametrize("name", [*LABELLED, *GRAMS, "ntk_complexity"])
def test_labels_without_a_logit_are_named(name, label):
    net, x, y = nn.Linear(4, 3), torch.randn(6, 4), torch.tensor([0, 1, 2, label, 0, 1])
    with pytest.raises(SelectionError, match=f"label {label} is out of range: the network has 3 logits"):
        measure(name, net, x, y)


def test_a_complexity_needs_as_many_images_as_classes():
    net, x, y = nn.Linear(4, 5), torch.randn(8, 4), torch.arange(8) % 5
    with pytest.raises(SelectionError, match="4 images cannot show 5: give images=5 or more"):
        measure("ntk_complexity", net, x, y, images=4)
    assert measure("ntk_complexity", net, x, y, images=5) < 0


def test_a_network_that_returns_more_than_logits_is_refused():
    class Pair(nn.Linear):
        def forward(self, x):
            return super().forward(x), x

    for name in [*LABELLED, *GRAMS]:
        with pytest.raises(SelectionError, match="returns a tuple, not logits"):
            measure(name, Pair(4, 3), torch.randn(6, 4), torch.arange(6) % 3)


def test_measures_that_share_a_kernel_compute_it_once(parity, monkeypatch):
    net, _, x, y = parity
    names = ["ntk_min", "ntk_condition", "gradient_cosine", "ntk_trace", "gradalign_2", "ntk_alignment", "naswot"]
    apart = {name: measure(name, net, x, y) for name in names}
    calls = []
    monkeypatch.setattr("selection.measures.ntk.ntk", lambda *a, **k: calls.append(1) or ntk(*a, **k))
    assert measure_all(names, net, x, y) == apart
    assert len(calls) == 1
    measure("ntk_min", net, x, y)
    measure("ntk_min", net, x, y)
    assert len(calls) == 3, "outside nothing is kept"


def keywords(function):
    parameters = inspect.signature(function).parameters.values()
    return {parameter.name for parameter in parameters if parameter.kind is parameter.KEYWORD_ONLY}


def test_the_settings_that_measures_hand_on_are_those_of_the_functions_behind_them():
    assert set(kernels.NTK_SETTINGS) == keywords(kernels.ntk)
    assert set(kernels.GRAM_SETTINGS) == keywords(kernels.loss_gram)
    assert set(ntk_measures.SETTINGS) == keywords(ntk_measures._kernel) | keywords(kernels.ntk)
    assert set(alignment.SETTINGS) == keywords(alignment._gram) | keywords(kernels.loss_gram)
    assert set(saliency.SETTINGS) == keywords(saliency._loss)
