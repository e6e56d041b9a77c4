"""Several supernets a seed, and picks that are looked up: what is written, resumed and refused."""

import csv
from dataclasses import replace
from itertools import product

import pytest

from darts_ext.cli import main
from darts_ext.compare import read_searches
from darts_ext.compare.table import MEANS, aggregate, render
from darts_ext.config import SearchSettings, StrategySettings
from darts_ext.report.runfolder import read_folder
from darts_ext.runtime.errors import UsageError
from darts_ext.select import read_selectors
from darts_ext.tabular import NasBench201
from supernet import Genotype

SMALL = [
    *"--space nasbench201 --channels 2 --layers 1 --epochs 1 --threads 1".split(),
    *"--data digits --train_limit 50 --test_limit 60 --batch_size 25 --select_images 10".split(),
]
CRITERIA = "magnitude,perturbation,fixed/perturbation,fixed/random"
COMPARE = [
    *["compare", *SMALL, "--seeds", "2", "--judge", "table"],
    *["--supernets", '{"fixed": {"alpha": "fixed"}}', "--criteria", CRITERIA],
]


def entry(supernet):
    name = f"{supernet}/magnitude" if supernet else "magnitude"
    (selector,) = read_selectors([name], StrategySettings())
    return selector


@pytest.fixture(scope="module")
def compared(tmp_path_factory):
    out = tmp_path_factory.mktemp("compare") / "out"
    assert main([*COMPARE, "--out", str(out)]) == 0
    return out


def rows(folder):
    with (folder / "summary.csv").open(newline="") as file:
        return list(csv.DictReader(file))


def test_each_criterion_judges_its_supernet_and_is_looked_up(compared):
    table = NasBench201()
    asked = list(product("01", CRITERIA.split(",")))
    assert [(row["seed"], row["criterion"]) for row in rows(compared)] == asked
    for row in rows(compared):
        index = table.index(Genotype.from_text(row["genotype"]))
        assert float(row["test_accuracy"]) == float(row["table_cifar10"]) == table.test("cifar10")[index]
        assert int(row["parameters"]) == table.parameters[index]
        assert row["child"] == ""
    assert not (compared / "children").exists()


def test_each_supernet_has_a_folder_and_fixed_alphas_stay(compared):
    assert {path.name for path in compared.glob("seed*")} == {"seed0", "seed0-fixed", "seed1", "seed1-fixed"}
    assert len({row["skip_share"] for row in rows(compared / "seed0-fixed")}) == 1


def test_the_report_finds_every_supernet(compared):
    contents = read_folder(compared)
    assert [(run.name, run.supernet) for run in contents.runs] == [
        ("seed0", ""),
        ("seed0-fixed", "fixed"),
        ("seed1", ""),
        ("seed1-fixed", "fixed"),
    ]
    assert [outcome.criterion for outcome in contents.runs[1].outcomes] == ["fixed/perturbation", "fixed/random"]
    page = (compared / "report.html").read_text()
    assert "Not there yet" not in page
    assert "Nothing was retrained here" in page


def test_a_second_call_repeats_nothing(compared):
    checkpoint = compared / "seed1-fixed" / "search" / "last.pt"
    written = checkpoint.stat().st_mtime_ns
    lines = (compared / "summary.csv").read_text()
    assert main([*COMPARE, "--out", str(compared)]) == 0
    assert checkpoint.stat().st_mtime_ns == written
    assert (compared / "summary.csv").read_text() == lines


def test_more_seeds_and_criteria_may_be_asked_later(tmp_path):
    out = tmp_path / "out"
    argv = ["compare", *SMALL, "--judge", "table", "--out", str(out)]
    assert main([*argv, "--criteria", "magnitude,random", "--seeds", "1"]) == 0
    first, searched = rows(out), (out / "seed0" / "search" / "last.pt").stat().st_mtime_ns
    assert main([*argv, "--criteria", "random,parameters", "--seeds", "2"]) == 0
    second = rows(out)
    assert [(row["seed"], row["criterion"]) for row in second] == list(product("01", ["random", "parameters"]))
    assert second[0] == first[1]
    assert (out / "seed0" / "search" / "last.pt").stat().st_mtime_ns == searched
    assert main([*argv, "--criteria", "magnitude", "--seeds", "2"]) == 0
    criteria = [row["criterion"] for row in rows(out)]
    assert criteria == ["random", "parameters", "magnitude"] * 2, "what was there stays in the table"
    assert main([*argv, "--criteria", "random", "--epochs", "2"]) == 2


def test_a_comparison_has_its_genotypes_inside(compared, capsys):
    assert main(["retrain", str(compared)]) == 2
    assert "give one of those inside, as " + str(compared / "seed0") in capsys.readouterr().err


def test_a_comparison_on_a_run_trains_no_supernet(compared, tmp_path):
    source, out = compared / "seed1", tmp_path / "out"
    argv = [
        *["compare", "--run", str(source), "--judge", "table"],
        *"--criteria magnitude,perturbation --select_images 10 --threads 1".split(),
    ]
    assert main([*argv, "--out", str(out)]) == 0
    assert (out / "seed1" / "search" / "last.pt").read_bytes() == (source / "search" / "last.pt").read_bytes()
    before = {row["criterion"]: row["genotype"] for row in rows(compared) if row["seed"] == "1"}
    genotypes = {row["criterion"]: row["genotype"] for row in rows(out)}
    assert genotypes == {criterion: before[criterion] for criterion in ("magnitude", "perturbation")}
    assert main([*argv, "--out", str(out)]) == 0
    for option, value in (("--seeds", "2"), ("--epochs", "7")):
        assert main([*argv, option, value, "--out", str(tmp_path / "other")]) == 2
        assert not (tmp_path / "other").exists()


def test_only_the_supernets_that_are_named_are_trained():
    search = SearchSettings()
    assert list(read_searches(search, {"fixed": {"alpha": "fixed"}}, [entry("fixed")])) == ["fixed"]
    searches = read_searches(search, {"slow": {"learning_rate": 1}}, [entry(""), entry("slow")])
    assert searches == {"": search, "slow": replace(search, learning_rate=1)}


@pytest.mark.parametrize(
    ("others", "named", "says"),
    [
        (None, "fixed", "there is no supernet fixed: --supernets"),
        ({"fixd": {}}, "fixed", "did you mean 'fixd'"),
        ({"fixed": {"alpha": "fixed"}}, "", "no criterion is asked of supernet fixed"),
        ({"fixed": {"alpa": "fixed"}}, "fixed", "did you mean 'alpha'"),
        ({"fixed": {"epochs": "many"}}, "fixed", "epochs takes a value of type int"),
        ({"fixed": "alpha"}, "fixed", "given as what differs"),
        ({"my net": {}}, "my net", "letters, digits and _"),
    ],
)
def test_a_supernet_that_cannot_be_is_refused(others, named, says):
    with pytest.raises(UsageError, match=says):
        read_searches(SearchSettings(), others, [entry(named)])


@pytest.mark.parametrize(
    ("argv", "says"),
    [
        (["--judge", "tabel"], "did you mean 'table'"),
        (["--judge", "table", "--space", "tiny"], "looks cells up in a benchmark"),
        (["--criteria", "fixd/perturbation"], "there is no supernet fixd"),
        (["--run", "nowhere"], "nowhere is not a run"),
        (["--supernets", '{"second": {"epochs": 0}}', "--criteria", "second/magnitude"], "epochs must be at least 1"),
    ],
)
def test_a_mistake_in_a_comparison_is_said_before_anything_is_written(argv, says, tmp_path, fails):
    fails("compare", *SMALL, *argv, "--out", tmp_path / "out", says=says, out=tmp_path / "out")


def test_cells_of_which_only_some_are_in_a_table_stand_in_one_table():
    """A convolution with an activation of its own makes a cell that NAS-Bench-201 does not list."""
    row = {"test_accuracy": 90.0, **dict.fromkeys(MEANS, 1.0)}
    listed = {"table_cifar10": 93.0, "table_cifar100": 70.0, "table_in16": 44.0}
    rows = [
        {"criterion": "parameters", **row, **listed},
        {"criterion": "magnitude", **row, **listed},
        {"criterion": "magnitude", **row},
    ]
    lines = aggregate(rows)
    text = render(lines).splitlines()
    assert [line["criterion"] for line in lines if "table_cifar10_mean" in line] == ["parameters"]
    assert "93.00" in next(line for line in text if line.startswith("parameters"))
    assert " - " in next(line for line in text if line.startswith("magnitude"))
