"""Random architectures, trained: how well training-free measures order them by the accuracy that they reach."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import numpy as np
import torch

from selection import SelectionError
from selection.architecture import count, drawn
from selection.registry import find_measure
from supernet import Genotype, Supernet

from .rank.statistics import interval, kendall, orders
from .runtime.errors import UsageError
from .runtime.files import write_csv


def read_measures(names: str) -> list[str]:
    """The measures of a list separated by commas; raises SelectionError for an unknown one."""
    found = [name.strip() for name in names.split(",") if name.strip()]
    for name in found:
        find_measure(name)
    return found


def random_genotypes(net: Supernet, number: int, seed: int) -> list[Genotype]:
    """Different architectures of the supernet's space, drawn at random."""
    if number > count(net):
        raise UsageError(f"population is {number}, and the space has {count(net)} architectures")
    generator, found = torch.Generator().manual_seed(seed), {}
    while len(found) < number:
        one = drawn(net, generator)
        found.setdefault(net.genotype(one.options, one.inputs), None)
    return list(found)


def judge_measures(
    folder: Path, genotypes: Sequence[Genotype], measures: Sequence[str],
    measured: Callable[[Genotype, str], float], trained: Callable[[Genotype], Mapping], say: Callable[[str], None],
) -> list[dict]:  # fmt: skip
    """Measures and trains every architecture; writes population.csv (a row each) and measures.csv (a row a measure), and returns the latter, best first.

    Args:
        measured: a measure of the network of a genotype at initialisation; trained: its row of results.
    """
    rows = []
    for number, genotype in enumerate(genotypes, start=1):
        values = {name: _value(measured, genotype, name) for name in measures}
        result = trained(genotype)
        rows.append({"genotype": genotype.to_text(), "test_accuracy": result["test_accuracy"], "parameters": result["parameters"], **values})
        say(f"random architecture {number} of {len(genotypes)}: {result['test_accuracy']:.2f} %, {genotype.to_text()}")
        write_csv(folder / "population.csv", rows)
    accuracies = np.array([float(row["test_accuracy"]) for row in rows])
    found = sorted((_judged(name, orders([row[name] for row in rows]), accuracies) for name in measures), key=lambda row: -row["kendall"])
    write_csv(folder / "measures.csv", found)
    return found


def render_measures(rows: Sequence[Mapping]) -> str:
    """The measures as a table for the terminal."""
    width = max(len(row["measure"]) for row in rows)
    lines = [f"{'measure':{width}}  Kendall's tau with test accuracy, 95 % interval, over {rows[0]['architectures']} random architectures"]
    return "\n".join([*lines, *(f"{row['measure']:{width}}  {row['kendall']:+.3f} [{row['low']:+.3f}, {row['high']:+.3f}]" for row in rows)])


def _value(measured: Callable[[Genotype, str], float], genotype: Genotype, name: str) -> float:
    try:
        return float(measured(genotype, name))
    except SelectionError as error:
        raise UsageError(f"{name} cannot be taken of {genotype.to_text()}: {error}") from None


def _judged(name: str, scores: np.ndarray, accuracies: np.ndarray) -> dict:
    low, high = interval(kendall, scores, accuracies, resamples=1000)
    return {"measure": name, "kendall": kendall(scores, accuracies), "low": low, "high": high, "architectures": len(scores)}
