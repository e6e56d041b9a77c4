"""Claim: one edge away from the largest cell of NAS-Bench-201 lies the best that is published, and trainability at
He's fan-in weights sees it before any training.

    python benchmarks/one_edge_from_the_largest.py --data folder:cifar10 --processes 2

The largest cell and its 24 neighbours are measured at initialisation, in several draws of the weights and images, for
every width, depth, initialisation and input that is listed. Written for each: how often a single draw takes the cell of
94.36 % (`best_taken`), how often it stands above the largest (`best_above_largest`), the mean accuracy of what single
draws take, and what the mean rank over all draws takes. Writes benchmarks/results/one_edge_from_the_largest.csv; a
setting that is there already is not measured again.
"""

import argparse
import csv
import sys
from itertools import product
from pathlib import Path

import numpy as np
import torch
from torch import nn

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from benchmarks.csv_files import RESULTS, write_csv
from darts_ext.config import DataSettings
from darts_ext.data import Images
from darts_ext.rank import over_repeats
from darts_ext.runtime.processes import Spread
from darts_ext.tabular import NasBench201
from selection import kernels_shared, measure
from supernet import Genotype, build

NAME = "one_edge_from_the_largest"
OPERATIONS = ("none", "skip_connect", "nor_conv_1x1", "nor_conv_3x3", "avg_pool_3x3")
MEASURES = ("trainability", "ntk_min", "ntk_min_relative", "ntk_condition", "synflow", "jacob_cov", "naswot")
TEXT = "|{}~0|+|{}~0|{}~1|+|{}~0|{}~1|{}~2|"
SETTINGS = [  # (channels, layers, initialisation, inputs): around the first, one thing at a time
    (16, 1, "he_fan_in", "images"),
    (8, 1, "he_fan_in", "images"),
    (16, 1, "he_fan_out", "images"),
    (16, 1, "default", "images"),
    (16, 1, "he_fan_in of shortcuts alone", "images"),
    (16, 1, "he_fan_in but of shortcuts", "images"),
    (16, 1, "he_fan_in", "noise"),
    (16, 3, "he_fan_in", "images"),
    (32, 1, "he_fan_in", "images"),
]


def list_cells() -> list[str]:
    """Returns the largest cell, and its neighbours."""
    largest = ["nor_conv_3x3"] * 6
    cells = [largest]
    for edge, operation in product(range(6), OPERATIONS):
        if operation != "nor_conv_3x3":
            cells.append([*largest[:edge], operation, *largest[edge + 1 :]])
    return [TEXT.format(*cell) for cell in cells]


def measure_cell(asked: tuple) -> dict[str, float]:
    """Measures a cell in one draw."""
    cell, (channels, layers, initialisation, _), names, seed, x, y = asked
    sizes = {"channels": channels, "layers": layers, "num_classes": 10, "in_chans": x.shape[1]}
    net = build(Genotype.from_text(cell), **sizes, initialisation=initialisation.split()[0], seed=seed)
    if "shortcuts" in initialisation:
        _restore_default(net, build(Genotype.from_text(cell), **sizes, seed=seed), "alone" in initialisation)
    with kernels_shared():
        return {name: measure(name, net, x, y) for name in names}


def _restore_default(net: nn.Module, default: nn.Module, shortcuts_stay: bool) -> None:
    """Gives the convolutions of the residual blocks' shortcuts, or all other layers, torch's default weights.

    They are the only convolutions of the skeleton that no BatchNorm follows.
    """
    weights = net.state_dict()
    for name, weight in default.state_dict().items():
        if ("shortcut" in name) != shortcuts_stay:
            weights[name].copy_(weight)


def describe(setting: tuple, values: dict[str, np.ndarray], accuracies: np.ndarray, data: str) -> list[dict]:
    """Returns a row for each measure."""
    best = int(accuracies.argmax())
    rows = []
    for name, drawn in values.items():
        ranks = over_repeats(drawn)
        single = drawn.argmax(1)
        channels, layers, initialisation, inputs = setting
        rows.append(
            {
                "data": data,
                "channels": channels,
                "layers": layers,
                "initialisation": initialisation,
                "inputs": inputs,
                "measure": name,
                "draws": len(drawn),
                "best_taken": int((single == best).sum()),
                "best_above_largest": int((drawn[:, best] > drawn[:, 0]).sum()),
                "single_draw_mean": round(float(accuracies[single].mean()), 3),
                "mean_rank_takes": round(float(accuracies[ranks.argmax()]), 2),
            }
        )
    return rows


def main() -> None:
    """Measures every setting that is not in the file yet."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", default="cifar10")
    parser.add_argument("--data_root", default="data")
    parser.add_argument("--draws", type=int, default=8)
    parser.add_argument("--measures", nargs="+", default=MEASURES)
    parser.add_argument("--images", type=int, default=32)
    parser.add_argument("--image_size", type=int, default=32)
    parser.add_argument("--processes", type=int, default=1)
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    settings = DataSettings(
        data=arguments.data, data_root=arguments.data_root, image_size=arguments.image_size, train_limit=2000
    )
    images = Images(settings, torch.device("cpu"), 0)
    label = Path(arguments.data.removeprefix("folder:")).name
    table, cells = NasBench201(), list_cells()
    accuracies = np.array([table.test("cifar10")[table.index(Genotype.from_text(cell))] for cell in cells])
    path = RESULTS / f"{NAME}.csv"
    rows = list(csv.DictReader(path.open())) if path.exists() else []
    columns = ("data", "channels", "layers", "initialisation", "inputs", "measure")
    done = {tuple(row[name] for name in columns) for row in rows}
    batches = list(images.shuffled(images.dataset.train, arguments.images, "draws").epoch(0))[: arguments.draws]
    spread = Spread(arguments.processes)
    for setting in SETTINGS:
        names = [name for name in arguments.measures if (label, *map(str, setting), name) not in done]
        if not names:
            continue
        asked = []
        for draw, (x, y) in enumerate(batches):
            if setting[3] == "noise":
                x = torch.randn(x.shape, generator=torch.Generator().manual_seed(draw))
            asked += [(cell, setting, names, draw, x, y) for cell in cells]
        taken = list(spread(measure_cell, asked))
        values = {}
        for name in names:
            column = np.array([row[name] for row in taken]).reshape(len(batches), len(cells))
            values[name] = column
        rows += describe(setting, values, accuracies, label)
        for row in rows[-len(names) :]:
            print(*row.values())
        write_csv(NAME, rows)


if __name__ == "__main__":
    main()
