"""Claim: one combination of training-free measures orders cells by accuracy better than AZ-NAS's own, on cells that
nothing was chosen on.

    run-darts rank --data folder:cifar10 --train_limit 5000 --test_limit 100 --candidates 1500 --repeats 3 \\
        --out runs/rank
    python benchmarks/combination_on_unseen_cells.py runs/rank

with the scores that are kept:

    python benchmarks/combination_on_unseen_cells.py benchmarks/results/nasbench201_leaderboard/scores.csv.gz

and, chosen on half of the first, reported on other cells:

    python benchmarks/combination_on_unseen_cells.py SCORES --report_on FRESH

The cells are split in two, those that compute the same together. On the one half the best product of up to six measures
is looked for, by Spearman's correlation with CIFAR-10 test accuracy; all correlations are those of the other half, or
of those FRESH cells that compute nothing that the first half does, whose scores are ranked among themselves. Beside
it the shipped combination (`selection.COMBINATION`), without each of its atoms and with the tangent kernel's, AZ-NAS's
product, alone and with parameters, NASWOT and the kernel's atom, and parameter count; differences to AZ-NAS with 95 %
bootstrap intervals. Then the accuracy of the pick from 1,000 random cells, over 20 draws: of the unseen ones, or of all
where the unseen are fewer. Writes benchmarks/results/combination_on_unseen_cells.csv, or
combination_on_unseen_cells_fresh.csv.
"""

import argparse
import csv
import gzip
import sys
from collections import Counter
from collections.abc import Iterable
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from benchmarks.csv_files import write_csv
from darts_ext.rank import join_columns, orders, over_repeats, read_scores, representatives, spearman
from darts_ext.runtime.bootstrap import interval
from darts_ext.tabular import DATASETS, NasBench201
from selection import COMBINATION, parse_measures

AZ_NAS = "expressivity~noise+progressivity~noise+trainability~noise+flops"
WIDER = "parameters+naswot+expressivity~noise+progressivity~noise+trainability~noise"
KERNEL = "ntk_min_relative"
MOST, WIDTH, DRAWS, DRAWN = 6, 50, 20, 1000
SIZES = ("parameters", "flops")


Scores = dict[str, np.ndarray]  # {measure: its scores [repeats, cells]}


def read_rows(path: Path) -> list[dict]:
    """Reads the scores of a folder of `rank`, or a compressed file of them."""
    if path.suffix != ".gz":
        return read_scores(path / "scores.csv")
    with gzip.open(path, "rt", newline="") as file:
        return list(csv.DictReader(file))


def load(path: Path, table: NasBench201) -> tuple[np.ndarray, Scores, int]:
    """Loads the cells that were scored in every initialisation, their scores, and the number of initialisations; of the
    measures that most cells have."""
    values = {}
    for row in read_rows(path):
        measure = parse_measures(row["measure"]).joined  # kept files spell ~noise in the older way
        values[measure, int(row["index"]), int(row["repeat"])] = float(row["value"])
    counts = Counter(name for name, *_ in values if name not in SIZES)
    measures = [name for name, count in counts.items() if count == max(counts.values())]
    cells = list(dict.fromkeys(cell for name, cell, _ in values if name == "parameters"))
    scored_as = representatives(table, cells)  # cells that compute the same are scored once
    repeats = 1 + max(repeat for *_, repeat in values)

    def list_scored(repeat: int) -> list[int]:
        return [cell for cell in cells if all((name, scored_as[cell], repeat) in values for name in measures)]

    while repeats > 1 and len(list_scored(repeats - 1)) < len(list_scored(0)):  # one that is still under way
        repeats -= 1
    complete = set.intersection(*(set(list_scored(repeat)) for repeat in range(repeats)))
    kept = [cell for cell in cells if cell in complete]
    columns: Scores = {}
    for name in SIZES:
        columns[name] = np.array([[values[name, cell, 0] for cell in kept]] * repeats)
    for name in measures:
        rows = []
        for repeat in range(repeats):
            rows.append([values[name, scored_as[cell], repeat] for cell in kept])
        columns[name] = np.array(rows)
    return np.array(kept), columns, repeats


def rank_cells(columns: Scores, which: np.ndarray) -> dict[str, np.ndarray]:
    """Returns one score a cell of every measure, ranked among the cells of `which`."""
    return {name: over_repeats(values[:, which]) for name, values in columns.items()}


def search_product(columns: dict[str, np.ndarray], accuracies: np.ndarray) -> str:
    """Returns the best product of at most `MOST` atoms that a beam search finds: of each size the 50 best go on."""
    logs = {name: np.log(scores) for name, scores in columns.items()}
    beam: dict[tuple[str, ...], float] = {(): 0.0}
    best = {}
    for _ in range(MOST):
        wider = {tuple(sorted({*names, name})) for names in beam for name in logs if name not in names}
        correlations = {}
        for names in wider:
            correlations[names] = spearman(sum(logs[name] for name in names), accuracies)
        beam = dict(sorted(correlations.items(), key=lambda item: -item[1])[:WIDTH])
        best |= beam
    return "+".join(max(best, key=best.__getitem__))


def name_products(chosen: str, measures: Iterable[str]) -> dict[str, str]:
    """Returns {name: measures joined by +} of the products that are compared and can be made of these measures."""
    shipped = "+".join(COMBINATION)
    names = {"chosen on the other half": chosen, "combination": shipped}
    for left_out in COMBINATION:
        names[f"combination without {left_out}"] = "+".join(part for part in COMBINATION if part != left_out)
    names |= {
        f"combination with {KERNEL}": f"{shipped}+{KERNEL}",
        "AZ-NAS": AZ_NAS,
        "AZ-NAS's and NASWOT": WIDER,
        f"the same with {KERNEL}": f"{WIDER}+{KERNEL}",
        "parameters": "parameters",
    }
    return {name: product for name, product in names.items() if set(product.split("+")) <= set(measures)}


def compare(
    names: dict[str, str], scores: dict[str, np.ndarray], accuracies: dict[str, np.ndarray], repeats: int
) -> list[dict]:
    """Returns a row for every product: its correlations, and by how much it is above AZ-NAS's."""
    az_nas = join_columns(parse_measures(AZ_NAS), scores)
    cifar10 = accuracies["cifar10"]

    def exceed(score: np.ndarray, accuracy: np.ndarray, other: np.ndarray) -> float:
        return spearman(score, accuracy) - spearman(other, accuracy)

    rows = []
    for name, product in names.items():
        score = join_columns(parse_measures(product), scores)
        low, high = interval(exceed, score, cifar10, az_nas, resamples=1000)
        row = {"name": name, "measures": product, "cells": len(cifar10), "initialisations": repeats}
        row |= {f"{dataset}_spearman": spearman(score, accuracies[dataset]) for dataset in DATASETS}
        row["above_az_nas"] = row["cifar10_spearman"] - spearman(az_nas, cifar10)
        row["above_az_nas_low"] = low
        row["above_az_nas_high"] = high
        rows.append(row)
    return rows


def pick_best(scores: np.ndarray, accuracies: dict[str, np.ndarray], seed: int) -> dict[str, float]:
    """Returns the mean accuracy of the cell with the highest score among 1,000 drawn at random, on every data set."""
    rng = np.random.default_rng(seed)
    best = []
    for _ in range(DRAWS):
        drawn = rng.choice(len(scores), min(DRAWN, len(scores)), replace=False)
        best.append(drawn[scores[drawn].argmax()])
    return {f"{dataset}_pick": float(np.mean(values[best])) for dataset, values in accuracies.items()}


def round_floats(row: dict) -> dict:
    return {key: round(value, 4) if isinstance(value, float) else value for key, value in row.items()}


def parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("scores", type=Path, help="folder of `rank`, or a scores file that is compressed (.csv.gz)")
    parser.add_argument(
        "--report_on",
        type=Path,
        metavar="FRESH",
        help="scores of other cells, made by the same command with another --seed",
    )
    parser.add_argument("--seed", type=int, default=0)
    return parser.parse_args()


def main() -> None:
    args = parse()
    table = NasBench201()
    cells, columns, repeats = load(args.scores, table)
    classes = table.classes[cells]
    seen = np.random.default_rng(args.seed).permutation(np.unique(classes))[::2]
    half = np.isin(classes, seen)
    chosen = search_product(rank_cells(columns, half), table.test("cifar10")[cells[half]])
    print(
        f"{len(cells)} cells, {len(set(classes))} that compute different things, {repeats} initialisations; "
        f"{half.sum()} to choose on"
    )
    print(f"chosen: {chosen}")
    if args.report_on:
        cells, columns, repeats = load(args.report_on, table)
    unseen = ~np.isin(table.classes[cells], seen)
    print(
        f"{unseen.sum()} to report on, {len(set(table.classes[cells[unseen]]))} that compute different things, "
        f"{repeats} initialisations"
    )
    accuracies = {dataset: table.test(dataset)[cells] for dataset in DATASETS}
    names = name_products(chosen, columns)
    unseen_accuracies = {dataset: values[unseen] for dataset, values in accuracies.items()}
    rows = compare(names, rank_cells(columns, unseen), unseen_accuracies, repeats)
    # where the unseen are fewer than a draw, the pick is from all
    offered = unseen if unseen.sum() >= DRAWN else np.full(len(cells), True)
    offered_scores = rank_cells(columns, offered)
    offered_accuracies = {dataset: values[offered] for dataset, values in accuracies.items()}
    for row in rows:
        product = join_columns(parse_measures(row["measures"]), offered_scores)
        row |= pick_best(orders(product), offered_accuracies, args.seed)
        figures = [f"{key} {value:.3f}" for key, value in row.items() if isinstance(value, float)]
        print("  ".join([f"{row['name']:38}", *figures]))
    suffix = "_fresh" if args.report_on else ""
    write_csv(f"combination_on_unseen_cells{suffix}", [round_floats(row) for row in rows])


if __name__ == "__main__":
    main()
