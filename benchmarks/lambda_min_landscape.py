"""Claim: all 500 fully-connected and residual networks of three layers are ranked by the smallest eigenvalue of their
infinite kernel in under a second on 2 cores.

    python benchmarks/lambda_min_landscape.py [--repeats 5] [--threads 2] [--inputs 24] [--size 16]
        [--weight_variance 1]

Five activations in each of three layers, and a skip or none around the second and the third, on random inputs on a
sphere. Timed are the kernels and their eigenvalues, in turn with one `Recursion`, where architectures share what they
begin with, and with a call of `infinite_ntk` for each; the ratio is of two runs that followed each other. Every
architecture is a line of benchmarks/results/lambda_min_landscape.csv and a point of
benchmarks/results/lambda_min_landscape.svg.
"""

import argparse
import math
import os
import sys
import time
from collections.abc import Callable
from pathlib import Path
from statistics import fmean, median

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from benchmarks.csv_files import RESULTS, cpu_name, today, write_csv
from benchmarks.lambda_min_space import SPACE, count_lowered

NAME = "lambda_min_landscape"
MODES = {"plain": False, "normalised": True}  # and whether each layer is normalised


def parse(arguments: list[str] | None = None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    for name, default in (("repeats", 5), ("threads", 2), ("inputs", 24), ("size", 16)):
        parser.add_argument(f"--{name}", type=int, default=default)
    parser.add_argument("--weight_variance", type=float, default=1.0)
    return parser.parse_args(arguments)


def draw_sphere(inputs: int, size: int):
    """Draws inputs [inputs, size], of length sqrt(size) each."""
    import numpy as np
    import torch

    x = np.random.default_rng(0).standard_normal((inputs, size))
    return torch.from_numpy(x / np.linalg.norm(x, axis=1, keepdims=True) * math.sqrt(size))


def time_space(x, settings: dict, repeats: int) -> dict[str, float]:
    """Returns the seconds for all architectures, with and without sharing, and their ratio."""
    from selection.numerics.infinite import Recursion, infinite_ntk
    from selection.numerics.spectrum import spectrum

    def run_shared() -> None:
        recursion = Recursion(x, **settings)
        for activations, skips in SPACE:
            spectrum(recursion.kernel(activations, skips))

    def run_separately() -> None:
        for activations, skips in SPACE:
            spectrum(infinite_ntk(x, activations, skips, **settings))

    runs = [(seconds(run_shared), seconds(run_separately)) for _ in range(repeats)]
    shared, separate = zip(*runs)
    ratios = [slow / fast for fast, slow in runs]
    return {
        "seconds_median": median(shared),
        "seconds_max": max(shared),
        "separate_seconds_median": median(separate),
        "ratio_median": median(ratios),
        "ratio_min": min(ratios),
        "ratio_max": max(ratios),
    }


def seconds(call: Callable[[], None]) -> float:
    start = time.perf_counter()
    call()
    return time.perf_counter() - start


def compute_landscape(x, variance: float) -> dict[str, dict[tuple, dict[str, float]]]:
    """Returns {mode: {architecture: its smallest eigenvalue, alone, over the mean one, and bounded}}."""
    from selection.numerics.infinite import Recursion
    from selection.numerics.spectrum import spectrum

    landscape: dict[str, dict[tuple, dict[str, float]]] = {}
    for mode, normalise in MODES.items():
        recursion = Recursion(x, weight_variance=variance, normalise=normalise)
        landscape[mode] = {}
        for architecture in SPACE:
            eigenvalues = spectrum(recursion.kernel(*architecture))
            lower, upper = recursion.bounds(*architecture)
            landscape[mode][architecture] = {
                "lambda_min": eigenvalues.min,
                "lambda_min_relative": eigenvalues.min_relative,
                "lower": lower,
                "upper": upper,
            }
    return landscape


def print_summary(mode: str, values: dict[tuple, float]) -> None:
    best = max(values, key=values.get)
    worst = min(values, key=values.get)
    means = []
    for count in range(3):
        mean = fmean(math.log(value) for (_, skips), value in values.items() if sum(skips) == count)
        means.append(f"{mean:.2f}")
    lowered, cases = count_lowered(values)
    print(f"{mode}: best {describe(best)}: {values[best]:.3g}; worst {describe(worst)}: {values[worst]:.2g}")
    print(f"  mean of the logarithm with 0, 1, 2 skips: {', '.join(means)}")
    print(f"  one more skip lowers it in {lowered} of {cases} cases")


def describe(architecture: tuple) -> str:
    activations, skips = architecture
    return f"{'/'.join(activations)}, skips {'/'.join(map(str, skips))}"


def make_rows(landscape: dict, times: dict[str, float], args: argparse.Namespace) -> list[dict]:
    """Makes a row of the CSV for every architecture."""
    import torch

    conditions = {name: getattr(args, name) for name in ("inputs", "size", "weight_variance", "repeats", "threads")}
    conditions |= {"device": "cpu", "cpu": cpu_name(), "torch": torch.__version__, "date": today()}
    rows = []
    for activations, skips in SPACE:
        row = {"activations": "/".join(activations), "skips": "/".join(map(str, skips))}
        for mode in MODES:
            prefix = "" if mode == "plain" else f"{mode}_"
            for name, value in landscape[mode][activations, skips].items():
                row[f"{prefix}{name}"] = f"{value:.6g}"
        row |= {name: f"{value:.3g}" for name, value in times.items()}
        rows.append(row | conditions)
    return rows


def main() -> None:
    args = parse()
    # OpenMP reads them once, when torch is imported
    os.environ |= {"OMP_WAIT_POLICY": "PASSIVE", "OMP_NUM_THREADS": str(args.threads)}
    import torch

    from benchmarks.lambda_min_drawing import draw_landscape

    torch.set_num_threads(args.threads)
    x = draw_sphere(args.inputs, args.size)
    times = time_space(x, {"weight_variance": args.weight_variance}, args.repeats)
    print(
        f"{len(SPACE)} architectures, {args.inputs} inputs of {args.size} numbers, {args.threads} threads: "
        f"{times['seconds_median']:.2f} s (the slowest of {args.repeats} runs {times['seconds_max']:.2f} s)"
    )
    print(
        f"one call each: {times['separate_seconds_median']:.2f} s, {times['ratio_median']:.1f} times "
        f"({times['ratio_min']:.1f} to {times['ratio_max']:.1f})"
    )
    landscape = compute_landscape(x, args.weight_variance)
    smallest = {}
    for mode, rows in landscape.items():
        smallest[mode] = {architecture: row["lambda_min"] for architecture, row in rows.items()}
        print_summary(mode, smallest[mode])
    write_csv(NAME, make_rows(landscape, times, args))
    conditions = (
        f"{args.inputs} random inputs on a sphere in {args.size} dimensions, weight variance "
        f"{args.weight_variance:g}; a dot is a network"
    )
    (RESULTS / f"{NAME}.svg").write_text(draw_landscape(smallest, conditions) + "\n")


if __name__ == "__main__":
    main()
