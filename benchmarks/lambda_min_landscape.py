"""All 500 fully-connected and residual networks of three layers are ranked by the smallest eigenvalue of their infinite
kernel in under a second on 2 cores.

    python benchmarks/lambda_min_landscape.py [--repeats 5] [--threads 2] [--inputs 24 --size 16 --weight_variance 1]

Five activations in each of three layers, and a skip or none around the second and the third, on random inputs on a
sphere. Timed are the kernels and their eigenvalues, in turn with one `Recursion`, where architectures share what they
begin with, and with a call of `infinite_ntk` for each; the ratio is of two runs that followed each other. Every
architecture is a line of results/lambda_min_landscape.csv and a point of results/lambda_min_landscape.svg.
"""

import argparse
import csv
import datetime
import itertools
import math
import os
import platform
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from statistics import fmean, median

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

RESULTS = Path(__file__).with_name("results") / "lambda_min_landscape.csv"
ACTIVATIONS = ("relu", "leaky_relu", "swish", "tanh", "sigmoid")
SPACE = list(itertools.product(itertools.product(ACTIVATIONS, repeat=3), itertools.product((0, 1), repeat=2)))
MODES = {"plain": False, "normalised": True}
WIDTH, DECADE, HIGHEST = 860, 44, 0.75  # pixels, pixels, power of ten
POWERS = ("1", "10⁻¹", "10⁻²", "10⁻³", "10⁻⁴", "10⁻⁵", "10⁻⁶", "10⁻⁷", "10⁻⁸")


def parse(arguments: list[str] | None = None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    for name, default in (("repeats", 5), ("threads", 2), ("inputs", 24), ("size", 16)):
        parser.add_argument(f"--{name}", type=int, default=default)
    parser.add_argument("--weight_variance", type=float, default=1.0)
    return parser.parse_args(arguments)


def sphere(inputs: int, size: int):
    """[inputs, size], of length sqrt(size) each."""
    import numpy as np
    import torch

    x = np.random.default_rng(0).standard_normal((inputs, size))
    return torch.from_numpy(x / np.linalg.norm(x, axis=1, keepdims=True) * math.sqrt(size))


def timed(x, settings: dict, repeats: int) -> dict[str, float]:
    """Seconds for all architectures, with and without sharing, and their ratio."""
    from selection.numerics.infinite import Recursion, infinite_ntk
    from selection.numerics.spectrum import spectrum

    def shared() -> None:
        recursion = Recursion(x, **settings)
        for activations, skips in SPACE:
            spectrum(recursion.kernel(activations, skips))

    def separate() -> None:
        for activations, skips in SPACE:
            spectrum(infinite_ntk(x, activations, skips, **settings))

    runs = [(seconds(shared), seconds(separate)) for _ in range(repeats)]
    together, apart = zip(*runs)
    ratios = [b / a for a, b in runs]
    return {
        "seconds_median": median(together),
        "seconds_max": max(together),
        "separate_seconds_median": median(apart),
    } | {"ratio_median": median(ratios), "ratio_min": min(ratios), "ratio_max": max(ratios)}


def seconds(call: Callable[[], None]) -> float:
    start = time.perf_counter()
    call()
    return time.perf_counter() - start


def landscape(x, variance: float) -> dict[str, dict[tuple, dict[str, float]]]:
    """{mode: {architecture: its smallest eigenvalue, alone, over the mean one, and bounded}}."""
    from selection.numerics.infinite import Recursion
    from selection.numerics.spectrum import spectrum

    found: dict[str, dict[tuple, dict[str, float]]] = {}
    for mode, normalise in MODES.items():
        recursion, found[mode] = Recursion(x, weight_variance=variance, normalise=normalise), {}
        for architecture in SPACE:
            values, (lower, upper) = spectrum(recursion.kernel(*architecture)), recursion.bounds(*architecture)
            found[mode][architecture] = {
                "lambda_min": values.min,
                "lambda_min_relative": values.min_relative,
                "lower": lower,
                "upper": upper,
            }
    return found


def lowered(values: dict[tuple, float]) -> tuple[int, int]:
    """How often one more skip lowers the value, and out of how many."""
    flips = [
        (value, values[s, (*a[:i], 1, *a[i + 1 :])])
        for (s, a), value in values.items()
        for i in range(len(a))
        if not a[i]
    ]
    return sum(after < before for before, after in flips), len(flips)


def tell(mode: str, values: dict[tuple, float]) -> None:
    best, worst = max(values, key=values.get), min(values, key=values.get)
    means = [fmean(math.log(value) for (_, a), value in values.items() if sum(a) == count) for count in range(3)]
    print(f"{mode}: best {words(best)}: {values[best]:.3g}; worst {words(worst)}: {values[worst]:.2g}")
    print(f"  mean of the logarithm with 0, 1, 2 skips: {', '.join(f'{mean:.2f}' for mean in means)}")
    print(f"  one more skip lowers it in {lowered(values)[0]} of {lowered(values)[1]} cases")


def words(architecture: tuple) -> str:
    activations, skips = architecture
    return f"{'/'.join(activations)}, skips {'/'.join(map(str, skips))}"


def write(found: dict, times: dict[str, float], args: argparse.Namespace) -> None:
    import torch

    here = {name: getattr(args, name) for name in ("inputs", "size", "weight_variance", "repeats", "threads")}
    here |= {
        "device": "cpu",
        "cpu": platform.processor() or platform.machine(),
        "torch": torch.__version__,
        "date": datetime.date.today().isoformat(),
    }
    rows = []
    for architecture in SPACE:
        row = {"activations": "/".join(architecture[0]), "skips": "/".join(map(str, architecture[1]))}
        for mode in MODES:
            row |= {
                name if mode == "plain" else f"{mode}_{name}": f"{value:.6g}"
                for name, value in found[mode][architecture].items()
            }
        rows.append(row | {name: f"{value:.3g}" for name, value in times.items()} | here)
    with RESULTS.open("w", newline="") as file:
        writer = csv.DictWriter(file, rows[0], lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)


def draw(values: dict[str, dict[tuple, float]], conditions: str) -> str:
    """Both modes as panels: a group for each first activation, in it a column for each number of skips, in that every
    architecture from least to greatest."""
    from markupsafe import Markup

    from darts_ext.report.svg import drawing, element, text

    top, pieces = 92.0, []
    for mode, of in values.items():
        lowest = math.floor(10 * math.log10(min(of.values()))) / 10 - 0.15
        height = DECADE * (HIGHEST - lowest)
        pieces += panel(mode, of, frame := frame_of(lowest, top, height))
        top = frame.foot + 56
    return drawing(
        WIDTH,
        top - 6,
        "smallest eigenvalue of the infinite kernel of 500 networks",
        # a file of its own follows the reader's setting; inside a page it takes the page's colour
        element("style", Markup("@media (prefers-color-scheme: dark) { svg:root { color: #ddd } }")),
        text(
            4,
            17,
            "Smallest eigenvalue of the infinitely wide network's tangent kernel, all 500 networks of three layers",
            size=14,
            font_weight=600,
        ),
        text(4, 36, conditions, size=12, opacity=0.8),
        *legend(60),
        *pieces,
        text(
            frame.left,
            top - 16,
            "by activation of the first layer; in each column the networks stand from least to greatest",
            size=12,
            opacity=0.8,
        ),
    )


def frame_of(lowest: float, top: float, height: float):
    from darts_ext.report.axes import Frame

    return Frame(62, WIDTH - 8, top, top + height, 0, len(ACTIVATIONS), lowest, HIGHEST)


def colours() -> list[str]:
    """Of no, one and two skips."""
    from darts_ext.report.palette import MAGNITUDE, QUIET, assign_looks

    return [QUIET, MAGNITUDE, assign_looks(["skip_connect"])["skip_connect"].colour]


def legend(y: float) -> Iterator:
    from darts_ext.report.svg import element, text

    entries = [
        *zip(("no skip", "one skip", "two skips"), colours(), (True,) * 3),
        ("a sigmoid behind the first layer", "currentColor", False),
    ]
    x = 12.0
    for label, colour, full in entries:
        yield dots([(x, y - 4)], colour, full)
        yield text(x + 9, y, label, size=12)
        x += 34 + 6.3 * len(label)
    yield element("path", d=f"M{x - 4:.1f} {y - 4:.1f}h20", stroke="currentColor", stroke_width=2)
    yield text(x + 22, y, "geometric mean of the column", size=12)


def panel(mode: str, values: dict[tuple, float], frame) -> Iterator:
    from darts_ext.report.axes import rule
    from darts_ext.report.svg import element, text

    down, of = lowered(values)
    yield text(
        frame.left,
        frame.top - 7,
        f"{mode}: one more skip raises it in {of - down} of {of} cases",
        size=12,
        font_weight=600,
    )
    middle = (frame.top + frame.foot) / 2
    yield element(
        "g",
        text(0, 0, "smallest eigenvalue", size=12, anchor="middle"),
        transform=f"translate(14 {middle:.0f}) rotate(-90)",
    )
    for decade in range(math.ceil(frame.y_low), math.floor(HIGHEST) + 1):
        yield rule(frame.left, frame.y(decade), frame.right, frame.y(decade))
        yield text(frame.left - 6, frame.y(decade) + 4, POWERS[-decade], size=12, anchor="end", opacity=0.8)
    for place, first in enumerate(ACTIVATIONS):
        yield text(frame.x(place + 0.5), frame.foot + 15, first, size=12, anchor="middle")
        if place:
            yield rule(frame.x(place), frame.top, frame.x(place), frame.foot, opacity=0.3)
        for skips, colour in enumerate(colours()):
            heights = [
                (math.log10(value), "sigmoid" in s[1:])
                for (s, a), value in values.items()
                if s[0] == first and sum(a) == skips
            ]
            yield from column(sorted(heights), place + 0.07 + 0.3 * skips, colour, frame)


def column(heights: list[tuple[float, bool]], left: float, colour: str, frame) -> Iterator:
    """Logarithms in order and whether the network is drawn as a ring; 0.26 of a group wide."""
    from darts_ext.report.svg import element

    points = [
        (frame.x(left + 0.26 * rank / (len(heights) - 1)), frame.y(height), ring)
        for rank, (height, ring) in enumerate(heights)
    ]
    for ring in (False, True):
        yield dots([(x, y) for x, y, is_ring in points if is_ring == ring], colour, not ring)
    mean = frame.y(fmean(height for height, _ in heights))
    yield element(
        "path", d=f"M{frame.x(left):.1f} {mean:.1f}H{frame.x(left + 0.26):.1f}", stroke="currentColor", stroke_width=2
    )


def dots(points: list[tuple[float, float]], colour: str, full: bool):
    """Discs, or rings."""
    from darts_ext.report.svg import element

    circles = [element("circle", cx=x, cy=y, r=2.6) for x, y in points]
    return element("g", *circles, fill=colour if full else "none", stroke=colour, stroke_width=1.1)


def main() -> None:
    args = parse()
    os.environ |= {
        "OMP_WAIT_POLICY": "PASSIVE",
        "OMP_NUM_THREADS": str(args.threads),
    }  # OpenMP reads them once, when torch is imported
    import torch

    torch.set_num_threads(args.threads)
    x = sphere(args.inputs, args.size)
    times = timed(x, {"weight_variance": args.weight_variance}, args.repeats)
    print(
        f"{len(SPACE)} architectures, {args.inputs} inputs of {args.size} numbers, {args.threads} threads: {times['seconds_median']:.2f} s",
        end=" ",
    )
    print(f"(the slowest of {args.repeats} runs {times['seconds_max']:.2f} s)")
    print(
        f"one call each: {times['separate_seconds_median']:.2f} s, {times['ratio_median']:.1f} times ({times['ratio_min']:.1f} to {times['ratio_max']:.1f})"
    )
    found = landscape(x, args.weight_variance)
    smallest = {
        mode: {architecture: row["lambda_min"] for architecture, row in rows.items()} for mode, rows in found.items()
    }
    for mode in MODES:
        tell(mode, smallest[mode])
    write(found, times, args)
    conditions = f"{args.inputs} random inputs on a sphere in {args.size} dimensions, weight variance {args.weight_variance:g}; a dot is a network"
    RESULTS.with_suffix(".svg").write_text(draw(smallest, conditions) + "\n")


if __name__ == "__main__":
    main()
