"""Claim: a product of measures that was chosen on other spaces orders the networks of a space better than their size.

    python benchmarks/combination_over_spaces.py [--most 4]

Reads benchmarks/results/spaces/SPACE.csv, as written by score_spaces.py. A combination is a product of up to `--most`
measures, each as ranks among the networks; its figure is Spearman's correlation with the accuracies, mean over the
tasks of a space, and its regret what the best combination of that space has above it. Chosen is the one of the least
worst regret over the spaces that may be seen: each space in turn is left out and reported, then all are seen, which
gives what is shipped. The same once more without the kernel's measures: what does its atom add? Writes
benchmarks/results/combination_over_spaces.csv.
"""

import argparse
import csv
import sys
from itertools import combinations
from pathlib import Path

import numpy as np
from scipy.stats import rankdata

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from benchmarks.csv_files import RESULTS, write_csv
from darts_ext.rank import orders
from selection import COMBINATION
from selection.numerics.tnorm import calibrate

KERNEL = ("ntk_min_relative", "ntk_condition", "ntk_trace", "vkdnw")
AZ_NAS = ("expressivity~noise", "progressivity~noise", "trainability~noise", "flops")
BASELINES = {"parameters": ("parameters",), "weight layers": ("weight_layers",), "AZ-NAS": AZ_NAS}


def read_space(path: Path) -> tuple[dict[str, np.ndarray], list[np.ndarray]]:
    """Returns {measure: log of its calibrated ranks}, and the accuracies of every task."""
    with path.open(newline="") as file:
        rows = list(csv.DictReader(file))
    names = list(rows[0])
    first = names.index("parameters")
    columns = {name: np.array([float(row[name]) for row in rows]) for name in names[1:]}
    ranks = {name: np.log(calibrate(orders(columns[name]))) for name in names[first:]}
    return ranks, [columns[name] for name in names[1:first]]


def correlate(products: np.ndarray, accuracies: list[np.ndarray]) -> np.ndarray:
    """Returns Spearman's correlation of each product [combinations, networks], mean over the tasks."""
    ranks = _standardise(rankdata(products, axis=1))
    truth = [_standardise(rankdata(accuracy)[None]) for accuracy in accuracies]
    return np.mean([(ranks @ one.T)[:, 0] for one in truth], axis=0)


def _standardise(ranks: np.ndarray) -> np.ndarray:
    centred = ranks - ranks.mean(1, keepdims=True)
    return centred / np.maximum(np.linalg.norm(centred, axis=1, keepdims=True), 1e-12)


def main() -> None:
    """Prints and writes the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--most", type=int, default=4)
    most = parser.parse_args().most
    spaces = {path.stem: read_space(path) for path in sorted((RESULTS / "spaces").glob("*.csv"))}
    names = list(next(iter(spaces.values()))[0])
    candidates = [atoms for size in range(1, most + 1) for atoms in combinations(names, size)]
    fixed = {"shipped": COMBINATION, **BASELINES}
    found: dict[str, np.ndarray] = {}
    reported: dict[str, dict[str, float]] = {}
    for space, (ranks, accuracies) in spaces.items():
        joined = np.array([np.sum([ranks[atom] for atom in atoms], axis=0) for atoms in candidates])
        found[space] = correlate(joined, accuracies)
        sums = np.array([np.sum([ranks[atom] for atom in atoms], axis=0) for atoms in fixed.values()])
        reported[space] = dict(zip(fixed, correlate(sums, accuracies)))
        print(f"{space}: {len(joined[0])} networks, {len(accuracies)} tasks, best of it {found[space].max():.3f}")
    without = np.array([not set(atoms) & set(KERNEL) for atoms in candidates])

    def choose(seen: list[str], allowed: np.ndarray) -> int:
        worst = np.max([found[space].max() - found[space] for space in seen], axis=0)
        return int(np.where(allowed, worst, np.inf).argmin())

    rows = []
    for name in fixed:
        rows.append({"chosen on": "", "measures": "+".join(fixed[name]), **{s: reported[s][name] for s in spaces}})
    for allowed in (np.ones_like(without), without):
        for left_out in [*spaces, ""]:
            seen = [space for space in spaces if space != left_out]
            best = choose(seen, allowed)
            row = {"chosen on": " ".join(seen), "measures": "+".join(candidates[best])}
            rows.append({**row, **{space: found[space][best] for space in spaces}})
    for row in rows:
        row |= {space: round(float(row[space]), 4) for space in spaces}
        print(" ".join(f"{row[space]:.3f}" for space in spaces), row["measures"], f"[{row['chosen on']}]")
    write_csv("combination_over_spaces", rows)


if __name__ == "__main__":
    main()
