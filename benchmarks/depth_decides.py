"""Claim: from some depth on, what is chosen decides whether a network trains at all. Where the supernet
itself trains, what is chosen by the validation loss that a removal costs does so in every seed.

    python benchmarks/depth_decides.py [--depths 4 10 20 30 50] [--width 48] [--seeds 8] [--folder runs/depth_decides]

For every depth it runs the preset `depth_decides` (fully-connected layers on the embedded digits) with that many hidden
layers, in a folder of its own, and goes on from what is there. Writes benchmarks/results/depth_decides_WIDTH.csv, a
line for each depth and criterion, and a picture beside it: mean test accuracy over depth, a bar from the worst to the
best seed.
"""

import argparse
import csv
import math
import os
import sys
from pathlib import Path
from statistics import fmean, stdev

os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from benchmarks.csv_files import RESULTS, cpu_name, today, write_csv
from darts_ext.cli import main as run_darts
from darts_ext.report.charts.axes import Frame, find_ticks, rule, tick_label
from darts_ext.report.charts.palette import Look, assign_looks
from darts_ext.report.charts.svg import drawing, element, text
from darts_ext.report.labels import BASELINES, label_criterion

WIDTH, HEIGHT = 760, 420  # pixels of the picture
SPREAD = 5  # pixels between the bars of two criteria at one depth
CHANCE = 10  # per cent, of ten classes


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--depths", type=int, nargs="+", default=[4, 10, 20, 30, 50])
    parser.add_argument("--width", type=int, default=48)
    parser.add_argument("--seeds", type=int, default=8)
    parser.add_argument("--folder", type=Path, default=Path("runs/depth_decides"))
    args = parser.parse_args()
    rows = []
    for depth in sorted(args.depths):
        rows += compare_at(depth, args.width, args.seeds, args.folder / f"width{args.width}-depth{depth}")
    name = f"depth_decides_{args.width}"
    write_csv(name, rows)
    (RESULTS / f"{name}.svg").write_text(draw_depths(rows, args.width), encoding="utf-8")


def compare_at(depth: int, width: int, seeds: int, folder: Path) -> list[dict]:
    """Runs the comparison of one depth, and returns a row for each criterion."""
    sizes = f"--layers {depth} --channels {width} --retrain.channels {width} --seeds {seeds}"
    status = run_darts(["compare", "--config", "depth_decides", *sizes.split(), "--out", str(folder)])
    if status:
        sys.exit(status)
    accuracies: dict[str, list[float]] = {}
    skips: dict[str, list[float]] = {}
    with (folder / "summary.csv").open(newline="") as file:
        for line in csv.DictReader(file):
            accuracies.setdefault(line["criterion"], []).append(float(line["test_accuracy"]))
            skips.setdefault(line["criterion"], []).append(float(line["added_skips"]) / (depth - 1))
    rows = []
    for criterion, values in accuracies.items():
        rows.append(
            {
                "depth": depth,
                "width": width,
                "criterion": criterion,
                "seeds": len(values),
                "mean": round(fmean(values), 3),
                "deviation": round(stdev(values), 3) if len(values) > 1 else "",
                "worst": round(min(values), 3),
                "best": round(max(values), 3),
                "share_of_skips_added": round(fmean(skips[criterion]), 3),
                "cpu": cpu_name(),
                "date": today(),
            }
        )
    return rows


def draw_depths(rows: list[dict], width: int) -> str:
    """Draws a curve for each criterion: mean test accuracy over depth, a bar from its worst to its best seed."""
    depths = sorted({row["depth"] for row in rows})
    criteria = list(dict.fromkeys(row["criterion"] for row in rows))
    looks = assign_looks(criteria)
    for name in set(BASELINES) & set(criteria):
        looks[name] = Look(looks[name].colour, "5 3")
    frame = Frame(44, WIDTH - 190, 52, HEIGHT - 40, math.log(depths[0]) - 0.1, math.log(depths[-1]) + 0.1, 0, 100)
    pieces = [*frame.draw_levels(find_ticks(0, 100)), *draw_depth_axis(frame, depths)]
    for place, criterion in enumerate(criteria):
        shift = SPREAD * (place - (len(criteria) - 1) / 2)
        curve = [row for row in rows if row["criterion"] == criterion]
        pieces += draw_curve(curve, frame, looks[criterion], shift)
        y = frame.top + 8 + 20 * place
        pieces.append(draw_stroke(f"M{frame.right + 12:.1f} {y:.1f}h22", looks[criterion], 2.2))
        pieces.append(text(frame.right + 40, y + 4, label_criterion(criterion), size=11))
    title = "Test accuracy (%) of what each criterion chooses, by hidden layers"
    seeds = min(row["seeds"] for row in rows)
    note = f"digits, {width} nodes a layer; mean of {seeds} seeds, bars from the worst to the best of them"
    style = "@media (prefers-color-scheme: dark) { svg:root { color: #ddd } }"
    return drawing(
        WIDTH,
        HEIGHT,
        title,
        element("style", style),
        text(4, 17, title, size=14, font_weight=600),
        text(4, 35, note, size=12, opacity=0.8),
        *pieces,
    )


def draw_depth_axis(frame: Frame, depths: list[int]) -> list:
    """Draws the axis of depths, which is logarithmic, and the level of chance."""
    marks = [tick_label(frame.x(math.log(depth)), frame.foot + 14, depth) for depth in depths]
    label = text((frame.left + frame.right) / 2, frame.foot + 32, "hidden layers", size=11, anchor="middle")
    chance = rule(frame.left, frame.y(CHANCE), frame.right, frame.y(CHANCE), opacity=0.6)
    word = text(frame.right + 4, frame.y(CHANCE) + 4, "chance", size=11)
    return [*marks, label, rule(frame.left, frame.foot, frame.right, frame.foot, opacity=0.5), chance, word]


def draw_curve(rows: list[dict], frame: Frame, look, shift: float) -> list:
    """Draws the means as a line, and the range of the seeds as a bar at every depth."""
    points = [(frame.x(math.log(row["depth"])) + shift, frame.y(row["mean"])) for row in rows]
    bars = []
    for row, (x, y) in zip(rows, points):
        bars.append(draw_stroke(f"M{x:.1f} {frame.y(row['worst']):.1f}V{frame.y(row['best']):.1f}", look, 1.1, 0.6))
        bars.append(element("circle", cx=x, cy=y, r=3, fill=look.colour))
    line = "M" + "L".join(f"{x:.1f} {y:.1f}" for x, y in points)
    return [*bars, draw_stroke(line, look, 2.0)]


def draw_stroke(path: str, look, width: float, opacity: float = 1.0):
    """Draws a path in the colour and dashes of a criterion."""
    dash = look.dash or None
    return element(
        "path",
        d=path,
        fill="none",
        stroke=look.colour,
        stroke_width=width,
        stroke_dasharray=dash,
        stroke_opacity=opacity,
    )


if __name__ == "__main__":
    main()
