"""Claim: a search step of a supernet with five activations on every edge takes at most 1.35 times the step of the
supernet with one.

    python benchmarks/activations_are_mixed_once.py [--repeats 7] [--threads 1] [--channels 8] [--batch 32] [--size 32]
        [--device cuda]

A state goes through every activation once, and each edge that reads it mixes the five results once for all its
convolutions. The supernets take turns in one process, in each the first-order step (alphas, then weights) of
`darts_ext.search`; a ratio is of two steps that followed each other. The third has added skips as well. Writes
benchmarks/results/activations_are_mixed_once.csv, on a GPU activations_are_mixed_once_cuda.csv.
"""

import argparse
import os
import sys
from pathlib import Path
from statistics import median

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from benchmarks.csv_files import write_csv

FIVE = ("relu", "leaky_relu", "silu", "gelu", "tanh")
KINDS = {"one": {}, "five": {"activations": FIVE}, "five_and_added_skips": {"activations": FIVE, "added_skip": True}}
SPACES = {"darts": 4, "nasbench201": 1}  # and their layers


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    for name, default in (("repeats", 7), ("threads", 1), ("channels", 8), ("batch", 32), ("size", 32)):
        parser.add_argument(f"--{name}", type=int, default=default)
    parser.add_argument("--device", default="cpu")
    args = parser.parse_args()
    os.environ |= {"OMP_WAIT_POLICY": "PASSIVE", "OMP_NUM_THREADS": str(args.threads)}
    rows = [time_space(space, args) for space in SPACES]
    suffix = "" if args.device == "cpu" else "_cuda"
    write_csv(f"activations_are_mixed_once{suffix}", rows)


def time_space(space: str, args: argparse.Namespace) -> dict:
    """Times the steps of the supernets of a space, which take turns, and returns a row."""
    from benchmarks.supernet_step import conditions, seconds

    steps = {kind: build_step(space, options, args) for kind, options in KINDS.items()}
    times = {kind: [] for kind in steps}
    for call in steps.values():
        call()
    for _ in range(args.repeats):
        for kind, call in steps.items():
            times[kind].append(seconds(call, args.device))
    ratio = {}
    for kind in KINDS:
        ratio[kind] = median(ours / one for ours, one in zip(times[kind], times["one"]))
    print(
        f"{space}: five activations {ratio['five']:.2f}, with added skips {ratio['five_and_added_skips']:.2f} times "
        f"the step with one",
        flush=True,
    )
    args.layers = SPACES[space]
    ratios = {f"{kind}_over_one": f"{ratio[kind]:.3f}" for kind in list(KINDS)[1:]}
    return {"space": space, **ratios, "one_seconds": f"{median(times['one']):.4g}", **conditions(args)}


def build_step(space: str, options: dict, args: argparse.Namespace):
    """Builds a supernet and returns a call that runs one step of it."""
    import torch

    from benchmarks.supernet_step import our_steps
    from supernet import Supernet, create_space

    torch.set_num_threads(args.threads)
    torch.manual_seed(0)
    sizes = {"channels": args.channels, "layers": SPACES[space], "num_classes": 10}
    net = Supernet(create_space(space, **options), **sizes, seed=0).to(args.device)
    layout = torch.channels_last if args.device == "cpu" else torch.contiguous_format
    images = torch.randn(2, args.batch, 3, args.size, args.size)
    labels = torch.randint(10, (2, args.batch))
    train, val = ((x.to(args.device, memory_format=layout), y.to(args.device)) for x, y in zip(images, labels))
    return our_steps(net, train, val)["first_order"]


if __name__ == "__main__":
    main()
