"""How a choice came about, as the report shows it."""

import json
import xml.etree.ElementTree as ET
from math import nan

import pytest
from report_pages import SVG, of_class, report_on, titles

from darts_ext.report.candidates import list_candidates
from darts_ext.report.charts.palette import assign_looks
from darts_ext.report.charts.stepchart import Step, draw_steps
from darts_ext.report.explanation import explain, list_facts
from darts_ext.report.reasons import list_reasons
from darts_ext.report.runfolder import Outcome

OPTIONS = ["none", "skip_connect", "nor_conv_3x3"]
LOOK = assign_looks(OPTIONS)
SCORES = {choice: {option: i / 10 for i, option in enumerate(OPTIONS)} for choice in ("cell/0/op", "cell/1/op")}
DECISIONS = {"cell/0/op": "nor_conv_3x3", "cell/1/op": "skip_connect"}
TUNED = {
    "entry": "perturbation@progressive",
    "measure": "accuracy",
    "criterion": "perturbation",
    "strategy": "progressive",
    "decisions": DECISIONS,
    "inputs": {},
    "scores": SCORES,
    "evaluations": 12.25,
    "saved": 3.0,
    "seconds": 4.0,
    "notes": ["ntk: no layerwise formula for <GRU>"],
    "history": [{"decided": ["cell/1/op"], "value": 0.5}, {"decided": ["cell/0/op"], "value": None}],
    "settings": {"protocol": "darts-pt", "tune_epochs": 5},
}
REASON = {
    "chosen": "skip_connect",
    "value": 0.4,
    "atoms": {"ntk": 0.9, "parameters": 0.4},
    "deciding": "parameters",
    "runner_up": "none",
}
BEAM = {
    "criterion": "ntk+parameters",
    "strategy": "beam",
    "decisions": DECISIONS,
    "inputs": {"cell/n1": ["cell/0/op"]},
    "scores": SCORES,
    "evaluations": 6,
    "saved": 0,
    "seconds": 1.0,
    "reasons": {
        "cell/0/op": {**REASON, "runner_up_value": 0.3},
        "cell/1/op": {**REASON, "runner_up_value": 0.7},
        "cell/0/op (edge)": {"chosen": True, "value": 0.5, "atoms": {"ntk": 0.5, "parameters": 1.0}},
    },
    "history": [
        {"decided": ["cell/n1"], "value": 0.8, "kept": 2, "over": 1},
        {"decided": ["cell/0/op"], "value": 0.4, "kept": 3, "over": 4},
    ],
    "settings": {"max_parameters": 20000.0, "max_flops": 2e6},
}
SAMPLE = {
    "criterion": "ntk+naswot",
    "strategy": "sample",
    "decisions": DECISIONS,
    "inputs": {},
    "evaluations": 2,
    "saved": 0,
    "seconds": 1.0,
    "scores": {"cell/0/op": {"none": None, "skip_connect": 0.5, "nor_conv_3x3": 0.6}},
    "candidates": [
        {
            "options": DECISIONS,
            "inputs": {"n": ["cell/0/op"]},
            "value": 0.6,
            "measured": {"ntk": 0.25, "naswot": None},
            "atoms": None,
        }
    ],
    "settings": {"candidate_weights": "initial"},
}


def explanation(scores):
    criterion = scores.get("entry", scores["criterion"])
    return explain(Outcome(criterion, scores, None, []), LOOK)


def parts(svg, name):
    return of_class(ET.fromstring(str(svg)), name)


def words(svg):
    texts = ET.fromstring(str(svg)).iter(f"{SVG}text")
    return " ".join("".join(text.itertext()) for text in texts)


def test_decisions_stand_in_their_order():
    steps = explanation(TUNED).steps
    assert len(parts(steps, "decision")) == 2
    assert words(steps).index("cell/1/op skip_connect") < words(steps).index("cell/0/op nor_conv_3x3")


def test_a_round_without_a_value_has_no_dot():
    (dot,) = parts(explanation(TUNED).steps, "step")
    assert dot[0].text == "1. cell/1/op: skip_connect: 50"


def test_accuracy_is_shown_in_per_cent():
    assert "accuracy after each round (%)" in words(explanation(TUNED).steps)


def test_facts_say_what_was_asked_for_and_what_it_cost():
    assert explanation(TUNED).facts == [
        "perturbation",
        "progressive",
        "protocol darts-pt",
        "5 epochs of tuning after each round",
        "12.2 evaluations",
        "3 saved",
        "4.0 s",
    ]


def test_facts_of_an_old_file():
    assert list_facts({"criterion": "ntk", "evaluations": 7}) == ["ntk", "7 evaluations"]


def test_notes_of_the_measures_are_handed_on():
    assert explanation(TUNED).notes == ["ntk: no layerwise formula for <GRU>"]


def test_rounds_of_several_decisions_are_side_by_side():
    decided = [("normal/0/op", "none"), ("reduce/0/op", "skip_connect")]
    svg = draw_steps([Step(decided, value) for value in (1.0, nan, 2.0)], title="loss", look=LOOK)
    assert len(parts(svg, "decision")) == 6
    assert len(parts(svg, "step")) == 2
    assert "nan" not in str(svg)


def test_a_beam_tells_what_decided_and_what_came_second():
    beam = explanation(BEAM)
    assert beam.criteria == ["ntk", "parameters"]
    assert [row.deciding for row in beam.reasons] == ["parameters", "a limit"]
    assert [row.runner_up for row in beam.reasons] == ["none 0.30", "none 0.70"]


def test_the_deciding_criterion_is_marked():
    atoms = explanation(BEAM).reasons[0].atoms
    assert [atom.figure for atom in atoms if atom.decided] == ["0.40"]


def test_edges_among_which_nodes_chose_have_reasons_of_their_own():
    beam = explanation(BEAM)
    assert [(row.choice, row.chosen) for row in beam.edges] == [("cell/0/op", "kept")]
    assert "keeps 0" in words(beam.steps)


def test_limits_are_told_with_what_they_excluded():
    assert explanation(BEAM).limits == (
        "At most 20,000 parameters and 2,000,000 multiply-adds, counted in the supernet; 5 unfinished architectures "
        "could not stay below."
    )


def test_rows_are_in_the_order_of_the_choices():
    names = ["normal/10/op", "reduce/0/op", "normal/9/op"]
    rows = list_reasons(dict.fromkeys(names, REASON))
    assert [row.choice for row in rows] == ["normal/9/op", "normal/10/op", "reduce/0/op"]


def test_a_sample_tells_its_best_candidates():
    sample = explanation(SAMPLE)
    (candidate,) = sample.candidates
    assert sample.measures == ["ntk", "naswot"]
    assert candidate.measured == ["0.25", "\u2013"]
    hints = titles(ET.fromstring(str(candidate.squares)))
    assert hints == ["options", "cell/0/op: nor_conv_3x3", "cell/1/op: dropped"]


def test_a_sample_has_no_order_of_decisions():
    assert explanation(SAMPLE).steps == ""


def test_untrained_candidates_are_said_to_be_so():
    assert "candidates untrained" in explanation(SAMPLE).facts


def test_candidates_without_a_value_are_left_out():
    beam_candidate = {"options": DECISIONS}
    assert list_candidates([beam_candidate], LOOK) == ([], [])


@pytest.mark.parametrize("scores", [TUNED, BEAM, SAMPLE], ids=["tuned", "beam", "sample"])
@pytest.mark.parametrize("word", ["null", "-Infinity", "NaN"])
def test_the_page_bears_what_is_not_a_number(tmp_path, scores, word):
    (tmp_path / "args.yaml").write_text("space: nasbench201\n")
    (tmp_path / "scores.json").write_text(json.dumps(scores).replace("null", word))
    page = report_on(tmp_path)
    assert page.drawings
    assert "<GRU>" not in page.html
