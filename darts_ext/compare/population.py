"""Random architectures, trained: how well training-free measures order them by the accuracy that they reach."""

from collections.abc import Mapping, Sequence
from math import isnan, nan
from pathlib import Path

import numpy as np
import torch

from selection import (
    SelectionError,
    count_architectures,
    draw_architecture,
    measure,
    parse_measures,
    split_names,
)
from supernet import Genotype, Supernet

from ..config import CompareSettings, SearchSettings
from ..data import Images
from ..rank.statistics import kendall, orders
from ..retrain import build_child
from ..runtime.bootstrap import interval
from ..runtime.errors import UsageError
from ..runtime.files import write_csv
from ..runtime.news import say
from ..search import build_supernet
from .judging import train_genotype

LEAST = 3
IMAGES = 128  # in the batch of which measures take as many as they need
TRIED = 3  # architectures on which a measure may fail before it is refused


def read_population_measures(names: str) -> list[str]:
    """Reads the measures of a list separated by commas.

    Raises:
        SelectionError: one is unknown. UsageError: one is joined of several, or is shown noise.
    """
    measures = split_names(names)
    for name in measures:
        spelling = parse_measures(name)
        if spelling.names != [name]:
            raise UsageError(f"measures of a population are taken one by one, on images: name its measures, not {name}")
        if spelling.terms[0].inputs != "images":
            raise UsageError(f"measures of a population are taken on images: leave ~noise of {name} out")
    return measures


def draw_genotypes(net: Supernet, number: int, seed: int) -> list[Genotype]:
    """Draws different architectures of the supernet's space at random."""
    if number < LEAST:
        raise UsageError(f"population must be at least {LEAST} to tell an order, not {number}")
    if number > count_architectures(net):
        raise UsageError(f"population is {number}, and the space has {count_architectures(net)} architectures")
    generator = torch.Generator().manual_seed(seed)
    genotypes: dict[Genotype, None] = {}
    while len(genotypes) < number:
        architecture = draw_architecture(net, generator)
        genotypes.setdefault(net.genotype(architecture.options, architecture.inputs))
    return list(genotypes)


class Population:
    """Random architectures of a search's space, trained as the chosen ones of a comparison are.

    Args:
        folder: of the comparison. images: of its first seed.
    """

    def __init__(self, folder: Path, images: Images, search: SearchSettings, compare: CompareSettings):
        self.folder = folder
        self.images = images
        self.compare = compare
        self.genotypes: list[Genotype] = []
        if compare.population:
            self.genotypes = draw_genotypes(build_supernet(images, search), compare.population, images.seed)
        self.measures = read_population_measures(compare.measures)
        train = images.dataset.train
        batches = images.shuffled(train, min(IMAGES, len(train)), "population")
        self.x, self.y = next(iter(batches.epoch(0)))

    def try_measures(self) -> None:
        """Raises UsageError for a measure that cannot be taken of any of the first architectures."""
        if not self.genotypes:
            return
        *first, last = self.genotypes[:TRIED]
        for name in self.measures:
            if not all(isnan(self._measure_or_nan(genotype, name)) for genotype in first):
                continue
            try:
                self._measure(last, name)
            except SelectionError as error:
                raise UsageError(f"{name} cannot be taken of {last.to_text()}: {error}") from None

    def train_and_rank(self) -> list[dict]:
        """Measures every architecture untrained, and trains it.

        Writes population.csv (a row an architecture) and measures.csv (a row a measure).

        Returns:
            the rows of the measures, best first.
        """
        if not self.genotypes:
            return []
        rows = []
        for number, genotype in enumerate(self.genotypes, start=1):
            values = {name: self._measure_or_nan(genotype, name) for name in self.measures}
            result = train_genotype(self.folder, genotype, self.images, self.compare)
            accuracy = result["test_accuracy"]
            rows.append(
                {
                    "genotype": genotype.to_text(),
                    "test_accuracy": accuracy,
                    "parameters": result["parameters"],
                    **values,
                }
            )
            say(f"random architecture {number} of {len(self.genotypes)}: {accuracy:.2f} %, {genotype.to_text()}")
            write_csv(self.folder / "population.csv", rows)
        accuracies = np.array([float(row["test_accuracy"]) for row in rows])
        measures = []
        for name in self.measures:
            scores = orders([row[name] for row in rows])
            measures.append(_rank_measure(name, scores, accuracies))
        measures.sort(key=lambda row: (isnan(row["kendall"]), -row["kendall"]))
        write_csv(self.folder / "measures.csv", measures)
        return measures

    def _measure(self, genotype: Genotype, name: str) -> float:
        return measure(name, build_child(genotype, self.images, self.compare.retrain), self.x, self.y)

    def _measure_or_nan(self, genotype: Genotype, name: str) -> float:
        """Returns not a number where the measure cannot be taken, as a count of ReLUs of a network without."""
        try:
            return self._measure(genotype, name)
        except SelectionError:
            return nan


def _rank_measure(name: str, scores: np.ndarray, accuracies: np.ndarray) -> dict:
    """Returns Kendall's tau of a measure with test accuracy, and its interval."""
    row = {"measure": name, "kendall": nan, "low": nan, "high": nan, "architectures": len(scores)}
    if len(set(scores)) == 1:  # it orders nothing: there is no tau
        return row
    low, high = interval(kendall, scores, accuracies, resamples=1000)
    return row | {"kendall": kendall(scores, accuracies), "low": low, "high": high}


def render_measures(rows: Sequence[Mapping]) -> str:
    """Renders the measures as a table for the terminal."""
    width = max(len(row["measure"]) for row in rows)
    number = rows[0]["architectures"]
    title = f"Kendall's tau with test accuracy, 95 % interval, over {number} random architectures"
    lines = [f"{'measure':{width}}  {title}"]
    for row in rows:
        lines.append(f"{row['measure']:{width}}  {_render_tau(row)}")
    return "\n".join(lines)


def _render_tau(row: Mapping) -> str:
    if isnan(row["kendall"]):
        return "the same for all"
    return f"{row['kendall']:+.3f} [{row['low']:+.3f}, {row['high']:+.3f}]"
