"""Claim: the tangent kernel's measure scores several times as many cells of NAS-Bench-201 a minute as one backward pass
a sample does.

    python benchmarks/ntk_scores_more_cells_a_minute.py [--cells 40] [--layers 1] [--images 32]

One process, one thread. Random cells (16 channels, normal noise of 32x32), each built and scored by
`selection.measure("ntk_min_relative")` and, beside it, by a loop of backward passes through the batch's graph, in turn;
both in float64 with running statistics, and both must find the same number. Writes
benchmarks/results/ntk_scores_more_cells_a_minute.csv.
"""

import argparse
import csv
import datetime
import os
import platform
import statistics
import sys
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))


def by_kernel(net, x, y) -> float:
    """As `rank` scores."""
    from selection import measure

    return measure("ntk_min_relative", net, x, y, batchnorm="running")


def by_loop(net, x, y) -> float:
    """A backward pass a sample, stacked (TE-NAS's way)."""
    import torch

    net = net.double().eval()
    parameters = list(net.parameters())
    rows = []
    for value in net(x.double()).sum(1):
        gradients = torch.autograd.grad(value, parameters, retain_graph=True, allow_unused=True, materialize_grads=True)
        rows.append(torch.cat([gradient.flatten() for gradient in gradients]))
    rows = torch.stack(rows)
    values = torch.linalg.eigvalsh(rows @ rows.T)
    return float(values[0] / values.mean())


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--cells", type=int, default=40)
    parser.add_argument("--layers", type=int, default=1)
    parser.add_argument("--images", type=int, default=32)
    args = parser.parse_args()
    os.environ |= {"OMP_WAIT_POLICY": "PASSIVE", "OMP_NUM_THREADS": "1"}
    import torch

    from darts_ext.rank import sample_cells
    from darts_ext.tabular import NasBench201
    from supernet import build

    torch.set_num_threads(1)
    table = NasBench201()
    x, y = (
        torch.randn(args.images, 3, 32, 32, generator=torch.Generator().manual_seed(0)),
        torch.arange(args.images) % 10,
    )
    seconds: dict = {by_kernel: [], by_loop: []}
    for cell in [0, *sample_cells(table, args.cells, seed=0)]:
        found = []
        for way, spent in seconds.items():
            start = time.perf_counter()
            found.append(
                way(build(table.genotype(cell), channels=16, layers=args.layers, num_classes=10, seed=0), x, y)
            )
            spent.append(time.perf_counter() - start)
        if abs(found[0] - found[1]) > 1e-6 * max(1e-3, abs(found[1])):
            raise SystemExit(f"cell {cell}: the kernel finds {found[0]}, the loop {found[1]}")
    kernel, loop = (spent[1:] for spent in seconds.values())  # the first cell warms up
    ratios = [b / a for a, b in zip(kernel, loop)]
    row = {
        "cells": args.cells,
        "layers": args.layers,
        "images": args.images,
        "kernel_cells_per_minute": round(60 * len(kernel) / sum(kernel), 1),
        "loop_cells_per_minute": round(60 * len(loop) / sum(loop), 1),
        "ratio_of_totals": round(sum(loop) / sum(kernel), 2),
        "ratio_median": round(statistics.median(ratios), 2),
        "ratio_min": round(min(ratios), 2),
        "ratio_max": round(max(ratios), 2),
        "threads": 1,
        "torch": torch.__version__,
        "cpu": platform.processor() or platform.machine(),
        "date": datetime.date.today().isoformat(),
    }
    path = ROOT / "benchmarks" / "results" / f"{Path(__file__).stem}.csv"
    with open(path, "w", newline="") as file:
        writer = csv.DictWriter(file, list(row), lineterminator="\n")
        writer.writeheader()
        writer.writerow(row)
    print("  ".join(f"{name} {value}" for name, value in row.items()))


if __name__ == "__main__":
    main()
