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
import os
import sys
from pathlib import Path
from statistics import fmean, stdev

os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from benchmarks.csv_files import RESULTS, cpu_name, today, write_csv
from benchmarks.depth_drawing import draw_depths
from darts_ext.cli import main as run_darts


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
            skips.setdefault(line["criterion"], []).append(float(line["added_skips"]))
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
                "added_skips": round(fmean(skips[criterion]), 3),
                "cpu": cpu_name(),
                "date": today(),
            }
        )
    return rows


if __name__ == "__main__":
    main()
