"""Random architectures, trained: how well training-free measures order them by the accuracy that they reach."""

from collections.abc import Callable, Mapping, Sequence
from math import isnan, nan
from pathlib import Path

import numpy as np
import torch

from selection import SelectionError, measure
from selection.architecture import count, drawn
from selection.registry import find_measure
from supernet import Genotype, Supernet

from .children import digest, retrain_stage, train_child
from .config import CompareSettings, SearchSettings
from .data import Images
from .networks import build_child, build_supernet
from .rank.statistics import interval, kendall, orders
from .runtime.errors import UsageError
from .runtime.files import write_csv

LEAST = 3
IMAGES = 128  # in the batch of which measures take as many as they need
TRIED = 3  # architectures on which a measure may fail before it is refused


def read_measures(names: str) -> list[str]:
    """The measures of a list separated by commas; raises SelectionError for an unknown one."""
    found = [name.strip() for name in names.split(",") if name.strip()]
    for name in found:
        find_measure(name)
    return found


def random_genotypes(net: Supernet, number: int, seed: int) -> list[Genotype]:
    """Different architectures of the supernet's space, drawn at random."""
    if number < LEAST:
        raise UsageError(f"population must be at least {LEAST} to tell an order, not {number}")
    if number > count(net):
        raise UsageError(f"population is {number}, and the space has {count(net)} architectures")
    generator, found = torch.Generator().manual_seed(seed), {}
    while len(found) < number:
        one = drawn(net, generator)
        found.setdefault(net.genotype(one.options, one.inputs), None)
    return list(found)


class Population:
    """Random architectures of a search's space, trained as the chosen ones of a comparison are.

    Args:
        folder: of the comparison. images: of its first seed.
    """

    def __init__(self, folder: Path, images: Images, search: SearchSettings, compare: CompareSettings):
        self.folder, self.images, self.retrain = folder, images, compare.retrain
        number = compare.population
        self.genotypes = random_genotypes(build_supernet(images, search), number, images.seed) if number else []
        self.measures = read_measures(compare.measures)
        train = images.dataset.train
        self.x, self.y = next(iter(images.shuffled(train, min(IMAGES, len(train)), "population").epoch(0)))

    def try_measures(self) -> None:
        """Raises UsageError for a measure that cannot be taken of any of the first architectures."""
        for name in self.measures if self.genotypes else ():
            if all(isnan(self._measured(genotype, name)) for genotype in self.genotypes[: TRIED - 1]):
                last = self.genotypes[TRIED - 1]
                try:
                    self._measure(last, name)
                except SelectionError as error:
                    raise UsageError(f"{name} cannot be taken of {last.to_text()}: {error}") from None

    def judge(self, say: Callable[[str], None]) -> list[dict]:
        """Measures every architecture untrained, and trains it; writes population.csv (a row each) and measures.csv (a
        row a measure), and returns the latter, best first."""
        if not self.genotypes:
            return []
        rows = []
        for number, genotype in enumerate(self.genotypes, start=1):
            values = {name: self._measured(genotype, name) for name in self.measures}
            place = self.folder / "children" / f"{digest(genotype)}-s{self.images.seed}" / "evaluate"
            result = train_child(place, retrain_stage(genotype, self.images, self.retrain), self.images)
            rows.append(
                {
                    "genotype": genotype.to_text(),
                    "test_accuracy": result["test_accuracy"],
                    "parameters": result["parameters"],
                    **values,
                }
            )
            say(
                f"random architecture {number} of {len(self.genotypes)}: {result['test_accuracy']:.2f} %, "
                f"{genotype.to_text()}"
            )
            write_csv(self.folder / "population.csv", rows)
        accuracies = np.array([float(row["test_accuracy"]) for row in rows])
        judged = [_judged(name, orders([row[name] for row in rows]), accuracies) for name in self.measures]
        judged.sort(key=lambda row: (isnan(row["kendall"]), -row["kendall"]))
        write_csv(self.folder / "measures.csv", judged)
        return judged

    def _measure(self, genotype: Genotype, name: str) -> float:
        return measure(name, build_child(genotype, self.images, self.retrain), self.x, self.y)

    def _measured(self, genotype: Genotype, name: str) -> float:
        """Not a number where the measure cannot be taken, as a count of ReLUs of a network without."""
        try:
            return self._measure(genotype, name)
        except SelectionError:
            return nan


def render_measures(rows: Sequence[Mapping]) -> str:
    """The measures as a table for the terminal."""
    width = max(len(row["measure"]) for row in rows)
    lines = [
        f"{'measure':{width}}  Kendall's tau with test accuracy, 95 % interval, over {rows[0]['architectures']} "
        f"random architectures"
    ]
    return "\n".join([*lines, *(f"{row['measure']:{width}}  {_said(row)}" for row in rows)])


def _said(row: Mapping) -> str:
    return (
        "the same for all"
        if isnan(row["kendall"])
        else f"{row['kendall']:+.3f} [{row['low']:+.3f}, {row['high']:+.3f}]"
    )


def _judged(name: str, scores: np.ndarray, accuracies: np.ndarray) -> dict:
    constant = len(set(scores)) == 1  # it orders nothing: there is no tau
    low, high = (nan, nan) if constant else interval(kendall, scores, accuracies, resamples=1000)
    return {
        "measure": name,
        "kendall": nan if constant else kendall(scores, accuracies),
        "low": low,
        "high": high,
        "architectures": len(scores),
    }
