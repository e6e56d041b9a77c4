"""Scores random networks of known accuracy of a space by many measures, for combination_over_spaces.py.

    python benchmarks/score_spaces.py nasbench201 --data folder:cifar10
    python benchmarks/score_spaces.py micro --data folder:cifar10
    python benchmarks/score_spaces.py macro --data folder:cifar10 --known tnb101.npz
    python benchmarks/score_spaces.py darts --data folder:cifar10 --known DARTS_archs_CIFAR10.csv

`nasbench201` and `micro`, the cells of TransNAS-Bench-101 (Duan et al. 2021), are in the package; 16 channels and one
cell a stage, 16 and two at 64 pixels. `macro`, the residual networks of TransNAS-Bench-101, are read from arrays
`macro_arch` and `macro_TASK`; 16 channels, 64 pixels. `darts` from lines of a genotype in DARTS' text form and its
accuracy, as in pym1024/SWAP (Peng et al. 2024: 1,000 random architectures, 200 epochs); 8 channels and five cells.
All with he_fan_in weights, one initialisation, 32 images. Rows stream into benchmarks/results/spaces/SPACE.csv, so that
a run goes on where it was stopped.
"""

import argparse
import csv
import os
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
os.environ |= {"OMP_WAIT_POLICY": "PASSIVE", "OMP_NUM_THREADS": "1"}

import numpy as np
import torch
from torch import Tensor, nn
from tqdm import tqdm

from benchmarks.csv_files import RESULTS, save_rows
from darts_ext.config import DataSettings
from darts_ext.data import Images
from darts_ext.tabular import TASKS, NasBench201, TransNas101
from selection import SelectionError, measure
from selection.measures.memo import kernels_shared
from supernet import Genotype, build
from supernet.initialisation import draw_weights
from supernet.operations import relu_conv_bn

FOLDER = RESULTS / "spaces"
MEASURES = (
    "parameters weight_layers flops naswot swap meco jacob_cov synflow gradsign zico snip grad_norm fisher "
    "ntk_min_relative ntk_condition ntk_trace expressivity~noise progressivity~noise trainability~noise trainability "
    "vkdnw intrain~noise"
).split()


class Block(nn.Module):
    """A residual block of TransNAS-Bench-101's macro networks."""

    def __init__(self, in_channels: int, out_channels: int, stride: int):
        super().__init__()
        self.body = nn.Sequential(
            relu_conv_bn(in_channels, out_channels, 3, stride), relu_conv_bn(out_channels, out_channels, 3)
        )
        same = stride == 1 and in_channels == out_channels
        conv = nn.Conv2d(in_channels, out_channels, 1, stride, bias=False)
        self.shortcut = nn.Identity() if same else nn.Sequential(conv, nn.BatchNorm2d(out_channels))

    def forward(self, x: Tensor) -> Tensor:
        return self.shortcut(x) + self.body(x)


def build_macro(code: str, channels: int = 16, classes: int = 10) -> nn.Module:
    """Builds a network of two blocks a digit: 2 and 4 double the channels, 3 and 4 halve the size."""
    stem = [nn.Conv2d(3, channels // 2, 3, 2, 1, bias=False), nn.BatchNorm2d(channels // 2)]
    layers = [nn.Sequential(*stem, relu_conv_bn(channels // 2, channels, 3, 2))]
    for digit in code:
        wide = channels * 2 if digit in "24" else channels
        layers.append(nn.Sequential(Block(channels, wide, 2 if digit in "34" else 1), Block(wide, wide, 1)))
        channels = wide
    return nn.Sequential(*layers, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(channels, classes))


def read_networks(space: str, known: Path | None) -> dict[str, dict[str, float]]:
    """Returns {a network as text: {task: accuracy}} of all that are known."""
    if space == "nasbench201":
        table = NasBench201()
        columns = {name: table.test(name) for name in table.datasets}
        return {table.genotype(i).to_text(): {n: float(c[i]) for n, c in columns.items()} for i in range(len(table))}
    if space == "micro":
        cells = TransNas101()
        columns = {name: cells.test(name) for name in TASKS}
        return {cells.genotype(i).to_text(): {n: float(c[i]) for n, c in columns.items()} for i in range(len(cells))}
    assert known is not None, "--known FILE"
    if space == "macro":
        arrays = np.load(known)
        return {
            str(text): {task: float(arrays[f"macro_{task}"][index]) for task in TASKS}
            for index, text in enumerate(arrays["macro_arch"])
        }
    with known.open(newline="") as file:
        return {text: {"cifar10": float(accuracy)} for text, accuracy in csv.reader(file)}


def build_network(space: str, text: str) -> nn.Module:
    """Builds a network, the same each time."""
    torch.manual_seed(0)
    if space == "macro":
        net = build_macro(text.split("-")[1])
        draw_weights(net, "he_fan_in")
        return net
    channels, layers = {"nasbench201": (16, 1), "micro": (16, 2), "darts": (8, 5)}[space]
    sizes = {"channels": channels, "layers": layers, "num_classes": 10}
    return build(Genotype.from_text(text), **sizes, initialisation="he_fan_in", seed=0)


def score(net: nn.Module, x: Tensor, noise: Tensor, y: Tensor) -> dict[str, float]:
    """Returns the value of every measure, NaN where it cannot be taken."""
    values = {}
    with kernels_shared():
        for name in MEASURES:
            inputs = noise if name.endswith("~noise") else x
            try:
                values[name] = measure(name.removesuffix("~noise"), net, inputs, y)
            except SelectionError as error:
                tqdm.write(f"{name}: {error}")
                values[name] = float("nan")
    return values


def main() -> None:
    """Scores the networks that are not scored yet."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("space", choices=["nasbench201", "micro", "macro", "darts"])
    parser.add_argument("--data", default="cifar10")
    parser.add_argument("--known", type=Path)
    parser.add_argument("--networks", type=int, default=150)
    args = parser.parse_args()
    torch.set_num_threads(1)
    size = 64 if args.space in ("micro", "macro") else 32
    data = DataSettings(data=args.data, train_limit=5000, test_limit=100, image_size=size)
    source = Images(data, torch.device("cpu"), 0)
    x, y = next(iter(source.shuffled(source.dataset.train, 32, "rank").epoch(0)))
    noise = torch.randn(x.shape, generator=torch.Generator().manual_seed(0))

    known = read_networks(args.space, args.known)
    order = np.random.default_rng(0).permutation(len(known))[: args.networks]
    path = FOLDER / f"{args.space}.csv"
    path.parent.mkdir(parents=True, exist_ok=True)
    rows: list[dict] = []
    if path.exists():
        with path.open(newline="") as file:
            rows = list(csv.DictReader(file))
    texts = list(known)
    for index in tqdm(order[len(rows) :].tolist(), unit="network", disable=None):
        text = texts[index]
        rows.append({"network": text, **known[text], **score(build_network(args.space, text), x, noise, y)})
        save_rows(path, rows)
    print(f"{path.name}: {len(rows)} networks")


if __name__ == "__main__":
    main()
