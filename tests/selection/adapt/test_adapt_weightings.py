"""How the weights of a host follow from its alphas: told by what it does, and put in force by what it takes."""

import copy

import pytest
import torch
import torch.nn.functional as F
from adapt import host_generic
from adapt.adapt_oracles import everything, same
from torch import nn

import selection
from selection import SelectionError
from selection.adapt.watching import make_inputs

FORMULAS = {  # {what is found: the host's formula}
    "softmax": lambda alpha: F.softmax(alpha, dim=-1),
    "sigmoid": torch.sigmoid,
    "linear": lambda alpha: 1 * alpha,
    "sigmoid over its sum": lambda alpha: torch.sigmoid(alpha) / torch.sigmoid(alpha).sum(-1, keepdim=True),
    "alpha over its sum": lambda alpha: F.relu(alpha) / F.relu(alpha).sum(-1, keepdim=True),
    "exp": torch.exp,
    "softmax of alpha/0.5": lambda alpha: F.softmax(alpha / 0.5, dim=-1),
    "sampled": lambda alpha: F.gumbel_softmax(alpha, tau=5.0),
    "unknown": lambda alpha: F.softmax(alpha**3, dim=-1),
}


class Mixed(nn.Module):
    """A mixed operation with alphas of its own and a formula that is given."""

    def __init__(self, formula):
        super().__init__()
        self.ops = nn.ModuleDict({"conv": nn.Conv2d(4, 4, 3, padding=1), "tanh": nn.Tanh(), "skip": nn.Identity()})
        self.alpha = nn.Parameter(torch.full((3,), 0.5))
        self.formula = formula

    def forward(self, x):
        return torch.stack([w * op(x) for w, op in zip(self.formula(self.alpha), self.ops.values())]).sum(0)


def build(formula, count=2):
    torch.manual_seed(0)
    layers = []
    for _ in range(count):
        layers += [Mixed(formula), nn.BatchNorm2d(4), nn.ReLU()]
    return nn.Sequential(nn.Conv2d(1, 4, 1), *layers, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(4, 2))


@pytest.fixture
def batch():
    generator = torch.Generator().manual_seed(1)
    return torch.randn(8, 1, 6, 6, generator=generator), torch.arange(8) % 2


@pytest.mark.parametrize("name", FORMULAS)
@pytest.mark.filterwarnings("ignore::UserWarning")
def test_a_formula_is_told_by_its_weights(name, batch):
    net = selection.adapt(build(FORMULAS[name]), kind="generic")
    assert net.find_mixing().weighting.name == name
    shown = selection.adapt(build(FORMULAS[name]), kind="generic")
    selection.select(shown, "perturbation_loss", "oneshot", batches=[batch])
    assert shown.find_mixing().weighting.name == name


@pytest.mark.parametrize("name", FORMULAS)
@pytest.mark.filterwarnings("ignore::UserWarning")
def test_a_commitment_gives_the_option_weight_1_in_every_formula(name, batch):
    host, (x, _) = build(FORMULAS[name], count=1).eval(), batch
    net = selection.adapt(host, kind="generic")
    alone = copy.deepcopy(host)
    alone[1] = alone[1].ops["tanh"]
    with selection.committed(net, "cell/0/op", "tanh"):
        got = host(x)
    assert host[1].alpha.eq(0.5).all(), "the alphas are put back"
    if name in ("sampled", "unknown"):
        with selection.masked(net, {"cell/0/op": ["conv", "skip"]}):
            torch.manual_seed(0)
            expected = host(x)
        with selection.committed(net, "cell/0/op", "tanh"):
            torch.manual_seed(0)
            torch.testing.assert_close(host(x), expected)
    else:
        torch.testing.assert_close(got, alone(x))


@pytest.mark.parametrize("name", ["sampled", "unknown"])
def test_what_alphas_cannot_decide_is_said(name, batch):
    net = selection.adapt(build(FORMULAS[name]), kind="generic")
    with pytest.warns(UserWarning, match="draws its weights" if name == "sampled" else "give weighting="):
        found = selection.select(net, "perturbation_loss", "progressive", batches=[batch])
    assert any("Sequential" in note for note in found.notes)


class DrawnInTraining(Mixed):
    def forward(self, x):
        self.formula = self.draw if self.training else FORMULAS["softmax"]
        return super().forward(x)

    def draw(self, alpha):
        if (F.elu(alpha) + 1).min() <= 0:
            raise ValueError("no Dirichlet")
        return torch.distributions.Dirichlet(F.elu(alpha) + 1).rsample()


def test_where_training_cannot_bear_a_commitment_masks_decide(batch):
    host = build(FORMULAS["softmax"], count=1)
    host[1] = DrawnInTraining(None)
    net = selection.adapt(host, kind="generic")
    with pytest.warns(UserWarning, match="Sequential fails where alphas decide for one option"):
        found = selection.select(net, "perturbation_loss", "progressive", batches=[batch])
    assert found.decisions


def test_a_host_of_half_precision_is_watched():
    host = build(FORMULAS["sigmoid"]).bfloat16()
    assert selection.adapt(host, kind="generic").find_mixing().weighting.name == "sigmoid"


def test_a_host_that_is_watched_stays_as_it_was():
    host = build(FORMULAS["sigmoid"]).train()
    alphas = [module.alpha for module in host if isinstance(module, Mixed)]
    before = everything(host, alphas)
    selection.adapt(host, kind="generic").find_mixing()
    assert same(everything(host, alphas), before)


def test_a_given_weighting_is_taken_unwatched():
    net = selection.adapt(build(FORMULAS["unknown"]), kind="generic", weighting="sigmoid")
    assert net.strengths("cell/0/op").tolist() == pytest.approx([0.6225] * 3, abs=1e-4)
    with pytest.raises(SelectionError, match=r"unknown weighting 'sigmoidal': did you mean 'sigmoid'"):
        selection.adapt(build(FORMULAS["softmax"]), kind="generic", weighting="sigmoidal")


def test_where_no_inputs_are_found_softmax_is_taken_and_said():
    class Picky(nn.Module):
        def __init__(self):
            super().__init__()
            self.inner = host_generic.Own()

        def forward(self, x):
            if isinstance(x, torch.Tensor):
                raise ValueError("give a dict")
            return self.inner(x["features"])

    net = selection.adapt(Picky(), kind="generic")
    with pytest.warns(UserWarning, match="no inputs were found to watch its weights on, softmax"):
        assert net.strengths("cell/0/op").sum() == pytest.approx(1)


@pytest.mark.parametrize(
    "layer", [nn.Conv1d(2, 3, 1), nn.Conv2d(2, 3, 1), nn.Conv3d(2, 3, 1), nn.Linear(5, 3), nn.Embedding(7, 3)]
)
def test_inputs_are_made_for_the_first_layer(layer):
    inputs = list(make_inputs(nn.Sequential(nn.ReLU(), layer)))
    assert all(layer(x).shape for x in inputs)
