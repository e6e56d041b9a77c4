"""Claim: on a deep supernet what an option does to the tangent kernel of the mixture says little of what it does to
whole networks, and in random networks a skip is worth nothing: it is the whole that trains or does not.

    run-darts compare --config depth_decides --seeds 8 --criteria perturbation_loss,ntk,ntk@oneshot,ntk_min@sample \\
        --out runs/mixture
    run-darts compare --config depth_decides --epochs 1 --seeds 1 --criteria ntk_min@sample --population 200 \\
        --measures ntk_min,ntk_min_relative --out runs/population
    python benchmarks/ntk_on_the_mixture.py runs/mixture runs/population [--name 20]

Every option of every choice has a mean test accuracy, and a mean rank of the smallest eigenvalue, over the random
networks that have it. Printed, and written to benchmarks/results/ntk_on_the_mixture_NAME.csv, is Spearman's correlation
of these with what a criterion scores on the supernet: of the ranks of options within their choices, mean over seeds.
"""

import argparse
import csv
import json
import sys
from collections.abc import Mapping
from pathlib import Path
from statistics import fmean

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from benchmarks.csv_files import today, write_csv
from darts_ext.report.labels import BASELINES

Scores = dict[tuple[str, str], float]  # {(choice, option): score}
COLUMNS = ("test_accuracy", "ntk_min", "ntk_min_relative")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("comparison", type=Path)
    parser.add_argument("population", type=Path)
    parser.add_argument("--name", default="20", help="of the file that is written")
    args = parser.parse_args()
    whole = average_options(args.population / "population.csv")
    rows = []
    for column in COLUMNS[1:]:
        rows.append({"score": f"{column} of whole networks", **correlate({column: whole[column]}, whole)})
    for criterion, seeds in read_scores(args.comparison).items():
        rows.append({"score": f"{criterion} on the supernet", **correlate(seeds, whole)})
    for row in rows:
        print(row)
    for option, accuracy in average_over_choices(whole["test_accuracy"]).items():
        print(f"random networks with {option} at a layer: {accuracy:.2f} %")
    write_csv(f"ntk_on_the_mixture_{args.name}", [row | {"date": today()} for row in rows])


def average_options(path: Path) -> dict[str, Scores]:
    """Returns {column: {(choice, option): mean over the networks that have it}}; of measures it is the mean rank."""
    from scipy.stats import rankdata

    from supernet import Genotype

    with path.open(newline="") as file:
        networks = list(csv.DictReader(file))
    members: dict[tuple[str, str], list[int]] = {}
    for number, network in enumerate(networks):
        edges, _ = Genotype.from_text(network["genotype"]).cells["layer"]
        for layer, edge in enumerate(edges):
            members.setdefault((f"layer/{layer}/act", edge.act), []).append(number)
            if layer:
                members.setdefault((f"layer/{layer}/skip", "add_skip" if edge.skip else "no_skip"), []).append(number)
    averages = {}
    for column in COLUMNS:
        values = [float(network[column]) for network in networks]
        if column != "test_accuracy":
            values = rankdata(values)
        averages[column] = {key: fmean(values[number] for number in numbers) for key, numbers in members.items()}
    return averages


def read_scores(comparison: Path) -> dict[str, dict[str, Scores]]:
    """Returns {criterion: {seed: its scores}}, of the criteria that score options."""
    found: dict[str, dict[str, Scores]] = {}
    for path in sorted(comparison.glob("seed*/*/scores.json")):
        saved = json.loads(path.read_text())
        scores = {}
        for choice, options in saved["scores"].items():
            for option, value in options.items():
                scores[choice, option] = float("-inf") if value is None else value
        if scores and path.parent.name not in BASELINES:
            found.setdefault(path.parent.name, {})[path.parents[1].name] = scores
    return found


def correlate(seeds: Mapping[str, Scores], whole: Mapping[str, Scores]) -> dict[str, float]:
    """Returns {"KIND COLUMN": mean over seeds of the correlation within choices}."""
    row = {}
    for kind in ("act", "skip"):
        for column in COLUMNS[:2]:
            values = [correlate_within(scores, whole[column], kind) for scores in seeds.values()]
            row[f"{kind} {column}"] = round(fmean(values), 3)
    return row


def correlate_within(first: Scores, second: Scores, kind: str) -> float:
    """Returns Spearman's correlation of the ranks that two scores give to the options of each choice."""
    from scipy.stats import rankdata, spearmanr

    ranks: tuple[list[float], list[float]] = ([], [])
    for choice in sorted({choice for choice, _ in second if choice.endswith(f"/{kind}")}):
        keys = [key for key in second if key[0] == choice and key in first]
        for column, scores in zip(ranks, (first, second)):
            column += list(rankdata([scores[key] for key in keys]))
    return float(spearmanr(*ranks).statistic)


def average_over_choices(scores: Scores) -> dict[str, float]:
    """Returns {option: mean over the choices that offer it}."""
    options = dict.fromkeys(option for _, option in scores)
    return {option: fmean(value for (_, other), value in scores.items() if other == option) for option in options}


if __name__ == "__main__":
    main()
