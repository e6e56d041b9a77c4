"""The report: complete, self-contained, well-formed, and tolerant of what is not there yet."""

import csv
import json
import math
import random
import xml.etree.ElementTree as ET
from html.parser import HTMLParser
from itertools import product
from pathlib import Path

import pytest

from darts_ext.report import write_report
from darts_ext.runtime.errors import UsageError

SVG = "{http://www.w3.org/2000/svg}"
OPERATIONS = [
    "none",
    "max_pool_3x3",
    "avg_pool_3x3",
    "skip_connect",
    "sep_conv_3x3",
    "sep_conv_5x5",
    "dil_conv_3x3",
    "dil_conv_5x5",
]
NB201 = ["none", "skip_connect", "nor_conv_1x1", "nor_conv_3x3", "avg_pool_3x3"]
NORMAL = [
    ("sep_conv_3x3", 0),
    ("sep_conv_3x3", 1),
    ("sep_conv_3x3", 0),
    ("sep_conv_3x3", 1),
    ("sep_conv_3x3", 1),
    ("skip_connect", 0),
    ("skip_connect", 0),
    ("dil_conv_3x3", 2),
]
REDUCE = [
    ("max_pool_3x3", 0),
    ("max_pool_3x3", 1),
    ("skip_connect", 2),
    ("max_pool_3x3", 1),
    ("max_pool_3x3", 0),
    ("skip_connect", 2),
    ("skip_connect", 2),
    ("max_pool_3x3", 1),
]


# folders as the other stages write them


def darts_cell(pairs):
    return {
        "edges": [{"op": op, "from": source, "to": 2 + i // 2} for i, (op, source) in enumerate(pairs)],
        "concat": [2, 3, 4, 5],
    }


def darts_v2():
    return {"format": "darts", "cells": {"normal": darts_cell(NORMAL), "reduce": darts_cell(REDUCE)}}


def random_darts(rng):
    def pairs():
        return [
            (rng.choice(OPERATIONS[1:]), source)
            for node in range(2, 6)
            for source in sorted(rng.sample(range(node), 2))
        ]

    return {"format": "darts", "cells": {"normal": darts_cell(pairs()), "reduce": darts_cell(pairs())}}


def nasbench201(operations):
    ends = [(0, 1), (0, 2), (1, 2), (0, 3), (1, 3), (2, 3)]
    edges = [{"op": op, "from": source, "to": target} for op, (source, target) in zip(operations, ends, strict=True)]
    return {"format": "nasbench201", "cells": {"cell": {"edges": edges, "concat": [3]}}}


def choices_of(space):
    if space == "nasbench201":
        return {f"cell/{edge}/op": NB201 for edge in range(6)}
    return {f"{group}/{edge}/op": OPERATIONS for group, edge in product(["normal", "reduce"], range(14))}


def write_csv(path, rows):
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w", newline="") as file:
        writer = csv.DictWriter(file, rows[0])
        writer.writeheader()
        writer.writerows(rows)


def write_json(path, value):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(value))


def fake_search(folder: Path, space="darts", epochs=50, seed=0):
    rng = random.Random(seed)
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "args.yaml").write_text(
        f"space: {space}\ndata: digits\nepochs: {epochs}\nseed: {seed}\ncriteria: [magnitude, perturbation]\n"
    )
    write_json(
        folder / "environment.json",
        {"python": "3.11.7", "torch": "2.15.0", "device": "cpu", "threads": 1, "cpu": "x86_64"},
    )
    choices = choices_of(space)
    logits = {name: [0.0] * len(options) for name, options in choices.items()}
    drift = {
        name: [rng.gauss(0.01 if option == "skip_connect" else 0, 0.02) for option in options]
        for name, options in choices.items()
    }
    history, rows = [softmax_rows(logits)], []
    for epoch in range(1, epochs + 1):
        for name, row in logits.items():
            logits[name] = [a + d + rng.gauss(0, 0.01) for a, d in zip(row, drift[name], strict=True)]
        history.append(softmax_rows(logits))
        entropy = {name: -sum(p * math.log(p) for p in row) for name, row in history[-1].items()}
        skips = sum(max(zip(row, choices[name], strict=True))[1] == "skip_connect" for name, row in history[-1].items())
        done = 1 - math.exp(-epoch / 12)
        rows.append(
            {
                "epoch": epoch,
                "learning_rate": 0.025 * (1 + math.cos(math.pi * epoch / epochs)) / 2,
                "train_loss": 2.3 - 2.0 * done + rng.gauss(0, 0.03),
                "train_accuracy": 10 + 88 * done + rng.gauss(0, 0.5),
                "val_loss": 2.3 - 1.8 * done + rng.gauss(0, 0.05),
                "val_accuracy": 10 + 84 * done + rng.gauss(0, 1),
                "skip_share": skips / len(choices),
                "entropy_mean": sum(entropy.values()) / len(entropy),
                "seconds": 3.1,
                "genotype": "Genotype(...)",
                **{f"entropy:{name}": value for name, value in entropy.items()},
            }
        )
    write_csv(folder / "summary.csv", rows)
    write_json(folder / "search" / "alphas.json", {"choices": choices, "epochs": history})


def softmax_rows(logits):
    totals = {name: sum(map(math.exp, row)) for name, row in logits.items()}
    return {name: [math.exp(a) / totals[name] for a in row] for name, row in logits.items()}


def fake_selection(folder: Path, criterion, genotype, space="darts", seed=0):
    rng = random.Random(repr((criterion, seed)))
    scores = {name: {option: rng.gauss(0, 1) for option in options} for name, options in choices_of(space).items()}
    decisions = {name: max(row, key=row.get) for name, row in scores.items()}
    inputs = (
        {}
        if space == "nasbench201"
        else {
            f"{group}/n{node}": [f"{group}/{edge}/op" for edge in rng.sample(range(first, first + node), 2)]
            for group in ("normal", "reduce")
            for node, first in ((2, 0), (3, 2), (4, 5), (5, 9))
        }
    )
    write_json(
        folder / "scores.json",
        {
            "criterion": criterion,
            "strategy": "progressive",
            "decisions": decisions,
            "inputs": inputs,
            "scores": scores,
            "evaluations": 224,
            "seconds": 12.5,
        },
    )
    write_json(folder / "genotype.json", genotype)


def fake_retraining(folder: Path, epochs=50, final=97.0, seed=0):
    rng = random.Random(seed)
    rows = []
    for epoch in range(1, epochs + 1):
        done = (1 - math.exp(-6 * epoch / epochs)) / (1 - math.exp(-6))
        rows.append(
            {
                "epoch": epoch,
                "learning_rate": 0.02,
                "train_loss": 2.3 - 2.25 * done,
                "train_accuracy": 10 + 89.5 * done,
                "test_loss": 2.3 - 2.1 * done + rng.gauss(0, 0.02),
                "test_accuracy": 10 + (final - 10) * done,
                "seconds": 2.0,
            }
        )
    write_csv(folder / "evaluate" / "summary.csv", rows)


def fake_run(folder: Path, space="darts", epochs=50):
    fake_search(folder, space, epochs)
    chosen = darts_v2() if space == "darts" else nasbench201([NB201[i] for i in (3, 1, 0, 2, 4, 3)])
    fake_selection(folder, "perturbation", chosen, space)
    fake_retraining(folder, epochs)
    return folder


ACCURACY = {"magnitude": 96.1, "perturbation": 96.1, "ntk": 96.9, "random": 95.6, "parameters": 96.7}


def fake_comparison(folder: Path, space="darts", seeds=3, epochs=50):
    """Magnitude and perturbation choose the same cell; the NTK is best by less than the spread of the baselines."""
    rng = random.Random(0)
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "args.yaml").write_text(
        f"space: {space}\nseeds: {seeds}\nepochs: {epochs}\ncriteria: {','.join(ACCURACY)}\n"
    )
    write_json(folder / "environment.json", {"python": "3.11.7", "torch": "2.15.0", "device": "cpu"})
    results = []
    for seed in range(seeds):
        fake_search(folder / f"seed{seed}", space, epochs, seed)
        same = darts_v2()
        for criterion, accuracy in ACCURACY.items():
            drawn = random_darts(rng) if space == "darts" else nasbench201(rng.choices(NB201, k=6))
            genotype = same if criterion in ("magnitude", "perturbation") and space == "darts" else drawn
            fake_selection(folder / f"seed{seed}" / criterion, criterion, genotype, space, seed)
            child = f"{seed}-{'same' if genotype is same else criterion}"
            final = accuracy + random.Random(child).gauss(0, 0.4)
            fake_retraining(folder / "children" / child, epochs, final, seed)
            results.append(
                {
                    "seed": seed,
                    "criterion": criterion,
                    "test_accuracy": final,
                    "test_loss": 0.1,
                    "parameters": rng.randrange(10**5, 10**6),
                    "skips": rng.randrange(6),
                    "evaluations": 224,
                    "search_seconds": 155.0,
                    "select_seconds": 12.5,
                    "retrain_seconds": 100.0,
                    "child": child,
                    "genotype": "Genotype(...)",
                }
            )
    write_csv(folder / "summary.csv", results)
    write_csv(
        folder / "comparison.csv",
        [mean_row(name, [row for row in results if row["criterion"] == name]) for name in ACCURACY],
    )
    return folder


def mean_row(criterion, rows):
    def mean(name):
        return sum(row[name] for row in rows) / len(rows)

    middle = mean("test_accuracy")
    std = (sum((row["test_accuracy"] - middle) ** 2 for row in rows) / (len(rows) - 1)) ** 0.5 if len(rows) > 1 else ""
    names = ("parameters", "skips", "evaluations", "search_seconds", "select_seconds", "retrain_seconds")
    return {"criterion": criterion, "seeds": len(rows), "test_accuracy_mean": middle, "test_accuracy_std": std} | {
        f"{n}_mean": mean(n) for n in names
    }


# what a reader of the page sees


class Page(HTMLParser):
    """Checks that tags are balanced; gathers the text, the addresses and the attributes."""

    def __init__(self, text):
        super().__init__()
        self.open, self.words, self.links, self.tags = [], [], [], []
        self.feed(text)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag, attributes):
        self.tags.append(tag)
        self.links += [value for name, value in attributes if name in ("href", "src", "action", "data", "xlink:href")]
        if tag != "meta":
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, words):
        self.words.append(words)

    @property
    def text(self):
        return " ".join(" ".join(self.words).split())


def page_of(folder):
    """The page, after checking what holds for every page: balanced, well-formed, self-contained."""
    text = write_report(folder).read_text(encoding="utf-8")
    page = Page(text)
    for drawn in drawings(text):
        assert "nan" not in drawn.attrib["viewBox"] and not any("nan" in node.get("d", "") for node in drawn.iter())
    assert all(link.startswith("#") for link in page.links)
    assert text.replace('xmlns="http://www.w3.org/2000/svg"', "").count("http") == 0
    assert "url(" not in text and "@import" not in text
    return page


def drawings(text):
    return [ET.fromstring(f"<svg{rest.split('</svg>')[0]}</svg>") for rest in text.split("<svg")[1:]]


def of_class(svg, name):
    return [node for node in svg.iter() if node.get("class") == name]


@pytest.fixture(scope="module")
def comparison(tmp_path_factory):
    return fake_comparison(tmp_path_factory.mktemp("report") / "study", seeds=2, epochs=4)


def test_comparison_page(comparison):
    page = page_of(comparison)
    assert "Not there yet" not in page.text
    assert "magnitude (vanilla DARTS) and perturbation chose the same cell." in page.text
    assert page.text.count("random (baseline)") > 2
    drawn = drawings((comparison / "report.html").read_text())
    assert sum(bool(of_class(svg, "node")) for svg in drawn) == 2 * 4 * 2  # seeds x different cells x (normal, reduce)
    assert sum(bool(of_class(svg, "chosen")) for svg in drawn) == 2 * 5  # seeds x criteria
    assert sum(svg.get("aria-label", "").endswith("/op") for svg in drawn) == 2 * 28
    assert list(comparison.glob("report.html*")) == [comparison / "report.html"]


def test_order_of_edges_does_not_make_another_cell(tmp_path):
    folder = fake_comparison(tmp_path / "study", seeds=1, epochs=1)
    genotype = darts_v2()
    for cell in genotype["cells"].values():
        cell["edges"].reverse()
    write_json(folder / "seed0" / "ntk" / "genotype.json", genotype)
    assert "magnitude (vanilla DARTS), perturbation and ntk chose the same cell." in page_of(folder).text


def test_dot_for_every_seed(comparison):
    dots = next(
        svg
        for svg in drawings(write_report(comparison).read_text())
        if svg.get("aria-label").startswith("test accuracy by")
    )
    assert len(list(dots.iter(f"{SVG}circle"))) == 2 * len(ACCURACY)


@pytest.mark.parametrize("space, nodes, edges", [("darts", 7, 8), ("nasbench201", 4, 6)])
@pytest.mark.parametrize("epochs", [1, 50])
def test_run_page(tmp_path, space, nodes, edges, epochs):
    folder = fake_run(tmp_path / "run", space, epochs)
    page = page_of(folder)
    cells = [svg for svg in drawings((folder / "report.html").read_text()) if of_class(svg, "node")]
    assert [len(of_class(svg, "node")) for svg in cells] == [nodes] * len(cells) and cells
    assert [len(of_class(svg, "edge")) for svg in cells] == [edges] * len(cells)
    assert f"Test accuracy 97.00 % after retraining for {epochs} epoch" in page.text.replace("\u00a0", " ")


def test_alpha_of_one_moment_is_shown_as_bars(tmp_path):
    folder = fake_run(tmp_path / "run", "nasbench201", 3)
    path = folder / "search" / "alphas.json"
    alphas = json.loads(path.read_text())
    write_json(path, alphas | {"epochs": alphas["epochs"][-1:]})
    text = page_of(folder).text
    assert "to the last epoch" not in text
    for choice, names in alphas["choices"].items():
        for name, weight in zip(names, alphas["epochs"][-1][choice]):
            assert f"{name}: {weight:.3g}" in text


@pytest.mark.parametrize(
    "missing",
    ["environment.json", "summary.csv", "search/alphas.json", "scores.json", "genotype.json", "evaluate/summary.csv"],
)
def test_missing_file_is_named_and_tolerated(tmp_path, missing):
    folder = fake_run(tmp_path / "run", epochs=2)
    (folder / missing).unlink()
    assert (f"({missing})" in page_of(folder).text) == (missing != "environment.json")


def test_only_settings(tmp_path):
    (tmp_path / "args.yaml").write_text("space: darts\n")
    assert "Nothing has been run yet." in page_of(tmp_path).text


def test_unfinished_comparison(tmp_path):
    folder = fake_comparison(tmp_path / "study", seeds=1, epochs=2)
    (folder / "comparison.csv").unlink()
    lines = (folder / "summary.csv").read_text().splitlines()
    (folder / "summary.csv").write_text("\n".join(lines[:3]))
    text = page_of(folder).text
    assert "The comparison is not finished yet." in text
    assert "seed0: test accuracy of ntk, test accuracy of parameters, test accuracy of random." in text


def test_half_a_row_and_missing_numbers(tmp_path):
    folder = fake_run(tmp_path / "run", epochs=3)
    with (folder / "summary.csv").open("a") as file:
        file.write("4,0.02,nan")
    assert "ran for 4 epochs" in page_of(folder).text


def test_report_needs_args(tmp_path):
    with pytest.raises(UsageError, match=f"{tmp_path.name}.*args.yaml"):
        write_report(tmp_path)


@pytest.mark.parametrize(
    "name, text",
    [
        ("genotype.json", '{"cells": {"normal": {"edges": [{"op": "none", "from": 3, "to": 2}], "concat": [2]}}}'),
        ("genotype.json", '{"cells": {"normal": {"edges": [{"op": "none"}], "concat": [2]}}}'),
        ("genotype.json", '{"cells": [1]}'),
        ("scores.json", "{"),
        ("search/alphas.json", "[]"),
        ("args.yaml", "a: [1"),
    ],
)
def test_broken_file_is_named_in_one_line(tmp_path, name, text):
    folder = fake_run(tmp_path / "run", epochs=2)
    (folder / name).write_text(text)
    with pytest.raises(UsageError, match=name) as error:
        write_report(folder)
    assert "\n" not in str(error.value)


def test_hostile_strings_are_escaped(tmp_path):
    evil = '<script>alert("1")</script>\x00&\'"\ud800'
    folder = fake_comparison(tmp_path / "study", seeds=1, epochs=1)
    (folder / "args.yaml").write_text("note: '<script>alert(2)</script>'\n")
    write_json(folder / "environment.json", {evil: evil})
    fake_selection(
        folder / "seed0" / evil[:9].replace("/", ""),
        evil,
        {"cells": {evil: {"edges": [{"op": evil, "from": 0, "to": 1}], "concat": [1]}}},
    )
    write_json(folder / "seed0" / "search" / "alphas.json", {"choices": {evil: [evil]}, "epochs": [{evil: [1.0]}]})
    page = page_of(folder)
    assert page.tags.count("script") == 1
    assert "alert(2)" in page.text
