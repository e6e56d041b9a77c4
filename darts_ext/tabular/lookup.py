"""What the benchmarks know of a genotype."""

from functools import cache

from supernet import Genotype

from .nasbench201 import NasBench201
from .transnas101 import TransNas101

Table = NasBench201 | TransNas101
TABLES: dict[str, type[Table]] = {"nasbench201": NasBench201, "transnas101": TransNas101}


@cache
def load_table(space: str) -> Table:
    """Returns the table of a space, see `TABLES`."""
    return TABLES[space]()


def find_table(genotype: Genotype) -> Table | None:
    """Returns the table in which a genotype is; None where it is in none."""
    if genotype.format not in TABLES:
        return None
    table = load_table(genotype.format)
    return None if table.find(genotype) is None else table


def in_table(genotype: Genotype) -> dict[str, float]:
    """Looks up {"table_cifar10": test accuracy after 200 epochs, per cent, ...}, or the scores of TransNAS-Bench-101's
    tasks; {} for a genotype that is in no table."""
    table = find_table(genotype)
    if table is None:
        return {}
    index = table.index(genotype)
    return {f"table_{dataset}": float(table.test(dataset)[index]) for dataset in table.datasets}


def find_brief_accuracy(genotype: Genotype) -> float | None:
    """Looks up the CIFAR-10 validation accuracy after 12 epochs, per cent; None for a genotype without one."""
    table = find_table(genotype)
    if table is None or table.brief_validation is None:
        return None
    return float(table.brief_validation[table.index(genotype)])


def describe_known(genotype: Genotype) -> str:
    """Says what a benchmark knows of a genotype, as the end of a sentence; nothing for one that it does not have."""
    known = in_table(genotype)
    table = find_table(genotype)
    if table is None:
        return ""
    unit = " %" if isinstance(table, NasBench201) else ""
    return f"; in {table.name} {' / '.join(f'{score:.2f}' for score in known.values())}{unit}"
