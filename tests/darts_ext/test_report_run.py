"""The page about one run: complete, and tolerant of what is not there yet."""

import json
import shutil

import pytest
from report_folders import fake_run, write_json
from report_pages import of_class, report_on

from darts_ext.report import write_report
from darts_ext.runtime.errors import UsageError

CELL_SIZES = {"darts": (7, 8), "nasbench201": (4, 6)}  # nodes with inputs and output, edges


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    return fake_run(tmp_path_factory.mktemp("report") / "run", epochs=2)


@pytest.fixture
def run(finished, tmp_path):
    """A finished run, to be changed."""
    return shutil.copytree(finished, tmp_path / "run")


@pytest.mark.parametrize("space", CELL_SIZES)
@pytest.mark.parametrize("epochs", [1, 50])
def test_page_shows_cells_and_accuracy(tmp_path, space, epochs):
    nodes, edges = CELL_SIZES[space]
    page = report_on(fake_run(tmp_path / "run", space, epochs))
    cells = [svg for svg in page.drawings if of_class(svg, "node")]
    assert cells
    assert {len(of_class(svg, "node")) for svg in cells} == {nodes}
    assert {len(of_class(svg, "edge")) for svg in cells} == {edges}
    assert f"Test accuracy 97.00 % after retraining for {epochs} epoch" in page.text.replace("\u00a0", " ")


def test_alpha_of_one_moment_is_shown_as_bars(run):
    path = run / "search" / "alphas.json"
    alphas = json.loads(path.read_text())
    final = alphas["epochs"][-1]
    write_json(path, alphas | {"epochs": [final]})
    text = report_on(run).text
    assert "to the last epoch" not in text
    for choice, options in alphas["choices"].items():
        for option, weight in zip(options, final[choice], strict=True):
            assert f"{option}: {weight:.3g}" in text


@pytest.mark.parametrize(
    "missing", ["summary.csv", "search/alphas.json", "scores.json", "genotype.json", "evaluate/summary.csv"]
)
def test_missing_file_is_named_and_tolerated(run, missing):
    (run / missing).unlink()
    assert f"({missing})" in report_on(run).text


def test_missing_environment_is_tolerated(run):
    (run / "environment.json").unlink()
    assert "(environment.json)" not in report_on(run).text


def test_folder_with_settings_only_says_that_nothing_was_run(tmp_path):
    (tmp_path / "args.yaml").write_text("space: darts\n")
    assert "Nothing has been run yet." in report_on(tmp_path).text


def test_half_a_row_is_an_epoch_without_numbers(run):
    with (run / "summary.csv").open("a") as file:
        file.write("3,0.02,nan")
    assert "ran for 3 epochs" in report_on(run).text


def test_folder_without_settings_is_refused(tmp_path):
    with pytest.raises(UsageError, match=f"{tmp_path.name}.*args.yaml"):
        write_report(tmp_path)


@pytest.mark.parametrize(
    "name, text",
    [
        ("genotype.json", '{"cells": {"normal": {"edges": [{"op": "none", "from": 3, "to": 2}], "concat": [2]}}}'),
        ("genotype.json", '{"cells": {"normal": {"edges": [{"op": "none"}], "concat": [2]}}}'),
        ("genotype.json", '{"cells": {"normal": {"edges": [], "concat": ["2"]}}}'),
        ("genotype.json", '{"cells": [1]}'),
        ("scores.json", "{"),
        ("search/alphas.json", "[]"),
        ("args.yaml", "a: [1"),
    ],
)
def test_broken_file_is_named_in_one_line(run, name, text):
    (run / name).write_text(text)
    with pytest.raises(UsageError, match=name) as error:
        write_report(run)
    assert "\n" not in str(error.value)
