"""How much of the accuracy is the supernet's training, and how much the selector: an analysis of variance."""

from collections.abc import Mapping, Sequence
from math import isnan, nan

import numpy as np
from markupsafe import Markup

from selection import parse

from .charts.matrix import draw_matrix
from .resultfiles import number

Cells = dict[str, dict[str, list[float]]]


def cross(results: Sequence[Mapping[str, str]], own: str) -> Cells:
    """Returns {supernet: {criterion: test accuracy of every seed}} of the criteria that all supernets were asked for.

    Only seeds that have all of them count, in one order. Empty where there are not two of each.

    Args:
        results: rows of summary.csv.
        own: the name of the comparison's own supernet.
    """
    found: dict[tuple[str, str], dict[str, float]] = {}
    for row in results:
        spelling = parse(row["criterion"])
        accuracy = number(row, "test_accuracy")
        if not isnan(accuracy):
            _, _, selector = row["criterion"].rpartition("/")
            found.setdefault((spelling.supernet or own, selector), {})[row["seed"]] = accuracy
    supernets = list(dict.fromkeys(supernet for supernet, _ in found))
    selectors = list(dict.fromkeys(selector for _, selector in found))
    selectors = [name for name in selectors if all((supernet, name) in found for supernet in supernets)]
    if len(supernets) < 2 or len(selectors) < 2:
        return {}
    pairs = [found[supernet, selector] for supernet in supernets for selector in selectors]
    seeds = [seed for seed in pairs[0] if all(seed in pair for pair in pairs)]
    if not seeds:
        return {}
    return {
        supernet: {selector: [found[supernet, selector][seed] for seed in seeds] for selector in selectors}
        for supernet in supernets
    }


def explain_variance(accuracies: np.ndarray) -> dict[str, float]:
    """Returns the shares of the total sum of squares, which add up to 1, of a balanced design.

    Args:
        accuracies: [supernets, selectors, seeds].

    >>> shares = explain_variance(np.array([[[1.0, 1.0], [3.0, 3.0]], [[1.0, 1.0], [3.0, 3.0]]]))
    >>> shares["selector"], shares["supernet"]
    (1.0, 0.0)
    """
    mean = accuracies.mean()
    total = float(((accuracies - mean) ** 2).sum())
    if not total:
        return dict.fromkeys(("supernet", "selector", "both", "seed", "rest"), 0.0)
    supernet = accuracies.mean((1, 2), keepdims=True) - mean
    selector = accuracies.mean((0, 2), keepdims=True) - mean
    seed = accuracies.mean((0, 1), keepdims=True) - mean
    both = accuracies.mean(2, keepdims=True) - mean - supernet - selector
    rest = accuracies - mean - supernet - selector - seed - both
    parts = {"supernet": supernet, "selector": selector, "both": both, "seed": seed, "rest": rest}
    return {name: float((np.broadcast_to(part, accuracies.shape) ** 2).sum()) / total for name, part in parts.items()}


def draw_cells(cells: Cells) -> Markup:
    """Returns the means over seeds as a matrix of supernets and selectors."""
    values = {}
    for supernet, row in cells.items():
        values[supernet] = {
            selector: (float(np.mean(numbers)), float(np.std(numbers, ddof=1)) if len(numbers) > 1 else nan)
            for selector, numbers in row.items()
        }
    return draw_matrix(values, title="mean test accuracy by supernet and selector")


def describe_variance(cells: Cells) -> str:
    """Returns in a sentence what the shares are; nothing where there is one seed, which shows no chance."""
    accuracies = np.array([list(row.values()) for row in cells.values()])
    seeds = accuracies.shape[2]
    if seeds < 2:
        return ""
    shares = {name: f"{100 * share:.0f}\u00a0%" for name, share in explain_variance(accuracies).items()}
    return (
        f"Over {seeds} seeds, the training of the supernet explains {shares['supernet']} of the variance of the "
        f"accuracy, the selector {shares['selector']}, which of them meets which {shares['both']}, the seed "
        f"{shares['seed']}; the rest, {shares['rest']}, is chance."
    )
