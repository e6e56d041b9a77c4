"""The benchmark's table: what is published about it, and the file it was made from where that is at hand."""

import csv
from pathlib import Path

import numpy as np
import pytest

from darts_ext.cli import main
from darts_ext.runtime.errors import UsageError
from darts_ext.tabular import (
    DATASETS,
    TASKS,
    NasBench201,
    TransNas101,
    arrays,
    find_brief_accuracy,
    in_table,
    nasbench201,
)
from supernet import Genotype, build, create_space

ORIGINAL = Path(__file__).parents[3] / "shared" / "data" / "nb201.npz"
TABLE = NasBench201()


def test_best_accuracies_and_those_of_all_convolutions_are_as_published():
    assert [round(float(TABLE.test(dataset).max()), 2) for dataset in DATASETS] == [94.37, 73.51, 47.31]
    convolutions = Genotype.from_text(
        "|nor_conv_3x3~0|+|nor_conv_3x3~0|nor_conv_3x3~1|+|nor_conv_3x3~0|nor_conv_3x3~1|nor_conv_3x3~2|"
    )
    index = TABLE.index(convolutions)
    assert [round(float(TABLE.test(dataset)[index]), 2) for dataset in DATASETS] == [93.76, 71.11, 41.44]


def test_indices_and_cells_match_both_ways():
    for index in np.random.default_rng(0).choice(len(TABLE), 200, replace=False):
        assert TABLE.index(TABLE.genotype(index)) == index
    assert len(TABLE) == 15625


def test_the_parameters_are_those_of_our_networks():
    for index in (0, 1, 777, 15624):
        net = build(TABLE.genotype(index), channels=16, layers=5, num_classes=10)
        assert TABLE.parameters[index] == sum(p.numel() for p in net.parameters())


def expression(index):
    """Returns what a cell computes, as text: sums and products of operations, sorted, so that equal cells are equal."""
    edges, _ = TABLE.genotype(index).cells["cell"]
    states = ["x"]
    for node in (1, 2, 3):
        terms = []
        for edge in edges:
            if edge.node != node or edge.op == "none":
                continue
            source = states[edge.source]
            if source:
                terms.append(source if edge.op == "skip_connect" else f"{edge.op}({source})")
        states.append("+".join(sorted(terms)))
    return states[3]


def test_cells_of_one_class_compute_the_same():
    classes = {}
    for index in range(0, len(TABLE), 3):
        classes.setdefault(int(TABLE.classes[index]), set()).add(frozenset(expression(index).split("+")))
    assert all(len(found) == 1 for found in classes.values())


@pytest.mark.skipif(not ORIGINAL.exists(), reason="the file that the table was made from is not here")
def test_the_table_is_its_source():
    source = np.load(ORIGINAL)
    for index in np.random.default_rng(1).choice(len(TABLE), 100, replace=False):
        assert TABLE.genotype(index).to_text() == str(source["arch"][index])
    for dataset in DATASETS:
        assert np.abs(TABLE.test(dataset) - source[f"{dataset}_test"]).max() < 6e-4
        assert np.abs(TABLE.validation(dataset) - source[f"{dataset}_valid"]).max() < 6e-4
    _, classes = np.unique(source["unique"], return_inverse=True)
    assert (TABLE.classes == classes).all()
    assert np.abs(TABLE.flops / 1e6 - source["flops_m_cifar10"]).max() < 1e-4


def test_only_cells_of_the_benchmark_are_looked_up():
    plain = TABLE.genotype(1234).to_text()
    assert in_table(TABLE.genotype(1234)) == {f"table_{dataset}": TABLE.test(dataset)[1234] for dataset in DATASETS}
    convolutions = "|nor_conv_3x3{}~0|+|nor_conv_3x3~0|nor_conv_3x3~1|+|nor_conv_3x3~0|nor_conv_3x3~1|nor_conv_3x3~2|"
    others = [
        convolutions.format(":gelu"),
        convolutions.format(":add_skip"),
        "|nor_conv_3x3~0|",
        "MLP(relu)",
        "|sep_conv_3x3~0|" + plain[plain.index("+") :],
    ]
    for text in others:
        assert in_table(Genotype.from_text(text)) == {}
        with pytest.raises(UsageError, match="is not a cell of NAS-Bench-201"):
            TABLE.index(Genotype.from_text(text))


def test_a_comparison_looks_its_cells_up(tmp_path, capsys):
    assert main(["compare", "--config", "smoke", "--criteria", "magnitude,random", "--out", str(tmp_path / "out")]) == 0
    for name in ("summary.csv", "seed0/summary.csv"):
        with (tmp_path / "out" / name).open(newline="") as file:
            for row in csv.DictReader(file):
                index = TABLE.index(Genotype.from_text(row["genotype"]))
                for dataset in DATASETS:
                    assert float(row[f"table_{dataset}"]) == TABLE.test(dataset)[index]
    assert "nb201 cifar10" in capsys.readouterr().out
    assert "NB201 CIFAR-10" in (tmp_path / "out" / "report.html").read_text()


@pytest.mark.parametrize("share", [0, 0.001, 0.5, 0.99])
def test_a_table_that_is_cut_short_is_a_usage_error(share, tmp_path, monkeypatch):
    content = (Path(nasbench201.__file__).parent / nasbench201.FILE).read_bytes()
    (tmp_path / nasbench201.FILE).write_bytes(content[: int(share * len(content))])
    monkeypatch.setattr(arrays, "files", lambda _: tmp_path)
    arrays.load_columns.cache_clear()
    try:
        with pytest.raises(UsageError, match="install darts_ext anew"):
            NasBench201()
    finally:
        arrays.load_columns.cache_clear()


LARGEST = Genotype.from_text("64-41414-3_33_333")
OF_LARGEST = {  # the benchmark's score of nothing but 3x3 convolutions, and its rank
    "class_object": (43.05, 1889),
    "class_scene": (53.67, 563),
    "jigsaw": (85.91, 2587),
    "autoencoder": (0.470, 2314),
    "normal": (0.556, 698),
    "room_layout": (-0.681, 2167),
    "segmentsemantic": (24.43, 376),
}


@pytest.mark.parametrize("task", TASKS)
def test_transnas101_has_the_published_scores(task):
    table = TransNas101()
    scores, index = table.test(task), table.index(LARGEST)
    score, rank = OF_LARGEST[task]
    assert scores[index] == pytest.approx(score, abs=0.006 if abs(score) > 1 else 0.0006)
    assert abs(int((scores > scores[index]).sum()) + 1 - rank) <= 1
    assert in_table(LARGEST)[f"table_{task}"] == scores[index]


def test_transnas101_knows_every_cell_of_the_space_by_its_text():
    table = TransNas101()
    cells = list(create_space("transnas101").architectures())
    assert {table.index(cell) for cell in cells} == set(range(len(table))) == set(range(4096))
    for index in range(0, 4096, 97):
        assert table.index(Genotype.from_text(table.genotype(index).to_text())) == index
        net = build(table.genotype(index), num_classes=75)
        assert table.parameters[index] == sum(parameter.numel() for parameter in net.parameters())


def test_the_two_benchmarks_do_not_answer_for_each_other():
    same = "|nor_conv_3x3~0|+|nor_conv_3x3~0|nor_conv_3x3~1|+|nor_conv_3x3~0|nor_conv_3x3~1|nor_conv_3x3~2|"
    assert "table_cifar10" in in_table(Genotype.from_text(same))
    assert "table_cifar10" not in in_table(LARGEST)
    assert find_brief_accuracy(LARGEST) is None
    assert TransNas101().find(Genotype.from_text(same)) is None
    assert NasBench201().find(LARGEST) is None


DIGITS = "--data digits --train_limit 100 --test_limit 60 --batch_size 20 --epochs 1 --threads 1".split()
CELLS = [*"--space transnas101 --channels 2 --layers 1 --seeds 1 --judge table".split(), *DIGITS]


def test_a_comparison_is_judged_by_a_task(tmp_path, capsys):
    out = tmp_path / "out"
    words = ["--criteria", "parameters,naswot@local", "--candidate_weights", "initial", "--task", "room_layout"]
    assert main(["compare", *CELLS, *words, "--out", str(out)]) == 0
    with (out / "summary.csv").open(newline="") as file:
        rows = {row["criterion"]: row for row in csv.DictReader(file)}
    table = TransNas101()
    for row in rows.values():
        index = table.index(Genotype.from_text(row["genotype"]))
        assert float(row["test_accuracy"]) == table.test("room_layout")[index]
        assert int(row["parameters"]) == table.parameters[index]
    assert rows["parameters"]["genotype"] == "64-41414-3_33_333"
    assert "tnb101 class_scene" in capsys.readouterr().out
    page = (out / "report.html").read_text()
    assert "room layout, negative loss" in page
    assert page.count("<th>room layout, negative loss</th>") == 1


@pytest.mark.parametrize(
    ("words", "says"),
    [
        ([*CELLS, "--task", "cifar10"], "unknown task of TransNAS-Bench-101 'cifar10'"),
        ([*CELLS, "--judge", "retrain", "--task", "jigsaw"], "task jigsaw is of judge table, and the judge is retrain"),
        ([*CELLS, "--added_skip", "true"], "are in none: take space nasbench201 or transnas101 without"),
        (
            [*CELLS, "--space", "darts", "--layers", "3", "--judge", "retrain", "--criteria", "naswot@sample:table"],
            "then table looks cells up in NAS-Bench-201, and darts has others",
        ),
        ([*CELLS, "--criteria", "naswot@sample:table"], "then table looks cells up in NAS-Bench-201, and transnas101"),
    ],
)
def test_what_the_table_does_not_have_is_one_line(words, says, tmp_path, capsys):
    assert main(["compare", *words, "--out", str(tmp_path / "out")]) == 2
    assert says in capsys.readouterr().err.strip().splitlines()[-1]
