"""Claim: the shipped combination, unchanged, orders networks of the DARTS space too, where AZ-NAS's own does not.

    python benchmarks/combination_on_darts_networks.py ARCHITECTURES.csv --data folder:cifar10 [--skip 160]
        [--networks 200] [--processes 1] [--scores runs/darts_networks.csv]

ARCHITECTURES.csv has lines of a genotype in DARTS' text form and its accuracy, as `datasets/DARTS_archs_CIFAR10.csv` of
pym1024/SWAP (Peng et al. 2024: 1,000 random architectures, trained for 200 epochs). Networks have 8 channels and 5
cells, he_fan_in weights, one initialisation; 32 images. The first `--skip` of the random order are those on which the
combination was chosen. Scores stream into the file of --scores, so that a run goes on where it was stopped. Writes
benchmarks/results/combination_on_darts_networks.csv.
"""

import argparse
import csv
import os
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from benchmarks.csv_files import write_csv

AZ_NAS = "expressivity~noise+progressivity~noise+trainability~noise+flops"
KERNEL = "ntk_min_relative"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("architectures", type=Path)
    parser.add_argument("--data", default="cifar10")
    parser.add_argument("--skip", type=int, default=160)
    parser.add_argument("--networks", type=int, default=200)
    parser.add_argument("--processes", type=int, default=1)
    parser.add_argument("--scores", type=Path, default=Path("runs/darts_networks.csv"))
    args = parser.parse_args()
    os.environ |= {"OMP_WAIT_POLICY": "PASSIVE", "OMP_NUM_THREADS": "1"}
    import numpy as np

    from darts_ext.rank import join_columns, orders
    from darts_ext.rank.statistics import spearman
    from darts_ext.runtime.bootstrap import interval
    from selection import parse_measures

    with args.architectures.open(newline="") as file:
        known = [(text, float(accuracy)) for text, accuracy in csv.reader(file)]
    chosen = np.random.default_rng(0).permutation(len(known))[args.skip : args.skip + args.networks].tolist()
    names = name_measures()
    atoms = [name for name, measures in names.items() if name == measures]
    values = score_networks({index: known[index][0] for index in chosen}, atoms, args)
    columns = {atom: orders([values[atom, index] for index in chosen]) for atom in atoms}
    accuracies = np.array([known[index][1] for index in chosen])
    rows = []
    for name, measures in names.items():
        scores = join_columns(parse_measures(measures), columns)
        low, high = interval(spearman, scores, accuracies, resamples=1000)
        rho = spearman(scores, accuracies)
        rows.append(
            {
                "name": name,
                "measures": measures,
                "networks": len(chosen),
                "spearman": round(rho, 4),
                "low": round(low, 4),
                "high": round(high, 4),
            }
        )
        print(f"{name:38} {rho:.3f} [{low:.3f}, {high:.3f}]")
    write_csv("combination_on_darts_networks", rows)


def name_measures() -> dict[str, str]:
    """Returns {name: measures joined by +}: three products, and every measure in them by itself."""
    from selection import COMBINATION

    names = {
        "combination": "+".join(COMBINATION),
        f"combination with {KERNEL}": "+".join([*COMBINATION, KERNEL]),
        "AZ-NAS": AZ_NAS,
    }
    for measures in list(names.values()):
        names |= {atom: atom for atom in measures.split("+")}
    return names


def score_networks(genotypes: dict[int, str], atoms: list[str], args: argparse.Namespace) -> dict:
    """Scores the networks on one batch of images and one of noise; returns {(measure, index): value}.

    Args:
        genotypes: {index: a genotype as text}.
    """
    import torch
    from tqdm import tqdm

    from darts_ext.config import DataSettings
    from darts_ext.data import Images as Data
    from darts_ext.rank import Build, RankInputs, Task, read_scores, score_tasks

    source = Data(DataSettings(data=args.data, train_limit=5000, test_limit=100), torch.device("cpu"), 0)
    x, y = next(iter(source.shuffled(source.dataset.train, 32, "rank").epoch(0)))
    images = RankInputs(x, y, torch.randn(x.shape, generator=torch.Generator().manual_seed(0)))
    tasks = [Task(index, text, 0, tuple(atoms)) for index, text in genotypes.items()]
    how = Build(8, 5, 10, 3, "he_fan_in", 0)
    args.scores.parent.mkdir(parents=True, exist_ok=True)
    with tqdm(total=len(tasks), unit="network", disable=None) as bar:
        for done in score_tasks(tasks, how, lambda _: images, args.scores, processes=args.processes):
            bar.update(done - bar.n)
    return {(row["measure"], int(row["index"])): float(row["value"]) for row in read_scores(args.scores)}


if __name__ == "__main__":
    main()
