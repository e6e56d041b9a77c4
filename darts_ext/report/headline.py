"""What a comparison shows, in a few sentences that claim no more than the seeds allow."""

from collections.abc import Mapping, Sequence
from math import hypot, isnan

from .amounts import format_mean
from .labels import BASELINES, join_names, label_criterion
from .resultfiles import number

REFERENCES = (*BASELINES, "magnitude")

Row = Mapping[str, str]


def write_headline(criteria: Sequence[Row], results: Sequence[Row] = ()) -> list[str]:
    """Returns the best criterion by mean test accuracy, then how far it is from each baseline and from vanilla DARTS.

    A difference counts only when it is larger than the spread of the difference of two runs, sqrt(s1^2 + s2^2),
    s being the standard deviation over seeds.

    Args:
        criteria: the rows of comparison.csv; accuracies in per cent.
        results: those of summary.csv, which tell in how many seeds one is ahead of the other.

    >>> row = {"criterion": "ntk", "test_accuracy_mean": "90", "test_accuracy_std": "0.1", "seeds": "3"}
    >>> write_headline([row, row | {"criterion": "random", "test_accuracy_mean": "89.5"}])[1]
    'That is 0.50 points above random (baseline), more than the spread (0.14).'
    """
    if not criteria:
        return ["The comparison is not finished yet."]
    retrained = {row["criterion"]: row for row in criteria if not isnan(_accuracy(row))}
    if not retrained:
        return ["No criterion has been retrained yet."]
    leaders = _find_leaders(retrained)
    sentences = [_name_leaders(leaders, retrained[leaders[0]])]
    sentences += _compare_leaders(leaders, retrained, results)
    if not set(BASELINES) & set(retrained):
        sentences.append(
            "Without a baseline (random or parameters) this does not show whether it is better than chance."
        )
    if len({number(row, "seeds") for row in retrained.values()}) > 1:
        sentences.append("The criteria do not have the same number of seeds yet.")
    return sentences


def _accuracy(row: Row) -> float:
    return number(row, "test_accuracy_mean")


def _spread(row: Row) -> float:
    return number(row, "test_accuracy_std")


def _find_leaders(retrained: Mapping[str, Row]) -> list[str]:
    """The criteria of the highest accuracy; equal means may differ in the last digit."""
    highest = max(_accuracy(row) for row in retrained.values())
    return [name for name, row in retrained.items() if highest - _accuracy(row) < 1e-9]


def _name_leaders(leaders: Sequence[str], row: Row) -> str:
    names = join_names([label_criterion(leader) for leader in leaders])
    accuracy = _format_accuracy(row)
    if isnan(_spread(row)):
        return f"{names} reached the highest test accuracy: {accuracy} with one seed, so its spread is not known."
    return f"{names} reached the highest mean test accuracy: {accuracy} over {number(row, 'seeds'):.0f} seeds."


def _format_accuracy(row: Row) -> str:
    return f"{format_mean(_accuracy(row), _spread(row))}\u00a0%"


def _compare_leaders(leaders: Sequence[str], retrained: Mapping[str, Row], results: Sequence[Row]) -> list[str]:
    """What the best criterion that is no baseline is worth."""
    leading_criteria = [name for name in leaders if name not in BASELINES]
    if leading_criteria:
        sentences = _list_distances(leading_criteria[0], leaders, retrained, results)
        for name in leaders:
            if name in BASELINES:
                sentences.append(f"No better than {label_criterion(name)}, which reached the same.")
        return sentences
    criteria = [name for name in retrained if name not in BASELINES]
    if not criteria:
        return ["There is no criterion to compare with the baselines."]
    best = max(criteria, key=lambda name: _accuracy(retrained[name]))
    accuracy = _format_accuracy(retrained[best])
    verdict = f"No criterion beats this baseline; the best of them is {label_criterion(best)}: {accuracy}."
    return [verdict, *_list_distances(best, leaders, retrained, results)]


def _list_distances(
    name: str, leaders: Sequence[str], retrained: Mapping[str, Row], results: Sequence[Row]
) -> list[str]:
    """How far it is above each of the references that it is above."""
    sentences = []
    for other in REFERENCES:
        if other not in retrained or other == name or other in leaders:
            continue
        if _accuracy(retrained[other]) <= _accuracy(retrained[name]):
            ahead = _count_seeds_ahead(name, other, results)
            sentences.append(_describe_distance(retrained[name], retrained[other], label_criterion(other), ahead))
    return sentences


def _count_seeds_ahead(name: str, other: str, results: Sequence[Row]) -> str:
    """In how many seeds it is ahead, where both were run in several."""
    mine = _accuracy_by_seed(name, results)
    theirs = _accuracy_by_seed(other, results)
    both = mine.keys() & theirs.keys()
    if len(both) < 2:
        return ""
    ahead = sum(mine[seed] > theirs[seed] for seed in both)
    return f", ahead in {ahead} of {len(both)} seeds"


def _accuracy_by_seed(criterion: str, results: Sequence[Row]) -> dict[str, float]:
    return {row["seed"]: number(row, "test_accuracy") for row in results if row["criterion"] == criterion}


def _describe_distance(best: Row, other: Row, other_label: str, ahead: str) -> str:
    difference = _accuracy(best) - _accuracy(other)
    spread = hypot(_spread(best), _spread(other))
    distance = f"That is {difference:.2f} points above {other_label}{ahead}"
    if isnan(spread):
        return f"{distance}; without more seeds this may be chance."
    if difference <= spread:
        return f"{distance}, within the spread ({spread:.2f}): this comparison does not show that it is better."
    return f"{distance}, more than the spread ({spread:.2f})."
