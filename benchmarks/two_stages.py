"""Claim: brief training of a shortlist makes up for what a training-free measure does not see; so Eigen-NAS's published
row comes about.

    python benchmarks/two_stages.py benchmarks/results/nasbench201_leaderboard/scores.csv.gz \\
        benchmarks/results/nasbench201_fresh/scores.csv.gz

Random cells of NAS-Bench-201 are drawn from those that were scored; a measure makes the shortlist, and the benchmark's
validation accuracy after 12 epochs on CIFAR-10 decides. Test accuracies of what is taken, mean and standard deviation
of 1,000 draws, beside the best by the measure alone. Writes benchmarks/results/two_stages.csv.
"""

import argparse
import sys
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from benchmarks.combination_on_unseen_cells import read_rows
from benchmarks.csv_files import write_csv
from darts_ext.rank import orders
from darts_ext.tabular import DATASETS, NasBench201

SIZES = ((20, 100), (40, 707), (5, 700))  # (shortlist, cells drawn)
DRAWS = 1000


def collect_scores(path: Path, table: NasBench201) -> tuple[np.ndarray, dict[str, np.ndarray]]:
    """Returns the cells of a file, and {measure: score of each} in the first initialisation.

    A cell that computes the same as another has its scores.
    """
    values: dict[tuple[str, int], float] = {}
    for row in read_rows(path):
        if row["repeat"] == "0":
            values[row["measure"], int(row["index"])] = float(row["value"])
    cells = np.array(sorted({cell for name, cell in values if name == "parameters"}))
    scores = {}
    for name in dict.fromkeys(name for name, _ in values):
        by_class = {int(table.classes[cell]): value for (other, cell), value in values.items() if other == name}
        own = [values.get((name, cell), by_class.get(int(table.classes[cell]), np.nan)) for cell in cells.tolist()]
        if not np.isnan(own).all():
            scores[name] = orders(own)
    scores["random"] = np.full(len(cells), np.nan)
    return cells, scores


def take(scores: np.ndarray, brief: np.ndarray, shortlist: int, drawn: int) -> tuple[np.ndarray, np.ndarray]:
    """Returns what both stages take, and what the first alone takes, in each of the draws; NaN is a random order."""
    rng = np.random.default_rng(0)
    both, first = [], []
    for _ in range(DRAWS):
        draw = rng.choice(len(scores), size=drawn, replace=False)
        drawn_scores = np.where(np.isnan(scores[draw]), rng.random(drawn), scores[draw])
        best = draw[np.argsort(-drawn_scores, kind="stable")[:shortlist]]
        first.append(best[0])
        both.append(best[brief[best].argmax()])
    return np.array(both), np.array(first)


def main() -> None:
    """Draws, and writes the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("scores", type=Path, nargs="+", help="files of scores, as `rank` leaves them")
    table, rows = NasBench201(), []
    for path in parser.parse_args().scores:
        cells, scores = collect_scores(path, table)
        brief = table.brief_validation[cells]
        for shortlist, drawn in SIZES:
            for name, column in scores.items():
                both, first = take(column, brief, shortlist, drawn)
                row: dict[str, object] = {
                    "scores": path.parent.name,
                    "shortlist": shortlist,
                    "drawn": drawn,
                    "measure": name,
                }
                for dataset in DATASETS:
                    accuracies = table.test(dataset)[cells]
                    row[dataset] = round(float(accuracies[both].mean()), 2)
                    row[f"{dataset}_sd"] = round(float(accuracies[both].std()), 2)
                    row[f"{dataset}_alone"] = round(float(accuracies[first].mean()), 2)
                rows.append(row)
    rows.sort(key=lambda row: (row["scores"], row["drawn"], row["shortlist"], -float(str(row["cifar10"]))))
    for row in rows:
        print(" ".join(f"{value!s:>10}" for value in row.values()))
    write_csv("two_stages", rows)


if __name__ == "__main__":
    main()
