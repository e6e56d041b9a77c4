"""When a search is over: the rules on rows written by hand, the eigenvalue against the dense Hessian, and searches."""

import csv
import json
import math

import pytest
import torch
from scipy.sparse.linalg import ArpackNoConvergence
from small_searches import search_of
from torch.func import functional_call

from darts_ext.cli import main
from darts_ext.config import SearchSettings
from darts_ext.search.curvature import find_dominant_eigenvalue
from darts_ext.search.stopping import count_skips, find_end
from supernet import Genotype, list_relaxations

CELL = "|{0}~0|+|{1}~0|nor_conv_3x3~1|+|none~0|nor_conv_1x1~1|avg_pool_3x3~2|"
CELLS = [
    *"--space nasbench201 --channels 2 --layers 1 --batch_size 20 --threads 1".split(),
    *"--data digits --train_limit 120 --test_limit 60".split(),
]


def cell(skips):
    return CELL.format(*["skip_connect"] * skips, *["nor_conv_3x3"] * (2 - skips))


def rows(curvatures=(), skips=()):
    count = max(len(curvatures), len(skips))
    curvatures = [*curvatures, *[""] * (count - len(curvatures))]
    return [
        {"curvature": value, "genotype": cell(number)}
        for value, number in zip(curvatures, [*skips, *[0] * (count - len(skips))])
    ]


def test_skips_are_those_of_the_normal_cell():
    assert [count_skips(Genotype.from_text(cell(number))) for number in (0, 1, 2)] == [0, 1, 2]
    darts = (
        "Genotype(normal=[('skip_connect', 0), ('sep_conv_3x3', 1), ('skip_connect', 0), ('sep_conv_3x3', 1), "
        "('sep_conv_3x3', 1), ('skip_connect', 0), ('skip_connect', 0), ('dil_conv_3x3', 2)], "
        "normal_concat=range(2, 6), reduce=[('max_pool_3x3', 0), ('max_pool_3x3', 1), ('skip_connect', 2), "
        "('max_pool_3x3', 1), ('max_pool_3x3', 0), ('skip_connect', 2), ('skip_connect', 2), ('max_pool_3x3', 1)], "
        "reduce_concat=range(2, 6))"
    )
    assert count_skips(Genotype.from_text(darts)) == 4


def test_the_search_ends_with_the_first_cell_of_so_many_skips():
    settings = SearchSettings(stop_skips=2)
    assert find_end(rows(skips=[0, 1, 1]), settings) is None
    end = find_end(rows(skips=[0, 1, 1, 2, 0]), settings)
    assert (end.epochs, end.best) == (4, 3)
    assert "2 skip connections" in end.reason
    assert find_end(rows(skips=[0, 2]), SearchSettings()) is None


def growth_by_hand(values, every, factor):
    """RobustDARTS: means of five around an epoch, compared with those four measurements before, from epoch 10 on."""
    for last in range(len(values)):
        middle = last - 2
        before = middle - 4
        if before * every < 10:
            continue
        now = values[max(0, last - 4) : last + 1]
        then = values[max(0, before - 2) : before + 3]
        if (sum(now) / len(now)) / (sum(then) / len(then)) > factor:
            return last * every + 1, before * every + 1
    return None


@pytest.mark.parametrize("every", [1, 2, 5])
@pytest.mark.parametrize("seed", range(4))
def test_growth_is_that_of_the_authors_rule(every, seed):
    generator = torch.Generator().manual_seed(seed)
    values = (torch.rand(40, generator=generator) + torch.arange(40) * 0.15).tolist()
    spread = [values[epoch // every] if epoch % every == 0 else "" for epoch in range(every * len(values))]
    settings = SearchSettings(stop_curvature=1.3, curvature_every=every)
    end = find_end(rows(spread), settings)
    assert (end.epochs, end.best) == growth_by_hand(values, every, 1.3)
    assert find_end(rows(spread[: end.epochs - 1]), settings) is None
    assert find_end(rows([1.0] * 60), SearchSettings(stop_curvature=1.3, curvature_every=1)) is None


@pytest.mark.parametrize("name", [name for name in list_relaxations() if not name.endswith("path")])
def test_the_eigenvalue_is_that_of_the_dense_hessian(name):
    search = search_of(name)
    net, (batch,) = search.net, search.train
    net(batch[0])
    net.eval()
    alphas = {f"alphas.{table}": alpha for table, alpha in net.alphas.items()}

    def loss(flat):
        parts = flat.split([alpha.numel() for alpha in alphas.values()])
        moved = {key: part.view_as(alpha) for part, (key, alpha) in zip(parts, alphas.items())}
        return search.task.compute_loss(functional_call(net, moved, (batch[0],)), batch[1])

    flat = torch.cat([alpha.detach().flatten() for alpha in alphas.values()])
    values = torch.linalg.eigvalsh(torch.autograd.functional.hessian(loss, flat))
    found = find_dominant_eigenvalue(net, lambda: search.task.compute_loss(net(batch[0]), batch[1]))
    assert found == pytest.approx(float(values[-1]), rel=1e-3)


def test_a_curvature_that_was_not_positive_has_not_grown():
    settings = SearchSettings(stop_curvature=1.3, curvature_every=1)
    assert find_end(rows([0.0] * 30 + [5.0] * 4), settings) is None
    assert find_end(rows([-1.0] * 40), settings) is None


def test_a_flat_loss_has_no_curvature():
    net = search_of("softmax").net
    assert find_dominant_eigenvalue(net, lambda: sum(alpha.sum() ** 2 * 0 for alpha in net.arch_parameters())) == 0.0


def test_a_hessian_of_rounding_noise_is_solved_densely(monkeypatch):
    search = search_of("softmax")
    net, (batch,) = search.net.eval(), search.train

    def loss():
        return search.task.compute_loss(net(batch[0]), batch[1])

    expected = find_dominant_eigenvalue(net, loss)

    def fail(*_, **__):
        raise ArpackNoConvergence("no convergence", [], [])

    monkeypatch.setattr("darts_ext.search.curvature.eigsh", fail)
    assert find_dominant_eigenvalue(net, loss) == pytest.approx(expected, rel=1e-3)


def read(folder):
    with (folder / "summary.csv").open(newline="") as file:
        return list(csv.DictReader(file))


def test_a_search_that_ends_early_is_finished(tmp_path, capsys):
    out = tmp_path / "run"
    words = ["search", *CELLS, "--epochs", "40", "--out", str(out), "--alpha_learning_rate", "0.2", "--stop_skips", "1"]
    assert main(words) == 0
    done = read(out)
    assert len(done) < 40
    assert [count_skips(Genotype.from_text(row["genotype"])) >= 1 for row in done] == [False] * (len(done) - 1) + [True]
    assert f"the search ended after {len(done)} of 40 epochs" in capsys.readouterr().err
    assert main(words) == 0
    assert read(out) == done, "a finished search repeated trains no further"
    assert main(["select", str(out), "--criterion", "magnitude"]) == 0
    assert main(["report", str(out)]) == 0


def test_curvature_is_a_column_and_a_chart(tmp_path):
    out = tmp_path / "run"
    assert main(["search", *CELLS, "--epochs", "3", "--out", str(out), "--curvature_every", "2"]) == 0
    values = [row["curvature"] for row in read(out)]
    assert values[1] == ""
    assert math.isfinite(float(values[0])) and math.isfinite(float(values[2]))
    assert main(["report", str(out)]) == 0
    assert "curvature in alpha" in (out / "report.html").read_text()
    assert json.loads((out / "search" / "alphas.json").read_text())["epochs"]


def test_a_rule_without_its_measurement_is_refused(tmp_path, capsys):
    out = tmp_path / "run"
    assert main(["search", *CELLS, "--epochs", "1", "--out", str(out), "--stop_curvature", "1.3"]) == 2
    assert "give curvature_every" in capsys.readouterr().err
    assert not out.exists()


@pytest.mark.parametrize("setting", ["--beta_decay", "--alpha_warm_up", "--stop_skips", "--curvature_every"])
@pytest.mark.parametrize("still", ["--alpha fixed", "--relaxation single_path"])
def test_what_needs_learned_alphas_is_refused_without(setting, still, tmp_path, capsys):
    out = tmp_path / "run"
    assert main(["search", *CELLS, "--epochs", "1", "--out", str(out), setting, "1", *still.split()]) == 2
    assert f"{setting[2:]} is of alphas that are learned" in capsys.readouterr().err
    assert not out.exists()
