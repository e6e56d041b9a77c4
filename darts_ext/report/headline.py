"""What a comparison shows, in a few sentences that claim no more than the seeds allow."""

from collections.abc import Mapping, Sequence
from math import hypot, isnan

from .runfolder import number

BASELINES = ("random", "parameters")
REFERENCES = (*BASELINES, "magnitude")
_LABELS = {"magnitude": "magnitude (vanilla DARTS)"} | {name: f"{name} (baseline)" for name in BASELINES}


def label(criterion: str) -> str:
    """The name that readers see.

    >>> label("magnitude"), label("random"), label("ntk")
    ('magnitude (vanilla DARTS)', 'random (baseline)', 'ntk')
    """
    return _LABELS.get(criterion, criterion)


def listed(names: Sequence[str]) -> str:
    """Names as they are said.

    >>> listed(["a"]), listed(["a", "b", "c"])
    ('a', 'a, b and c')
    """
    return " and ".join([", ".join(names[:-1]), names[-1]] if len(names) > 1 else names)


def headline(criteria: Sequence[Mapping[str, str]], results: Sequence[Mapping[str, str]] = ()) -> list[str]:
    """The best criterion by mean test accuracy, then how far it is from each baseline and from vanilla DARTS.

    A difference counts only when it is larger than the spread of the difference of two runs, sqrt(s1^2 + s2^2),
    s being the standard deviation over seeds.

    Args:
        criteria: the rows of comparison.csv; accuracies in per cent.
        results: those of summary.csv, from which comes in how many seeds one is ahead of the other.

    >>> row = {"criterion": "ntk", "test_accuracy_mean": "90", "test_accuracy_std": "1", "seeds": "3"}
    >>> headline([row, row | {"criterion": "random", "test_accuracy_mean": "89.5"}])[1]
    'That is 0.50 points above random (baseline), within the spread (1.41): this comparison does not show that it is
    better.'
    """
    if not criteria:
        return ["The comparison is not finished yet."]
    done = {row["criterion"]: row for row in criteria if not isnan(number(row, "test_accuracy_mean"))}
    if not done:
        return ["No criterion has been retrained yet."]
    highest = max(number(row, "test_accuracy_mean") for row in done.values())
    leaders = [name for name, row in done.items() if highest - number(row, "test_accuracy_mean") < 1e-9]
    own = [name for name in leaders if name not in BASELINES]
    sentences = [_lead(leaders, done)]
    if own:
        sentences += _distances(own[0], done, leaders, results)
        sentences += [f"No better than {label(name)}, which reached the same." for name in leaders if name in BASELINES]
    elif others := [name for name in done if name not in BASELINES]:
        best = max(others, key=lambda name: number(done[name], "test_accuracy_mean"))
        sentences += [f"No criterion beats this baseline; the best of them is {label(best)}: {_accuracy(done[best])}."]
        sentences += _distances(best, done, leaders, results)
    else:
        sentences.append("There is no criterion to compare with the baselines.")
    if not set(BASELINES) & set(done):
        sentences.append(
            f"Without a baseline ({' or '.join(BASELINES)}) this does not show whether it is better than chance."
        )
    if len({number(row, "seeds") for row in done.values()}) > 1:
        sentences.append("The criteria do not have the same number of seeds yet.")
    return sentences


def _distances(
    name: str, done: Mapping[str, Mapping[str, str]], leaders: Sequence[str], results: Sequence[Mapping[str, str]]
) -> list[str]:
    """How far it is above each of the references that it is above."""
    mean = number(done[name], "test_accuracy_mean")
    below = [
        other
        for other in REFERENCES
        if other in done and other not in (name, *leaders) and number(done[other], "test_accuracy_mean") <= mean
    ]
    return [_above(done[name], done[other], other, _ahead(name, other, results)) for other in below]


def _ahead(name: str, other: str, results: Sequence[Mapping[str, str]]) -> str:
    """In how many seeds it is ahead, where both were run in several."""
    mine, theirs = (
        {row["seed"]: number(row, "test_accuracy") for row in results if row["criterion"] == who}
        for who in (name, other)
    )
    both = mine.keys() & theirs.keys()
    return f", ahead in {sum(mine[seed] > theirs[seed] for seed in both)} of {len(both)} seeds" if len(both) > 1 else ""


def _lead(leaders: Sequence[str], done: Mapping[str, Mapping[str, str]]) -> str:
    row = done[leaders[0]]
    spread, seeds = number(row, "test_accuracy_std"), number(row, "seeds")
    name = listed([label(leader) for leader in leaders])
    if isnan(spread):
        return f"{name} reached the highest test accuracy: {_accuracy(row)} with one seed, so its spread is not known."
    return f"{name} reached the highest mean test accuracy: {_accuracy(row)} over {seeds:.0f} seeds."


def _accuracy(row: Mapping[str, str]) -> str:
    mean, spread = number(row, "test_accuracy_mean"), number(row, "test_accuracy_std")
    return f"{mean:.2f}\u00a0%" if isnan(spread) else f"{mean:.2f}\u00a0\u00b1\u00a0{spread:.2f}\u00a0%"


def _above(best: Mapping[str, str], other: Mapping[str, str], name: str, ahead: str) -> str:
    difference = number(best, "test_accuracy_mean") - number(other, "test_accuracy_mean")
    spread = hypot(number(best, "test_accuracy_std"), number(other, "test_accuracy_std"))
    said = f"That is {difference:.2f} points above {label(name)}{ahead}"
    if isnan(spread):
        return f"{said}; without more seeds this may be chance."
    if difference <= spread:
        return f"{said}, within the spread ({spread:.2f}): this comparison does not show that it is better."
    return f"{said}, more than the spread ({spread:.2f})."
