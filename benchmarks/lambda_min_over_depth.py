"""Claim: at every depth up to fifty layers the bounds of the theory hold; with added skips the smallest eigenvalue of
ReLU networks grows with the scale of the outputs, by orders of magnitude, and without them that of sigmoid networks
falls below rounding noise. So the eigenvalue alone says little of whether a deep network trains.

    python benchmarks/lambda_min_over_depth.py [--depth 50] [--images 32] [--width 48] [--draws 3]

On images of digits: the smallest eigenvalue of the kernel at infinite width, its lower and upper bound, the mean
eigenvalue, and the smallest eigenvalue of networks of a finite width (geometric mean over draws of their weights).
Writes benchmarks/results/lambda_min_over_depth.csv and a picture beside it.
"""

import argparse
import math
import sys
import warnings
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from benchmarks.csv_files import RESULTS, today, write_csv

FAMILIES = [("relu", False), ("relu", True), ("tanh", False), ("tanh", True), ("sigmoid", False), ("sigmoid", True)]
NAME = "lambda_min_over_depth"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    for name, default in (("depth", 50), ("images", 32), ("width", 48), ("draws", 3)):
        parser.add_argument(f"--{name}", type=int, default=default)
    args = parser.parse_args()
    from selection.numerics.infinite import Recursion

    images = load_images(args.images)
    rows = []
    for activation, skip in FAMILIES:
        recursion = Recursion(images)
        for depth in range(1, args.depth + 1):
            architecture = [activation] * depth, [skip] * (depth - 1)
            row = {"activation": activation, "skip": int(skip), "depth": depth, "images": len(images)}
            row |= measure_infinite(recursion, architecture)
            row |= {"width": args.width, "draws": args.draws}
            row["finite_lambda_min"] = f"{measure_finite(images, activation, skip, depth, args):.6g}"
            rows.append(row | {"date": today()})
        last = rows[-1]
        print(
            f"{describe(last)}: {last['lambda_min']} at depth {args.depth}, mean eigenvalue {last['mean']}", flush=True
        )
    check_bounds(rows)
    write_csv(NAME, rows)
    (RESULTS / f"{NAME}.svg").write_text(draw(rows, args.width), encoding="utf-8")


def load_images(count: int):
    """Returns images of digits [count, 1, 8, 8], standardised together."""
    import torch
    from sklearn.datasets import load_digits

    images = torch.from_numpy(load_digits().images[:count]).double()[:, None]
    return (images - images.mean()) / images.std()


def measure_infinite(recursion, architecture: tuple[list, list]) -> dict:
    """Returns the smallest and the mean eigenvalue at infinite width, and the bounds on the former."""
    from selection.numerics.spectrum import spectrum

    kernel = recursion.kernel(*architecture)
    lower, upper = recursion.bounds(*architecture)
    values = {"lambda_min": spectrum(kernel).min, "lower": lower, "upper": upper}
    values["mean"] = float(kernel.diagonal().mean())
    return {name: f"{value:.6g}" for name, value in values.items()}


def measure_finite(images, activation: str, skip: bool, depth: int, args: argparse.Namespace) -> float:
    """Returns the geometric mean of the smallest eigenvalue over draws; 0 where one is."""
    import torch

    from selection import ntk
    from selection.numerics.spectrum import spectrum
    from supernet import Genotype, build

    layers = [activation] + [f"{activation}:add_skip" if skip else activation] * (depth - 1)
    genotype = Genotype.from_text(f"MLP({', '.join(layers)})")
    logarithms = []
    for seed in range(args.draws):
        torch.manual_seed(seed)
        sizes = {"channels": args.width, "num_classes": 10, "in_chans": 1, "image_size": 8}
        net = build(genotype, parametrisation="ntk", **sizes).double()
        smallest = spectrum(ntk(net, images)).min
        logarithms.append(math.log(smallest) if smallest > 0 else -math.inf)
    return math.exp(sum(logarithms) / len(logarithms))


def check_bounds(rows: list[dict]) -> None:
    """Exits where an eigenvalue that is above rounding noise is outside its bounds."""
    for row in rows:
        smallest, lower, upper = (float(row[name]) for name in ("lambda_min", "lower", "upper"))
        if smallest > 0 and not lower * (1 - 1e-9) <= smallest <= upper * (1 + 1e-9):
            sys.exit(f"{describe(row)} at depth {row['depth']}: {smallest} is not between {lower} and {upper}")


def describe(row: dict) -> str:
    return f"{row['activation']}, {'every skip added' if row['skip'] else 'no skips'}"


def draw(rows: list[dict], width: int) -> str:
    """Draws a chart for each family: the logarithms over depth, the bounds as a band."""
    from markupsafe import Markup

    from darts_ext.report.charts.linechart import Line, draw_lines
    from darts_ext.report.charts.svg import drawing, element

    charts = []
    for place, family in enumerate(FAMILIES):
        part = [row for row in rows if (row["activation"], bool(row["skip"])) == family]
        band = [(take_log(row["lower"]), take_log(row["upper"])) for row in part]
        lines = [
            Line("infinite width, with bounds", [take_log(row["lambda_min"]) for row in part], "#0f7cd7", band=band),
            Line(f"{width} nodes", [take_log(row["finite_lambda_min"]) for row in part], "#b43717", "5 3"),
            Line("mean eigenvalue", [take_log(row["mean"]) for row in part], "#8a8a8a"),
        ]
        title = f"{describe(part[0])}: log10 of the smallest eigenvalue"
        chart = draw_lines(lines, title=title, x_label="hidden layers", size=(420, 240))
        charts.append(element("svg", chart, x=430 * (place % 2), y=280 * (place // 2)))
    style = element("style", "@media (prefers-color-scheme: dark) { svg:root { color: #ddd } }")
    return drawing(860, 280 * 3, "smallest eigenvalue of the tangent kernel over depth", Markup(style), *charts)


def take_log(value: str) -> float:
    return math.log10(float(value)) if float(value) > 0 else math.nan


if __name__ == "__main__":
    warnings.filterwarnings("ignore", message="the Gaussian moments")  # the bounds are checked instead
    main()
