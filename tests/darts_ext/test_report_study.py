"""The page about comparisons that differ in a number: curves, a table, and what each criterion takes."""

import csv
import shutil

import pytest
from report_folders import ACCURACY, fake_comparison, write_settings
from report_pages import SVG, of_class, report_on

from darts_ext.cli import main
from darts_ext.report import is_study
from darts_ext.report.chosen import count_shares
from darts_ext.report.runfolder import Outcome, Run
from darts_ext.report.study import read_study
from darts_ext.report.studypage import collect, write_study
from darts_ext.runtime.errors import UsageError

SETTINGS = "space: nasbench201\nseeds: 2\nlayers: {}\nchannels: {}\nretrain:\n  channels: {}\n"


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Three comparisons of two seeds, over 4, 10 and 50 layers."""
    study = tmp_path_factory.mktemp("report") / "depths"
    first = fake_comparison(study / "4", "nasbench201", seeds=2, epochs=2)
    for layers in (10, 50):
        shutil.copytree(first, study / str(layers))
    for layers in (4, 10, 50):
        write_settings(study / str(layers), SETTINGS.format(layers, 8, 8))
    return study


@pytest.fixture
def copy(folder, tmp_path):
    return shutil.copytree(folder, tmp_path / "depths")


def set_accuracies(path, accuracies):
    """Changes the test accuracies of a comparison's results to those of {criterion: accuracy}."""
    with path.open(newline="") as file:
        rows = list(csv.DictReader(file))
    for row in rows:
        row["test_accuracy"] = accuracies[row["criterion"]]
    with path.open("w", newline="") as file:
        writer = csv.DictWriter(file, rows[0])
        writer.writeheader()
        writer.writerows(rows)


def test_comparisons_stand_over_the_number_in_which_they_differ(folder):
    study = read_study(folder)
    assert is_study(folder) and not is_study(folder / "4")
    assert study.axis == "layers"
    assert [list(panel) for panel in study.panels.values()] == [[4.0, 10.0, 50.0]]


def test_further_differences_make_further_panels_and_what_goes_together_counts_once(copy):
    for layers in (4, 10):
        shutil.copytree(copy / str(layers), copy / "wide" / str(layers))
        write_settings(copy / "wide" / str(layers), SETTINGS.format(layers, 32, 32))
    panels = read_study(copy).panels
    assert {title: list(panel) for title, panel in panels.items()} == {
        "channels 8": [4.0, 10.0, 50.0],
        "channels 32": [4.0, 10.0],
    }


def test_a_curve_is_the_mean_over_seeds(folder):
    (panel,) = read_study(folder).panels.values()
    with (folder / "10" / "summary.csv").open(newline="") as file:
        expected = [float(row["test_accuracy"]) for row in csv.DictReader(file) if row["criterion"] == "ntk"]
    assert collect(panel, "ntk", "test_accuracy")[10.0] == expected


def test_the_page_has_a_curve_and_a_row_for_each_criterion(copy):
    assert main(["report", str(copy)]) == 0
    page = (copy / "report.html").read_text()
    assert page.count("at layers 4, 10, 50") >= 1
    assert page.count("random (baseline)") >= 2
    assert '<a href="10/report.html">' in page
    assert page.count('class="bar"') == 3 * len(ACCURACY)


def test_the_best_of_each_number_is_named(copy):
    for layers in (4, 10):
        set_accuracies(copy / str(layers) / "summary.csv", dict.fromkeys(ACCURACY, 90) | {"ntk": 95, "random": 80})
    set_accuracies(copy / "50" / "summary.csv", dict.fromkeys(ACCURACY, 10) | {"random": 12})
    page = write_study(copy).read_text()
    assert "Most accurate: ntk at layers 4, 10; random (baseline) at layers 50." in page
    assert "ntk is above all baselines at layers 4, 10." in page


def test_the_shares_of_options_are_counted_over_seeds():
    runs = []
    for number, option in enumerate(["relu", "tanh", "tanh", "relu", "relu"]):
        scores = {"decisions": {"layer/0/act": option}}
        runs.append(Run(f"seed{number}", [], None, [Outcome("ntk", scores, None, [])]))
    assert count_shares(runs, "ntk") == {"layer/0/act": {"relu": pytest.approx(0.6), "tanh": pytest.approx(0.4)}}


def test_a_comparison_of_several_seeds_draws_what_is_chosen(folder):
    page = report_on(folder / "4")
    stacks = [svg for svg in page.drawings if svg.get("aria-label") == "ntk" and svg.findall(f".//{SVG}rect")]
    assert stacks
    assert not any(of_class(svg, "bar") for svg in stacks)


def test_comparisons_of_the_same_settings_are_refused(copy, capsys):
    shutil.copytree(copy / "4", copy / "again")
    assert main(["report", str(copy)]) == 2
    assert "are of the same settings" in capsys.readouterr().err


def test_comparisons_that_differ_in_words_only_are_refused(copy):
    shutil.rmtree(copy / "50")
    write_settings(copy / "4", "space: nasbench201\ndata: digits\n")
    write_settings(copy / "10", "space: nasbench201\ndata: mnist\n")
    with pytest.raises(UsageError, match="differ in no number"):
        write_study(copy)
    assert not (copy / "report.html").exists()


def test_a_folder_of_one_comparison_is_no_study(copy, capsys):
    shutil.rmtree(copy / "50")
    shutil.rmtree(copy / "10")
    assert main(["report", str(copy)]) == 2
    assert "no args.yaml" in capsys.readouterr().err
