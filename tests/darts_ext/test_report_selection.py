"""How a choice came about, as the report shows it."""

import json
import xml.etree.ElementTree as ET
from math import nan

import pytest

from darts_ext.report import write_report
from darts_ext.report.candidates import list_candidates
from darts_ext.report.explanation import explain, list_facts
from darts_ext.report.palette import assign_looks
from darts_ext.report.reasons import list_reasons
from darts_ext.report.runfolder import Outcome
from darts_ext.report.stepchart import Step, draw_steps

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


def of(scores):
    return explain(Outcome(scores.get("entry", scores["criterion"]), scores, None, []), LOOK)


def drawn(svg, name):
    return [node for node in ET.fromstring(str(svg)).iter() if node.get("class") == name]


def words(svg):
    return " ".join("".join(node.itertext()) for node in ET.fromstring(str(svg)).iter() if node.tag.endswith("text"))


def test_the_order_of_decisions_with_the_value_after_each():
    made = of(TUNED)
    assert (
        len(drawn(made.steps, "step")) == 1 and len(drawn(made.steps, "decision")) == 2
    )  # a round without a value has no dot
    assert "accuracy after each round (%)" in words(made.steps)
    assert words(made.steps).index("cell/1/op skip_connect") < words(made.steps).index("cell/0/op nor_conv_3x3")
    assert "50" in drawn(made.steps, "step")[0][0].text
    assert made.facts == [
        "perturbation",
        "progressive",
        "protocol darts-pt",
        "5 epochs of tuning after each round",
        "12.2 evaluations",
        "3 saved",
        "4.0 s",
    ]
    assert made.notes == ["ntk: no layerwise formula for <GRU>"]


def test_rounds_of_several_decisions_are_side_by_side():
    steps = [Step([("normal/0/op", "none"), ("reduce/0/op", "skip_connect")], value) for value in (1.0, nan, 2.0)]
    svg = draw_steps(steps, title="loss", look=LOOK)
    assert len(drawn(svg, "decision")) == 6 and len(drawn(svg, "step")) == 2
    assert "nan" not in str(svg)


def test_a_beam_tells_its_reasons_and_limits():
    made = of(BEAM)
    assert made.criteria == ["ntk", "parameters"]
    assert [(row.deciding, row.runner_up) for row in made.reasons] == [
        ("parameters", "none 0.30"),
        ("a limit", "none 0.70"),
    ]
    assert [figure for _, figure, decided in made.reasons[0].atoms if decided] == ["0.40"]
    assert [(row.choice, row.chosen) for row in made.edges] == [("cell/0/op", "kept")]
    assert made.limits == (
        "At most 20,000 parameters and 2,000,000 multiply-adds, counted in the supernet; 5 unfinished architectures "
        "could not stay below."
    )
    assert "keeps 0" in words(made.steps)


def test_rows_are_in_the_order_of_the_choices():
    names = ["normal/10/op", "reduce/0/op", "normal/9/op"]
    assert [row.choice for row in list_reasons(dict.fromkeys(names, REASON))] == [
        "normal/9/op",
        "normal/10/op",
        "reduce/0/op",
    ]


def test_a_sample_tells_its_best_candidates():
    made = of(SAMPLE)
    assert made.measures == ["ntk", "naswot"] and made.candidates[0].measured == ["0.25", "\u2013"]
    titles = [node.text for node in ET.fromstring(str(made.candidates[0].squares)).iter() if node.tag.endswith("title")]
    assert titles == ["options", "cell/0/op: nor_conv_3x3", "cell/1/op: dropped"]
    assert "candidates untrained" in made.facts and made.steps == ""
    assert list_candidates([{"options": DECISIONS}], LOOK) == ([], [])  # a beam's candidates have no value


def test_facts_of_an_old_file():
    assert list_facts({"criterion": "ntk", "evaluations": 7}) == ["ntk", "7 evaluations"]


@pytest.mark.parametrize("scores", [TUNED, BEAM, SAMPLE], ids=["tuned", "beam", "sample"])
@pytest.mark.parametrize("word", ["null", "-Infinity", "NaN"])
def test_the_page_with_numbers_that_are_none(tmp_path, scores, word):
    (tmp_path / "args.yaml").write_text("space: nasbench201\n")
    (tmp_path / "scores.json").write_text(json.dumps(scores).replace("null", word))
    page = write_report(tmp_path).read_text()
    drawings = [ET.fromstring(f"<svg{rest.split('</svg>')[0]}</svg>") for rest in page.split("<svg")[1:]]
    assert drawings and not any(
        "nan" in node.get("d", "") + node.get("cy", "") + node.get("y", "") for svg in drawings for node in svg.iter()
    )
    assert "<GRU>" not in page


def test_entries_of_a_comparison_are_named_as_they_were_asked_for(tmp_path):
    place = tmp_path / "seed0" / "removal-loss@beam"
    place.mkdir(parents=True)
    (tmp_path / "args.yaml").write_text("space: nasbench201\n")
    (place / "scores.json").write_text(json.dumps({**BEAM, "entry": "removal:loss@beam"}))
    assert "How removal:loss@beam chose" in write_report(tmp_path).read_text()
