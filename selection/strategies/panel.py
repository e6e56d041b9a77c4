"""Several criteria that judge together: each with its probe and lift, calibrated by rank and combined by a t-norm."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from ..numerics.tnorm import calibrate, tnorm
from ..probe import Probe

Atoms = dict[str, float]


@dataclass(frozen=True)
class Judge:
    """One criterion: its name, the lift that scores options, and the probe that measures."""

    name: str
    probe: Probe
    lift: Callable


Panel = Sequence[Judge]


def atoms(scores: Mapping[str, Mapping[object, float]]) -> dict[object, Atoms]:
    """{thing: {criterion: its atom in (0, 1]}} from {criterion: {thing: score}}, each criterion calibrated over all
    things.

    >>> atoms({"ntk": {"a": 3.0, "b": 5.0}, "size": {"a": 9.0, "b": 9.0}})
    {'a': {'ntk': 0.5, 'size': 0.75}, 'b': {'ntk': 1.0, 'size': 0.75}}
    """
    found: dict[object, Atoms] = {}
    for name, values in scores.items():
        for thing, atom in zip(values, calibrate(list(values.values()))):
            found.setdefault(thing, {})[name] = atom
    return found


def reason(chosen: str, of: Mapping[str, Atoms], name: str) -> dict:
    """Why an option was chosen: its atoms, the runner-up and its atoms, and the deciding atom, which is the smallest of
    the chosen one's.

    Args:
        of: {option: its atoms}, of the options that were allowed.
        name: of the t-norm.
    """
    rest = [option for option in of if option != chosen]
    runner_up = max(rest, key=lambda option: tnorm(name, of[option].values()), default=None)
    return {
        "chosen": chosen,
        "value": tnorm(name, of[chosen].values()),
        "atoms": of[chosen],
        "deciding": min(of[chosen], key=of[chosen].__getitem__),
        "runner_up": runner_up,
        "runner_up_value": None if runner_up is None else tnorm(name, of[runner_up].values()),
        "runner_up_atoms": None if runner_up is None else of[runner_up],
    }
