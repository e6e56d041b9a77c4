"""What networks of strangers may be: options that are excluded, names of their own, choices that need each other."""

import json

import pytest
import torch
from torch import nn

from selection import committed, score, select
from selection.numerics.race import race
from selection.testing import Planted, textures


def test_where_every_option_is_worth_less_than_nothing_the_race_still_finds_the_best():
    """Without anything in its place `none` is worth 0, and every other option here less: the best of those that may be
    chosen is what is asked for."""
    generator = torch.Generator().manual_seed(0)
    wrong = 0
    for _ in range(60):
        tables = {name: (-0.1 + 0.01 * torch.randn(64, generator=generator)).tolist() for name in "ab"}

        def evaluate(name, part, tables=tables):
            return tables[name][part.start : part.stop]

        raced = race(evaluate, ["a", "b"], [8] * 64, error=0.05).estimates
        full = {name: sum(values) for name, values in tables.items()}
        wrong += max(raced, key=raced.get) != max(full, key=full.get)
    assert wrong <= 6, "twice the stated error rate"


class WithoutNone(Planted):
    def excluded(self):
        return ("none",)


def test_an_excluded_option_is_scored_but_does_not_win_the_race():
    net = WithoutNone()
    images, labels = textures(64)
    batches = list(zip(images.split(2), labels.split(2)))
    raced = select(net, "perturbation", "oneshot", batches=batches)
    assert raced.decisions == select(net, "perturbation", "oneshot", batches=batches, race=0).decisions
    assert set(score(net, "perturbation", batches)["cell/0/op"]) == {"none", "skip_connect", "nor_conv_3x3"}


class Plain(Planted):
    """Choice names without slashes."""

    def choices(self):
        return {name.replace("/", "_"): options for name, options in super().choices().items()}

    def logits(self):
        return {name.replace("/", "_"): row for name, row in super().logits().items()}


def test_names_without_slashes_are_one_group():
    made = select(Plain(), "perturbation", "progressive", batches=[textures()], joint=False)
    assert [entry["decided"] for entry in made.history] == [["cell_0_op"], ["cell_1_op"]]


def test_certainty_counts_only_what_may_be_chosen():
    net = WithoutNone()
    with torch.no_grad():
        net.alpha.copy_(torch.tensor([[5.0, 0.0, 0.0], [0.0, 1.0, -3.0]]))
    made = select(net, "magnitude", "progressive", order="certain")
    assert list(made.decisions) == ["cell/1/op", "cell/0/op"]


def test_infinite_scores_are_null_in_json():
    made = select(Planted(), "removal:loss", "sample", batches=[textures()], candidates=1)
    text = made.to_json()
    json.loads(text, parse_constant=lambda word: pytest.fail(f"{word} is no JSON"))
    assert "null" in text


class Scale(nn.Module):
    def __init__(self, factor):
        super().__init__()
        self.factor = factor

    def forward(self, x):
        return self.factor * x


class Pair(nn.Module):
    """Two choices of which the second sees what the first was decided to be: the second convolution is of use only
    behind an identity."""

    def __init__(self):
        super().__init__()
        self.first, self.second = (nn.ModuleDict({"zero": Scale(0.0), "one": Scale(1.0)}) for _ in "ab")
        self.alpha = nn.Parameter(torch.zeros(2, 2))

    def forward(self, x):
        for weights, options in zip(self.alpha.softmax(1), (self.first, self.second)):
            x = sum(weight * option(x) for weight, option in zip(weights, options.values())) + 0 * x
        return torch.cat([-x, x], 1)

    def choices(self):
        return {
            f"{group}/0/op": {name: [module] for name, module in options.items()}
            for group, options in (("a", self.first), ("b", self.second))
        }

    def logits(self):
        return {"a/0/op": self.alpha[0], "b/0/op": self.alpha[1]}

    def inputs(self):
        return {}


def test_the_second_choice_of_a_round_is_scored_on_what_the_first_has_become():
    """As in DARTS-PT's projection, which commits an operation of the normal cell and then evaluates those of the
    reduction cell."""
    net, x, y = Pair(), torch.tensor([[1.0], [-1.0]] * 4), torch.tensor([1, 0] * 4)
    made = select(net, "perturbation_loss", "progressive", batches=[(x, y)], joint=False)
    with committed(net, "a/0/op", made.decisions["a/0/op"]):
        expected = score(net, "perturbation_loss", [(x, y)])["b/0/op"]
    assert made.scores["b/0/op"] == pytest.approx(expected)
    assert made.scores["b/0/op"] != pytest.approx(score(net, "perturbation_loss", [(x, y)])["b/0/op"])
