"""Claim: a race on paired differences picks the same options as evaluating every option on every image, in at least 95
% of choices, at a third of the cost or less.

    python benchmarks/race_decides_the_same.py RUN [RUN ...] [--sequences 50] [--error 0.05] [--batch_size 64]
        [--threads 1] [--device cuda]

RUN is a folder that `run-darts search` wrote. Of every choice of its supernet and every option the accuracy without it
is measured on every batch of the whole validation half; those tables decide in full. Then the choice is raced, with the
batches in so many random sequences: how often the winner is the same, and which share of the option evaluations (the
base, which both need, is not counted) the race took. "cost" is relative to measuring every option; "cost_of_unknown" to
measuring all but `none`. Writes benchmarks/results/race_decides_the_same.csv, a line a choice.
"""

import argparse
import os
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from benchmarks.csv_files import cpu_name, today, write_csv

MEASURES = ("accuracy", "loss")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("runs", nargs="+", type=Path, metavar="RUN")
    parser.add_argument("--sequences", type=int, default=50)
    parser.add_argument("--error", type=float, default=0.05)
    parser.add_argument("--batch_size", type=int, default=64)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--device", default="cpu")
    args = parser.parse_args()
    os.environ |= {"OMP_WAIT_POLICY": "PASSIVE", "OMP_NUM_THREADS": str(args.threads)}
    rows = []
    for run in args.runs:
        rows += race_choices(run, args)
    for measure in MEASURES:
        choices = [row for row in rows if row["measure"] == measure]
        mean = {}
        for name in ("same", "cost", "cost_of_unknown"):
            mean[name] = sum(row[name] for row in choices) / len(choices)
        print(
            f"{measure}: same option in {100 * mean['same']:.1f} % of {len(choices)} choices x {args.sequences} "
            f"sequences, at {mean['cost']:.3f} of the cost ({mean['cost_of_unknown']:.3f} of measuring all but `none`)"
        )
    write_csv("race_decides_the_same", rows)


def race_choices(run: Path, args: argparse.Namespace) -> list[dict]:
    """Returns a row for every choice and measure."""
    import numpy as np
    import torch

    torch.set_num_threads(args.threads)
    choices, tables, sizes, state = measure_options(run, args)
    rows = []
    for measure in MEASURES:
        for choice, options in choices.items():
            lost = {option: tables[measure]["base"] - tables[measure][choice, option] for option in options}
            full = {option: np.average(values, weights=sizes) for option, values in lost.items()}
            winner = max(full, key=full.get)
            runner_up = max(value for option, value in full.items() if option != winner)
            unknown = [option for option in options if option != "none"]
            same, cost = race_sequences(lost, unknown, winner, sizes, args)
            rows.append(
                {
                    "run": run.name,
                    **state,
                    "measure": measure,
                    "choice": choice,
                    "winner": winner,
                    "lost": round(full[winner], 5),
                    "margin": round(full[winner] - runner_up, 5),
                    "same": float(np.mean(same)),
                    "cost": round(np.mean(cost) / len(options), 4),
                    "cost_of_unknown": round(np.mean(cost) / len(unknown), 4),
                    "sequences": args.sequences,
                    "error": args.error,
                    "images": int(sizes.sum()),
                    "batch_size": args.batch_size,
                    "cpu": cpu_name(),
                    "torch": torch.__version__,
                    "date": today(),
                }
            )
    return rows


def race_sequences(
    lost: dict, unknown: list[str], winner: str, sizes, args: argparse.Namespace
) -> tuple[list[bool], list[float]]:
    """Races a choice with the batches in many random sequences.

    Args:
        lost: {option: what is lost without it, on every batch}.
        unknown: options that the race has to measure.
        winner: the option that all batches decide for.
        sizes: images of every batch.

    Returns:
        whether each race ends with that winner, and the images that it measured of its unknown options, as a multiple
            of all images.
    """
    import numpy as np

    from selection.numerics.race import race

    same, cost = [], []
    for sequence in range(args.sequences):
        order = np.random.default_rng(sequence).permutation(len(sizes))
        shuffled = {option: values[order] for option, values in lost.items()}
        known = {option: values for option, values in shuffled.items() if option not in unknown}

        def look_up(option: str, part: range, values: dict = shuffled):
            return values[option][part.start : part.stop]

        outcome = race(look_up, list(lost), sizes[order], error=args.error, known=known)
        same.append(max(outcome.estimates, key=outcome.estimates.get) == winner)
        measured = sum(sizes[order][: outcome.seen[option]].sum() for option in unknown)
        cost.append(measured / sizes.sum())
    return same, cost


def measure_options(run: Path, args: argparse.Namespace):
    """Returns the choices, {measure: {(choice, option) or "base": the measure of every batch without it}}, the batches'
    sizes, and what the run was."""
    import numpy as np
    import torch
    from tqdm import tqdm

    from darts_ext.config import DataSettings, SearchSettings
    from darts_ext.data import Images
    from darts_ext.runtime.folder import read_args
    from darts_ext.runtime.settings import pick
    from darts_ext.search import load_supernet
    from selection import find_measure, masked

    settings = read_args(run)
    search = pick(SearchSettings, settings)
    images = Images(pick(DataSettings, settings), torch.device(args.device), settings["seed"])
    net, half = load_supernet(run, images, search)
    batches = list(images.clean(half, args.batch_size).epoch(0))
    choices = {choice: list(options) for choice, options in net.choices().items()}

    def measure_batches(measure: str, without: dict) -> np.ndarray:
        with masked(net, without):
            return np.array([find_measure(measure)(net, [batch]) for batch in batches])

    masks = {"base": {}}
    for choice, options in choices.items():
        for option in options:
            masks[choice, option] = {choice: [option]}
    tables = {measure: {} for measure in MEASURES}
    for key, mask in tqdm(masks.items(), desc=f"{run.name}: every option on {len(half)} images"):
        for measure in MEASURES:
            tables[measure][key] = measure_batches(measure, mask)
    state = {
        "space": search.space,
        "epochs": search.epochs,
        "train_images": len(images.dataset.train),
        "seed": settings["seed"],
    }
    return choices, tables, np.array([len(y) for _, y in batches], dtype=float), state


if __name__ == "__main__":
    main()
