"""Claim: what was fixed on NAS-Bench-201 orders TransNAS-Bench-101's cells better than parameter count, on every task.

    run-darts rank --space transnas101 --data folder:cifar10 --image_size 64 --train_limit 500 --test_limit 100 \\
        --candidates 100 --layers 2 --measures ... --out runs/transnas101
    python benchmarks/picks_on_transnas101.py runs/transnas101

For each measure and task: Spearman's correlation, and the place of its best cell of those that were drawn, as the share
of all 4,096 cells that are no better (ties of the measure: the mean). Writes
benchmarks/results/picks_on_transnas101.csv.
"""

import argparse
import sys
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from benchmarks.csv_files import write_csv
from darts_ext.rank import orders, rerank, spearman
from darts_ext.tabular import TASKS, TransNas101


def main() -> None:
    """Reads a ranking, and writes the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("ranking", type=Path, help="the folder of `rank --space transnas101`")
    board, table, rows = rerank(parser.parse_args().ranking), TransNas101(), []
    for name, column in board.columns.items():
        scores = orders(column)
        row: dict[str, object] = {"measure": name, "cells": len(scores)}
        correlations, places = [], []
        for task in TASKS:
            accuracies, everything = board.accuracies[task], table.test(task)
            picked = accuracies[scores == scores.max()]
            correlations.append(spearman(scores, accuracies))
            places.append(float(np.mean([100 * np.mean(everything <= accuracy) for accuracy in picked])))
            row[f"{task}_spearman"] = round(correlations[-1], 3)
            row[f"{task}_place"] = round(places[-1], 1)
        row["mean_spearman"] = round(float(np.mean(correlations)), 3)
        row["mean_place"] = round(float(np.mean(places)), 1)
        rows.append(row)
    rows.sort(key=lambda row: -float(str(row["mean_spearman"])))
    write_csv("picks_on_transnas101", rows)
    for row in rows:
        print(row["measure"], row["mean_spearman"], row["mean_place"], [row[f"{task}_place"] for task in TASKS])


if __name__ == "__main__":
    main()
