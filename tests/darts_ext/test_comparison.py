"""Several supernets a seed, and picks that are looked up: what is written, resumed and refused."""

import csv

import pytest

from darts_ext.cli import main
from darts_ext.compare import read_searches
from darts_ext.config import SearchSettings, StrategySettings
from darts_ext.report.runfolder import read_folder
from darts_ext.runtime.errors import UsageError
from darts_ext.select import read_selectors
from darts_ext.tabular import NasBench201
from supernet import Genotype

SMALL = "--space nasbench201 --data digits --train_limit 200 --test_limit 60 --channels 2 --layers 1 --batch_size 50 --epochs 1 --threads 1"
COMPARE = [
    "compare",
    *SMALL.split(),
    "--seeds",
    "2",
    "--judge",
    "table",
    "--supernets",
    '{"fixed": {"alpha": "fixed"}}',
]
CRITERIA = ["--criteria", "magnitude,perturbation,fixed/perturbation,fixed/random"]


def entry(supernet):
    name = f"{supernet}/magnitude" if supernet else "magnitude"
    (selector,) = read_selectors([name], StrategySettings())
    return selector


@pytest.fixture(scope="module")
def compared(tmp_path_factory):
    out = tmp_path_factory.mktemp("compare") / "out"
    assert main([*COMPARE, *CRITERIA, "--out", str(out)]) == 0
    return out


def rows(folder):
    with (folder / "summary.csv").open(newline="") as file:
        return list(csv.DictReader(file))


def test_each_criterion_judges_its_supernet_and_is_looked_up(compared):
    found, table = rows(compared), NasBench201()
    assert [(row["seed"], row["criterion"]) for row in found] == [(s, c) for s in "01" for c in CRITERIA[1].split(",")]
    for row in found:
        index = table.index(Genotype.from_text(row["genotype"]))
        assert float(row["test_accuracy"]) == float(row["table_cifar10"]) == table.test("cifar10")[index]
        assert int(row["parameters"]) == table.parameters[index] and row["child"] == ""
    assert {path.name for path in compared.glob("seed*")} == {"seed0", "seed0-fixed", "seed1", "seed1-fixed"}
    assert not (compared / "children").exists()
    assert all(
        row["skip_share"] == rows(compared / "seed0-fixed")[0]["skip_share"] for row in rows(compared / "seed0-fixed")
    ), "alphas stay"


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
    assert "Not there yet" not in page and "Nothing was retrained here" in page


def test_a_second_call_repeats_nothing(compared):
    before = (compared / "seed1-fixed" / "search" / "last.pt").stat().st_mtime_ns
    lines = (compared / "summary.csv").read_text()
    assert main([*COMPARE, *CRITERIA, "--out", str(compared)]) == 0
    assert (compared / "seed1-fixed" / "search" / "last.pt").stat().st_mtime_ns == before and (
        compared / "summary.csv"
    ).read_text() == lines


def test_more_seeds_and_criteria_may_be_asked_later(tmp_path):
    out, argv = tmp_path / "out", ["compare", *SMALL.split(), "--judge", "table"]
    assert main([*argv, "--criteria", "magnitude,random", "--seeds", "1", "--out", str(out)]) == 0
    first, searched = rows(out), (out / "seed0" / "search" / "last.pt").stat().st_mtime_ns
    assert main([*argv, "--criteria", "random,parameters", "--seeds", "2", "--out", str(out)]) == 0
    found = rows(out)
    assert [(row["seed"], row["criterion"]) for row in found] == [
        (s, c) for s in "01" for c in ("random", "parameters")
    ]
    assert found[0] == first[1] and (out / "seed0" / "search" / "last.pt").stat().st_mtime_ns == searched
    assert main([*argv, "--criteria", "magnitude", "--seeds", "2", "--out", str(out)]) == 0
    assert [row["criterion"] for row in rows(out)] == ["random", "parameters", "magnitude"] * 2, (
        "what was there stays in the table"
    )
    assert main([*argv, "--criteria", "random", "--epochs", "2", "--out", str(out)]) == 2


def test_a_comparison_has_its_genotypes_inside(compared, capsys):
    assert main(["retrain", str(compared)]) == 2
    assert "give one of those inside, as " + str(compared / "seed0") in capsys.readouterr().err


def test_a_comparison_on_a_run_trains_no_supernet(compared, tmp_path):
    source, out = compared / "seed1", tmp_path / "out"
    argv = [
        "compare",
        "--run",
        str(source),
        "--judge",
        "table",
        "--criteria",
        "magnitude,perturbation",
        "--threads",
        "1",
        "--out",
        str(out),
    ]
    assert main(argv) == 0
    assert (out / "seed1" / "search" / "last.pt").read_bytes() == (source / "search" / "last.pt").read_bytes()
    mine = {(row["seed"], row["criterion"]): row["genotype"] for row in rows(compared)}
    assert [row["genotype"] for row in rows(out)] == [mine["1", row["criterion"]] for row in rows(out)] and len(
        rows(out)
    ) == 2
    assert main(argv) == 0
    assert main([*argv[:-1], str(tmp_path / "other"), "--seeds", "2"]) == 2 and not (tmp_path / "other").exists()
    assert main([*argv[:-1], str(tmp_path / "other"), "--epochs", "7"]) == 2 and not (tmp_path / "other").exists()


def test_only_the_supernets_that_are_named_are_trained():
    search = SearchSettings()
    assert list(read_searches(search, {"fixed": {"alpha": "fixed"}}, [entry("fixed")])) == ["fixed"]
    made = read_searches(search, {"slow": {"learning_rate": 1}}, [entry(""), entry("slow")])
    assert made[""] == search and made["slow"].learning_rate == 1 and made["slow"].epochs == search.epochs


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
def test_supernets_that_cannot_be(others, named, says):
    with pytest.raises(UsageError, match=says):
        read_searches(SearchSettings(), others, [entry(named)])


@pytest.mark.parametrize(
    ("argv", "says"),
    [
        (["--judge", "tabel"], "did you mean 'table'"),
        (["--judge", "table", "--space", "tiny"], "looks cells up in NAS-Bench-201"),
        (["--criteria", "fixd/perturbation"], "there is no supernet fixd"),
        (["--run", "nowhere"], "nowhere is not a run"),
        (["--supernets", '{"second": {"epochs": 0}}', "--criteria", "second/magnitude"], "epochs must be at least 1"),
    ],
)
def test_mistakes_are_said_before_anything_is_written(argv, says, tmp_path, capsys):
    assert main(["compare", *SMALL.split(), *argv, "--out", str(tmp_path / "out")]) == 2
    assert says in capsys.readouterr().err and not (tmp_path / "out").exists()
