"""Rankings of earlier versions, which spelt MEASURE@noise: they go on under MEASURE~noise; nothing is scored twice."""

import csv

import pytest

from darts_ext.config import DataSettings, RankSettings, RunSettings
from darts_ext.rank import Task, read_scores, rerank, run_rank, score_tasks
from darts_ext.rank.score import HEADER

MEASURES = "expressivity~noise,naswot+expressivity~noise"
SCORED = {"parameters", "flops", "naswot", "expressivity~noise"}


def rank(folder, measures=MEASURES):
    return run_rank(
        RunSettings(out=str(folder)),
        DataSettings(data="digits"),
        RankSettings(candidates=6, channels=2, images=4, measures=measures),
    )


def name_measures(path):
    """The measures that a file of results names, each once."""
    with path.open(newline="") as file:
        return {row["measure"] for row in csv.DictReader(file)}


@pytest.fixture(scope="module", autouse=True)
def _without_intervals():
    """Intervals of correlations are resampled many times, and are not looked at here."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("darts_ext.rank.statistics.interval", lambda statistic, scores, accuracy: (0.0, 0.0))
        yield


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    """The files of a finished ranking, in the older spelling, and its rows."""
    folder = tmp_path_factory.mktemp("rank") / "finished"
    board = rank(folder)
    files = {path.name: path.read_text().replace("~noise", "@noise") for path in folder.iterdir() if path.is_file()}
    assert "@noise" in files["scores.csv"]
    assert "@noise" in files["leaderboard.csv"]
    return files, board


@pytest.fixture
def older(tmp_path, finished, monkeypatch):
    """The folder of that ranking; nothing may be scored in it."""

    def refuse(task, settings, inputs):
        pytest.fail(f"{task.measures} are scored again")

    monkeypatch.setattr("darts_ext.rank.score.score_task", refuse)
    files, _ = finished
    for name, text in files.items():
        (tmp_path / name).write_text(text)
    return tmp_path


@pytest.mark.parametrize("measures", [MEASURES, MEASURES.replace("~", "@"), "parameters"])
def test_a_ranking_in_the_older_spelling_goes_on_without_scoring_anything(older, measures):
    before = (older / "scores.csv").read_bytes()
    rank(older, measures)
    assert (older / "scores.csv").read_bytes() == before


@pytest.mark.parametrize("measures", [MEASURES, MEASURES.replace("~", "@"), "parameters"])
def test_its_leaderboard_names_the_measure_in_the_new_spelling(older, measures):
    rank(older, measures)
    assert name_measures(older / "leaderboard.csv") == {"random", *SCORED, "naswot+expressivity~noise"}


def test_its_leaderboard_has_the_numbers_that_it_had(older, finished):
    _, board = finished
    assert repr(rank(older).rows) == repr(board.rows)  # some are NaN


def test_its_report_alone_names_the_measure_in_the_new_spelling_too(older, finished):
    _, board = finished
    assert repr(rerank(older).rows) == repr(board.rows)


def test_rows_of_both_spellings_are_of_one_measure(tmp_path):
    path = tmp_path / "scores.csv"
    rows = ["0,0,expressivity@noise,1.0,0.1", "1,0,expressivity~noise,2.0,0.1"]
    path.write_text("\n".join([",".join(HEADER), *rows, ""]))
    assert {row["measure"] for row in read_scores(path)} == {"expressivity~noise"}


@pytest.mark.parametrize("spelling", ["expressivity~noise", "expressivity@noise"])
def test_a_task_of_either_spelling_is_done_where_the_file_has_its_row(tmp_path, spelling):
    path = tmp_path / "scores.csv"
    path.write_text("\n".join([",".join(HEADER), "0,0,expressivity@noise,1.0,0.1", ""]))
    assert list(score_tasks([Task(0, "", 0, (spelling,))], None, pytest.fail, path)) == []
