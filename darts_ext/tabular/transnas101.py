"""TransNAS-Bench-101 (Duan et al. 2021): what each of its 4,096 micro cells reaches on seven tasks of Taskonomy.

Scores are the benchmark's (MIT), in the compact form of tomomasayamasaki/RBFleX-NAS (MIT), which does not say of which
split; higher is better in all. Kept as integers: millionths.
"""

from functools import cache

import numpy as np
import torch

from supernet import Edge, Genotype, build

from ..runtime.errors import UsageError
from .arrays import load_columns

FILE = "transnas101.npz"
CELLS = 4096
TASKS = ("class_scene", "class_object", "jigsaw", "autoencoder", "normal", "room_layout", "segmentsemantic")
UNITS = {
    "class_scene": "top-1, %",
    "class_object": "top-1, %",
    "jigsaw": "top-1, %",
    "autoencoder": "SSIM",
    "normal": "SSIM",
    "room_layout": "negative loss",
    "segmentsemantic": "mIoU, %",
}
OPERATIONS = ("none", "skip_connect", "nor_conv_1x1", "nor_conv_3x3")
EDGES = ((0, 1), (0, 2), (1, 2), (0, 3), (1, 3), (2, 3))


class TransNas101:
    """The benchmark's table of micro cells; arrays are in the order of the file.

    >>> table = TransNas101()
    >>> cell = Genotype.from_text("64-41414-3_33_333")
    >>> round(float(table.test("class_object")[table.index(cell)]), 2)
    43.05
    """

    name = "TransNAS-Bench-101"
    datasets = TASKS
    brief_validation = None  # nobody has trained them briefly

    def __init__(self) -> None:
        self._columns = load_columns(FILE, self.name, CELLS)
        self._index = {tuple(row): index for index, row in enumerate(self._columns["ops"].tolist())}

    def __len__(self) -> int:
        return len(self._index)

    def index(self, genotype: Genotype) -> int:
        """Returns the number of a cell.

        Raises:
            UsageError: the genotype is not a micro cell of the benchmark.
        """
        index = self.find(genotype)
        if index is None:
            raise UsageError(f"{genotype.to_text()} is not a micro cell of TransNAS-Bench-101")
        return index

    def find(self, genotype: Genotype) -> int | None:
        """Returns the number of a cell; None for one that is not there."""
        if genotype.format != "transnas101":
            return None
        row = []
        edges, _ = genotype.cells["cell"]
        for edge in edges:
            if edge.op not in OPERATIONS or edge != Edge(edge.op, edge.source, edge.node):
                return None
            row.append(OPERATIONS.index(edge.op))
        return self._index.get(tuple(row))

    def genotype(self, index: int) -> Genotype:
        """Returns the cell of a number."""
        return _make_cell(self._columns["ops"][index])

    def test(self, dataset: str) -> np.ndarray:
        """Returns the scores of a task [4096], higher is better, see `UNITS`."""
        return self._columns[dataset] / 1e6

    @property
    def parameters(self) -> np.ndarray:
        """Number of parameters of the networks of 64 channels and 75 classes [4096]."""
        return _count_parameters()[0] + _count_parameters()[1][np.arange(6), self._columns["ops"]].sum(1)

    @property
    def classes(self) -> np.ndarray:
        """Class of each cell [4096]: every cell is one of its own."""
        return np.arange(CELLS)


def _make_cell(operations: np.ndarray | list[int]) -> Genotype:
    edges = [Edge(OPERATIONS[op], source, node) for op, (source, node) in zip(operations, EDGES)]
    return Genotype("transnas101", {"cell": (tuple(edges), (3,))})


@cache
def _count_parameters() -> tuple[int, np.ndarray]:
    """Counts the parameters of the empty cell's network, and what each operation on each edge adds [6, 4]."""

    def count(operations: list[int]) -> int:
        with torch.device("meta"):
            net = build(_make_cell(operations), num_classes=75)
        return sum(parameter.numel() for parameter in net.parameters())

    empty = count([0] * 6)
    added = np.array(
        [[count([op * (row == edge) for row in range(6)]) - empty for op in range(4)] for edge in range(6)]
    )
    return empty, added
