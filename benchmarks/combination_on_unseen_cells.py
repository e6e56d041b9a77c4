"""Claim: one combination of training-free measures orders cells by accuracy better than AZ-NAS's own, on cells that
nothing was chosen on.

    run-darts rank --data folder:cifar10 --train_limit 5000 --test_limit 100 --candidates 1500 --repeats 3 --out
    runs/rank python benchmarks/combination_on_unseen_cells.py runs/rank python
    benchmarks/combination_on_unseen_cells.py benchmarks/results/nasbench201_leaderboard/scores.csv.gz    # with the
    scores that are kept python benchmarks/combination_on_unseen_cells.py SCORES --report_on FRESH       # chosen on
    half of the first, reported on other cells

The cells are split in two, those that compute the same together. On the one half the best product of up to six measures
is looked for, by Spearman's correlation with CIFAR-10 test accuracy; all correlations are those of the other half, or
of those FRESH cells that compute nothing that the first half does, whose scores are ranked among themselves. Beside it
the shipped combination (`selection.COMBINATION`), without each of its atoms and with the tangent kernel's, AZ-NAS's
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
from pathlib import Path

import numpy as np

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from darts_ext.rank import join_columns, orders, over_repeats, read_scores, representatives, spearman  # noqa: E402
from darts_ext.runtime.bootstrap import interval  # noqa: E402
from darts_ext.tabular import DATASETS, NasBench201  # noqa: E402
from selection import COMBINATION, parse_measures  # noqa: E402

AZ_NAS = "expressivity~noise+progressivity~noise+trainability~noise+flops"
WIDER = "parameters+naswot+expressivity~noise+progressivity~noise+trainability~noise"
KERNEL = "ntk_min_relative"
MOST, WIDTH, DRAWS, DRAWN = 6, 50, 20, 1000
SIZES = ("parameters", "flops")


def load(path: Path, table: NasBench201) -> tuple[np.ndarray, dict[str, np.ndarray], int]:
    """The cells that were scored in every initialisation, {measure: its scores [repeats, cells]}, and the repeats; of
    the measures that most cells have."""
    if path.suffix == ".gz":
        with gzip.open(path, "rt", newline="") as file:
            rows = list(csv.DictReader(file))
    else:
        rows = read_scores(path / "scores.csv")
    values = {(row["measure"], int(row["index"]), int(row["repeat"])): float(row["value"]) for row in rows}
    counts = Counter(name for name, *_ in values if name not in SIZES)
    names = [*SIZES, *(name for name, count in counts.items() if count == max(counts.values()))]
    cells = list(dict.fromkeys(cell for name, cell, _ in values if name == "parameters"))
    first = representatives(table, cells)
    repeats = 1 + max(repeat for *_, repeat in values)

    def scored(repeat: int) -> list[int]:
        return [
            cell for cell in cells if all((name, first[cell], repeat) in values for name in names if name not in SIZES)
        ]

    while repeats > 1 and len(scored(repeats - 1)) < len(scored(0)):  # one that is still under way
        repeats -= 1
    known = set.intersection(*(set(scored(repeat)) for repeat in range(repeats)))
    kept = [cell for cell in cells if cell in known]
    columns = {
        name: np.array(
            [
                [values[(name, cell, 0) if name in SIZES else (name, first[cell], repeat)] for cell in kept]
                for repeat in range(repeats)
            ]
        )
        for name in names
    }
    return np.array(kept), columns, repeats


def ranked(columns: dict[str, np.ndarray], which: np.ndarray) -> dict[str, np.ndarray]:
    """One score a cell of every measure, ranked among the cells of `which`."""
    return {name: over_repeats(values[:, which]) for name, values in columns.items()}


def put_together(columns: dict[str, np.ndarray], accuracies: np.ndarray) -> str:
    """The best product of at most `MOST` atoms that a beam search finds: of each size the 50 best go on."""
    logs = {name: np.log(scores) for name, scores in columns.items()}
    beam: dict[tuple[str, ...], float] = {(): 0.0}
    found = {}
    for _ in range(MOST):
        wider = {tuple(sorted({*names, name})) for names in beam for name in logs if name not in names}
        tried = {names: spearman(sum(logs[name] for name in names), accuracies) for names in wider}
        beam = dict(sorted(tried.items(), key=lambda item: -item[1])[:WIDTH])
        found |= beam
    return "+".join(max(found, key=found.__getitem__))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("scores", type=Path, help="folder of `rank`, or a scores file that is compressed (.csv.gz)")
    parser.add_argument(
        "--report_on",
        type=Path,
        metavar="FRESH",
        help="scores of other cells, made by the same command with another --seed",
    )
    parser.add_argument("--seed", type=int, default=0)
    args = parser.parse_args()
    table = NasBench201()
    cells, columns, repeats = load(args.scores, table)
    classes = table.classes[cells]
    seen = np.random.default_rng(args.seed).permutation(np.unique(classes))[::2]
    half = np.isin(classes, seen)
    chosen = put_together(ranked(columns, half), table.test("cifar10")[cells[half]])
    print(
        f"{len(cells)} cells, {len(set(classes))} that compute different things, {repeats} initialisations; "
        f"{half.sum()} to choose on"
    )
    print(f"chosen: {chosen}")
    if args.report_on:
        cells, columns, repeats = load(args.report_on, table)
    new = ~np.isin(table.classes[cells], seen)
    print(
        f"{new.sum()} to report on, {len(set(table.classes[cells[new]]))} that compute different things, {repeats} "
        f"initialisations"
    )
    accuracies = {dataset: table.test(dataset)[cells] for dataset in DATASETS}
    unseen, rest = ranked(columns, new), {dataset: values[new] for dataset, values in accuracies.items()}
    without = {
        f"combination without {name}": "+".join(part for part in COMBINATION if part != name) for name in COMBINATION
    }
    shipped = "+".join(COMBINATION)
    names = {
        "chosen on the other half": chosen,
        "combination": shipped,
        **without,
        f"combination with {KERNEL}": f"{shipped}+{KERNEL}",
    }
    names |= {
        "AZ-NAS": AZ_NAS,
        "AZ-NAS's and NASWOT": WIDER,
        f"the same with {KERNEL}": f"{WIDER}+{KERNEL}",
        "parameters": "parameters",
    }
    names = {name: what for name, what in names.items() if set(what.split("+")) <= columns.keys()}
    scores = {name: join_columns(parse_measures(what), unseen) for name, what in names.items()}
    az = join_columns(parse_measures(AZ_NAS), unseen)
    drawn_from = new if new.sum() >= DRAWN else np.full(len(cells), True)
    offered, reached = (
        ranked(columns, drawn_from),
        {dataset: values[drawn_from] for dataset, values in accuracies.items()},
    )
    rows = []
    for name, what in names.items():
        low, high = interval(
            lambda s, a, other: spearman(s, a) - spearman(other, a), scores[name], rest["cifar10"], az, resamples=1000
        )
        row = {"name": name, "measures": what, "cells": int(new.sum()), "initialisations": repeats}
        row |= {f"{dataset}_spearman": spearman(scores[name], rest[dataset]) for dataset in DATASETS}
        row |= {
            "above_az_nas": row["cifar10_spearman"] - spearman(az, rest["cifar10"]),
            "above_az_nas_low": low,
            "above_az_nas_high": high,
        }
        rows.append(row | picks(orders(join_columns(parse_measures(what), offered)), reached, args.seed))
        print(
            "  ".join(
                [f"{name:38}", *(f"{key} {value:.3f}" for key, value in rows[-1].items() if isinstance(value, float))]
            )
        )
    path = ROOT / "benchmarks" / "results" / f"{Path(__file__).stem}{'_fresh' if args.report_on else ''}.csv"
    with open(path, "w", newline="") as file:
        writer = csv.DictWriter(file, list(rows[0]), lineterminator="\n")
        writer.writeheader()
        writer.writerows(
            {key: round(value, 4) if isinstance(value, float) else value for key, value in row.items()} for row in rows
        )
    print(f"written: {path.relative_to(ROOT)}")


def picks(scores: np.ndarray, accuracies: dict[str, np.ndarray], seed: int) -> dict[str, float]:
    """Mean accuracy of the cell with the highest score among 1,000 drawn at random, on every data set."""
    rng = np.random.default_rng(seed)
    best = []
    for _ in range(DRAWS):
        drawn = rng.choice(len(scores), min(DRAWN, len(scores)), replace=False)
        best.append(drawn[scores[drawn].argmax()])
    return {f"{dataset}_pick": float(np.mean(values[best])) for dataset, values in accuracies.items()}


if __name__ == "__main__":
    main()
