"""Scores of NAS-Bench-201 cells: statistics against scipy and definitions, runs that are killed, repeated, widened."""

import csv
import io
import math
import os
import shutil
import signal
from contextlib import redirect_stdout
from functools import partial
from importlib.util import find_spec
from itertools import combinations

import numpy as np
import pytest
import torch
from joblib.externals.loky import reusable_executor
from scipy import stats

from darts_ext.cli import main
from darts_ext.config import DataSettings, RankSettings, RunSettings
from darts_ext.rank import (
    Build,
    RankInputs,
    Task,
    join_columns,
    over_repeats,
    read_scores,
    representatives,
    run_rank,
    sample_cells,
    score_tasks,
)
from darts_ext.rank.score import build_network
from darts_ext.rank.statistics import (
    interval,
    kendall,
    ndcg,
    orders,
    partial_spearman,
    pick,
    pick_from_shortlist,
    precision_of_top,
    spearman,
)
from darts_ext.report import write_ranking
from darts_ext.runtime.errors import UsageError
from darts_ext.tabular import TASKS, NasBench201, TransNas101
from selection import COMBINATION, SelectionError, measure, parse_measures, register_measure
from selection.registry import _MEASURES
from supernet import build

TABLE = NasBench201()
SMALL = {"channels": 4, "images": 16, "measures": "parameters,naswot,expressivity@noise,naswot+parameters"}


def test_correlations_are_scipys():
    rng = np.random.default_rng(0)
    scores, accuracies = rng.normal(size=80).round(1), rng.normal(size=80)
    scores[3] = -np.inf
    assert spearman(scores, accuracies) == pytest.approx(stats.spearmanr(stats.rankdata(scores), accuracies).statistic)
    assert kendall(scores, accuracies) == pytest.approx(stats.kendalltau(stats.rankdata(scores), accuracies).statistic)
    assert spearman(np.ones(80), accuracies) == kendall(np.ones(80), accuracies) == 0
    assert orders([1.0, float("nan")]).tolist() == [1.0, -np.inf]


def test_the_partial_correlation_is_that_of_the_residuals():
    rng = np.random.default_rng(1)
    size = rng.normal(size=300)
    scores, accuracies = size + rng.normal(size=300), size + rng.normal(size=300)
    ranks = [stats.rankdata(values) for values in (scores, accuracies, size)]
    design = np.stack([np.ones(300), ranks[2]], 1)
    rest = [values - design @ np.linalg.lstsq(design, values, rcond=None)[0] for values in ranks[:2]]
    assert partial_spearman(scores, accuracies, size) == pytest.approx(np.corrcoef(*rest)[0, 1])


def test_the_interval_covers_as_often_as_it_says():
    truth = 6 / np.pi * np.arcsin(np.sqrt(0.5) / 2)  # Spearman of two normals of correlation 1/sqrt(2)
    covered = 0
    for seed in range(30):
        rng = np.random.default_rng(seed)
        x = rng.normal(size=100)
        low, high = interval(spearman, x, x + rng.normal(size=100), seed=seed, resamples=300)
        covered += low <= truth <= high
    assert 25 <= covered <= 30


def test_the_pick_is_the_best_by_score_of_those_drawn():
    scores, accuracies = np.array([3.0, 2.0, 1.0]), np.array([50.0, 70.0, 90.0])
    assert pick(scores, accuracies, 3) == (50.0, 0.0)
    assert all(np.isnan(pick(scores, accuracies, 4)))
    mean, _ = pick(scores, accuracies, 2)  # two of three: the middle one wins once
    assert mean == pytest.approx((50 + 50 + 70) / 3, abs=1)


def test_repeats_are_averaged_as_ranks():
    repeats = np.array([[1.0, 2.0, np.nan], [100.0, -np.inf, 5.0]])
    ranks = [(2 + 3) / 6, (3 + 1) / 6, (1 + 2) / 6]
    assert over_repeats(repeats).tolist() == pytest.approx(ranks)


def test_a_combination_is_that_of_its_parts_and_its_names_are_checked():
    with pytest.raises(SelectionError, match="did you mean 'naswot'"):
        joined("nasswot+parameters", {"naswot": np.ones(2), "parameters": np.ones(2)})
    with pytest.raises(UsageError, match="unknown measure 'meco'"):
        joined("naswot+meco", {"naswot": np.ones(2)})
    columns = {name: np.random.default_rng(i).random(9) for i, name in enumerate(COMBINATION)}
    assert joined("combination", columns).tolist() == joined("+".join(COMBINATION), columns).tolist()
    for unknown in ("max:naswot", "max(naswot)"):
        with pytest.raises(SelectionError, match="unknown t-norm"):
            joined(unknown, {"naswot": np.ones(2)})


def joined(text, columns):
    """The scores of a combination, by its spelling."""
    return join_columns(parse_measures(text), columns)


def test_cells_are_different_and_those_that_compute_the_same_share_their_scores():
    cells = sample_cells(TABLE, 2000, seed=3)
    assert len(set(cells)) == 2000
    assert cells != sample_cells(TABLE, 2000, seed=4)
    assert cells[:50] == sample_cells(TABLE, 50, seed=3)
    first = representatives(TABLE, cells)
    assert len(set(first.values())) == len({int(TABLE.classes[cell]) for cell in cells}) < 2000
    with pytest.raises(UsageError, match="has 15625 cells, not 20000"):
        sample_cells(TABLE, 20000, seed=0)


@pytest.fixture(autouse=True, scope="module")
def few_resamples():
    """The bootstrap is most of a small run's time, and has a test of its own."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("darts_ext.rank.statistics.interval", partial(interval, resamples=10))
        yield


def shown(repeat=0):
    generator = torch.Generator().manual_seed(repeat)
    x, noise = (torch.randn(8, 3, 8, 8, generator=generator) for _ in range(2))
    return RankInputs(x, torch.arange(8) % 4, noise)


def tasks(count=3):
    measures = ("naswot", "expressivity~noise", "expressivity", "ntk_min", "ntk_trace")
    return [
        Task(index, TABLE.genotype(index).to_text(), repeat, measures) for repeat in (0, 1) for index in range(count)
    ]


HOW = Build(4, 1, 4, 3, "he_fan_in", seed=0)


def values(path):
    return {(row["index"], row["repeat"], row["measure"]): row["value"] for row in read_scores(path)}


@pytest.fixture(scope="module")
def scored(tmp_path_factory):
    """A file of all scores, made by one process that nothing has disturbed."""
    path = tmp_path_factory.mktemp("scored") / "scores.csv"
    assert list(score_tasks(tasks(), HOW, shown, path)) == list(range(1, 7))
    return path


def test_scores_are_those_of_the_networks(scored):
    found = values(scored)
    for task in tasks()[::3]:
        for name in task.measures:
            batch = shown(task.repeat)
            images = batch.noise if name.endswith("~noise") else batch.x
            expected = measure(name.removesuffix("~noise"), build_network(task, HOW), images, batch.y)
            assert float(found[str(task.index), str(task.repeat), name]) == expected


def test_each_initialisation_draws_other_weights():
    weights = []
    for initialisation in ("default", "he_fan_in", "he_fan_out"):
        net = build_network(tasks()[0], Build(4, 1, 4, 3, initialisation, 0))
        weights.append(net.stem[0].weight)
    assert not any(torch.equal(a, b) for a, b in combinations(weights, 2))


def test_a_file_that_a_kill_cut_short_is_completed(scored, tmp_path):
    half = tmp_path / "half.csv"
    lines = scored.read_bytes().splitlines(keepends=True)
    half.write_bytes(b"".join(lines[:19]) + lines[19][:7])  # a kill in the middle of a line
    list(score_tasks(tasks(), HOW, shown, half))
    assert values(half) == values(scored)
    assert len(read_scores(half)) == len(read_scores(scored))


def test_another_file_is_no_file_of_scores(tmp_path):
    path = tmp_path / "scores.csv"
    path.write_text("a,b\n1,2\n")
    with pytest.raises(UsageError, match="is not a file of scores"):
        read_scores(path)


def test_processes_of_which_one_is_killed_give_the_same_scores_and_score_nothing_twice(scored, tmp_path):
    path = tmp_path / "scores.csv"
    progress = score_tasks(tasks(8), HOW, shown, path, processes=2)
    next(progress)
    pool = reusable_executor._executor
    os.kill(next(iter(pool._processes)), signal.SIGKILL)
    *_, last = progress
    assert reusable_executor._executor is not pool, "nothing was left to do after the kill"
    assert last == 16
    found = values(path)
    assert len(read_scores(path)) == len(found) == 16 * len(tasks()[0].measures)
    assert values(scored).items() <= found.items()


def test_processes_that_keep_dying_are_given_up(tmp_path, monkeypatch):
    monkeypatch.setattr("darts_ext.rank.score.score_task", _dies)
    with pytest.raises(UsageError, match="lower --processes"):
        list(score_tasks(tasks(2), HOW, shown, tmp_path / "scores.csv", processes=2))


def _dies(*_):
    os.kill(os.getpid(), signal.SIGKILL)


def ranked(folder, **settings):
    """The folder of a ranking, with its report."""
    board = run_rank(
        RunSettings(out=str(folder), seed=1),
        DataSettings(data="digits"),
        RankSettings(**{**SMALL, "candidates": 30, **settings}),
    )
    write_ranking(board.folder, board.rows, board.columns, board.accuracies)
    return board.folder


def leaderboard(folder):
    with open(folder / "leaderboard.csv", newline="") as file:
        return {row["measure"]: row for row in csv.DictReader(file)}


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    """The folder of a ranking, and what it printed."""
    with redirect_stdout(io.StringIO()) as printed:
        folder = ranked(tmp_path_factory.mktemp("finished") / "rank", candidates=15, repeats=2)
    return folder, printed.getvalue()


@pytest.fixture
def copy(finished, tmp_path):
    """A finished ranking, to be changed."""
    return shutil.copytree(finished[0], tmp_path / "rank")


def test_a_run_ends_in_a_leaderboard_and_a_page(finished):
    folder, printed = finished
    rows = leaderboard(folder)
    assert set(rows) == {"random", "parameters", "flops", "naswot", "expressivity~noise", "naswot+parameters"}
    cells = sample_cells(TABLE, 15, 1)
    assert float(rows["parameters"]["cifar10_spearman"]) == pytest.approx(
        spearman(TABLE.parameters[cells], TABLE.test("cifar10")[cells])
    )
    assert float(rows["parameters"]["cifar10_partial"]) == pytest.approx(0, abs=1e-9)
    page = (folder / "report.html").read_text()
    assert page.count("<svg") == 6
    assert "naswot+parameters" in page
    assert "orders the cells best" in page
    assert "naswot+parameters" in printed


def test_the_default_measures_are_taken(tmp_path):
    asked = RankSettings().measures
    folder = ranked(tmp_path / "rank", candidates=4, measures=asked)
    expected = {*asked.split(","), *COMBINATION, "expressivity~noise", "random"}
    assert expected <= set(leaderboard(folder))


def test_a_finished_run_takes_more_measures_without_scoring_anew(copy):
    before = read_scores(copy / "scores.csv")
    folder = ranked(copy, candidates=15, repeats=2, measures="naswot,snip")
    after = read_scores(folder / "scores.csv")
    assert after[: len(before)] == before
    assert {row["measure"] for row in after[len(before) :]} == {"snip"}
    assert {"naswot+parameters", "expressivity~noise", "snip"} <= set(leaderboard(folder)), "what was there stays"
    with pytest.raises(UsageError, match="was made with channels=4, now it is 8"):
        ranked(folder, candidates=15, repeats=2, channels=8)


def test_the_report_is_drawn_anew(copy):
    folder = copy
    page, board = (folder / "report.html").read_text(), (folder / "leaderboard.csv").read_text()
    (folder / "report.html").unlink()
    assert main(["report", str(folder)]) == 0
    assert (folder / "report.html").read_text() == page
    assert (folder / "leaderboard.csv").read_text() == board
    (folder / "leaderboard.csv").unlink()
    assert main(["report", str(folder)]) == 2


def test_a_measure_that_cannot_be_taken_does_not_stand_in_the_way(tmp_path, capsys):
    @register_measure("never")
    def never(net, batches):
        raise SelectionError("it never can")

    try:
        with pytest.raises(UsageError, match="never could not be taken of any"):
            ranked(tmp_path / "rank", candidates=4, measures="never,naswot")
        assert capsys.readouterr().err.count("it never can") == 1
        ranked(tmp_path / "rank", candidates=4, measures="naswot")
    finally:
        _MEASURES.pop("never")


@pytest.mark.parametrize(
    ("settings", "says"),
    [
        ({"measures": "naswt"}, "did you mean 'naswot'"),
        ({"measures": ""}, "no measure is given"),
        ({"measures": "max:naswot+zico"}, "unknown t-norm 'max'"),
        ({"measures": "naswot+"}, "a name is missing"),
        ({"measures": "naswot@nose"}, "a measure has no strategy: leave @nose out"),
        ({"measures": "naswot~nose"}, "behind ~ stands noise"),
        ({"measures": "ntk_infinite_min"}, "a measure of fully-connected networks"),
        ({"candidates": "many"}, "candidates is a number of cells, at least 2, or all"),
        ({"candidates": 1}, "at least 2"),
        ({"images": 2000}, "are more than the"),
        ({"initialisation": "xavier"}, "unknown initialisation"),
        ({"cluster": "tcp://127.0.0.1:1"}, "needs dask" if find_spec("dask") is None else "can be reached"),
    ],
)
def test_settings_that_cannot_be_are_refused_before_anything_is_written(tmp_path, settings, says):
    with pytest.raises((UsageError, SelectionError), match=says):
        ranked(tmp_path / "new", **settings)
    assert not (tmp_path / "new").exists()


def test_ndcg_is_that_of_the_definition():
    rng = np.random.default_rng(0)
    scores, accuracies = rng.random(1500), 100 * rng.random(1500)

    def gain(order):
        return sum((2 ** (accuracies[cell] / 100) - 1) / math.log2(1 + place) for place, cell in enumerate(order, 1))

    best = sorted(range(1500), key=lambda cell: -scores[cell])[:1000]
    ideal = sorted(range(1500), key=lambda cell: -accuracies[cell])[:1000]
    assert ndcg(scores, accuracies) == pytest.approx(gain(best) / gain(ideal))


def test_the_top_is_a_tenth_of_the_cells():
    scores, accuracies = np.arange(40.0), np.arange(40.0)
    scores[39] = -1
    assert precision_of_top(scores, accuracies) == 3 / 4


def test_a_shortlist_takes_the_best_that_is_judged_of_the_best_by_score():
    scores, accuracies = np.arange(30.0), np.arange(100.0, 130.0)
    judged = np.zeros(30)
    judged[[5, 12]] = 2, 1  # the fifth is not on the shortlist of 20
    assert pick_from_shortlist(scores, judged, accuracies, 30) == (112.0, 0.0)
    assert all(np.isnan(pick_from_shortlist(scores, judged, accuracies, 31)))


def test_cells_of_transnas101_are_ranked_on_their_seven_tasks(tmp_path, capsys):
    words = "--space transnas101 --data digits --measures naswot,parameters --candidates 12 --channels 4 --images 16"
    out = tmp_path / "rank"
    assert main(["rank", *words.split(), "--image_size", "32", "--out", str(out)]) == 0
    table = TransNas101()
    with (out / "leaderboard.csv").open(newline="") as file:
        rows = {row["measure"]: row for row in csv.DictReader(file)}
    cells = sample_cells(table, 12, 0)
    networks = [build(table.genotype(cell), channels=4, layers=1, num_classes=10, in_chans=1) for cell in cells]
    sizes = [sum(parameter.numel() for parameter in net.parameters()) for net in networks]
    for task in TASKS:
        expected = stats.spearmanr(sizes, table.test(task)[cells]).statistic
        assert float(rows["parameters"][f"{task}_spearman"]) == pytest.approx(expected)
    assert "class_scene" in capsys.readouterr().out
    assert "TransNAS-Bench-101" in (out / "report.html").read_text()
    assert main(["report", str(out)]) == 0
