"""The criteria that judge together: each with its evaluator and lift, calibrated by rank and combined by a t-norm."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, TypeVar

from ..batches import FAILURES
from ..errors import SelectionError, first_line, unknown
from ..evaluator import Evaluator
from ..numerics.tnorm import TNORMS, calibrate, tnorm
from ..registry import Lift

Atoms = dict[str, float]
Thing = TypeVar("Thing")  # an option, an edge, or the number of an architecture


@dataclass(frozen=True)
class Judge:
    """One criterion on one network: its name, the lift that scores options, and the evaluator that measures."""

    name: str
    lift: Lift
    evaluator: Evaluator

    def score(self, choice: str) -> dict[str, float]:
        """Scores every option of a choice.

        Raises:
            SelectionError: the lift fails, forgets an option, or gives a score that is not a number.
        """
        try:
            scores = self.lift(self.evaluator, choice)
        except SelectionError:
            raise
        except FAILURES as error:
            raise SelectionError(f"{self.name} of {choice}: {first_line(error)}") from error
        for option in self.evaluator.net.choices()[choice]:
            score = scores.get(option)
            if score is None or score != score:
                problem = scores.get(option, "it has no score")
                raise SelectionError(f"{self.name} is not a number for option {option} of {choice}: {problem}")
        return scores

    @property
    def finer(self) -> "Judge | None":
        """The same lift of the measure that tells apart what this one scores alike, if there is one."""
        finer = self.evaluator.finer
        return finer and replace(self, evaluator=finer)


Panel = Sequence[Judge]


def check_combine(options: Mapping[str, Any]) -> None:
    """Raises SelectionError where the option `combine` is no t-norm."""
    combine = options.get("combine")
    if combine is not None and combine not in TNORMS:
        raise unknown("t-norm", combine, TNORMS)


def compute_atoms(scores: Mapping[str, Mapping[Thing, float]]) -> dict[Thing, Atoms]:
    """Returns {thing: {criterion: its atom in (0, 1]}} from {criterion: {thing: score}}.

    Each criterion is calibrated by rank over all things.

    >>> compute_atoms({"ntk": {"a": 3.0, "b": 5.0}, "size": {"a": 9.0, "b": 9.0}})
    {'a': {'ntk': 0.5, 'size': 0.75}, 'b': {'ntk': 1.0, 'size': 0.75}}
    """
    atoms: dict[Thing, Atoms] = {}
    for name, values in scores.items():
        for thing, atom in zip(values, calibrate(list(values.values()))):
            atoms.setdefault(thing, {})[name] = atom
    return atoms


def explain(chosen: str, atoms: Mapping[str, Atoms], combine: str) -> dict:
    """Says why an option was chosen: its atoms, the runner-up and its atoms, and the deciding atom.

    The deciding atom is the smallest of the chosen option's.

    Args:
        atoms: {option: its atoms}, of the options that were allowed.
        combine: the t-norm.
    """
    values = {option: tnorm(combine, atoms[option].values()) for option in atoms}
    rivals = [option for option in atoms if option != chosen]
    runner_up = max(rivals, key=values.__getitem__, default=None)
    return {
        "chosen": chosen,
        "value": values[chosen],
        "atoms": atoms[chosen],
        "deciding": min(atoms[chosen], key=atoms[chosen].__getitem__),
        "runner_up": runner_up,
        "runner_up_value": None if runner_up is None else values[runner_up],
        "runner_up_atoms": None if runner_up is None else atoms[runner_up],
    }
