"""Claim: the tangent kernel's measure scores several times as many cells of NAS-Bench-201 a minute as one backward pass
a sample does.

    python benchmarks/ntk_scores_more_cells_a_minute.py [--cells 40] [--layers 1] [--images 32]

One process, one thread. Random cells (16 channels, normal noise of 32x32), each built and scored by
`selection.measure("ntk_min_relative")` and, beside it, by a loop of backward passes through the batch's graph, in turn;
both in float64 with running statistics, and both must find the same number. Writes
benchmarks/results/ntk_scores_more_cells_a_minute.csv.
"""

import argparse
import os
import statistics
import sys
import time
from collections.abc import Callable
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from benchmarks.csv_files import cpu_name, today, write_csv


def by_kernel(net, x, y) -> float:
    """Scores a cell as `rank` does."""
    from selection import measure

    return measure("ntk_min_relative", net, x, y, batchnorm="running")


def by_loop(net, x, y) -> float:
    """Scores a cell by a backward pass a sample, stacked (TE-NAS's way)."""
    import torch

    net = net.double().eval()
    parameters = list(net.parameters())
    rows = []
    for value in net(x.double()).sum(1):
        gradients = torch.autograd.grad(value, parameters, retain_graph=True, allow_unused=True, materialize_grads=True)
        rows.append(torch.cat([gradient.flatten() for gradient in gradients]))
    jacobian = torch.stack(rows)
    eigenvalues = torch.linalg.eigvalsh(jacobian @ jacobian.T)
    return float(eigenvalues[0] / eigenvalues.mean())


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
    x = torch.randn(args.images, 3, 32, 32, generator=torch.Generator().manual_seed(0))
    y = torch.arange(args.images) % 10
    sizes = {"channels": 16, "layers": args.layers, "num_classes": 10, "seed": 0}

    def time_score(way: Callable, cell: int) -> tuple[float, float]:
        """Returns the score of a cell that is built anew, and the seconds for both."""
        start = time.perf_counter()
        score = way(build(table.genotype(cell), **sizes), x, y)
        return score, time.perf_counter() - start

    kernel, loop = [], []
    for cell in [0, *sample_cells(table, args.cells, seed=0)]:
        kernel_score, kernel_seconds = time_score(by_kernel, cell)
        loop_score, loop_seconds = time_score(by_loop, cell)
        if abs(kernel_score - loop_score) > 1e-6 * max(1e-3, abs(loop_score)):
            raise SystemExit(f"cell {cell}: the kernel finds {kernel_score}, the loop {loop_score}")
        kernel.append(kernel_seconds)
        loop.append(loop_seconds)
    row = make_row(kernel[1:], loop[1:], args)  # the first cell warms up
    write_csv("ntk_scores_more_cells_a_minute", [row])
    print("  ".join(f"{name} {value}" for name, value in row.items()))


def make_row(kernel: list[float], loop: list[float], args: argparse.Namespace) -> dict:
    """Makes the row of the CSV, of the seconds that each cell took by either way."""
    import torch

    ratios = [slow / fast for fast, slow in zip(kernel, loop)]
    return {
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
        "cpu": cpu_name(),
        "date": today(),
    }


if __name__ == "__main__":
    main()
