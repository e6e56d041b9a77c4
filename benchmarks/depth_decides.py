"""Claim: from some depth on, what is chosen decides whether a network trains at all. Where the supernet
itself trains, what is chosen by the validation loss that a removal costs does so in every seed.

    python benchmarks/depth_decides.py [--depths 4 10 20 30 50] [--seeds 8] [--folder runs/depth_decides]
        [--name 48] [anything else is a setting of `run-darts compare`, as --channels 32 --retrain.channels 32]

For every depth it runs the preset `depth_decides` (fully-connected layers on the embedded digits) with that many hidden
layers, in a folder of its own, and goes on from what is there. Writes benchmarks/results/depth_decides_NAME.csv, a
line for each depth and criterion, and a picture beside it: mean test accuracy over depth, a bar from the worst to the
best seed. The folder's own report shows more.
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
from darts_ext.cli import main as run_darts
from darts_ext.report.study import read_study
from darts_ext.report.studypage import draw_accuracies

DRAWN = ("perturbation_loss", "perturbation", "ntk_min@sample", "magnitude", "parameters", "residual", "random")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--depths", type=int, nargs="+", default=[4, 10, 20, 30, 50])
    parser.add_argument("--seeds", type=int, default=8)
    parser.add_argument("--folder", type=Path, default=Path("runs/depth_decides"))
    parser.add_argument("--name", default="48", help="of the files that are written")
    args, settings = parser.parse_known_args()
    rows = []
    for depth in sorted(args.depths):
        rows += compare_at(depth, args.seeds, args.folder / f"depth{depth}", settings)
    name = f"depth_decides_{args.name}"
    write_csv(name, rows)
    (RESULTS / f"{name}.svg").write_text(draw(args.folder), encoding="utf-8")
    run_darts(["report", str(args.folder)])


def draw(folder: Path) -> str:
    """Draws the accuracies of a few criteria over depth, also for dark pages."""
    (panel,) = read_study(folder).panels.values()
    picture = draw_accuracies(panel, "layers", DRAWN)
    style = "<style>@media (prefers-color-scheme: dark) { svg:root { color: #ddd } }</style>"
    return str(picture).replace("</title>", f"</title>{style}", 1)


def compare_at(depth: int, seeds: int, folder: Path, settings: list[str]) -> list[dict]:
    """Runs the comparison of one depth, and returns a row for each criterion."""
    sizes = ["--layers", str(depth), "--seeds", str(seeds), "--out", str(folder)]
    status = run_darts(["compare", "--config", "depth_decides", *sizes, *settings])
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
