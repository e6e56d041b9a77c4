"""Results folders as the stages of a search write them, filled with made-up numbers: for tests of the report."""

import csv
import json
import math
import random
from pathlib import Path

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
NORMAL = [  # DARTS V2: (operation, source) of each edge
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
FIRST_EDGE = {2: 0, 3: 2, 4: 5, 5: 9}  # {node of DARTS: its first incoming edge}
ACCURACY = {"magnitude": 96.1, "perturbation": 96.1, "ntk": 96.9, "random": 95.6, "parameters": 96.7}


# genotypes


def darts_cell(pairs):
    edges = [{"op": op, "from": source, "to": 2 + i // 2} for i, (op, source) in enumerate(pairs)]
    return {"edges": edges, "concat": [2, 3, 4, 5]}


def darts_v2():
    return {"format": "darts", "cells": {"normal": darts_cell(NORMAL), "reduce": darts_cell(REDUCE)}}


def random_darts_cell(rng):
    pairs = []
    for node in FIRST_EDGE:
        for source in rng.sample(range(node), 2):
            pairs.append((rng.choice(OPERATIONS[1:]), source))
    return darts_cell(pairs)


def random_genotype(space, rng):
    if space == "nasbench201":
        return nasbench201(rng.choices(NB201, k=6))
    return {"format": "darts", "cells": {"normal": random_darts_cell(rng), "reduce": random_darts_cell(rng)}}


def nasbench201(operations):
    ends = [(0, 1), (0, 2), (1, 2), (0, 3), (1, 3), (2, 3)]
    edges = [{"op": op, "from": source, "to": target} for op, (source, target) in zip(operations, ends, strict=True)]
    return {"format": "nasbench201", "cells": {"cell": {"edges": edges, "concat": [3]}}}


def choices_of(space):
    if space == "nasbench201":
        return {f"cell/{edge}/op": NB201 for edge in range(6)}
    choices = {}
    for group in ("normal", "reduce"):
        for edge in range(14):
            choices[f"{group}/{edge}/op"] = OPERATIONS
    return choices


def random_inputs(space, rng):
    """{node: the two edges that it keeps}."""
    inputs = {}
    if space == "darts":
        for group in ("normal", "reduce"):
            for node, first in FIRST_EDGE.items():
                edges = rng.sample(range(first, first + node), 2)
                inputs[f"{group}/n{node}"] = [f"{group}/{edge}/op" for edge in edges]
    return inputs


# files


def write_csv(path, rows):
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w", newline="") as file:
        writer = csv.DictWriter(file, rows[0])
        writer.writeheader()
        writer.writerows(rows)


def write_json(path, value):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(value))


def write_settings(folder, text):
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "args.yaml").write_text(text)
    environment = {"python": "3.11.7", "torch": "2.15.0", "device": "cpu", "threads": 1}
    write_json(folder / "environment.json", environment)


# folders


def fake_search(folder: Path, space="darts", epochs=50, seed=0):
    """Skip connections win slowly, as in DARTS."""
    rng = random.Random(seed)
    write_settings(folder, f"space: {space}\ndata: digits\nepochs: {epochs}\nseed: {seed}\n")
    choices = choices_of(space)
    logits = {name: [0.0] * len(options) for name, options in choices.items()}
    history = [softmax_rows(logits)]
    rows = []
    for epoch in range(1, epochs + 1):
        for name, row in logits.items():
            for i, option in enumerate(choices[name]):
                row[i] += rng.gauss(0.01 if option == "skip_connect" else 0, 0.03)
        history.append(softmax_rows(logits))
        rows.append(search_row(epoch, epochs, history[-1], choices, rng))
    write_csv(folder / "summary.csv", rows)
    write_json(folder / "search" / "alphas.json", {"choices": choices, "epochs": history})


def softmax_rows(logits):
    weights = {}
    for name, row in logits.items():
        total = sum(map(math.exp, row))
        weights[name] = [math.exp(logit) / total for logit in row]
    return weights


def search_row(epoch, epochs, alphas, choices, rng):
    strongest = [max(zip(row, choices[name], strict=True))[1] for name, row in alphas.items()]
    entropy = {f"entropy:{name}": -sum(p * math.log(p) for p in row) for name, row in alphas.items()}
    done = 1 - math.exp(-epoch / 12)
    return {
        "epoch": epoch,
        "learning_rate": 0.025 * (1 + math.cos(math.pi * epoch / epochs)) / 2,
        "train_loss": 2.3 - 2.0 * done + rng.gauss(0, 0.03),
        "train_accuracy": 10 + 88 * done + rng.gauss(0, 0.5),
        "val_loss": 2.3 - 1.8 * done + rng.gauss(0, 0.05),
        "val_accuracy": 10 + 84 * done + rng.gauss(0, 1),
        "skip_share": strongest.count("skip_connect") / len(choices),
        "entropy_mean": sum(entropy.values()) / len(entropy),
        "seconds": 3.1,
        "genotype": "Genotype(...)",
        **entropy,
    }


def fake_selection(folder: Path, criterion, genotype, space="darts", seed=0):
    rng = random.Random(repr((criterion, seed)))
    scores = {name: {option: rng.gauss(0, 1) for option in options} for name, options in choices_of(space).items()}
    selection = {
        "criterion": criterion,
        "strategy": "progressive",
        "decisions": {name: max(row, key=row.get) for name, row in scores.items()},
        "inputs": random_inputs(space, rng),
        "scores": scores,
        "evaluations": 224,
        "seconds": 12.5,
    }
    write_json(folder / "scores.json", selection)
    write_json(folder / "genotype.json", genotype)


def fake_retraining(folder: Path, epochs=50, final=97.0, seed=0):
    rng = random.Random(seed)
    rows = []
    for epoch in range(1, epochs + 1):
        done = (1 - math.exp(-6 * epoch / epochs)) / (1 - math.exp(-6))
        row = {
            "epoch": epoch,
            "learning_rate": 0.02,
            "train_loss": 2.3 - 2.25 * done,
            "train_accuracy": 10 + 89.5 * done,
            "test_loss": 2.3 - 2.1 * done + rng.gauss(0, 0.02),
            "test_accuracy": 10 + (final - 10) * done,
            "seconds": 2.0,
        }
        rows.append(row)
    write_csv(folder / "evaluate" / "summary.csv", rows)


def fake_run(folder: Path, space="darts", epochs=50):
    """A run with all its files."""
    fake_search(folder, space, epochs)
    genotype = darts_v2()
    if space == "nasbench201":
        genotype = nasbench201([NB201[i] for i in (3, 1, 0, 2, 4, 3)])
    fake_selection(folder, "perturbation", genotype, space)
    fake_retraining(folder, epochs)
    return folder


def fake_comparison(folder: Path, space="darts", seeds=3, epochs=50):
    """Magnitude and perturbation choose the same cell; the NTK is best by less than the spread of the baselines."""
    rng = random.Random(0)
    write_settings(folder, f"space: {space}\nseeds: {seeds}\nepochs: {epochs}\ncriteria: {','.join(ACCURACY)}\n")
    results = []
    for seed in range(seeds):
        fake_search(folder / f"seed{seed}", space, epochs, seed)
        for criterion, accuracy in ACCURACY.items():
            alike = space == "darts" and criterion in ("magnitude", "perturbation")
            genotype = darts_v2() if alike else random_genotype(space, rng)
            child = f"{seed}-{'same' if alike else criterion}"
            final = accuracy + random.Random(child).gauss(0, 0.4)
            fake_selection(folder / f"seed{seed}" / criterion, criterion, genotype, space, seed)
            fake_retraining(folder / "children" / child, epochs, final, seed)
            results.append(result_row(seed, criterion, final, child, rng))
    write_csv(folder / "summary.csv", results)
    write_csv(folder / "comparison.csv", [mean_row(criterion, results) for criterion in ACCURACY])
    return folder


def result_row(seed, criterion, accuracy, child, rng):
    return {
        "seed": seed,
        "criterion": criterion,
        "test_accuracy": accuracy,
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


def mean_row(criterion, results):
    rows = [row for row in results if row["criterion"] == criterion]
    mean = sum(row["test_accuracy"] for row in rows) / len(rows)
    std = ""
    if len(rows) > 1:
        std = (sum((row["test_accuracy"] - mean) ** 2 for row in rows) / (len(rows) - 1)) ** 0.5
    means = {"criterion": criterion, "seeds": len(rows), "test_accuracy_mean": mean, "test_accuracy_std": std}
    for name in ("parameters", "skips", "evaluations", "search_seconds", "select_seconds", "retrain_seconds"):
        means[f"{name}_mean"] = sum(row[name] for row in rows) / len(rows)
    return means
