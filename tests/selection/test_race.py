"""The race: what it may drop, what it costs, and how often it is wrong."""

import math
from itertools import pairwise

import numpy as np
import pytest
import torch
from scipy.stats import t
from small_supernets import batch, supernet_of
from toy_network import Additive, columns

from selection import score, select
from selection.numerics.race import is_significant, race, student_quantile


def stored(means):
    """evaluate(name, part) from tables, and the batches that were asked for."""
    asked = []

    def evaluate(name, part):
        asked.extend((name, index) for index in part)
        return [means[name][index] for index in part]

    return evaluate, asked


def test_students_quantile_is_scipys():
    for freedom in (7, 8, 12, 30, 200):
        for p in (0.6, 0.9, 0.99, 0.9995):
            assert student_quantile(p, freedom) == pytest.approx(t.ppf(p, freedom), rel=2e-3)


def test_the_test_is_a_t_test_with_the_finite_correction():
    differences = np.array([0.3, 0.1, 0.2, -0.1, 0.4, 0.2, 0.0, 0.3])
    standard_error = differences.std(ddof=1) / math.sqrt(8) * math.sqrt(1 - 0.25)
    critical = 1 - t.cdf(differences.mean() / standard_error, 7)
    assert is_significant(differences, np.ones(8), 0.25, critical * 1.02)
    assert not is_significant(differences, np.ones(8), 0.25, critical * 0.98)


def test_without_error_everything_is_evaluated():
    rng = np.random.default_rng(0)
    means = {name: rng.normal(mean, 0.01, 40) for name, mean in [("a", 0), ("b", 5), ("c", 9)]}
    evaluate, asked = stored(means)
    found = race(evaluate, list(means), [10] * 40, error=0)
    assert len(asked) == 120
    assert found.estimates == {name: pytest.approx(values.mean()) for name, values in means.items()}


def test_each_batch_is_evaluated_once_and_the_clear_losers_leave_early():
    rng = np.random.default_rng(1)
    noise = rng.normal(0, 1, 64)  # shared: the differences are paired
    means = {name: noise + rng.normal(mean, 0.1, 64) for name, mean in [("a", 0), ("b", 1), ("c", 0.98), ("known", -1)]}
    evaluate, asked = stored({name: means[name] for name in "abc"})
    found = race(evaluate, ["a", "b", "c", "known"], [10] * 64, error=0.05, known={"known": means["known"]})
    assert len(asked) == len(set(asked))
    assert found.seen["a"] == 8
    assert not any(name == "known" for name, _ in asked)
    assert max(found.estimates, key=found.estimates.get) == max(means, key=lambda name: means[name].mean())


def test_the_estimates_keep_the_order_of_the_race():
    """Whoever lost stands below the one it lost against, whatever the batches were like that it did not see."""
    for seed in range(50):
        rng = np.random.default_rng(seed)
        shift = np.sort(rng.normal(0, 1, 128))  # early batches are bad for all
        means = {name: shift + rng.normal(mean, 0.3, 128) for name, mean in zip("abcde", rng.normal(0, 0.3, 5))}
        evaluate, _ = stored(means)
        found = race(evaluate, list(means), [1] * 128, error=0.1)
        best = max(found.estimates, key=found.estimates.get)
        assert found.seen[best] == max(found.seen.values())


def test_batches_count_by_their_images():
    evaluate, _ = stored({"a": [1.0, 1.0, 4.0], "b": [2.0, 2.0, 0.0]})
    assert race(evaluate, "ab", [2, 2, 1], error=0.05).estimates == {"a": pytest.approx(1.6), "b": pytest.approx(1.6)}


@pytest.mark.parametrize("keep", [1, 2])
def test_the_error_rate_holds_where_it_is_hardest(keep):
    """Options of nearly equal mean: the share of races that do not keep what all data would keep stays below the rate
    that is stated."""
    wrong, runs, error = 0, 300, 0.1
    rng = np.random.default_rng(keep)
    for _ in range(runs):
        means = {name: rng.normal(mean, 1, 128) for name, mean in zip("abcd", (0.0, 0.15, 0.3, 0.45))}
        evaluate, _ = stored(means)
        found = race(evaluate, list(means), [1] * 128, error=error, keep=keep).estimates
        truth = sorted(means, key=lambda name: -means[name].mean())[:keep]
        wrong += set(sorted(found, key=lambda name: -found[name])[:keep]) != set(truth)
    assert wrong / runs <= error


def test_a_raced_selection_decides_as_the_full_one_and_says_what_it_saved():
    net, batches = Additive(supernet_of("nasbench201")), [columns(seed=seed) for seed in range(16)]
    with torch.no_grad():
        net.alphas.mul_(3)  # some options matter a lot
    full = select(net, "perturbation_loss", "oneshot", batches=batches, race=0)
    raced = select(net, "perturbation_loss", "oneshot", batches=batches, race=0.05)
    assert raced.decisions == full.decisions
    assert full.evaluations == 1 + 6 * 4
    assert full.saved == 6
    assert raced.evaluations < full.evaluations
    assert raced.evaluations + raced.saved == pytest.approx(1 + 6 * 5)
    exact = score(net, "perturbation_loss", batches)
    for choice, options in exact.items():
        assert full.scores[choice] == {
            option: pytest.approx(value, rel=1e-9, abs=1e-12) for option, value in options.items()
        }
        assert max(raced.scores[choice], key=raced.scores[choice].get) == raced.decisions[choice]


def test_few_batches_are_all_seen():
    net, batches = Additive(supernet_of("nasbench201")), [columns(seed=seed) for seed in range(10)]
    assert select(net, "perturbation_loss", "oneshot", batches=batches).evaluations == pytest.approx(1 + 6 * 4)


def test_none_is_evaluated_where_it_is_not_zero():
    """The name alone is no proof."""
    net, batches = supernet_of("nasbench201"), [batch(2, size=4)]
    for module in net.choices()["cell/0/op"]["none"]:
        module.forward = torch.sin
    made = select(net, "perturbation_loss", "oneshot", batches=batches)
    assert made.evaluations == 1 + 6 * 4 + 1
    assert made.scores["cell/0/op"]["none"] != 0
    assert made.scores["cell/1/op"]["none"] == 0


def test_the_protocol_of_darts_pt():
    """Every option measured, on batches drawn anew each time; 22 measurements of edges where 12 would do; one random
    choice of each cell in a round."""
    supernet, calls = supernet_of("s3"), []
    net = Additive(supernet)

    def batches():
        calls.append(1)
        return [columns(seed=len(calls))]

    made = select(net, "perturbation_loss", "progressive", batches=batches, protocol="darts-pt", seed=1)
    assert made.evaluations == len(calls) == 1 + 28 * 3 + 2 * 22 + 2 * 17
    assert made.saved == 0
    assert all(len(entry["decided"]) == 2 for entry in made.history)
    order = [name for entry in made.history[:14] for name in entry["decided"]]
    assert order != list(net.choices())
    assert {name.split("/")[0] for name in made.history[0]["decided"]} == {
        "normal",
        "reduce",
    }
    supernet.space.check(supernet.genotype(made.decisions, made.inputs))


def test_the_protocol_of_darts_pt_drops_the_edges_that_single_removals_drop():
    """On the same batches each time, 22 evaluations give what 12 give (ties aside)."""
    net, batches = Additive(supernet_of("s3"), seed=3), [columns()]
    ours = select(net, "perturbation_loss", "progressive", batches=batches, race=0, order="fixed", joint=False)
    theirs = select(net, "perturbation_loss", "progressive", batches=batches, protocol="darts-pt", order="fixed")
    assert (theirs.decisions, theirs.inputs) == (ours.decisions, ours.inputs)
    assert theirs.evaluations - ours.evaluations == 28 + 2 * 10


@pytest.mark.parametrize("error", [0.0, 0.05])
def test_what_is_lost_is_a_count_of_images_so_that_ties_are_ties(error):
    """Means over batches of unequal size round; of 97 images two losses are equal, or apart by at least one image."""
    batches = [columns(count, seed=seed) for seed, count in enumerate((50, 30, 17))]
    chosen = select(Additive(supernet_of("nasbench201")), "perturbation", "oneshot", batches=batches, race=error)
    for scores in chosen.scores.values():
        ordered = sorted(scores.values())
        assert all(a == b or b - a > 0.9 / 97 for a, b in pairwise(ordered)), ordered
