"""Claim: the shipped combination is the best in the worst of four spaces; what is chosen on three, is it good in the
fourth?

    python benchmarks/combination_over_spaces.py

Reads benchmarks/results/spaces/SPACE.csv, as written by score_spaces.py. A combination is a product of up to five
measures, each as ranks among the networks; its figure is Spearman's correlation with the accuracies, mean over the
tasks of a space, and its regret what the best combination of that space has above it. Chosen is the one of the least
worst regret over the spaces that may be seen: each space in turn is left out and reported, then all are seen, which
gives what is shipped. Four times: from measures that any network has; from all, those included that look at ReLUs or
blocks, which some have not; from the former without those of the kernel; and with one of them. Regret is towards the
best of the same choice. Writes benchmarks/results/combination_over_spaces.csv.
"""

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

OF_SOME = ("naswot", "swap", "expressivity~noise", "progressivity~noise", "trainability~noise", "trainability")
KERNEL = ("ntk_min_relative", "ntk_condition", "ntk_trace", "vkdnw")
AZ_NAS = ("expressivity~noise", "progressivity~noise", "trainability~noise", "flops")
MOST = 5


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
    spaces = {path.stem: read_space(path) for path in sorted((RESULTS / "spaces").glob("*.csv"))}
    names = list(next(iter(spaces.values()))[0])
    candidates = [atoms for size in range(1, MOST + 1) for atoms in combinations(names, size)]
    fixed = {"shipped": COMBINATION, "AZ-NAS": AZ_NAS, **{name: (name,) for name in names}}
    found, reported = {}, {}
    for space, (ranks, accuracies) in spaces.items():
        found[space] = correlate(_join(ranks, candidates), accuracies)
        reported[space] = dict(zip(fixed, correlate(_join(ranks, list(fixed.values())), accuracies)))
        print(f"{space}: {len(accuracies[0])} networks, {len(accuracies)} tasks")
    is_general = np.array([set(atoms).isdisjoint(OF_SOME) for atoms in candidates])
    has_kernel = np.array([not set(atoms).isdisjoint(KERNEL) for atoms in candidates])
    pools = {
        "any network": is_general,
        "all": np.ones_like(is_general),
        "no kernel": is_general & ~has_kernel,
        "a kernel": is_general & has_kernel,
    }
    for name, allowed in pools.items():
        print(f"{name}: {allowed.sum()} products")

    rows = []
    for name, atoms in fixed.items():
        rows.append(
            {"chosen on": "", "from": "", "measures": "+".join(atoms), **{s: reported[s][name] for s in spaces}}
        )
    for pool, allowed in pools.items():
        for left_out in [*spaces, ""]:
            seen = [space for space in spaces if space != left_out]
            worst = np.max([found[space][allowed].max() - found[space] for space in seen], axis=0)
            best = int(np.where(allowed, worst, np.inf).argmin())
            row = {"chosen on": " ".join(seen), "from": pool, "measures": "+".join(candidates[best])}
            rows.append({**row, **{space: found[space][best] for space in spaces}})
    for row in rows:
        row |= {space: round(float(row[space]), 4) for space in spaces}
        print(
            " ".join(f"{row[space]:6.3f}" for space in spaces), row["measures"], f"[{row['chosen on']}; {row['from']}]"
        )
    write_csv("combination_over_spaces", rows)


def _join(ranks: dict[str, np.ndarray], combined: list[tuple[str, ...]]) -> np.ndarray:
    return np.array([np.sum([ranks[atom] for atom in atoms], axis=0) for atoms in combined])


if __name__ == "__main__":
    main()
