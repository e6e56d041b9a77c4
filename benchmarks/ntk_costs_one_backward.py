"""Claim: one exact tangent kernel costs about one forward and backward pass of the same batch, and no per-sample
gradients.

    python benchmarks/ntk_costs_one_backward.py [--repeats 5] [--threads 1] [--dtype float32] [--device cuda]

Beside each other, in turn, each called twice and timed the second time, in one process: forward + backward of the batch
(the floor), our kernel of the sum of logits, our trace over the logits, and TE-NAS's way restated: one backward pass a
sample through the batch's graph, then the product of the stacked gradients. All with BatchNorm's running statistics and
over all parameters. Peak memory is that of a process of its own for each way, above the built network. Writes
benchmarks/results/ntk_costs_one_backward_DTYPE_Nthreads.csv.
"""

import argparse
import csv
import datetime
import os
import platform
import statistics
import subprocess
import sys
import time
from itertools import pairwise
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))
NETS = ("mlp", "resnet18", "nasbench201")
WAYS = ("floor", "kernel", "trace", "loop")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--dtype", choices=("float32", "float64"), default="float32")
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--memory", nargs=2, metavar=("NET", "WAY"), help=argparse.SUPPRESS)
    args = parser.parse_args()
    os.environ |= {"OMP_WAIT_POLICY": "PASSIVE", "OMP_NUM_THREADS": str(args.threads)}
    if args.memory:
        print(peak_memory(*args.memory, args))
        return
    rows = []
    for name in NETS:
        ways = build(name, args)
        for way in ways.values():
            way()
        seconds = {way: [] for way in ways}
        for _ in range(args.repeats):
            for way, call in ways.items():
                call()  # the memory that another way has freed is not this one's to fetch again
                seconds[way].append(timed(call, args.device))
        memory = (
            {way: float(measure_memory(name, way, args)) for way in WAYS}
            if args.device == "cpu"
            else dict.fromkeys(WAYS, float("nan"))
        )
        rows.append(row(name, seconds, memory, args))
        print("  ".join(f"{key} {value}" for key, value in list(rows[-1].items())[:10]), flush=True)
    path = (
        ROOT
        / "benchmarks"
        / "results"
        / f"ntk_costs_one_backward{'_cuda' if args.device != 'cpu' else ''}_{args.dtype}_{args.threads}threads.csv"
    )
    with open(path, "w", newline="") as file:
        writer = csv.DictWriter(file, list(rows[0]), lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)
    print(f"written: {path.relative_to(ROOT)}")


def build(name: str, args: argparse.Namespace) -> dict:
    """{way: a call that computes it}."""
    import torch
    from torch import nn

    from selection import ntk
    from supernet import Genotype
    from supernet import build as build_cell

    torch.set_num_threads(args.threads)
    torch.manual_seed(0)
    dtype = getattr(torch, args.dtype)
    if name == "mlp":
        sizes = (784, 512, 512, 512, 10)
        layers = [layer for a, b in pairwise(sizes) for layer in (nn.Linear(a, b), nn.ReLU())]
        net, x = nn.Sequential(*layers[:-1]), torch.randn(64, 784)
    elif name == "resnet18":
        import timm

        net, x = timm.create_model("resnet18", num_classes=10), torch.randn(32, 3, 32, 32)
    else:
        cell = "|nor_conv_3x3~0|+|nor_conv_3x3~0|nor_conv_1x1~1|+|skip_connect~0|nor_conv_3x3~1|nor_conv_3x3~2|"
        net, x = build_cell(Genotype.from_text(cell), channels=16, layers=5, num_classes=10), torch.randn(32, 3, 32, 32)
    net, x = net.to(args.device, dtype).eval(), x.to(args.device, dtype)
    parameters = list(net.parameters())

    def floor():
        torch.autograd.grad(net(x).sum(), parameters)

    def loop():
        logits = net(x).sum(1)
        rows = [
            torch.cat([g.flatten() for g in torch.autograd.grad(value, parameters, retain_graph=True)])
            for value in logits
        ]
        rows = torch.stack(rows)
        return rows @ rows.T

    def kernel(outputs="sum"):
        return ntk(net, x, outputs=outputs, batchnorm="running", dtype=dtype)

    return {"floor": floor, "kernel": kernel, "trace": lambda: kernel("trace"), "loop": loop}


def timed(call, device: str) -> float:
    import torch

    start = time.perf_counter()
    call()
    if device != "cpu":
        torch.cuda.synchronize()
    return time.perf_counter() - start


def peak_memory(name: str, way: str, args: argparse.Namespace) -> float:
    """MB that one call adds to the peak of this process."""
    call = build(name, args)[way]
    before = high_water()
    call()
    return (high_water() - before) / 1024


def high_water() -> int:
    """kB; not getrusage's, which a child inherits from its parent."""
    return int(
        next(line.split()[1] for line in Path("/proc/self/status").read_text().splitlines() if line.startswith("VmHWM"))
    )


def measure_memory(name: str, way: str, args: argparse.Namespace) -> str:
    command = [sys.executable, __file__, "--memory", name, way, "--threads", str(args.threads), "--dtype", args.dtype]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout


def row(name: str, seconds: dict, memory: dict, args: argparse.Namespace) -> dict:
    import torch

    def ratio(way: str, to: str) -> float:
        return round(statistics.median(a / b for a, b in zip(seconds[way], seconds[to])), 2)

    return {
        "net": name,
        "kernel_over_floor": ratio("kernel", "floor"),
        "trace_over_floor": ratio("trace", "floor"),
        "loop_over_floor": ratio("loop", "floor"),
        "loop_over_kernel": ratio("loop", "kernel"),
        "floor_seconds": round(statistics.median(seconds["floor"]), 4),
        **{f"{way}_mb": round(memory[way]) if memory[way] == memory[way] else "" for way in WAYS},
        "repeats": args.repeats,
        "threads": args.threads,
        "dtype": args.dtype,
        "device": args.device,
        "cpu": platform.processor() or platform.machine(),
        "torch": torch.__version__,
        "date": datetime.date.today().isoformat(),
    }


if __name__ == "__main__":
    main()
