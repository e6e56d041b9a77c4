"""Claim: what each way of training a supernet costs, in time and memory, relative to plain softmax.

    python benchmarks/what_trainers_cost.py [--rounds 3] [--steps 4]

DARTS cells, 8 channels, 5 cells, batches of 16 random images of 32x32; a step trains alphas and weights. Each
measurement is a process of its own with one thread, and the ways follow each other in every round, so that a ratio
compares neighbours in time. Memory is the peak of the process above that of one that only builds the supernet. Writes
benchmarks/results/what_trainers_cost.csv.
"""

import argparse
import json
import os
import resource
import subprocess
import sys
import time
from pathlib import Path
from statistics import median

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from benchmarks.csv_files import write_csv

TRAINERS: dict[str, dict] = {
    "softmax": {},
    "second_order": {"hypergradient": "finite_difference"},
    "sigmoid": {"relaxation": "sigmoid"},
    "gumbel": {"relaxation": "gumbel"},
    "gdas": {"relaxation": "gdas"},
    "reinmax": {"relaxation": "reinmax"},
    "dirichlet": {"relaxation": "dirichlet"},
    "single_path": {"relaxation": "single_path"},
    "fair_path": {"relaxation": "fair_path"},
    "smooth_random": {"smooth": "random"},
    "smooth_adversarial": {"smooth": "adversarial"},
    "beta_decay": {"beta_decay": 50.0},
    "auxiliary_skip": {"auxiliary_skip": True},
    "partial_channels": {"partial_channels": 4},
}
NONE = "none"  # builds, and trains nothing


def main() -> None:
    """Measures every way in turn, and writes the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--steps", type=int, default=4)
    parser.add_argument("--measure", choices=[NONE, *TRAINERS], help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.measure:
        print(json.dumps(measure(args.measure, args.steps)))
        return
    seconds: dict[str, list[float]] = {name: [] for name in TRAINERS}
    peaks: dict[str, list[float]] = {name: [] for name in (NONE, *TRAINERS)}
    for _ in range(args.rounds):
        for name in (NONE, *TRAINERS):
            found = run_alone(name, args.steps)
            peaks[name].append(found["peak"])
            if name != NONE:
                seconds[name].append(found["seconds"])
    base = min(peaks[NONE])
    plain = min(peaks["softmax"]) - base
    rows = []
    for name in TRAINERS:
        ratios = [own / other for own, other in zip(seconds[name], seconds["softmax"])]
        rows.append(
            {
                "trainer": name,
                "step_ratio": round(median(ratios), 2),
                "step_ratio_low": round(min(ratios), 2),
                "step_ratio_high": round(max(ratios), 2),
                "memory_ratio": round((min(peaks[name]) - base) / plain, 2),
            }
        )
        print(f"{name:20} time {median(ratios):5.2f} memory {rows[-1]['memory_ratio']:5.2f}")
    write_csv("what_trainers_cost", rows)


def run_alone(name: str, steps: int) -> dict[str, float]:
    """Measures one way in a process of its own."""
    alone = os.environ | {"OMP_NUM_THREADS": "1", "OMP_WAIT_POLICY": "PASSIVE"}
    words = [sys.executable, __file__, "--measure", name, "--steps", str(steps)]
    done = subprocess.run(words, env=alone, capture_output=True, text=True, check=True)
    return json.loads(done.stdout.splitlines()[-1])


def measure(name: str, steps: int) -> dict[str, float]:
    """Returns the median seconds of a step and the peak of memory in MiB."""
    import torch

    from darts_ext.config import SearchSettings
    from darts_ext.search import Search
    from supernet import Supernet, create_space

    settings = SearchSettings(space="darts", epochs=2, **TRAINERS.get(name, {}))
    net = Supernet(
        create_space("darts"),
        channels=8,
        layers=5,
        num_classes=10,
        seed=0,
        relaxation=settings.relaxation,
        auxiliary_skip=settings.auxiliary_skip,
        partial_channels=settings.partial_channels,
    )
    x = torch.randn(16, 3, 32, 32).contiguous(memory_format=torch.channels_last)
    batches = Again([(x, torch.arange(16) % 10)])
    search = Search(net, settings, batches, batches, batches, 0)
    times = []
    for _ in range(0 if name == NONE else steps + 1):
        start = time.perf_counter()
        search.train_epoch(0, lambda steps, total: steps)
        times.append(time.perf_counter() - start)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    return {"seconds": median(times[1:]) if times else 0.0, "peak": peak}


class Again(list):
    """The same batches in every epoch."""

    def epoch(self, _: int):
        return iter(self)


if __name__ == "__main__":
    main()
