"""The page about a comparison: complete and self-contained."""

import json
import shutil

import pytest
from report_folders import ACCURACY, fake_comparison, write_json
from report_pages import SVG, of_class, report_on

from darts_ext.report import write_report


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Two seeds of five criteria."""
    return fake_comparison(tmp_path_factory.mktemp("report") / "study", seeds=2, epochs=4)


@pytest.fixture(scope="module")
def page(folder):
    return report_on(folder)


@pytest.fixture(scope="module")
def small(tmp_path_factory):
    """Two seeds of five criteria, two epochs each."""
    return fake_comparison(tmp_path_factory.mktemp("report") / "small", seeds=2, epochs=2)


@pytest.fixture
def copy(small, tmp_path):
    """A folder, to be changed."""
    return shutil.copytree(small, tmp_path / "study")


def test_a_finished_comparison_misses_nothing(page):
    assert "Not there yet" not in page.text


def test_baselines_are_named_as_such(page):
    assert page.text.count("random (baseline)") > 2


def test_criteria_that_chose_the_same_cell_share_one_drawing(page):
    assert "magnitude (vanilla DARTS) and perturbation chose the same cell." in page.text
    cells = [svg for svg in page.drawings if of_class(svg, "node")]
    assert len(cells) == 2 * 4 * 2  # seeds x different cells x (normal, reduce)


def test_every_criterion_has_a_heat_map(page):
    maps = [svg for svg in page.drawings if of_class(svg, "chosen")]
    assert len(maps) == 2 * 5  # seeds x criteria


def test_every_choice_has_an_alpha_chart(page):
    charts = [svg for svg in page.drawings if svg.get("aria-label").endswith("/op")]
    assert len(charts) == 2 * 28  # seeds x choices


def test_every_seed_has_a_dot(page):
    (plot,) = [svg for svg in page.drawings if svg.get("aria-label") == "test accuracy by criterion"]
    assert len(list(plot.iter(f"{SVG}circle"))) == 2 * len(ACCURACY)


def test_no_draft_of_the_page_is_left(folder, page):
    assert [path.name for path in folder.glob("*report.html*")] == ["report.html"]


def test_order_of_edges_does_not_make_another_cell(copy):
    genotype = json.loads((copy / "seed0" / "magnitude" / "genotype.json").read_text())
    for cell in genotype["cells"].values():
        cell["edges"].reverse()
    write_json(copy / "seed0" / "ntk" / "genotype.json", genotype)
    assert "magnitude (vanilla DARTS), perturbation and ntk chose the same cell." in report_on(copy).text


def test_an_unfinished_comparison_says_what_is_missing(copy):
    (copy / "comparison.csv").unlink()
    rows = (copy / "summary.csv").read_text().splitlines()
    (copy / "summary.csv").write_text("\n".join(rows[:3]))
    text = report_on(copy).text
    assert "The comparison is not finished yet." in text
    assert "seed0: test accuracy of ntk, test accuracy of parameters, test accuracy of random;" in text


def test_a_criterion_is_named_as_it_was_asked_for(copy):
    scores = copy / "seed0" / "ntk" / "scores.json"
    write_json(scores, json.loads(scores.read_text()) | {"entry": "removal:loss@beam"})
    assert "How removal:loss@beam chose" in report_on(copy).text


def test_hostile_strings_are_escaped(copy):
    evil = '<script>alert("1")</script>\x00&\'"\ud800'
    (copy / "args.yaml").write_text("note: '<script>alert(2)</script>'\n")
    write_json(copy / "environment.json", {evil: evil})
    genotype = {"cells": {evil: {"edges": [{"op": evil, "from": 0, "to": 1}], "concat": [1]}}}
    scores = {"criterion": evil, "scores": {evil: {evil: 1.0}}, "decisions": {evil: evil}, "notes": [evil]}
    write_json(copy / "seed0" / "evil" / "genotype.json", genotype)
    write_json(copy / "seed0" / "evil" / "scores.json", scores)
    write_json(copy / "seed0" / "search" / "alphas.json", {"choices": {evil: [evil]}, "epochs": [{evil: [1.0]}]})
    page = report_on(copy)
    assert page.tags.count("script") == 1
    assert "alert(2)" in page.text


def test_a_comparison_of_one_seed_and_one_epoch_is_drawn(tmp_path):
    assert "with one seed" in report_on(fake_comparison(tmp_path / "study", seeds=1, epochs=1)).text


def test_a_folder_with_one_selection_is_a_comparison(tmp_path):
    (tmp_path / "args.yaml").write_text("space: nasbench201\n")
    write_json(tmp_path / "seed0" / "removal-loss@beam" / "scores.json", {"criterion": "x"})
    assert "How removal-loss@beam chose" in write_report(tmp_path).read_text()
