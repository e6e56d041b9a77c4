"""A race on paired differences: who is best, on no more data than it takes, with a stated error rate."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from torch import float64, special, tensor

FIRST_LOOK = 8  # batches: a standard error from fewer says little


@dataclass(frozen=True)
class Race:
    """The outcome of a race.

    Args:
        estimates: {name: mean over all batches}, where it ran to the end; else the mean of the one it lost against,
            less the difference between the two when it lost.
        seen: {name: number of batches it ran on}.
    """

    estimates: dict[str, float]
    seen: dict[str, int]


def race(
    evaluate: Callable[[str, range], Sequence[float]],
    names: Sequence[str],
    sizes: Sequence[int],
    *,
    error: float,
    keep: int = 1,
    known: Mapping[str, Sequence[float]] | None = None,
) -> Race:
    """Finds the `keep` names whose mean over all batches is largest; those that cannot be among them leave early.

    All run on the same batches, in the order given, which must be one at random. After 8, 16, ... batches, at the end
    of a doubling, name b leaves once `keep` others lead it by a difference whose one-sided t-test (batches as units,
    without replacement from the finite set) is significant at error / (looks * opponents). So the chance that the race
    drops one that all data would keep is at most `error` (Bonferroni), as far as the differences' means are normal. One
    that is as good as another to the end stays.

    Args:
        evaluate: (name, part) -> the means of those batches.
        sizes: number of images in each batch.
        error: 0 evaluates everything.
        known: names whose means are known and cost nothing.

    >>> means = {"a": [1.0, 2.0] * 16, "b": [0.0, 1.1] * 16, "c": [1.0, 2.0] * 16}
    >>> race(lambda name, part: [means[name][i] for i in part], "abc", [4] * 32, error=0.05).seen
    {'a': 32, 'b': 8, 'c': 32}
    """
    weights = np.asarray(sizes, dtype=np.float64)
    means = {name: np.empty(0) for name in names}
    known = known or {}
    running = list(names)
    lost: dict[str, tuple[str, float]] = {}
    looks = _looks(len(sizes)) if error > 0 else []
    level = error / max(1, len(looks) * (len(names) - 1))
    start = 0
    for stop in [*looks, len(sizes)]:
        if len(running) <= keep and lost:
            break
        for name in running:
            new_means = known[name][start:stop] if name in known else evaluate(name, range(start, stop))
            means[name] = np.append(means[name], new_means)
        start = stop
        if stop < len(sizes):
            share = stop / len(sizes)
            lost |= _find_losers(running, means, weights[:stop], share, level, keep)
            running = [name for name in running if name not in lost]
    estimates = {name: float(np.average(means[name], weights=weights[:start])) for name in running}
    for name, (winner, difference) in reversed(lost.items()):
        estimates[name] = estimates[winner] - difference
    return Race(estimates={name: estimates[name] for name in names}, seen={name: len(means[name]) for name in names})


def _looks(batches: int) -> list[int]:
    """Numbers of batches after which the race looks: each about half of the next.

    >>> _looks(100)
    [12, 25, 50]
    """
    looks: list[int] = []
    while batches // 2 >= FIRST_LOOK:
        batches //= 2
        looks.insert(0, batches)
    return looks


def _find_losers(
    running: list[str], means: Mapping[str, np.ndarray], weights: np.ndarray, share: float, level: float, keep: int
) -> dict[str, tuple[str, float]]:
    """{name: (the best of those that beat it, by how much)}, the worst first, for each name that at least `keep` others
    beat."""
    ranked = sorted(running, key=lambda name: -np.average(means[name], weights=weights))
    lost = {}
    for rank in reversed(range(len(ranked))):
        name = ranked[rank]
        differences = {other: means[other] - means[name] for other in ranked[:rank]}
        winners = [other for other, lead in differences.items() if is_significant(lead, weights, share, level)]
        if len(winners) >= keep:
            best = winners[0]
            lost[name] = (best, float(np.average(differences[best], weights=weights)))
    return lost


def is_significant(differences: np.ndarray, weights: np.ndarray, share: float, level: float) -> bool:
    """Whether the mean over all batches is above 0, by a one-sided t-test on a share of them at that level."""
    count = len(differences)
    mean = np.average(differences, weights=weights)
    spread = np.sum((weights * (differences - mean)) ** 2) * count / (count - 1)
    error = np.sqrt(spread * (1 - share)) / weights.sum()
    return bool(mean > student_quantile(1 - level, count - 1) * error)


def student_quantile(p: float, freedom: int) -> float:
    """The p-quantile of Student's t, from the normal one (Abramowitz & Stegun 26.7.5); within .2 % from 7 degrees of
    freedom on, p up to .9995.

    >>> round(student_quantile(0.975, 30), 3)
    2.042
    """
    z = float(special.ndtri(tensor(p, dtype=float64, device="cpu")))
    terms = (
        (z**3 + z) / 4,
        (5 * z**5 + 16 * z**3 + 3 * z) / 96,
        (3 * z**7 + 19 * z**5 + 17 * z**3 - 15 * z) / 384,
        (79 * z**9 + 776 * z**7 + 1482 * z**5 - 1920 * z**3 - 945 * z) / 92160,
    )
    return z + sum(term / freedom**power for power, term in enumerate(terms, start=1))
