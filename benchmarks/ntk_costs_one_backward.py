"""Claim: one exact tangent kernel costs about one forward and backward pass of the same batch, and no per-sample
gradients.

    python benchmarks/ntk_costs_one_backward.py [--repeats 5] [--threads 1] [--dtype float32] [--device cuda]

Beside each other, in turn, each called twice and timed the second time, in one process: forward + backward of the batch
(the floor), our kernel of the sum of logits, our trace over the logits, and TE-NAS's way restated: one backward pass a
sample through the batch's graph, then the product of the stacked gradients. All with BatchNorm's running statistics and
over all parameters. Peak memory is that of a process of its own for each way, above the built network. Writes
benchmarks/results/ntk_costs_one_backward_DTYPE_Nthreads.csv, on a GPU ntk_costs_one_backward_cuda_DTYPE_Nthreads.csv.
"""

import argparse
import math
import os
import statistics
import subprocess
import sys
import time
from itertools import pairwise
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from benchmarks.csv_files import cpu_name, today, write_csv

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
        seconds = time_ways(name, args)
        if args.device == "cpu":
            memory = {way: float(measure_memory(name, way, args)) for way in WAYS}
        else:
            memory = dict.fromkeys(WAYS, float("nan"))
        rows.append(make_row(name, seconds, memory, args))
        print("  ".join(f"{key} {value}" for key, value in list(rows[-1].items())[:10]), flush=True)
    suffix = "" if args.device == "cpu" else "_cuda"
    write_csv(f"ntk_costs_one_backward{suffix}_{args.dtype}_{args.threads}threads", rows)


def time_ways(name: str, args: argparse.Namespace) -> dict[str, list[float]]:
    """Returns {way: its seconds}; the ways take turns."""
    ways = build(name, args)
    for call in ways.values():
        call()
    seconds = {way: [] for way in ways}
    for _ in range(args.repeats):
        for way, call in ways.items():
            call()  # the memory that another way has freed is not this one's to fetch again
            seconds[way].append(timed(call, args.device))
    return seconds


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
        net = nn.Sequential(*layers[:-1])
        x = torch.randn(64, 784)
    elif name == "resnet18":
        import timm

        net = timm.create_model("resnet18", num_classes=10)
        x = torch.randn(32, 3, 32, 32)
    else:
        cell = "|nor_conv_3x3~0|+|nor_conv_3x3~0|nor_conv_1x1~1|+|skip_connect~0|nor_conv_3x3~1|nor_conv_3x3~2|"
        net = build_cell(Genotype.from_text(cell), channels=16, layers=5, num_classes=10)
        x = torch.randn(32, 3, 32, 32)
    net = net.to(args.device, dtype).eval()
    x = x.to(args.device, dtype)
    parameters = list(net.parameters())

    def floor():
        torch.autograd.grad(net(x).sum(), parameters)

    def loop():
        rows = []
        for value in net(x).sum(1):
            gradients = torch.autograd.grad(value, parameters, retain_graph=True)
            rows.append(torch.cat([gradient.flatten() for gradient in gradients]))
        jacobian = torch.stack(rows)
        return jacobian @ jacobian.T

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
    """Returns the MB that one call adds to the peak of this process."""
    call = build(name, args)[way]
    before = read_peak()
    call()
    return (read_peak() - before) / 1024


def read_peak() -> int:
    """Reads the peak of this process in kB; not getrusage's, which a child inherits from its parent."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return int(next(line.split()[1] for line in lines if line.startswith("VmHWM")))


def measure_memory(name: str, way: str, args: argparse.Namespace) -> str:
    """Returns what `peak_memory` prints in a process of its own."""
    command = [sys.executable, __file__, "--memory", name, way, "--threads", str(args.threads), "--dtype", args.dtype]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout


def make_row(name: str, seconds: dict, memory: dict, args: argparse.Namespace) -> dict:
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
        **{f"{way}_mb": "" if math.isnan(memory[way]) else round(memory[way]) for way in WAYS},
        "repeats": args.repeats,
        "threads": args.threads,
        "dtype": args.dtype,
        "device": args.device,
        "cpu": cpu_name(),
        "torch": torch.__version__,
        "date": today(),
    }


if __name__ == "__main__":
    main()
