"""Claim: a search step of the supernet takes a fraction of the reference's time: same mathematics, same weights, timed
in turn in one process.

    python benchmarks/supernet_step.py [--repeats 7] [--threads 2] [--channels 8] [--layers 4] [--batch 32] [--size 32]
        [--device cuda]
    python benchmarks/supernet_step.py --profile

A ratio is the reference's seconds divided by ours, for two runs that followed each other; other load on the machine
moves both. Ours gets its images as `darts_ext.data` hands them out, on the CPU in channels_last memory format; since
that alone helps, the reference is timed with such images too. Writes benchmarks/results/supernet_step.csv.
"""

import argparse
import csv
import datetime
import os
import platform
import sys
import time
from collections.abc import Callable
from pathlib import Path
from statistics import median

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

RESULTS = Path(__file__).with_name("results") / "supernet_step.csv"
STEPS = ("forward_backward", "first_order", "second_order")
CONTENDERS = ("ours", "reference", "reference_channels_last")
KINDS = {
    "convolution backward": ("convolution_backward", "dgrad", "wgrad"),
    "convolution forward": ("convolution", "conv2d"),
    "batch norm": ("batch_norm",),
    "pooling": ("pool2d",),
    "relu": ("relu", "threshold", "clamp_min"),
    "concatenate, copy": ("cat", "copy_", "clone", "contiguous", "fill_", "zero_", "empty"),
    "add, multiply": ("add", "mul", "sum", "div", "sub"),
    "optimizer": ("_foreach", "_fused", "norm", "addcdiv", "addcmul", "lerp"),
}


def parse(arguments: list[str] | None = None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    for name, default in (("repeats", 7), ("threads", 2), ("channels", 8), ("layers", 4), ("batch", 32), ("size", 32)):
        parser.add_argument(f"--{name}", type=int, default=default)
    parser.add_argument("--device", choices=("cpu", "cuda"), default="cpu")
    parser.add_argument(
        "--profile", action="store_true", help="print where the time of our first-order step goes, and time nothing"
    )
    return parser.parse_args(arguments)


def build(args: argparse.Namespace) -> dict[str, dict[str, Callable[[], None]]]:
    """{contender: {step: a call that runs it}}, all from the same weights and on the same images."""
    import torch

    from benchmarks.reference_darts import ReferenceSupernet, copy_weights
    from supernet import Supernet, create_space

    torch.set_num_threads(args.threads)
    torch.manual_seed(0)
    images = torch.randn(2, args.batch, 3, args.size, args.size).to(args.device)
    labels = torch.randint(10, (2, args.batch)).to(args.device)
    sizes = {"channels": args.channels, "layers": args.layers, "num_classes": 10}
    net = Supernet(create_space("darts"), **sizes).to(args.device)

    def batches(layout: torch.memory_format) -> list[tuple[torch.Tensor, torch.Tensor]]:
        return [(x.contiguous(memory_format=layout), y) for x, y in zip(images, labels)]

    def reference() -> ReferenceSupernet:
        copy = ReferenceSupernet(**sizes)
        copy_weights(net, copy)
        return copy

    return {
        "ours": our_steps(net, *batches(torch.channels_last if args.device == "cpu" else torch.contiguous_format)),
        "reference": reference_steps(reference(), *batches(torch.contiguous_format)),
        "reference_channels_last": reference_steps(reference(), *batches(torch.channels_last)),
    }


def optimizers(weights: list, alphas: list) -> tuple:
    import torch

    sgd = torch.optim.SGD(weights, 0.025, momentum=0.9, weight_decay=3e-4)
    return sgd, torch.optim.Adam(alphas, 3e-4, betas=(0.5, 0.999), weight_decay=1e-3)


def our_steps(net, train, val) -> dict[str, Callable[[], None]]:
    """Returns the steps as `darts_ext.search` runs them."""
    import torch
    from torch.nn.functional import cross_entropy

    from darts_ext.search.hypergradient import hypergradient

    weights, alphas = list(net.weight_parameters()), net.arch_parameters()
    sgd, adam = optimizers(weights, alphas)

    def forward_backward() -> None:
        torch.autograd.grad(cross_entropy(net(train[0]), train[1]), [*weights, *alphas])

    def step(kind: str) -> None:
        for alpha, gradient in zip(alphas, hypergradient(kind, net, cross_entropy, train, val, sgd)):
            alpha.grad = gradient
        adam.step()
        for weight, gradient in zip(weights, torch.autograd.grad(cross_entropy(net(train[0]), train[1]), weights)):
            weight.grad = gradient
        torch.nn.utils.clip_grad_norm_(weights, 5)
        sgd.step()

    return {
        "forward_backward": forward_backward,
        "first_order": lambda: step("first"),
        "second_order": lambda: step("finite_difference"),
    }


def reference_steps(net, train, val) -> dict[str, Callable[[], None]]:
    """Returns the steps as public DARTS code runs them."""
    import torch
    from torch.nn.functional import cross_entropy

    from benchmarks.reference_darts import ReferenceArchitect

    weights = list(net.parameters())
    sgd, adam = optimizers(weights, net.alphas)
    architect = ReferenceArchitect(net, cross_entropy, sgd)

    def forward_backward() -> None:
        sgd.zero_grad()
        adam.zero_grad()
        cross_entropy(net(train[0]), train[1]).backward()

    def step(gradients: list) -> None:
        for alpha, gradient in zip(net.alphas, gradients):
            alpha.grad = gradient
        adam.step()
        forward_backward()
        torch.nn.utils.clip_grad_norm_(weights, 5)
        sgd.step()

    return {
        "forward_backward": forward_backward,
        "first_order": lambda: step(architect.first_order(val)),
        "second_order": lambda: step(architect.second_order(train, val)),
    }


def seconds(call: Callable[[], None], device: str) -> float:
    import torch

    synchronize = torch.cuda.synchronize if device == "cuda" else lambda: None
    synchronize()
    start = time.perf_counter()
    call()
    synchronize()
    return time.perf_counter() - start


def measure(args: argparse.Namespace) -> list[dict]:
    """One row a step; the contenders take turns."""
    calls, rows = build(args), []
    for step in STEPS:
        for name in CONTENDERS:
            seconds(calls[name][step], args.device)  # the first call allocates, and picks algorithms
        times = {name: [] for name in CONTENDERS}
        for _ in range(args.repeats):
            for name in CONTENDERS:
                times[name].append(seconds(calls[name][step], args.device))
        ratios = [reference / ours for ours, reference in zip(times["ours"], times["reference"])]
        row = {f"{name}_seconds_median": median(times[name]) for name in CONTENDERS}
        row |= {"ratio_median": median(ratios), "ratio_min": min(ratios), "ratio_max": max(ratios)}
        rows.append({"step": step} | {name: f"{value:.4g}" for name, value in row.items()} | conditions(args))
    return rows


def conditions(args: argparse.Namespace) -> dict[str, object]:
    import torch

    device = torch.cuda.get_device_name() if args.device == "cuda" else "cpu"
    sizes = {name: getattr(args, name) for name in ("repeats", "channels", "layers", "batch", "size", "threads")}
    return sizes | {
        "device": device,
        "cpu": cpu_name(),
        "torch": torch.__version__,
        "date": datetime.date.today().isoformat(),
    }


def cpu_name() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.processor() or platform.machine()
    return next((line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")), platform.machine())


def profile(args: argparse.Namespace) -> dict[str, float]:
    """{kind of operation: its share of our first-order step, in per cent}."""
    import torch

    call = build(args)["ours"]["first_order"]
    seconds(call, args.device)
    activities = [torch.profiler.ProfilerActivity.CPU]
    if args.device == "cuda":
        activities.append(torch.profiler.ProfilerActivity.CUDA)
    with torch.profiler.profile(activities=activities) as profiler:
        for _ in range(args.repeats):
            seconds(call, args.device)
    shares: dict[str, float] = dict.fromkeys([*KINDS, "other"], 0.0)
    for event in profiler.key_averages():
        # the operations; the kernels that they launch are events of their own
        if event.device_type == torch.autograd.DeviceType.CPU:
            kind = kind_of(event.key)
            shares[kind] += event.self_device_time_total if args.device == "cuda" else event.self_cpu_time_total
    total = sum(shares.values())
    return {kind: 100 * share / total for kind, share in sorted(shares.items(), key=lambda item: -item[1])}


def kind_of(operation: str) -> str:
    """Returns the first kind one of whose words is in the operation's name."""
    for kind, words in KINDS.items():
        if any(word in operation for word in words):
            return kind
    return "other"


def main() -> None:
    args = parse()
    # OpenMP reads them once, when torch is imported
    os.environ |= {"OMP_WAIT_POLICY": "PASSIVE", "OMP_NUM_THREADS": str(args.threads)}
    if args.profile:
        for kind, share in profile(args).items():
            print(f"{share:5.1f} %  {kind}")
        return
    rows = measure(args)
    print(f"{'step':18}{'ours':>10}{'reference':>12}{'channels_last':>15}   ratio (lowest to highest)")
    for row in rows:
        ours, reference, channels_last = (float(row[f"{name}_seconds_median"]) for name in CONTENDERS)
        ratio = f"{row['ratio_median']} ({row['ratio_min']} to {row['ratio_max']})"
        print(f"{row['step']:18}{ours:9.3f}s{reference:11.3f}s{channels_last:14.3f}s   {ratio}")
    RESULTS.parent.mkdir(exist_ok=True)
    with RESULTS.open("w", newline="") as file:
        writer = csv.DictWriter(file, rows[0])
        writer.writeheader()
        writer.writerows(rows)


if __name__ == "__main__":
    main()
